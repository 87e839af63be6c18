#include "processor/unknown.h"

#include <string.h>

#include "base/units.h"

static bool is_known(const struct pn_processor_unknown *unknown, const char *name)
{
    for (size_t i = 0; i < unknown->count; i++) {
        if (strcmp(unknown->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static const char *fate(const struct pn_table *raw)
{
    switch (raw->unknown_keys) {
    case PN_UNKNOWN_DROP:
        return "the members are dropped";
    case PN_UNKNOWN_KEEP:
        return "the members are kept in " PN_UNKNOWN_COLUMN;
    case PN_UNKNOWN_REJECT:
        return "the records go to the dead letters";
    }
    return "?";
}

static void note(struct pn_processor_unknown *unknown, const struct pn_table *table,
                 const struct pn_table *raw, const struct pn_unknown_member *member,
                 struct pn_logger *logger)
{
    if (is_known(unknown, member->name) || unknown->is_full) {
        return;
    }
    if (unknown->count == PN_STREAM_UNKNOWN_NAMES_MAX) {
        unknown->is_full = true;
        pn_logger_warn(
            logger, "stream",
            "%s: records have more than %d names that no column of '%s' takes; no further "
            "names are logged",
            table->name, PN_STREAM_UNKNOWN_NAMES_MAX, raw->name);
        return;
    }
    memcpy(unknown->names[unknown->count++], member->name, sizeof member->name);
    pn_logger_warn(logger, "stream",
                   "%s: no column of '%s' takes \"%s\", which appeared %lld %s in one commit; "
                   "%s (unknown_keys). Each name is logged once",
                   table->name, raw->name, member->name, (long long)member->count,
                   pn_noun(member->count, "time", "times"), fate(raw));
}

void pn_processor_unknown_note(struct pn_processor_unknown *unknown, const struct pn_table *table,
                               const struct pn_table *raw, const struct pn_table_report *report,
                               struct pn_logger *logger)
{
    for (size_t i = 0; i < report->unknown_count; i++) {
        note(unknown, table, raw, &report->unknown[i], logger);
    }
}
