/* The notes of landed objects: what is one, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sink/note.h"

static void test_notes_that_are_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "{\"id\":\"1\",\"at\":0,\"next\":0,\"cuts\":[],\"dead\":[0,0]}",
        "{\"id\":\"000000000000000g\",\"at\":0,\"next\":0,\"cuts\":[],\"dead\":[0,0]}",
        "{\"id\":\"0000000000000001\",\"at\":-1,\"next\":-1,\"cuts\":[],\"dead\":[0,0]}",
        "{\"id\":\"0000000000000001\",\"at\":0,\"next\":1,\"cuts\":[],\"dead\":[0,0]}",
        "{\"id\":\"0000000000000001\",\"at\":0,\"next\":3,\"cuts\":[[0,4,1]],\"dead\":[0,0]}",
        "{\"id\":\"0000000000000001\",\"at\":4,\"next\":4,\"cuts\":[[0,4,1]],\"dead\":[0,0]}",
        "{\"id\":\"0000000000000001\",\"at\":0,\"next\":4,\"cuts\":[[0,4,0]],\"dead\":[0,0]}",
        "{\"id\":\"0000000000000001\",\"at\":0,\"next\":4,\"cuts\":[[0,4]],\"dead\":[0,0]}",
        "{\"id\":\"0000000000000001\",\"at\":0,\"next\":4,\"cuts\":[[0,3,1],[2,4,1]],"
        "\"dead\":[0,0]}",
        "{\"id\":\"0000000000000001\",\"at\":0,\"next\":4,\"cuts\":[[0,4,1]],\"dead\":[0]}",
        "{\"id\":\"0000000000000001\",\"at\":0,\"next\":4,\"cuts\":[[0,4,1]],\"dead\":[0,-1]}",
        "{\"id\":\"0000000000000001\",\"at\":0,\"next\":900000000000,"
        "\"cuts\":[[0,900000000000,1]],\"dead\":[0,0]}",
        "{\"id\":\"0000000000000001\",\"at\":0,\"next\":0,\"cuts\":[],\"dead\":[0,0],\"seen\":1}",
        "{\"id\":\"0000000000000001\",\"at\":0,\"next\":0,\"cuts\":[],\"dead\":[0,0],"
        "\"seen\":[[1,2]]}",
        "{\"id\":\"0000000000000001\",\"at\":0,\"next\":0,\"cuts\":[],\"dead\":[0,0],"
        "\"seen\":[[1,2,4294967296]]}",
        "{\"id\":\"0000000000000001\",\"at\":0,\"next\":0,\"cuts\":[],\"dead\":[0,0],"
        "\"seen\":[[2,0,0],[2,0,0]]}",
        "{\"id\":\"0000000000000001\",\"at\":0,\"next\":0,\"cuts\":[],\"dead\":[0,0],"
        "\"seen\":[[1,0,0],[2,0,0],[3,0,0],[4,0,0],[5,0,0]]}",
    };
    struct pn_sink_note note;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_false(pn_sink_note_read(texts[i], &note));
        assert_null(note.cuts.cuts);
    }
}

static void test_the_longest_note(void **state)
{
    (void)state;
    struct pn_sink_note note = {.id = UINT64_MAX, .dead_letters = 99999, .dead_objects = 9999};
    struct pn_sink_note back;
    char text[PN_NOTE_SIZE];
    int64_t first = INT64_MAX - 100000;
    for (int i = 0; i < PN_SINK_NOTE_RUNS_MAX; i++) {
        pn_sink_cuts_add(&note.cuts, first, first + 1 + i % 2);
        first += 10;
    }
    note.at = note.cuts.cuts[0].first;
    note.next = note.cuts.cuts[note.cuts.count - 1].end;
    assert_int_equal(note.cuts.count, PN_SINK_NOTE_RUNS_MAX);
    for (int64_t i = PN_SINK_PRINTS_MAX; i > 0; i--) {
        const struct pn_sink_print print = {INT64_MAX - i, INT64_MIN, UINT32_MAX};
        pn_sink_prints_add(&note.prints, &print);
    }
    pn_sink_note_write(&note, text);
    assert_true(pn_sink_note_read(text, &back));
    assert_int_equal(back.id, UINT64_MAX);
    assert_int_equal(back.next, note.next);
    assert_int_equal(back.cuts.count, note.cuts.count);
    assert_memory_equal(back.cuts.cuts, note.cuts.cuts, note.cuts.count * sizeof *note.cuts.cuts);
    assert_int_equal(back.prints.count, note.prints.count);
    for (int i = 0; i < PN_SINK_PRINTS_MAX; i++) {
        const struct pn_sink_print *one = &back.prints.prints[i];
        const struct pn_sink_print *other = &note.prints.prints[i];
        assert_int_equal(one->offset, other->offset);
        assert_int_equal(one->timestamp_ms, other->timestamp_ms);
        assert_int_equal(one->crc, other->crc);
    }
    pn_sink_note_deinit(&note);
    pn_sink_note_deinit(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notes_that_are_none),
        cmocka_unit_test(test_the_longest_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
