#include "log/record.h"

int pn_record_check(const struct pn_record *record, int64_t bytes_max, size_t place,
                    struct pn_err *e)
{
    if (record->header_count > PN_RECORD_HEADERS_MAX) {
        return pn_err_input(e, "record %zu has %zu headers; %d are allowed", place,
                            record->header_count, PN_RECORD_HEADERS_MAX);
    }
    for (size_t i = 0; i < record->header_count; i++) {
        if (record->headers[i].name.data == NULL) {
            return pn_err_input(e, "header %zu of record %zu has no name", i, place);
        }
    }
    size_t bytes = pn_record_bytes(record);
    return bytes <= (size_t)bytes_max
               ? 0
               : pn_err_input(e, "record %zu has %zu bytes; %lld are allowed", place, bytes,
                              (long long)bytes_max);
}

int pn_log_topic_config_check(const struct pn_log_topic_config *config, struct pn_err *e)
{
    if (config->partitions < 0 || config->partitions > PN_PARTITIONS_MAX) {
        return pn_err_input(e, "%d partitions: a topic must have 1 to %d", config->partitions,
                            PN_PARTITIONS_MAX);
    }
    if (config->retention_ms < -1 || config->retention_bytes < -1) {
        return pn_err_input(e, "a retention must be a number from 0 up, or -1 for unlimited");
    }
    if (config->record_bytes_max < 0 || config->record_bytes_max > PN_RECORD_BYTES_MAX) {
        return pn_err_input(e, "records of up to %lld bytes: at most %d are possible",
                            (long long)config->record_bytes_max, (int)PN_RECORD_BYTES_MAX);
    }
    return 0;
}
