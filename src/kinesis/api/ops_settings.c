/* What a stream is set to: retention, encryption, monitoring, mode, record size, warm throughput.
 * Retention and the record size are kept to; the rest concerns AWS alone; it is kept and
 * returned. */
#include <inttypes.h>
#include <string.h>

#include "kinesis/api/ops.h"

enum { RETENTION_HOURS_MIN = 24, RETENTION_HOURS_MAX = 8760, WARM_MIBPS_MAX = 10 * 1024 };

/* The stream, which must be ACTIVE. */
static int active_stream(struct pn_call *call, const struct pn_stream **stream)
{
    int rc = pn_call_stream(call, stream);
    if (rc == 0) {
        rc = pn_op_active(call, *stream);
        if (rc != 0) {
            pn_stream_release(stream);
        }
    }
    return rc;
}

/* --- retention -------------------------------------------------------------------------------- */

struct retention {
    const char *account;
    int64_t hours;
    bool longer; /* Increase, else Decrease */
};

static int set_retention(void *arg, struct pn_stream *edit, struct pn_arena *arena,
                         struct pn_err *e)
{
    const struct retention *retention = arg;
    (void)arena;
    if (retention->longer ? retention->hours < edit->retention_hours
                          : retention->hours > edit->retention_hours) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_INVALID_ARGUMENT,
                          "Requested retention period (%" PRId64
                          " hours) for stream %s can not be %s than existing retention period (%d "
                          "hours). Use %sRetentionPeriod API.",
                          retention->hours, edit->name, retention->longer ? "shorter" : "longer",
                          edit->retention_hours, retention->longer ? "Decrease" : "Increase");
    }
    edit->retention_hours = (int32_t)retention->hours;
    return 0;
}

static int change_retention(struct pn_call *call, bool longer)
{
    const struct pn_stream *stream = NULL;
    struct retention retention = {.account = pn_op_account(call),
                                  .hours = pn_op_int(call, "RetentionPeriodHours", 0),
                                  .longer = longer};
    int rc = active_stream(call, &stream);
    if (rc != 0) {
        return rc;
    }
    if (retention.hours < RETENTION_HOURS_MIN) {
        rc = pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                        "Minimum allowed retention period is %d hours. Requested retention period "
                        "(%" PRId64 " hours) is too short.",
                        RETENTION_HOURS_MIN, retention.hours);
    } else if (retention.hours > RETENTION_HOURS_MAX) {
        rc = pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                        "Maximum allowed retention period is %d hours. Requested retention period "
                        "(%" PRId64 " hours) is too long.",
                        RETENTION_HOURS_MAX, retention.hours);
    } else {
        rc = pn_kinesis_update(call->kinesis, stream->name, set_retention, &retention, &call->err);
    }
    pn_stream_release(&stream);
    return rc;
}

int pn_op_increase_retention(struct pn_call *call)
{
    return change_retention(call, true);
}

int pn_op_decrease_retention(struct pn_call *call)
{
    return change_retention(call, false);
}

/* --- encryption ------------------------------------------------------------------------------- */

