#include "cli/progress.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { BAR_COLUMNS = 30 };
static const int64_t terminal_interval_ns = INT64_C(100000000);
static const int64_t line_interval_ns = INT64_C(10000000000);

char *pn_format_grouped(int64_t value, char *out)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRId64, value);
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-') {
            out[at++] = ',';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

void pn_progress_start(struct pn_progress *progress, FILE *file, bool quiet,
                       const struct pn_clock *clock, const char *label, int64_t total)
{
    *progress = (struct pn_progress){.file = quiet ? NULL : file,
                                     .clock = clock,
                                     .label = label,
                                     .total = total,
                                     .start_ns = pn_mono_ns(clock)};
    progress->shown_ns = progress->start_ns;
    progress->is_terminal = !quiet && fileno(file) >= 0 && isatty(fileno(file));
}

static int64_t per_second(int64_t done, int64_t elapsed_ns)
{
    return elapsed_ns > 0 ? (int64_t)((double)done * 1e9 / (double)elapsed_ns) : 0;
}

static void print_left(FILE *file, int64_t seconds)
{
    static const int64_t minute_s = 60;
    static const int64_t hour_s = 3600;
    if (seconds >= 2 * hour_s) {
        fprintf(file, "  %" PRId64 "h left", (seconds + hour_s - 1) / hour_s);
    } else if (seconds >= 2 * minute_s) {
        fprintf(file, "  %" PRId64 "m left", (seconds + minute_s - 1) / minute_s);
    } else {
        fprintf(file, "  %" PRId64 "s left", seconds);
    }
}

static void print_counts(struct pn_progress *progress, int64_t done, int64_t elapsed_ns)
{
    char a[PN_GROUPED_SIZE];
    char b[PN_GROUPED_SIZE];
    int64_t rate = per_second(done, elapsed_ns);
    if (progress->total > 0) {
        fprintf(progress->file, "%3" PRId64 "%%  %s of %s", done * 100 / progress->total,
                pn_format_grouped(done, a), pn_format_grouped(progress->total, b));
    } else {
        fputs(pn_format_grouped(done, a), progress->file);
    }
    fprintf(progress->file, "  %s/s", pn_format_grouped(rate, a));
    if (progress->total > done && rate > 0) {
        print_left(progress->file, (progress->total - done) / rate + 1);
    }
}

void pn_progress_update(struct pn_progress *progress, int64_t done)
{
    if (progress->file == NULL) {
        return;
    }
    int64_t now_ns = pn_mono_ns(progress->clock);
    int64_t interval_ns = progress->is_terminal ? terminal_interval_ns : line_interval_ns;
    if (now_ns - progress->shown_ns < interval_ns) {
        return;
    }
    progress->shown_ns = now_ns;
    FILE *file = progress->file;
    fprintf(file, "%s%s  ", progress->is_terminal ? "\r" : "", progress->label);
    if (progress->is_terminal && progress->total > 0) {
        int full = (int)((double)done / (double)progress->total * BAR_COLUMNS);
        full = full < 0 ? 0 : full > BAR_COLUMNS ? BAR_COLUMNS : full;
        fputc('[', file);
        for (int i = 0; i < BAR_COLUMNS; i++) {
            fputc(i < full ? '=' : i == full ? '>' : ' ', file);
        }
        fputs("]  ", file);
    }
    print_counts(progress, done, now_ns - progress->start_ns);
    fputs(progress->is_terminal ? "\033[K" : "\n", file);
    fflush(file);
}

void pn_progress_end(struct pn_progress *progress, int64_t done)
{
    if (progress->file == NULL) {
        return;
    }
    int64_t elapsed_ns = pn_mono_ns(progress->clock) - progress->start_ns;
    char a[PN_GROUPED_SIZE];
    char b[PN_GROUPED_SIZE];
    fprintf(progress->file, "%s%s  %s in %.1f s, %s/s%s\n", progress->is_terminal ? "\r" : "",
            progress->label, pn_format_grouped(done, a), (double)elapsed_ns / 1e9,
            pn_format_grouped(per_second(done, elapsed_ns), b),
            progress->is_terminal ? "\033[K" : "");
    fflush(progress->file);
    progress->file = NULL;
}
