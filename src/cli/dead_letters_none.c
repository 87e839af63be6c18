/* What is wrong when no letter fits. */
#include "cli/dead_letters.h"
#include "pipeline/pattern.h"
#include "report/dead_letters.h"

/* A stream of a pattern makes its tables when it comes, so their names are not known before. */
static bool may_be_of_pattern(const struct pn_pipeline *pipeline, const char *table)
{
    for (size_t i = 0; i < pipeline->table_pattern_count; i++) {
        if (pn_pattern_matches(pipeline->table_patterns[i].name, table)) {
            return true;
        }
    }
    return false;
}

int pn_cli_no_letters(const struct pn_pipeline *pipeline, const char *ids, const char *table,
                      struct pn_err *e)
{
    if (ids != NULL) {
        return pn_err_missing(e, "there is no such letter, or not any more: `pinion dead-letters "
                                 "list` shows the ids");
    }
    return table == NULL || pn_pipeline_table(pipeline, table) != NULL ||
                   pn_report_is_dead_letters(table) || may_be_of_pattern(pipeline, table)
               ? 0
               : pn_pipeline_has_no(pipeline, PN_NAMED_TABLE, table, pipeline->folder, e);
}