static bool is_guid(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (strlen(text) != strlen(form)) {
        return false;
    }
    for (size_t i = 0; form[i] != '\0'; i++) {
        if (form[i] == '-' ? text[i] != '-' : strchr("0123456789abcdefABCDEF", text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* A key's GUID, "alias/<name>", or the ARN of either; a multi-region key's id is "mrk-...", and the
 * key of Kinesis itself may go without "alias/". */
static bool is_key_id(const char *text)
{
    static const char alias[] = "alias/";
    static const char key[] = "key/";
    if (strncmp(text, "arn:aws", 7) == 0) {
        const char *resource = strrchr(text, ':');
        const char *service = strstr(text, ":kms:");
        text = resource == NULL ? text : resource + 1;
        if (service == NULL) {
            return false;
        }
        if (strncmp(text, key, strlen(key)) == 0) {
            text += strlen(key);
            return is_guid(text) || strncmp(text, "mrk-", 4) == 0;
        }
        return strncmp(text, alias, strlen(alias)) == 0 && text[strlen(alias)] != '\0';
    }
    return is_guid(text) || strncmp(text, "mrk-", 4) == 0 || strcmp(text, "aws/kinesis") == 0 ||
           (strncmp(text, alias, strlen(alias)) == 0 && text[strlen(alias)] != '\0');
}

static int set_key(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    const char *key = arg;
    (void)e;
    edit->kms_key = key == NULL ? NULL : pn_arena_strdup(arena, key);
    return 0;
}

static int change_encryption(struct pn_call *call, bool start)
{
    const struct pn_stream *stream = NULL;
    const char *key = pn_op_text(call, "KeyId");
    int rc = active_stream(call, &stream);
    if (rc != 0) {
        return rc;
    }
    if (!pn_json_text_is(pn_json_get(call->input, "EncryptionType"), "KMS")) {
        rc = pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                        "KMS is the only valid EncryptionType for this request.");
    } else if (!is_key_id(key)) {
        rc = pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                        "KeyId %s is neither a key's GUID or ARN nor an alias' name or ARN.", key);
    } else {
        rc = pn_kinesis_update(call->kinesis, stream->name, set_key, start ? (void *)key : NULL,
                               &call->err);
    }
    pn_stream_release(&stream);
    return rc;
}

int pn_op_start_encryption(struct pn_call *call)
{
    return change_encryption(call, true);
}

int pn_op_stop_encryption(struct pn_call *call)
{
    return change_encryption(call, false);
}

/* --- monitoring ------------------------------------------------------------------------------- */

static const char *const all_metrics[] = {"IncomingBytes",
                                          "IncomingRecords",
                                          "OutgoingBytes",
                                          "OutgoingRecords",
                                          "WriteProvisionedThroughputExceeded",
                                          "ReadProvisionedThroughputExceeded",
                                          "IteratorAgeMilliseconds"};
enum { METRICS = sizeof all_metrics / sizeof all_metrics[0] };

struct monitoring {
    struct pn_call *call;
    const struct pn_json *metrics;
    bool enable;
    const char *before[METRICS];
    size_t before_count;
    const char *after[METRICS];
    size_t after_count;
};

static bool is_named(const struct pn_json *list, const char *metric)
{
    for (const struct pn_json *name = list->first; name != NULL; name = name->next) {
        if (pn_json_text_is(name, metric) || pn_json_text_is(name, "ALL")) {
            return true;
        }
    }
    return false;
}

static int set_metrics(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    struct monitoring *monitoring = arg;
    (void)e;
    for (size_t i = 0; i < METRICS; i++) {
        bool is_on = false;
        for (size_t k = 0; k < edit->metric_count && !is_on; k++) {
            is_on = strcmp(edit->metrics[k], all_metrics[i]) == 0;
        }
        if (is_on) {
            monitoring->before[monitoring->before_count++] = all_metrics[i];
        }
        bool named = is_named(monitoring->metrics, all_metrics[i]);
        if (monitoring->enable ? is_on || named : is_on && !named) {
            monitoring->after[monitoring->after_count++] = all_metrics[i];
        }
    }
    const char **metrics = pn_arena_calloc(arena, METRICS, sizeof *metrics);
    memcpy(metrics, monitoring->after, sizeof monitoring->after);
    edit->metrics = metrics;
    edit->metric_count = monitoring->after_count;
    return 0;
}

static int change_monitoring(struct pn_call *call, bool enable)
{
    const struct pn_stream *stream = NULL;
    struct monitoring monitoring = {
        .call = call, .metrics = pn_json_get(call->input, "ShardLevelMetrics"), .enable = enable};
    int rc = active_stream(call, &stream);
    if (rc != 0) {
        return rc;
    }
    rc = pn_kinesis_update(call->kinesis, stream->name, set_metrics, &monitoring, &call->err);
    if (rc == 0) {
        pn_wire_map(&call->reply);
        pn_op_text_member(call, "StreamName", stream->name);
        pn_op_text_member(call, "StreamARN", stream->arn);
        pn_op_metrics(call, "CurrentShardLevelMetrics", monitoring.before, monitoring.before_count);
        pn_op_metrics(call, "DesiredShardLevelMetrics", monitoring.after, monitoring.after_count);
        pn_wire_map_end(&call->reply);
    }
    pn_stream_release(&stream);
    return rc;
}

int pn_op_enable_monitoring(struct pn_call *call)
{
    return change_monitoring(call, true);
}

int pn_op_disable_monitoring(struct pn_call *call)
{
    return change_monitoring(call, false);
}

/* --- mode ------------------------------------------------------------------------------------- */

struct mode {
    bool on_demand;
    bool has_warm;
    int32_t warm_mibps;
};

static int set_mode(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    const struct mode *mode = arg;
    (void)arena;
    (void)e;
    edit->on_demand = mode->on_demand;
    if (!mode->on_demand) {
        edit->warm_throughput_mibps = 0;
    } else if (mode->has_warm) {
        edit->warm_throughput_mibps = mode->warm_mibps;
    }
    return 0;
}

/* May the stream be given this mode? */
static int check_mode(struct pn_call *call, const struct pn_stream *stream, const struct mode *mode)
{
    if (!mode->on_demand && mode->has_warm) {
        return pn_op_fail(call, PN_KINESIS_VALIDATION,
                          "WarmThroughputMiBps is only valid for streams in On-Demand mode.");
    }
    if (!mode->on_demand && stream->spreads) {
        return pn_op_spreads_on_demand(call, stream->name);
    }
    if (mode->on_demand && !stream->on_demand) {
        int rc = pn_op_on_demand_allowed(call);
        if (rc != 0) {
            return rc;
        }
    }
    return mode->has_warm ? pn_op_warm_allowed(call) : 0;
}

int pn_op_update_stream_mode(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    const struct pn_json *details = pn_json_get(call->input, "StreamModeDetails");
    struct mode mode = {
        .on_demand = pn_json_text_is(pn_json_get(details, "StreamMode"), "ON_DEMAND"),
        .has_warm = pn_op_has(call, "WarmThroughputMiBps"),
        .warm_mibps = (int32_t)pn_op_int(call, "WarmThroughputMiBps", 0),
    };
    int rc = active_stream(call, &stream);
    if (rc != 0) {
        return rc;
    }
    rc = check_mode(call, stream, &mode);
    if (rc == 0) {
        rc = pn_kinesis_update(call->kinesis, stream->name, set_mode, &mode, &call->err);
    }
    pn_stream_release(&stream);
    return rc;
}

/* --- distribution ----------------------------------------------------------------------------- */

bool pn_op_spreads(const struct pn_call *call)
{
    return pn_json_text_is(pn_json_get(call->input, "RecordDistributionStrategy"), "AUTO");
}

int pn_op_spreads_on_demand(struct pn_call *call, const char *stream_name)
{
    return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                      "The record distribution strategy AUTO of stream %s under account %s is only "
                      "supported for streams in On-Demand mode.",
                      stream_name, pn_op_account(call));
}

static int set_distribution(void *arg, struct pn_stream *edit, struct pn_arena *arena,
                            struct pn_err *e)
{
    (void)arena;
    if (!edit->on_demand) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_INVALID_ARGUMENT,
                          "A record distribution strategy is only supported for streams in "
                          "On-Demand mode.");
    }
    edit->spreads = *(const bool *)arg;
    return 0;
}

