/*
 * The transactions of incremental tables that those need to know who change such a table from
 * outside of the engine. What else there is: duckdb/taken.h and duckdb/sources.h.
 */
#ifndef PN_ENGINE_INCREMENTAL_H
#define PN_ENGINE_INCREMENTAL_H

/* 1: the table's positions are of its rows; 0: they are not, since the table was overwritten. */
#define PN_INCREMENTAL_MARK       "pinion/incremental"
/* A checksum of what the rows were made by. */
#define PN_INCREMENTAL_DEFINITION "pinion/definition"
/* The commit is of this version or later. A commit that removes rows and has no such transaction is
 * another program's: the next run then makes the table afresh. */
#define PN_INCREMENTAL_SINCE      "pinion/since"

#endif
