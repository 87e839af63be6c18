/*
 * The shapes of the API's inputs, and the check of an input against them: types first
 * (SerializationException), then constraints (ValidationException), in AWS's words and order.
 * model_shapes.c holds the shapes as tables.
 *
 * The check also leaves the input as an operation wants to find it: see pn_model_check().
 */
#ifndef PN_KINESIS_API_MODEL_H
#define PN_KINESIS_API_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

enum pn_shape_type {
    PN_SHAPE_STRING,
    PN_SHAPE_INTEGER,
    PN_SHAPE_BOOLEAN,
    PN_SHAPE_TIMESTAMP,
    PN_SHAPE_BLOB,
    PN_SHAPE_LIST,
    PN_SHAPE_MAP, /* of strings by strings */
    PN_SHAPE_STRUCTURE
};

struct pn_member;

/* A regular expression that a whole text must match: as AWS prints it, and by hand. */
struct pn_pattern {
    const char *text;
    bool (*matches)(const char *text, size_t len);
};

struct pn_shape {
    enum pn_shape_type type;
    int64_t min;                      /* of a length or a value; INT64_MIN: unbounded */
    int64_t max;                      /* likewise; INT64_MAX: unbounded */
    const struct pn_pattern *pattern; /* STRING, or NULL */
    const char *const *values;        /* of an enumeration, ended by NULL; or NULL */
    const struct pn_shape *element;   /* LIST, MAP: the values' */
    const struct pn_shape *key;       /* MAP */
    const struct pn_member *members;  /* STRUCTURE, ended by one without name */
    const char *name;                 /* STRUCTURE: as AWS's messages name one in a list */
};

struct pn_member {
    const char *name;
    size_t name_len;
    const struct pn_shape *shape;
    bool required;
};

/* PN_MODEL_SERIALIZATION is for the types: AWS answers with SerializationException. */
enum { PN_MODEL_SERIALIZATION = -120 };

/*
 * Checks an input (from JSON, from CBOR, or built by a front) against its shape. Fails with
 * PN_MODEL_SERIALIZATION, or with PN_KINESIS_VALIDATION of kinesis.h; *text is then the whole
 * message, NUL-terminated and in the arena, since e->msg may be too short for it.
 *
 * On success the tree below `input` is changed to what the operation may rely on: members that the
 * shape does not know, and those that are null, are taken out; every member has its type: a blob is
 * a node of bytes (wire.h) whichever way it was spelled, an integer has `integer` set and is within
 * int32, as AWS cuts it. New bytes are in the arena.
 */
int pn_model_check(const struct pn_shape *shape, struct pn_json *input, struct pn_arena *arena,
                   const char **text, struct pn_err *e) PN_MUST_CHECK;

#endif
