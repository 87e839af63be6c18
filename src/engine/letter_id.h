/*
 * The id of a dead letter, as an SQL expression: the beginning of a SHA-256 of what the letter is
 * about, with chr(31) between the parts. The same load again gives the same ids, and what made the
 * letter is not a part. Letters that are equal in all of this have one id.
 *
 * `source` is 'load' or 'stream'; all but the line are texts, and each may be null.
 */
#ifndef PN_ENGINE_LETTER_ID_H
#define PN_ENGINE_LETTER_ID_H

enum { PN_LETTER_ID_LEN = 32 };

#define PN_LETTER_ID_SQL(source, origin, partition, position, object, line, value)          \
    "left(sha256(concat_ws(chr(31), " source ", coalesce(\"table\", ''), coalesce(" origin  \
    ", ''), coalesce(" partition ", ''), coalesce(" position ", ''), coalesce(" object      \
    ", ''), coalesce(CAST(" line " AS VARCHAR), ''), coalesce(reason, ''), coalesce(" value \
    ", ''))), 32)"

/* Of a row of both together (report/dead_letters.h). */
#define PN_LETTER_ID_OF_ALL \
    PN_LETTER_ID_SQL("source", "origin", "partition", "position", "object", "line", "value")
/* Of a row of the table of dead letters, and of that of streams' dead letters. */
#define PN_LETTER_ID_OF_LOADS                                         \
    PN_LETTER_ID_SQL("'load'", "topic", "CAST(partition AS VARCHAR)", \
                     "CAST(\"offset\" AS VARCHAR)", "object", "line", "value")
#define PN_LETTER_ID_OF_STREAMS \
    PN_LETTER_ID_SQL("'stream'", "stream", "shard", "sequence_number", "''", "''", "data")

#endif
