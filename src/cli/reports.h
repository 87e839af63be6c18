/* What loads report, for people. */
#ifndef PN_CLI_REPORTS_H
#define PN_CLI_REPORTS_H

#include <stdio.h>

#include "engine/engine.h"

/* " (pos.w 12, extra 3, and 5 more names)": the members of a report that no column takes. Nothing,
 * where there are none. */
void pn_cli_print_unknown(FILE *out, const struct pn_table_report *report);
/* ", 3 files skipped (not .json or .json.gz; the first: topics/...)", or nothing. */
void pn_cli_print_passed_over(FILE *out, const struct pn_table_report *report);

#endif
