/* Comparisons of the parts of snapshots. */
#include <string.h>

#include "delta/internal.h"
#include "delta/snapshot.h"

static bool same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

bool pn_delta_list_same(const char *const *one, size_t one_count, const char *const *other,
                        size_t other_count)
{
    bool same = one_count == other_count;
    for (size_t i = 0; same && i < one_count; i++) {
        same = strcmp(one[i], other[i]) == 0;
    }
    return same;
}

/* Their order has no meaning, and each key is there once. */
static bool same_configuration(const struct pn_delta_metadata *one,
                               const struct pn_delta_metadata *other)
{
    bool same = one->configuration_count == other->configuration_count;
    for (size_t i = 0; same && i < one->configuration_count; i++) {
        const char *value = pn_delta_property(other, one->configuration[i].key);
        same = same_text(one->configuration[i].value, value);
    }
    return same;
}

bool pn_delta_metadata_same(const struct pn_delta_metadata *one,
                            const struct pn_delta_metadata *other)
{
    return same_text(one->name, other->name) && same_text(one->description, other->description) &&
           same_text(one->schema, other->schema) &&
           pn_delta_list_same(one->partition_columns, one->partition_column_count,
                              other->partition_columns, other->partition_column_count) &&
           same_configuration(one, other);
}
