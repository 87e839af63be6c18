/* The driver of a fuzz target where there is no libFuzzer: it feeds the target every file of the
 * folders it is given, the empty input, and mutations of them by a generator with a fixed seed, so
 * that each run of ctest does the same work. A target that fails aborts, or a sanitizer ends it.
 *
 * usage: fuzz_<name> FOLDER_OR_FILE... */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INPUT_BYTES_MAX = 1 << 20,
    INPUTS_MAX = 4096,
    MUTATIONS_PER_INPUT = 200,
    EDITS_MAX = 8,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *data;
    size_t size;
};

static struct input inputs[INPUTS_MAX];
static size_t inputs_count;

static uint64_t random_state = 0x9e3779b97f4a7c15u;

/* xorshift64*: the quality is ample for choosing edits. */
static uint64_t random_next(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1du;
}

static size_t random_below(size_t limit)
{
    return limit == 0 ? 0 : (size_t)(random_next() % limit);
}

static void die(const char *what, const char *path)
{
    fprintf(stderr, "replay: %s: %s\n", path, what);
    exit(2);
}

static void input_add(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        die("cannot be opened", path);
    }
    uint8_t *data = malloc(INPUT_BYTES_MAX);
    if (data == NULL || inputs_count == INPUTS_MAX) {
        die("one input too many", path);
    }
    size_t size = fread(data, 1, INPUT_BYTES_MAX, file);
    fclose(file);
    inputs[inputs_count].data = data;
    inputs[inputs_count].size = size;
    inputs_count++;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Adds the file `path`, or the files of the folder `path` in the order of their names. */
static void inputs_add(const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, by_name);
    if (count < 0) {
        input_add(path);
        return;
    }
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            char file[4096];
            snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
            input_add(file);
        }
        free(entries[i]);
    }
    free(entries);
}

/* Runs the target on a copy of exactly `size` bytes, so that a sanitizer sees a read past it. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        die("out of memory", "an input");
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/* One edit of `data` in place, as fuzzers make them; returns the new size. */
static size_t edit(uint8_t *data, size_t size)
{
    static const uint8_t interesting[] = {0,   1,   0x7f, 0x80, 0xff, '"', '\\', '{',
                                          '}', '[', ']',  ',',  ':',  '-', '\n', '0'};
    size_t at = random_below(size);
    switch (random_below(6)) {
    case 0:
        data[at] ^= (uint8_t)(1u << random_below(8));
        return size;
    case 1:
        data[at] = interesting[random_below(sizeof interesting)];
        return size;
    case 2: /* truncate */
        return at;
    case 3: { /* delete a span */
        size_t span = 1 + random_below(size - at);
        memmove(data + at, data + at + span, size - at - span);
        return size - span;
    }
    case 4: { /* repeat a span */
        size_t span = random_below(size - at);
        if (size + span > INPUT_BYTES_MAX) {
            return size;
        }
        memmove(data + at + span, data + at, size - at);
        return size + span;
    }
    default: { /* a piece of another input */
        const struct input *other = &inputs[random_below(inputs_count)];
        size_t span = random_below(other->size < size - at ? other->size : size - at);
        memcpy(data + at, other->data + random_below(other->size - span), span);
        return size;
    }
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        inputs_add(argv[i]);
    }
    if (inputs_count == 0) {
        die("no inputs given", argc > 1 ? argv[1] : "arguments");
    }
    run((const uint8_t *)"", 0);
    uint8_t *scratch = malloc(INPUT_BYTES_MAX);
    if (scratch == NULL) {
        die("out of memory", "the scratch buffer");
    }
    for (size_t i = 0; i < inputs_count; i++) {
        run(inputs[i].data, inputs[i].size);
        for (int m = 0; m < MUTATIONS_PER_INPUT; m++) {
            size_t size = inputs[i].size;
            memcpy(scratch, inputs[i].data, size);
            for (size_t edits = 1 + random_below(EDITS_MAX); edits > 0 && size > 0; edits--) {
                size = edit(scratch, size);
            }
            run(scratch, size);
        }
    }
    free(scratch);
    for (size_t i = 0; i < inputs_count; i++) {
        free(inputs[i].data);
    }
    printf("replay: %zu inputs, %d mutations of each\n", inputs_count, MUTATIONS_PER_INPUT);
    return 0;
}
