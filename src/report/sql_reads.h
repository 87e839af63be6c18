/*
 * What a SELECT reads and calls, without a parser: a table stands after FROM or JOIN, or after a
 * comma in a FROM clause. An alias, a column, a function, and what a WITH clause names are none.
 * What stands in comments and texts is neither.
 */
#ifndef PN_REPORT_SQL_READS_H
#define PN_REPORT_SQL_READS_H

#include <stdbool.h>

/*
 * Does the SELECT read the table of this name, in any case of letters and in any version
 * ("pin@3")? `sql` is one that an engine takes; what is said of other text means nothing.
 */
bool pn_sql_reads(const char *sql, const char *table);
/* Does SQL call the function of this name, in any case of letters? */
bool pn_sql_calls(const char *sql, const char *function);

#endif
