/* What a job says of a table, as a report. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/spark/internal.h"

static void copy_text(const struct pn_json *from, const char *member, char *to, size_t size)
{
    char *text = pn_json_dup(pn_json_get(from, member));
    (void)snprintf(to, size, "%s", text != NULL ? text : "");
    free(text);
}

static void read_unknown(const struct pn_json *from, struct pn_table_report *report)
{
    const struct pn_json *names = pn_json_get(from, "unknown");
    const struct pn_json *name = names != NULL ? names->first : NULL;
    for (; name != NULL && report->unknown_count < PN_UNKNOWN_SHOWN_MAX; name = name->next) {
        struct pn_unknown_member *member = &report->unknown[report->unknown_count++];
        member->count = pn_json_get_i64(name, "values", 0);
        copy_text(name, "name", member->name, sizeof member->name);
    }
    int64_t more = pn_json_get_i64(from, "more_names", 0);
    report->unknown_more = more > 0 ? (size_t)more : 0;
    copy_text(from, "place", report->unknown_place, sizeof report->unknown_place);
    report->unknown_position = pn_json_get_i64(from, "line", 0);
}

void pn_spark_read_report(const struct pn_json *from, struct pn_table_report *report)
{
    const struct pn_table *table = report->table;
    report->version = pn_json_get_i64(from, "version", -1);
    report->rows = pn_json_get_i64(from, "rows", -1);
    report->dead_letters = pn_json_get_i64(from, "dead_letters", 0);
    report->unknown_values = pn_json_get_i64(from, "unknown_values", 0);
    report->objects = pn_json_get_i64(from, "objects", 0);
    report->bytes = pn_json_get_i64(from, "bytes", 0);
    report->duration_ms = pn_json_get_i64(from, "duration_ms", 0);
    report->is_added = pn_json_get_bool(from, "is_added", false);
    report->is_unchanged = pn_json_get_bool(from, "is_unchanged", false);
    report->files_rewritten = pn_json_get_i64(from, "files_rewritten", 0);
    report->rows_deleted = pn_json_get_i64(from, "rows_deleted", 0);
    copy_text(from, "why_afresh", report->why_afresh, sizeof report->why_afresh);
    read_unknown(from, report);
    const struct pn_json *failed = pn_json_get(from, "expect_failed");
    const struct pn_json *count = failed != NULL ? failed->first : NULL;
    for (size_t i = 0; i < table->expect_count && count != NULL; i++, count = count->next) {
        report->expect_failed[i] = count->is_integer ? count->integer : 0;
    }
    const struct pn_json *read = pn_json_get(from, "read_versions");
    while (report->read_count < table->read_count && report->read_count < PN_READ_VERSIONS_MAX) {
        const char *name = table->reads[report->read_count]->name;
        report->read_versions[report->read_count++] = pn_json_get_i64(read, name, -1);
    }
}
