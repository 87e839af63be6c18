#include "cli/reports.h"

#include "base/time_text.h"
#include "base/units.h"
#include "report/sql_reads.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int pn_cli_check_logical_date(const char *time, struct pn_err *e)
{
    int64_t ms = 0;
    return time == NULL || pn_time_parse_ms(time, &ms)
               ? 0
               : pn_err_input(e,
                              "--logical-date \"%.60s\" is not a time: give 2026-01-31 or "
                              "2026-01-31T06:00:00Z",
                              time);
}

void pn_cli_tell_no_logical_date(FILE *err, const struct pn_table *table, const char *given)
{
    static const char function[] = "run_logical_date";
    bool in_where = table->replace_where != NULL && pn_sql_calls(table->replace_where, function);
    bool in_sql = table->sql != NULL && pn_sql_calls(table->sql, function);
    if (given == NULL && getenv("PINION_LOGICAL_DATE") == NULL && (in_where || in_sql)) {
        (void)fprintf(err,
                      "pinion: table '%s': run_logical_date() is null in its %s: give "
                      "--logical-date\n",
                      table->name, in_where ? "replace_where" : "SQL");
    }
}

void pn_cli_print_written(FILE *out, const struct pn_table_report *report)
{
    (void)fprintf(out, "%s: version %" PRId64 ", ", report->table->name, report->version);
    if (report->is_unchanged) {
        (void)fprintf(out, "nothing new");
        return;
    }
    (void)fprintf(out, "%" PRId64 " %s%s", report->rows, pn_noun(report->rows, "row", "rows"),
                  !report->is_added                      ? ""
                  : report->table->mode == PN_MODE_MERGE ? " merged"
                                                         : " added");
    if (report->table->replace_where != NULL) {
        (void)fprintf(out, " in the replaced partitions");
    }
    if (report->rows_deleted > 0) {
        (void)fprintf(out, ", %" PRId64 " deleted", report->rows_deleted);
    }
    if (report->files_rewritten > 0) {
        (void)fprintf(out, ", %" PRId64 " %s rewritten", report->files_rewritten,
                      pn_noun(report->files_rewritten, "file", "files"));
    }
    if (report->why_afresh[0] != '\0') {
        (void)fprintf(out, ", made afresh (%s)", report->why_afresh);
    }
}

void pn_cli_print_tests(FILE *out, const struct pn_table_report *report)
{
    const struct pn_table *table = report->table;
    size_t passed = 0;
    if (table->expect_count == 0 || report->is_unchanged) {
        return;
    }
    for (size_t i = 0; i < table->expect_count; i++) {
        passed += report->expect_failed[i] == 0;
    }
    (void)fprintf(out, ", %zu of %zu %s passed", passed, table->expect_count,
                  pn_noun((int64_t)table->expect_count, "test", "tests"));
    for (size_t i = 0; i < table->expect_count; i++) {
        const int64_t failed = report->expect_failed[i];
        if (failed > 0) {
            (void)fprintf(out, ", %s: %s has %" PRId64 " %s",
                          table->expects[i].action == PN_EXPECT_WARN ? "warning" : "quarantine",
                          table->expects[i].name, failed, pn_noun(failed, "row", "rows"));
        }
    }
}

void pn_cli_print_unknown(FILE *out, const struct pn_table_report *report)
{
    for (size_t i = 0; i < report->unknown_count; i++) {
        (void)fprintf(out, "%s%s %" PRId64, i == 0 ? " (" : ", ", report->unknown[i].name,
                      report->unknown[i].count);
    }
    if (report->unknown_more > 0) {
        (void)fprintf(out, ", and %zu more %s", report->unknown_more,
                      pn_noun((int64_t)report->unknown_more, "name", "names"));
    }
    (void)fputs(report->unknown_count > 0 ? ")" : "", out);
}

void pn_cli_print_passed_over(FILE *out, const struct pn_table_report *report)
{
    if (report->passed_over > 0) {
        (void)fprintf(out, ", %" PRId64 " %s skipped (%s; the first: %s)", report->passed_over,
                      pn_noun(report->passed_over, "file", "files"),
                      report->table->from_files != NULL ? "the name says no format"
                                                        : "not .json or .json.gz",
                      report->passed_over_example);
    }
}

void pn_cli_print_copied(FILE *out, const struct pn_table_report *report)
{
    if (report->copied > 0) {
        (void)fprintf(
            out,
            ", warning: %" PRId64 " %s another etag and the same size (the first: %s): such an "
            "object counts as copied, and is not read again; if it has new data, run the load "
            "with --full-refresh",
            report->copied,
            pn_noun(report->copied, "object that was taken before has",
                    "objects that were taken before have"),
            report->copied_example);
    }
}
