/*
 * Records of topics as rows, and records that come in as JSON: the same form, so what one command
 * prints another takes.
 *
 *   {"partition":0,"offset":12,"time":"2026-11-23T15:44:43.123Z","key":"k","encoding":"text",
 *    "value":"v","key_encoding":"text","headers":[{"name":"h","value":"x","encoding":"text"}]}
 *
 * An encoding is "text", "base64" where the bytes are not UTF-8, or null for what is absent.
 */
#ifndef PN_REPORT_RECORDS_H
#define PN_REPORT_RECORDS_H

#include "base/arena.h"
#include "base/json.h"
#include "log/log.h"
#include "report/columns.h"

/* The columns of the reports below. */
extern const struct pn_report_columns pn_record_columns;

/* Where reading of a partition begins. */
enum pn_records_at { PN_RECORDS_NEWEST, PN_RECORDS_OLDEST, PN_RECORDS_OFFSET, PN_RECORDS_TIME };
struct pn_records_from {
    enum pn_records_at at;
    int64_t value; /* the offset, or the time in wall milliseconds */
};
/* Reads "newest" (or "latest"), "oldest" (or "earliest"), an offset ("1200"), or a time in ISO 8601
 * with a "-" or a "T" in it. False when it isn't one. */
bool pn_records_from_parse(const char *text, struct pn_records_from *from);
/* The offset that it stands for in a partition: one that exists, or the end. */
int pn_records_find(struct pn_log *log, const char *topic, int32_t partition,
                    const struct pn_records_from *from, int64_t *offset,
                    struct pn_err *e) PN_MUST_CHECK;

/* partition, offset, time, key, encoding, value; but in a table also key_encoding, headers. First
 * the columns, then a row for each record. */
void pn_report_records_begin(struct pn_row_writer *rows);
void pn_report_record(int32_t partition, const struct pn_record *record,
                      struct pn_row_writer *rows);

/*
 * A record from such an object; bytes are the parser's or the arena's. Of its members only key,
 * value, their encodings and headers count; a value that is not a string is its JSON text, and null
 * is an absent one. INPUT says which member is wrong.
 */
int pn_record_read(const struct pn_json *object, struct pn_arena *arena, struct pn_record *record,
                   struct pn_err *e) PN_MUST_CHECK;
/* An integer that may be a string of digits, as readers of large numbers want it; 0 for others. */
int64_t pn_report_read_wide(const struct pn_json *object, const char *key);

#endif
