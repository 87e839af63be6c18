/*
 * The rules that records break that cannot become rows. A dead letter's reason is a sentence with
 * the values of its record; the rule is a word for all of one kind, of which there are few. The
 * metric pinion_table_dead_letters counts by them.
 */
#ifndef PN_REPORT_LETTER_RULES_H
#define PN_REPORT_LETTER_RULES_H

#include "base/buf.h"

/* Appends an SQL expression: the rule of the column `plain`, which is a reason without its quoted
 * texts; "other" where none is known. */
void pn_letter_rule_add_sql(struct pn_buf *sql);

/* What to do about a letter with this reason; static. `source` is "load" or "stream". */
const char *pn_dead_letter_advice(const char *source, const char *reason);

#endif
