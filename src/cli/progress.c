#include "cli/progress.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "report/terminal.h"

enum { BAR_COLUMNS = 30, BAR_COLUMNS_LEAST = 5, LINE_BYTES_MAX = 1024 };
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

static void add_left(struct pn_buf *line, int64_t seconds)
{
    static const int64_t minute_s = 60;
    static const int64_t hour_s = 3600;
    if (seconds >= 2 * hour_s) {
        pn_buf_addf(line, "  %" PRId64 "h left", (seconds + hour_s - 1) / hour_s);
    } else if (seconds >= 2 * minute_s) {
        pn_buf_addf(line, "  %" PRId64 "m left", (seconds + minute_s - 1) / minute_s);
    } else {
        pn_buf_addf(line, "  %" PRId64 "s left", seconds);
    }
}

static void add_counts(const struct pn_progress *progress, struct pn_buf *line, int64_t done,
                       int64_t elapsed_ns)
{
    char a[PN_GROUPED_SIZE];
    char b[PN_GROUPED_SIZE];
    int64_t rate = per_second(done, elapsed_ns);
    if (progress->total > 0) {
        pn_buf_addf(line, "%3" PRId64 "%%  %s of %s", done * 100 / progress->total,
                    pn_format_grouped(done, a), pn_format_grouped(progress->total, b));
    } else {
        pn_buf_adds(line, pn_format_grouped(done, a));
    }
    pn_buf_addf(line, "  %s/s", pn_format_grouped(rate, a));
    if (progress->total > done && rate > 0) {
        add_left(line, (progress->total - done) / rate + 1);
    }
}

/* As much of a bar as there is room for beside the rest. */
static void print_bar(const struct pn_progress *progress, int64_t done, int room)
{
    int columns = room < BAR_COLUMNS ? room : BAR_COLUMNS;
    int full = (int)((double)done / (double)progress->total * columns);
    if (columns < BAR_COLUMNS_LEAST) {
        return;
    }
    full = full < 0 ? 0 : full > columns ? columns : full;
    fputc('[', progress->file);
    for (int i = 0; i < columns; i++) {
        fputc(i < full ? '=' : i == full ? '>' : ' ', progress->file);
    }
    fputs("]  ", progress->file);
}

/* One line; on a terminal over the last one, and never so wide that it wraps: the line after it
 * would then be a new one. */
static void print_line(const struct pn_progress *progress, int64_t done, const struct pn_buf *line,
                       bool bar)
{
    enum { BAR_FRAME = 4 };
    FILE *file = progress->file;
    int room = progress->is_terminal ? pn_terminal_columns(file) - 1 : INT_MAX;
    room = room > 0 ? room : INT_MAX; /* one that doesn't report its width */
    int left = room - (int)strlen(progress->label) - 2 - (int)line->len;
    fprintf(file, "%s%.*s", progress->is_terminal ? "\r" : "", room, progress->label);
    room -= (int)strlen(progress->label);
    if (room >= 2) {
        fputs("  ", file);
        if (bar) {
            print_bar(progress, done, left - BAR_FRAME);
        }
        fprintf(file, "%.*s", room - 2, pn_buf_text(line));
    }
    fputs(progress->is_terminal ? "\033[K" : "", file);
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
    struct pn_buf line;
    pn_buf_init(&line, LINE_BYTES_MAX);
    add_counts(progress, &line, done, now_ns - progress->start_ns);
    print_line(progress, done, &line, progress->is_terminal && progress->total > 0);
    pn_buf_deinit(&line);
    fputs(progress->is_terminal ? "" : "\n", file);
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
    struct pn_buf line;
    pn_buf_init(&line, LINE_BYTES_MAX);
    pn_buf_addf(&line, "%s in %.1f s, %s/s", pn_format_grouped(done, a), (double)elapsed_ns / 1e9,
                pn_format_grouped(per_second(done, elapsed_ns), b));
    print_line(progress, done, &line, false);
    pn_buf_deinit(&line);
    fputc('\n', progress->file);
    fflush(progress->file);
    progress->file = NULL;
}
