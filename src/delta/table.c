#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "delta/internal.h"
#include "delta/watch.h"

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

struct pn_delta *pn_delta_create(struct pn_store *store, const char *path,
                                 const struct pn_delta_parquet *parquet,
                                 const struct pn_clock *clock, struct pn_logger *logger,
                                 const struct pn_delta_config *config)
{
    PN_ASSERT(path[0] != '\0' && path[strlen(path) - 1] != '/');
    PN_ASSERT(config->checkpoint_interval > 0);
    struct pn_delta *table = pn_xcalloc(1, sizeof *table);
    table->store = store;
    table->path = pn_xstrdup(path);
    table->log_path = pn_xasprintf("%s/_delta_log/", path);
    table->parquet = parquet;
    table->clock = clock;
    table->logger = logger;
    table->config = *config;
    pn_delta_reader_init(&table->reader);
    return table;
}

void pn_delta_destroy(struct pn_delta **table)
{
    if (*table == NULL) {
        return;
    }
    pn_delta_watch_destroy(&(*table)->watch);
    pn_delta_snapshot_destroy(&(*table)->head);
    pn_delta_reader_deinit(&(*table)->reader);
    free((*table)->path);
    free((*table)->log_path);
    free(*table);
    *table = NULL;
}

const char *pn_delta_path(const struct pn_delta *table)
{
    return table->path;
}

char *pn_delta_log_key(const struct pn_delta *table, const char *name)
{
    return pn_xasprintf("%s%s", table->log_path, name);
}

char *pn_delta_commit_key(const struct pn_delta *table, int64_t version)
{
    return pn_xasprintf("%s%020" PRId64 ".json", table->log_path, version);
}

char *pn_delta_new_file_name(int32_t part, const char *codec)
{
    char uuid[PN_UUID_SIZE];
    return pn_xasprintf("part-%05" PRId32 "-%s-c000.%s.parquet", part, pn_uuid(uuid), codec);
}

/* --- the table's properties ------------------------------------------------------------------ */

const char *pn_delta_property(const struct pn_delta_metadata *metadata, const char *key)
{
    for (size_t i = 0; i < metadata->configuration_count; i++) {
        if (strcmp(metadata->configuration[i].key, key) == 0) {
            return metadata->configuration[i].value;
        }
    }
    return NULL;
}

bool pn_delta_property_true(const struct pn_delta_metadata *metadata, const char *key)
{
    const char *value = pn_delta_property(metadata, key);
    return value != NULL && strcasecmp(value, "true") == 0;
}

int64_t pn_delta_checkpoint_interval(const struct pn_delta *table,
                                     const struct pn_delta_metadata *metadata)
{
    const char *text = pn_delta_property(metadata, "delta.checkpointInterval");
    int64_t interval = 0;
    if (text != NULL && pn_parse_i64(text, &interval, NULL) == 0 && interval > 0) {
        return interval;
    }
    return table->config.checkpoint_interval;
}

bool pn_delta_interval_parse(const char *text, int64_t *duration_ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"millisecond", 1},       {"second", 1000}, {"minute", 60 * 1000},
                 {"hour", 60 * 60 * 1000}, {"day", DAY_MS},  {"week", 7 * DAY_MS}};
    if (strncasecmp(text, "interval ", strlen("interval ")) == 0) {
        text += strlen("interval ");
    }
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || text[digits] != ' ') {
        return false;
    }
    int64_t count = strtoll(text, NULL, 10);
    const char *unit = text + digits + 1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t len = strlen(units[i].name);
        if (strncasecmp(unit, units[i].name, len) == 0 &&
            (unit[len] == '\0' || strcasecmp(unit + len, "s") == 0)) {
            *duration_ms = count * units[i].ms;
            return true;
        }
    }
    return false;
}

/* A retention from the table's properties; one that isn't understood keeps nothing less than the
 * handle's own would. */
static int64_t retention_ms(const struct pn_delta_metadata *metadata, const char *key,
                            int64_t usual_ms)
{
    const char *text = pn_delta_property(metadata, key);
    int64_t ms = 0;
    return text != NULL && pn_delta_interval_parse(text, &ms) ? ms : usual_ms;
}

int64_t pn_delta_log_retention_ms(const struct pn_delta *table,
                                  const struct pn_delta_metadata *metadata)
{
    return retention_ms(metadata, "delta.logRetentionDuration", table->config.log_retention_ms);
}

int64_t pn_delta_tombstone_retention_ms(const struct pn_delta *table,
                                        const struct pn_delta_metadata *metadata)
{
    int64_t ms = retention_ms(metadata, "delta.deletedFileRetentionDuration",
                              table->config.tombstone_retention_ms);
    return ms > PN_DELTA_RETENTION_MS_MIN ? ms : PN_DELTA_RETENTION_MS_MIN;
}

int64_t pn_delta_retention_ms(const struct pn_delta *table,
                              const struct pn_delta_snapshot *snapshot)
{
    return pn_delta_tombstone_retention_ms(table, &snapshot->metadata);
}
