#include "report/line_diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/terminal.h"

enum {
    PAIRS_MAX = 4000000, /* of lines that are compared with each other */
    CONTEXT = 3
};

struct line {
    const char *text;
    size_t len;
    size_t numbers[2]; /* in each of the texts, from 1: of this line, or of the one after it */
    char change;
};

struct lines {
    struct line *items;
    size_t count;
};

/* ---- the lines of two texts ------------------------------------------------------------------ */

/* A last line without its end is one, too. The caller frees the items. */
static struct lines split(const char *text)
{
    size_t count = 0;
    for (const char *at = text; *at != '\0'; count++) {
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    struct lines lines = {.items = pn_xcalloc(count + 1, sizeof *lines.items)};
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        lines.items[lines.count++] = (struct line){.text = text, .len = len};
        text += len + (text[len] == '\n');
    }
    return lines;
}

static bool same(const struct line *a, const struct line *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

struct diff {
    struct lines texts[2];
    size_t at[2]; /* how many lines of each have been added */
    struct lines all;
};

static void add(struct diff *diff, char change)
{
    struct line *line = &diff->all.items[diff->all.count++];
    *line = diff->texts[change == '+' ? 1 : 0].items[diff->at[change == '+' ? 1 : 0]];
    line->change = change;
    line->numbers[0] = diff->at[0] + 1;
    line->numbers[1] = diff->at[1] + 1;
    diff->at[0] += change != '+' ? 1 : 0;
    diff->at[1] += change != '-' ? 1 : 0;
}

/* How many lines the ends of the texts share at most, from each pair of lines on, up to `ends`;
 * NULL: there are too many pairs. The caller frees it. */
static uint32_t *shared_from(const struct diff *diff, const size_t *ends)
{
    const struct line *old = diff->texts[0].items + diff->at[0];
    const struct line *now = diff->texts[1].items + diff->at[1];
    size_t rows = ends[0] - diff->at[0];
    size_t columns = ends[1] - diff->at[1];
    if (rows > 0 && columns > PAIRS_MAX / rows) {
        return NULL;
    }
    uint32_t *shared = pn_xcalloc((rows + 1) * (columns + 1), sizeof *shared);
    for (size_t i = rows; i-- > 0;) {
        uint32_t *row = shared + i * (columns + 1);
        const uint32_t *below = row + columns + 1;
        for (size_t j = columns; j-- > 0;) {
            row[j] = same(&old[i], &now[j])   ? below[j + 1] + 1
                     : below[j] >= row[j + 1] ? below[j]
                                              : row[j + 1];
        }
    }
    return shared;
}

/* What is between the lines that both texts begin and end with. */
static void add_middle(struct diff *diff, const size_t *ends)
{
    size_t start[2] = {diff->at[0], diff->at[1]};
    size_t width = ends[1] - start[1] + 1;
    uint32_t *shared = shared_from(diff, ends);
    while (diff->at[0] < ends[0] || diff->at[1] < ends[1]) {
        bool in_both = diff->at[0] < ends[0] && diff->at[1] < ends[1];
        size_t place = (diff->at[0] - start[0]) * width + diff->at[1] - start[1];
        if (in_both && shared != NULL &&
            same(&diff->texts[0].items[diff->at[0]], &diff->texts[1].items[diff->at[1]])) {
            add(diff, ' ');
        } else if (diff->at[1] == ends[1] ||
                   (in_both && (shared == NULL || shared[place + width] >= shared[place + 1]))) {
            add(diff, '-');
        } else {
            add(diff, '+');
        }
    }
    free(shared);
}

/* The caller frees all.items. */
static struct lines compare(const char *before, const char *after)
{
    struct diff diff = {.texts = {split(before), split(after)}};
    size_t ends[2] = {diff.texts[0].count, diff.texts[1].count};
    diff.all.items = pn_xcalloc(ends[0] + ends[1] + 1, sizeof *diff.all.items);
    while (diff.at[0] < ends[0] && diff.at[1] < ends[1] &&
           same(&diff.texts[0].items[diff.at[0]], &diff.texts[1].items[diff.at[1]])) {
        add(&diff, ' ');
    }
    while (ends[0] > diff.at[0] && ends[1] > diff.at[1] &&
           same(&diff.texts[0].items[ends[0] - 1], &diff.texts[1].items[ends[1] - 1])) {
        ends[0]--;
        ends[1]--;
    }
    add_middle(&diff, ends);
    while (diff.at[0] < diff.texts[0].count) {
        add(&diff, ' ');
    }
    free(diff.texts[0].items);
    free(diff.texts[1].items);
    return diff.all;
}

/* ---- what is shown of them ------------------------------------------------------------------- */

void pn_report_line_diff(const char *before, const char *after, struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {{"change", PN_CELL_TEXT},
                                                      {"text", PN_CELL_TEXT}};
    struct lines lines = compare(before, after);
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; i < lines.count; i++) {
        pn_cell_text(rows, &lines.items[i].change, 1);
        pn_cell_text(rows, lines.items[i].text, lines.items[i].len);
    }
    free(lines.items);
}

/* The place of the next line that changes, from `at` on; the count of lines: none does. */
static size_t next_change(const struct lines *lines, size_t at)
{
    while (at < lines->count && lines->items[at].change == ' ') {
        at++;
    }
    return at;
}

/* Where the hunk of the change at `first` ends: many equal lines follow. */
static size_t hunk_end(const struct lines *lines, size_t first)
{
    size_t last = first;
    for (size_t next = first; next < lines->count && next - last <= 2 * CONTEXT + 1;
         next = next_change(lines, last + 1)) {
        last = next;
    }
    return last + 1 + CONTEXT < lines->count ? last + 1 + CONTEXT : lines->count;
}

static void print_hunk(const struct lines *lines, size_t from, size_t to, FILE *out)
{
    size_t counts[2] = {0, 0};
    for (size_t i = from; i < to; i++) {
        counts[0] += lines->items[i].change != '+' ? 1 : 0;
        counts[1] += lines->items[i].change != '-' ? 1 : 0;
    }
    const size_t *numbers = lines->items[from].numbers;
    (void)fprintf(out, "@@ -%zu,%zu +%zu,%zu @@\n", numbers[0] - (counts[0] == 0), counts[0],
                  numbers[1] - (counts[1] == 0), counts[1]);
    for (size_t i = from; i < to; i++) {
        (void)fputc(lines->items[i].change, out);
        pn_text_print_line(out, lines->items[i].text, lines->items[i].len);
    }
}

void pn_line_diff_print(const char *const names[2], const char *before, const char *after,
                        FILE *out)
{
    struct lines lines = compare(before, after);
    size_t first = next_change(&lines, 0);
    if (first < lines.count) {
        (void)fprintf(out, "--- %s\n+++ %s\n", names[0], names[1]);
    }
    while (first < lines.count) {
        size_t end = hunk_end(&lines, first);
        print_hunk(&lines, first > CONTEXT ? first - CONTEXT : 0, end, out);
        first = next_change(&lines, end);
    }
    free(lines.items);
}
