#include "engine/duckdb/line_origins.h"

#include <stdlib.h>

#include "base/mem.h"
#include "engine/duckdb/object_name.h"
#include "engine/duckdb/offsets.h"

struct pn_line_origins {
    const struct pn_table *table;
    struct pn_offsets *offsets;
    const struct pn_offset_step *steps; /* of the object; borrowed from `offsets` */
    size_t step_count;
    size_t step; /* of the line that was asked for last */
    struct pn_origin_values values;
};

bool pn_line_origins_need_all(const struct pn_table *table)
{
    return pn_table_takes_origin(table, PN_ORIGIN_OFFSET);
}

struct pn_line_origins *pn_line_origins_create(struct pn_duckdb *engine,
                                               const struct pn_table *table)
{
    struct pn_line_origins *origins = pn_xcalloc(1, sizeof *origins);
    origins->table = table;
    origins->values = pn_origin_unknown;
    if (pn_line_origins_need_all(table)) {
        origins->offsets = pn_offsets_create(engine);
    }
    return origins;
}

void pn_line_origins_destroy(struct pn_line_origins **origins)
{
    struct pn_line_origins *it = *origins;
    if (it == NULL) {
        return;
    }
    pn_offsets_destroy(&it->offsets);
    free(it);
    *origins = NULL;
}

int pn_line_origins_open(struct pn_line_origins *origins, const char *topic, const char *name,
                         bool is_object, struct pn_err *e)
{
    int32_t partition = -1;
    int64_t number = 0;
    origins->step = 0;
    origins->step_count = 0;
    origins->values = pn_origin_unknown;
    origins->values.topic = topic;
    if (!is_object || topic == NULL || !pn_object_name_read(topic, name, &partition, &number)) {
        return 0;
    }
    origins->values.partition = partition;
    return origins->offsets == NULL ? 0
                                    : pn_offsets_find(origins->offsets, name, is_object, -1,
                                                      &origins->steps, &origins->step_count, e);
}

const struct pn_origin_values *pn_line_origins_at(struct pn_line_origins *origins, int64_t line)
{
    while (origins->step + 1 < origins->step_count &&
           origins->steps[origins->step + 1].line <= line) {
        origins->step++;
    }
    if (origins->step_count > 0) {
        origins->values.offset = line + origins->steps[origins->step].shift;
    }
    return &origins->values;
}
