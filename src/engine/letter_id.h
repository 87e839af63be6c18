/*
 * The id of a dead letter, as an SQL expression: the beginning of a SHA-256 of what the letter is
 * about, with chr(31) between the parts. The same record again gives the same id, whichever engine
 * loads it. So these are not parts of it: what made the letter, the offset of a line, which not
 * each engine knows, the words of a parser of JSON, and a reason's notes about how the value is
 * stored. Letters that are equal in all else have one id.
 *
 * The old id is by which letters were known before: with the offset and the whole reason. Letters
 * that were dropped or sent again under it are still known by it. Streams' letters are made once,
 * so theirs is the same.
 *
 * `source` is 'load' or 'stream'; all but the line are texts, and each may be null.
 * deploy/spark/pinion_letters.py has the same expressions for Spark.
 */
#ifndef PN_ENGINE_LETTER_ID_H
#define PN_ENGINE_LETTER_ID_H

enum { PN_LETTER_ID_LEN = 32 };

#define PN_LETTER_ID_SQL_(source, origin, partition, position, object, line, reason, value)     \
    "left(sha256(concat_ws(chr(31), " source ", coalesce(\"table\", ''), coalesce(" origin      \
    ", ''), coalesce(" partition ", ''), coalesce(" position ", ''), coalesce(" object          \
    ", ''), coalesce(CAST(" line " AS VARCHAR), ''), coalesce(" reason ", ''), coalesce(" value \
    ", ''))), 32)"
#define PN_LETTER_NOTES_                                                                 \
    "' \\((only the beginning of the (value|data|key) is stored|the (value|data) is in " \
    "base64)\\)'"
/* From here on a parser says the same in words of its own. */
#define PN_LETTER_WORDS_ \
    "'(?s)(invalid JSON|a string that is neither|a string in base64 that|JSON nested).*'"
#define PN_LETTER_TOLD_(source)                                                       \
    "CASE WHEN " source " = 'stream' THEN reason ELSE regexp_replace(regexp_replace(" \
    "reason, " PN_LETTER_NOTES_ ", '', 'g'), " PN_LETTER_WORDS_ ", '\\1') END"

#define PN_LETTER_ID_SQL(source, origin, partition, position, object, line, value)      \
    PN_LETTER_ID_SQL_(source, origin, partition,                                        \
                      "CASE WHEN " line " IS NULL THEN " position " END", object, line, \
                      PN_LETTER_TOLD_(source), value)
#define PN_LETTER_OLD_ID_SQL(source, origin, partition, position, object, line, value) \
    PN_LETTER_ID_SQL_(source, origin, partition, position, object, line, "reason", value)

/* Of a row of both together (report/dead_letters.h). */
#define PN_LETTER_OF_ALL_ "source", "origin", "partition", "position", "object", "line", "value"
/* Of a row of the table of dead letters, and of that of streams' dead letters. */
#define PN_LETTER_OF_LOADS_                                                                   \
    "'load'", "topic", "CAST(partition AS VARCHAR)", "CAST(\"offset\" AS VARCHAR)", "object", \
        "line", "value"
#define PN_LETTER_OF_STREAMS_ \
    "'stream'", "stream", "shard", "sequence_number", "''", "CAST(NULL AS BIGINT)", "data"

/* The macros above have a list of arguments as one; this takes it apart. */
#define PN_LETTER_APPLY_(macro, ...) macro(__VA_ARGS__)
#define PN_LETTER_ID_OF_ALL          PN_LETTER_APPLY_(PN_LETTER_ID_SQL, PN_LETTER_OF_ALL_)
#define PN_LETTER_OLD_ID_OF_ALL      PN_LETTER_APPLY_(PN_LETTER_OLD_ID_SQL, PN_LETTER_OF_ALL_)
#define PN_LETTER_ID_OF_LOADS        PN_LETTER_APPLY_(PN_LETTER_ID_SQL, PN_LETTER_OF_LOADS_)
#define PN_LETTER_OLD_ID_OF_LOADS    PN_LETTER_APPLY_(PN_LETTER_OLD_ID_SQL, PN_LETTER_OF_LOADS_)
#define PN_LETTER_ID_OF_STREAMS      PN_LETTER_APPLY_(PN_LETTER_ID_SQL, PN_LETTER_OF_STREAMS_)

#endif
