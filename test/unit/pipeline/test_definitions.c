/* The definition that a program follows: changes, broken files, and changes during a load. */
#include "pipelines.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "pipeline/definitions.h"

static const char one[] =
    "name: x\ndags:\n  d:\n    tasks:\n      a: {run: command, command: 'one'}\n";
static const char two[] =
    "name: x\ndags:\n  d:\n    tasks:\n      a: {run: command, command: 'two'}\n";
static const char three[] =
    "name: x\ndags:\n  d:\n    tasks:\n      a: {run: command, command: 'three'}\n";

/* A disk on which another process replaces pipeline.yml just when a copy of it begins. */
struct racing_io {
    struct pn_io io; /* first */
    const char *text;
    struct pn_definitions *looked_at; /* by another thread then; NULL: none */
    atomic_bool looks;
    pthread_t looker;
};

static struct pn_io_ops racing_ops;

static void *look_beside(void *arg)
{
    struct racing_io *racing = arg;
    racing->looks = true;
    pn_definitions_look(racing->looked_at);
    return NULL;
}

/* Starts a second look, and gives it the time to come to the lock that the first one holds. */
static void begin_look_beside(struct racing_io *racing)
{
    const struct timespec moment = {.tv_nsec = 50 * 1000 * 1000};
    assert_int_equal(pthread_create(&racing->looker, NULL, look_beside, racing), 0);
    while (!racing->looks) {
        (void)nanosleep(&moment, NULL);
    }
    (void)nanosleep(&moment, NULL);
}

static int racing_mkdir(const struct pn_io *io, const char *path, mode_t mode)
{
    struct racing_io *racing = (struct racing_io *)io;
    const char *text = racing->text;
    racing->text = NULL;
    if (text != NULL) {
        write_text("pipeline.yml", text);
        if (racing->looked_at != NULL) {
            begin_look_beside(racing);
        }
    }
    return pn_io_system()->ops->mkdir(pn_io_system(), path, mode);
}

struct fixture {
    struct racing_io racing;
    struct pn_fake_clock clock;
    struct pn_pipeline *first;
    struct pn_definitions *definitions;
    char copies[96];
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){0};
    racing_ops = *pn_io_system()->ops;
    racing_ops.mkdir = racing_mkdir;
    f->racing.io.ops = &racing_ops;
    pn_fake_clock_init(&f->clock, 1000);
    f->first = load(one);
    (void)snprintf(f->copies, sizeof f->copies, "%s/copies", folder);
    const struct pn_definitions_config config = {
        .pipeline = f->first,
        .copies = f->copies,
        .io = &f->racing.io,
        .clock = &f->clock.clock,
    };
    assert_int_equal(pn_definitions_create(&config, &f->definitions, &err), 0);
}

static void end(struct fixture *f)
{
    pn_definitions_destroy(&f->definitions);
    pn_pipeline_destroy(&f->first);
}

static void look(struct fixture *f)
{
    pn_fake_clock_advance(&f->clock, 2000);
    pn_definitions_look(f->definitions);
}

static void assert_command(struct fixture *f, const char *expected)
{
    const struct pn_definition *now = pn_definitions_take(f->definitions);
    assert_string_equal(pn_pipeline_dag(now->pipeline, "d")->tasks[0].command, expected);
    pn_definitions_release(f->definitions, &now);
    assert_null(now);
}

static void test_a_change_takes_effect(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_command(&f, "one");
    const struct pn_definition *old = pn_definitions_take(f.definitions);
    write_text("pipeline.yml", two);
    look(&f);
    assert_command(&f, "two");
    assert_string_equal(pn_pipeline_dag(old->pipeline, "d")->tasks[0].command, "one");
    pn_definitions_release(f.definitions, &old);
    end(&f);
}

static void test_a_broken_file_changes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    struct pn_arena arena;
    struct pn_definition_error error;
    pn_arena_init(&arena, 1024);
    begin(&f);
    write_text("pipeline.yml", "name: x\ndags: 7\n");
    look(&f);
    assert_command(&f, "one");
    assert_true(pn_definitions_error(f.definitions, &arena, &error));
    assert_string_equal(error.file, "pipeline.yml");
    assert_int_equal(error.line, 2);
    write_text("pipeline.yml", two);
    look(&f);
    assert_command(&f, "two");
    assert_false(pn_definitions_error(f.definitions, &arena, &error));
    end(&f);
    pn_arena_deinit(&arena);
}

/* The file is replaced once more after it was read, and before the load has ended. */
static void test_a_change_during_a_load_is_seen(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    look(&f); /* the files as they are at the start */
    write_text("pipeline.yml", two);
    f.racing.text = three;
    look(&f);
    assert_null(f.racing.text);
    look(&f);
    assert_command(&f, "three");
    end(&f);
}

/* Another thread asks after the file was replaced, while the first one still loads the text before:
 * it gets the new one. */
static void test_a_look_during_a_load_sees_what_changed_before_it(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    look(&f);
    write_text("pipeline.yml", two);
    f.racing.text = three;
    f.racing.looked_at = f.definitions;
    look(&f);
    assert_int_equal(pthread_join(f.racing.looker, NULL), 0);
    assert_command(&f, "three");
    end(&f);
}

/* The same between the program's own reading and the first look. */
static void test_a_change_before_the_first_look_is_seen(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    pn_definitions_destroy(&f.definitions);
    const struct pn_definitions_config config = {
        .pipeline = f.first,
        .copies = f.copies,
        .io = &f.racing.io,
        .clock = &f.clock.clock,
    };
    write_text("pipeline.yml", two);
    assert_int_equal(pn_definitions_create(&config, &f.definitions, &err), 0);
    look(&f);
    assert_command(&f, "two");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_change_takes_effect, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_a_broken_file_changes_nothing, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(test_a_change_during_a_load_is_seen, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(test_a_look_during_a_load_sees_what_changed_before_it,
                                        folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_a_change_before_the_first_look_is_seen, folder_setup,
                                        folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
