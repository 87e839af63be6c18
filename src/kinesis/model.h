/*
 * The shapes of the API's inputs, and the check of an input against them: types first
 * (SerializationException), then constraints (ValidationException), in AWS's words and order.
 * model_shapes.c holds the shapes as tables.
 */
#ifndef PN_KINESIS_MODEL_H
#define PN_KINESIS_MODEL_H

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

struct pn_shape {
    enum pn_shape_type type;
    int64_t min;                     /* of a length or a value */
    int64_t max;                     /* -1: unbounded */
    const char *pattern;             /* as AWS prints it, or NULL */
    const char *const *values;       /* of an enumeration, ended by NULL; or NULL */
    const struct pn_shape *element;  /* LIST, MAP: the values' */
    const struct pn_shape *key;      /* MAP */
    const struct pn_member *members; /* STRUCTURE, ended by one without name */
};

struct pn_member {
    const char *name;
    const struct pn_shape *shape;
    bool required;
};

/* PN_MODEL_SERIALIZATION is for the types: AWS answers with SerializationException. */
enum { PN_MODEL_SERIALIZATION = -120 };
int pn_model_check(const struct pn_shape *shape, const struct pn_json *input,
                   struct pn_arena *arena, struct pn_err *e) PN_MUST_CHECK;

#endif
