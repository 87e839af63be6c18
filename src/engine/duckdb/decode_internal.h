/*
 * How a record becomes a row, as the files of it share it: the tree of a table's columns and the
 * row (decode.c), which column takes which member (decode_members.c), and the values, checked and
 * written (decode_columns.c). decode.h has the rules.
 */
#ifndef PN_ENGINE_DUCKDB_DECODE_INTERNAL_H
#define PN_ENGINE_DUCKDB_DECODE_INTERNAL_H

#include "base/json_writer.h"
#include "engine/duckdb/decode.h"

enum { PN_DECODE_KEY_SHOWN_MAX = 80 };

struct pn_decode_level;

/* Where the values of a column, or of a struct's field, go. */
struct pn_decode_column {
    const struct pn_column *column;
    duckdb_vector vector;
    void *data;
    uint64_t *validity;
    struct pn_decode_level *fields; /* of a type with parts: pn_type.fields */
    bool is_repeated; /* a STRUCT within an array or a map: its slots are of one item at a time */
    bool has_names;   /* a STRUCT, or one is somewhere below: members may be unknown */
    struct pn_arena *lenient;        /* of what coercion makes; NULL: the rules are strict */
    idx_t room;                      /* ARRAY, MAP: items that the vector below has place for */
    struct pn_decode_entry *entries; /* MAP: those of the object at hand */
    size_t entry_capacity;
};

/* A member of an object that becomes a map. */
struct pn_decode_entry {
    const struct pn_json *member;
    size_t place;
};

/* The member that a column takes from the record at hand. */
struct pn_decode_slot {
    const struct pn_json *member;
    const struct pn_json *node; /* its value; NULL: none that isn't null */
    size_t rank;                /* 0: under the column's name, n: under its n-th alias */
};

/* A table's columns, or a struct's fields: what they take from the object at hand. */
struct pn_decode_level {
    const struct pn_column *columns;
    size_t count;
    struct pn_decode_column *sinks;
    struct pn_decode_slot *slots;
    size_t *expected; /* by a member's place in the object: the column it went to the last time */
    char *path;       /* before a member's name: "", "pos." */
    struct pn_unknown_names *unknown; /* members that no column takes */
};

struct pn_decoder {
    const struct pn_table *table;
    struct pn_json_parser *parser;
    struct pn_decode_level *columns;
    struct pn_decode_column unknown_sink; /* of PN_UNKNOWN_COLUMN, where the table has it */
    struct pn_buf unknown;                /* its value, or what there is of it so far */
    struct pn_json_writer json;           /* on `unknown` */
    bool is_lenient;                      /* some column is */
    bool has_origins;                     /* some column takes where a record came from */
    struct pn_arena made; /* values of the record at hand that its text does not have */
};

static inline bool pn_decode_is_null(const struct pn_json *node)
{
    return node == NULL || node->type == PN_JSON_NULL;
}

/* What an object's members are to the columns, where those that no column takes were met before. */
void pn_decode_match(struct pn_decode_level *level, const struct pn_json *object);
/* The same, and what no column takes is counted and, as the table says, kept in decoder->unknown or
 * a reason, the first in *why, to reject the record. True when something was not taken. */
bool pn_decode_take(struct pn_decoder *decoder, struct pn_decode_level *level,
                    const struct pn_json *object, struct pn_err *why);

/* The vectors of the columns, and of what is in them, are those of a new chunk. */
void pn_decode_attach(struct pn_decode_column *sink, duckdb_vector vector);
/* May what was matched be a row? */
int pn_decode_check(struct pn_decode_level *level, struct pn_err *why) PN_MUST_CHECK;
/* Writes what was matched and checked. */
void pn_decode_put(struct pn_decode_level *level, idx_t row);
void pn_decode_set_valid(struct pn_decode_column *sink, idx_t row, bool valid);

#endif
