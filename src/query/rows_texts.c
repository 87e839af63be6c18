#include "query/rows_texts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "query/rows_file.h"

enum { PAGE_BYTES_MAX = 512 << 20, PAGE_ROWS = 1024 };

struct pn_rows_texts {
    struct pn_row_texts rows; /* what others see */
    struct pn_rows_reader *reader;
    size_t only;
    int64_t at; /* of the next page */
    struct pn_buf cells;
    const char **values;
    const char *cell; /* the next one of the page */
    size_t row;       /* of the page */
    size_t page_rows;
};

static int gather(void *arg, const char *const *values, size_t count)
{
    struct pn_rows_texts *texts = arg;
    size_t from = texts->only == SIZE_MAX ? 0 : texts->only;
    size_t to = texts->only == SIZE_MAX ? count : texts->only + 1;
    for (size_t i = from; i < to; i++) {
        pn_buf_add(&texts->cells, values[i], strlen(values[i]) + 1);
    }
    return pn_buf_failed(&texts->cells) ? PN_FAIL : 0;
}

static int read_page(struct pn_rows_texts *texts, struct pn_err *e)
{
    int64_t read = 0;
    pn_buf_reset(&texts->cells);
    int rc = pn_rows_reader_page(texts->reader, texts->at, PAGE_ROWS, gather, texts, &read, e);
    if (rc != 0) {
        return pn_buf_failed(&texts->cells) ? pn_buf_check(&texts->cells, "a page", e) : rc;
    }
    texts->at += read;
    texts->page_rows = (size_t)read;
    texts->row = 0;
    return 0;
}

static int next_row(void *arg, const char *const **values, struct pn_err *e)
{
    struct pn_rows_texts *texts = arg;
    *values = NULL;
    if (texts->row == texts->page_rows) {
        int rc = read_page(texts, e);
        if (rc != 0 || texts->page_rows == 0) {
            return rc;
        }
        texts->cell = texts->cells.data;
    }
    for (size_t i = 0; i < texts->rows.count; i++) {
        texts->values[i] = texts->cell;
        texts->cell += strlen(texts->cell) + 1;
    }
    texts->row++;
    *values = texts->values;
    return 0;
}

int pn_rows_texts_open(const char *folder, const struct pn_rows_columns *columns, size_t only,
                       const struct pn_io *io, struct pn_rows_texts **texts, struct pn_err *e)
{
    size_t first = only == SIZE_MAX ? 0 : only;
    struct pn_rows_texts *opened = pn_xcalloc(1, sizeof *opened);
    opened->only = only;
    opened->rows = (struct pn_row_texts){.names = columns->names + first,
                                         .types = columns->types + first,
                                         .count = only == SIZE_MAX ? columns->count : 1,
                                         .next = next_row,
                                         .arg = opened};
    opened->values = pn_xcalloc(columns->count + 1, sizeof *opened->values);
    pn_buf_init(&opened->cells, PAGE_BYTES_MAX);
    int rc = pn_rows_reader_open(folder, NULL, columns->count, io, &opened->reader, e);
    if (rc != 0) {
        pn_rows_texts_close(&opened);
        return rc;
    }
    *texts = opened;
    return 0;
}

const struct pn_row_texts *pn_rows_texts_of(const struct pn_rows_texts *texts)
{
    return &texts->rows;
}

void pn_rows_texts_close(struct pn_rows_texts **texts)
{
    struct pn_rows_texts *gone = *texts;
    if (gone == NULL) {
        return;
    }
    pn_rows_reader_destroy(&gone->reader);
    pn_buf_deinit(&gone->cells);
    free(gone->values);
    free(gone);
    *texts = NULL;
}
