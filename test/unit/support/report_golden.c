#include "support/report_golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

enum { GOLDEN_BYTES_MAX = 1 << 20 };

static void add_formats(struct pn_buf *out, void (*produce)(struct pn_row_writer *rows, void *arg),
                        void *arg)
{
    static const struct {
        enum pn_format format;
        const char *name;
    } formats[] = {{PN_FORMAT_TABLE, "table"}, {PN_FORMAT_EXPANDED, "expanded"},
                   {PN_FORMAT_JSON, "json"},   {PN_FORMAT_JSONL, "jsonl"},
                   {PN_FORMAT_CSV, "csv"},     {PN_FORMAT_API, "api"}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        pn_buf_addf(out, "%s=== %s\n", i > 0 ? "\n" : "", formats[i].name);
        const struct pn_byte_sink sink = pn_byte_sink_buf(out);
        struct pn_row_writer *rows = pn_row_writer_create(&sink, formats[i].format);
        produce(rows, arg);
        pn_row_writer_end(&rows);
    }
}

void report_is_golden(const char *name, void (*produce)(struct pn_row_writer *rows, void *arg),
                      void *arg)
{
    char *path = pn_xasprintf("%s/test/unit/report/golden/%s.txt", PINION_SOURCE_DIR, name);
    const char *mode = getenv("PINION_GOLDEN");
    struct pn_buf out;
    pn_buf_init(&out, GOLDEN_BYTES_MAX);
    add_formats(&out, produce, arg);
    assert_false(pn_buf_failed(&out));
    bool writes = mode != NULL && strcmp(mode, "write") == 0;
    FILE *file = fopen(path, writes ? "w" : "r");
    if (file == NULL) {
        fail_msg("no golden file %s", path);
    }
    if (writes) {
        assert_int_equal(fwrite(pn_buf_text(&out), 1, out.len, file), out.len);
    } else {
        char *golden = pn_xcalloc(1, GOLDEN_BYTES_MAX);
        size_t len = fread(golden, 1, GOLDEN_BYTES_MAX - 1, file);
        assert_string_equal(pn_buf_text(&out), golden);
        assert_int_equal(out.len, len);
        free(golden);
    }
    fclose(file);
    pn_buf_deinit(&out);
    free(path);
}