int pn_op_update_distribution(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    bool spreads = pn_op_spreads(call);
    int rc = active_stream(call, &stream);
    if (rc != 0) {
        return rc;
    }
    rc = pn_kinesis_update(call->kinesis, stream->name, set_distribution, &spreads, &call->err);
    pn_stream_release(&stream);
    return rc;
}

/* --- size and throughput ---------------------------------------------------------------------- */

static int set_record_size(void *arg, struct pn_stream *edit, struct pn_arena *arena,
                           struct pn_err *e)
{
    (void)arena;
    (void)e;
    edit->record_kib_max = *(const int32_t *)arg;
    return 0;
}

int pn_op_update_max_record_size(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    int32_t kib = (int32_t)pn_op_int(call, "MaxRecordSizeInKiB", 0);
    int rc = active_stream(call, &stream);
    if (rc != 0) {
        return rc;
    }
    rc = pn_kinesis_update(call->kinesis, stream->name, set_record_size, &kib, &call->err);
    pn_stream_release(&stream);
    return rc;
}

/* Provisioned streams are refused here, where nobody can change the mode meanwhile. */
static int set_warm(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    (void)arena;
    if (!edit->on_demand) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_VALIDATION,
                          "WarmThroughputMiBps is only valid for streams in On-Demand mode.");
    }
    edit->warm_throughput_mibps = *(const int32_t *)arg;
    return 0;
}

int pn_op_update_warm_throughput(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    int32_t mibps = (int32_t)pn_op_int(call, "WarmThroughputMiBps", 0);
    int rc = active_stream(call, &stream);
    if (rc != 0) {
        return rc;
    }
    if (mibps > WARM_MIBPS_MAX) {
        rc = pn_op_fail(call, PN_KINESIS_LIMIT_EXCEEDED,
                        "Warm throughput of stream %s under account %s cannot be more than %d "
                        "MiBps.",
                        stream->name, pn_op_account(call), WARM_MIBPS_MAX);
    }
    if (rc == 0 && stream->on_demand) {
        rc = pn_op_warm_allowed(call);
    }
    if (rc == 0) {
        rc = pn_kinesis_update(call->kinesis, stream->name, set_warm, &mibps, &call->err);
    }
    if (rc == 0) {
        pn_wire_map(&call->reply);
        pn_op_text_member(call, "StreamARN", stream->arn);
        pn_op_text_member(call, "StreamName", stream->name);
        pn_op_warm(call, mibps);
        pn_wire_map_end(&call->reply);
    }
    pn_stream_release(&stream);
    return rc;
}
