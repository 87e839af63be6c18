#include "report/letter_rules.h"

#include <string.h>

/* A reason that has this part breaks this rule; the first one counts. */
static const struct {
    const char *part;
    const char *rule;
    const char *advice; /* NULL: what the reason says */
} rules[] = {
    {"the row does not pass ", "data-test",
     "The row fails a test of `expect`. Correct what it is made of, or the test. Where runs add "
     "rows to the table, the letter stays until --full-refresh, or until it is dropped."},
    {"(lenient: number-in-text)", "number-in-text", NULL},
    {"(lenient: boolean-in-text)", "boolean-in-text", NULL},
    {"(lenient: number-as-boolean)", "number-as-boolean", NULL},
    {"(lenient: value-as-text)", "value-as-text", NULL},
    {"(lenient: epoch)", "epoch", NULL},
    {"(lenient: time-in-text)", "time-in-text", NULL},
    {"missing key", "missing-value", NULL},
    {"no value, and it is required", "missing-value", NULL},
    {"unknown key", "unknown-member", NULL},
    {"is out of range", "out-of-range",
     "A number does not fit into the column's type. Correct the number, or give the column a wider "
     "type in pipeline.yml."},
    {"digits after the point", "out-of-range",
     "A number has more digits than the column's type. Correct the number, or give the column a "
     "type with more digits in pipeline.yml."},
    {"expected ", "wrong-type", NULL},
    {"of the array is not an object", "not-an-object",
     "Each item of an array must be an object. Send only the items that are missing: the other "
     "items of the array are rows already."},
    {"not a JSON object", "not-an-object",
     "A row is a JSON object. Put the value into an object whose member has the column's name."},
    {"neither base64 of JSON nor JSON", "not-json", NULL},
    {"invalid JSON", "not-json",
     "The record is not JSON. Correct it at the byte that the reason names."},
    {"JSON nested deeper", "not-json", NULL},
    {"JSON of more than", "too-long", NULL},
    {"base64 that ", "not-json", NULL},
    {"an empty array", "empty",
     "The record has no data. Enter the data, or leave the letter as it is."},
    {"an empty string", "empty",
     "The record has no data. Enter the data, or leave the letter as it is."},
    {"empty value", "empty",
     "The record has no data. Enter the data, or leave the letter as it is."},
    {"the record is empty", "empty",
     "The record has no data. Enter the data, or leave the letter as it is."},
    {"tombstone", "empty", "The record has no data. Enter the data, or leave the letter as it is."},
    {"an array of ", "too-long", "Send the items of the array in several records."},
    {"the line is longer", "too-long", NULL},
    {"hash key is another shard", "other-shard",
     "KPL sends such a record again by itself: leave the letter as it is."},
    {"Conversion Error", "sql",
     "The table's SELECT fails on a value. Correct the value, or the SELECT in clean/."},
    {"Out of Range Error", "sql",
     "The table's SELECT fails on a value. Correct the value, or the SELECT in clean/."},
    {"Invalid Input Error", "sql",
     "The table's SELECT fails on a value. Correct the value, or the SELECT in clean/."},
};
enum { RULE_COUNT = sizeof rules / sizeof *rules };

void pn_letter_rule_add_sql(struct pn_buf *sql)
{
    pn_buf_adds(sql, "CASE");
    for (size_t i = 0; i < RULE_COUNT; i++) {
        pn_buf_addf(sql, " WHEN contains(plain, '%s') THEN '%s'", rules[i].part, rules[i].rule);
    }
    pn_buf_adds(sql, " ELSE 'other' END");
}

const char *pn_dead_letter_advice(const char *source, const char *reason)
{
    if (strstr(reason, "only the beginning of the") != NULL) {
        return "Only the beginning of the record is kept here. Produce the whole record again, or "
               "one of less than 1 MiB.";
    }
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (strstr(reason, rules[i].part) != NULL && rules[i].advice != NULL) {
            return rules[i].advice;
        }
    }
    return strcmp(source, "stream") == 0
               ? "Correct the member that the reason names. If the record is right, correct the "
                 "table in pipeline.yml, restart the server and send the record again unchanged."
               : "Correct the member that the reason names. If the record is right, correct the "
                 "table in pipeline.yml and load again: the letter goes away by itself.";
}
