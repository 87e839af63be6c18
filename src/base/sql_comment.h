/* Comments of SQL, as DuckDB, Spark and PostgreSQL have them. */
#ifndef PN_BASE_SQL_COMMENT_H
#define PN_BASE_SQL_COMMENT_H

/* After a comment that begins here, or the same place. One to the end of the line ends before the
 * line end, and comments in one another count. One that does not end goes to the end of the
 * text. */
const char *pn_sql_skip_comment(const char *at);
/* After all blanks and comments that begin here. */
const char *pn_sql_skip_blanks(const char *at);

#endif
