/*
 * What the JSON files of base/ take from simdjson, through json_simdjson.cc. Outside base/, only
 * report/build.c includes this header, for the version.
 */
#ifndef PN_BASE_JSON_SIMDJSON_H
#define PN_BASE_JSON_SIMDJSON_H

#include <stdbool.h>
#include <stddef.h>

struct pn_arena;
struct pn_json;

/* What is wrong with a text, and where. */
enum pn_simdjson_kind {
    PN_SIMDJSON_AT,     /* `offset` is known */
    PN_SIMDJSON_DEPTH,  /* likewise, and what is there is nested deeper than PN_JSON_DEPTH_MAX */
    PN_SIMDJSON_UTF8,   /* somewhere a byte is not UTF-8 */
    PN_SIMDJSON_STRING, /* somewhere a string holds a control character or has no end */
    PN_SIMDJSON_VALUES, /* it has more values than asked for */
    PN_SIMDJSON_MEMORY  /* nothing is wrong with it, but memory ran out */
};
struct pn_simdjson_fault {
    enum pn_simdjson_kind kind;
    size_t offset;
    const char *reason; /* static */
};

/* A simdjson parser; NULL when out of memory. */
void *pn_simdjson_create(void);
void pn_simdjson_destroy(void *simd);

/*
 * Parses `len` bytes, after which PN_JSON_PADDING more are readable, and puts the nodes into the
 * arena. `len` is at least 1 and the last byte is not white space. Unescaped strings live in `simd`
 * until its next parse. Returns false with *fault set when the text is not JSON, or has more than
 * `values_max` values.
 */
bool pn_simdjson_parse(void *simd, const char *text, size_t len, size_t values_max,
                       struct pn_arena *arena, struct pn_json **root,
                       struct pn_simdjson_fault *fault);

enum { PN_SIMDJSON_DOUBLE_SIZE = 32 };
/* The shortest text that reads back as the finite `value`, not NUL-terminated; returns its length.
 */
size_t pn_simdjson_double(double value, char out[PN_SIMDJSON_DOUBLE_SIZE]);

/* The double nearest to a JSON number, to the even one of two; false, and *value is undefined, when
 * it is beyond the range of double. */
bool pn_simdjson_read_double(const char *text, size_t len, double *value);
/* The same for a float. */
bool pn_simdjson_read_float(const char *text, size_t len, float *value);

bool pn_simdjson_utf8_valid(const char *text, size_t len);

enum { PN_SIMDJSON_VERSION_SIZE = 32 };
/* The version that this program was compiled with, such as "3.0.1"; returns `out`. */
const char *pn_simdjson_version(char out[PN_SIMDJSON_VERSION_SIZE]);

#endif
