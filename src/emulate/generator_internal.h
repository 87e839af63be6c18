/* The compiled form of a generator.yml, for the generator's own files. All of it is the arena's. */
#ifndef PN_EMULATE_GENERATOR_INTERNAL_H
#define PN_EMULATE_GENERATOR_INTERNAL_H

#include <stdbool.h>

#include "base/arena.h"
#include "emulate/generator.h"
#include "pipeline/yaml.h"

enum {
    PN_GEN_FIELDS_MAX = 256,
    PN_GEN_REPEAT_MAX = 1000,
    PN_GEN_HEX_MAX = 1024,
    PN_GEN_DECIMALS_MAX = 9
};

enum pn_gen_piece_kind {
    PN_GEN_LITERAL,
    PN_GEN_ROW,
    PN_GEN_UUID,
    PN_GEN_HEX,
    PN_GEN_NUMBER,
    PN_GEN_NUMBER_LOG,
    PN_GEN_DATE,
    PN_GEN_FIELD,
    PN_GEN_LIST
};

struct pn_gen_piece {
    enum pn_gen_piece_kind kind;
    union {
        struct {
            const char *text;
            size_t len;
        } literal;
        size_t hex_digits;
        struct {
            int64_t min; /* times 10^decimals */
            uint64_t span;
            int decimals;
        } number;
        struct {
            int64_t from_s;
            uint64_t span_s;
            const char *format; /* with %Y, %m, %d, %H, %M, %S, %% */
        } date;
        size_t field; /* index in the kind */
        struct {
            const struct pn_gen_list *list;
            const char *separator;
            uint32_t times_min;
            uint32_t times_max;
            bool capital; /* its first letter is made a capital */
        } list;
    };
};

struct pn_gen_template {
    const struct pn_gen_piece *pieces;
    size_t count;
};

struct pn_gen_case {
    const char *value;
    size_t len;
    const struct pn_gen_list *list;
};

enum pn_gen_state { PN_GEN_UNKNOWN, PN_GEN_UNDER_WAY, PN_GEN_DONE };

/* Picks one of its items; or, with cases, the list of the case that a field's value names. */
struct pn_gen_list {
    const char *name;
    const struct pn_yaml_node *node;
    enum pn_gen_state state;
    const struct pn_gen_template *items;
    size_t count;
    /* Walker's alias method: an item is kept when 32 random bits are below its threshold, else
     * its alias is taken. NULL: all alike. */
    const uint64_t *keep;
    const uint32_t *alias;
    const struct pn_gen_case *cases; /* NULL: none */
    size_t case_count;
    size_t by; /* the field that decides */
    const struct pn_gen_list *otherwise;
};

enum pn_gen_anomaly_kind { PN_GEN_TEXT, PN_GEN_NULL, PN_GEN_MISSING };

struct pn_gen_anomaly {
    enum pn_gen_anomaly_kind kind;
    uint64_t below;   /* it is this one when 32 random bits are below, and not below an earlier's */
    const char *json; /* TEXT: the value as JSON */
    size_t json_len;
};

struct pn_gen_field {
    const char *name;
    const struct pn_yaml_node *node;
    enum pn_gen_state state;
    bool hidden;
    bool is_number;
    const char *key; /* the name as a JSON string */
    size_t key_len;
    struct pn_gen_template template;
    const struct pn_gen_anomaly *anomalies;
    size_t anomaly_count;
};

struct pn_gen_kind {
    struct pn_generator_place place;
    uint64_t salt;               /* makes its numbers others than those of other kinds */
    struct pn_gen_field *fields; /* the hidden ones last */
    size_t field_count;
    size_t *order; /* of making: a field comes after all it takes from */
    size_t order_count;
    struct pn_gen_list *lists; /* those of the file, compiled for this kind when it uses them */
    size_t list_count;
    uint64_t repeat_below; /* a row is an earlier one again when 32 random bits are below */
    uint64_t repeat_within;
};

struct pn_generator {
    struct pn_arena arena;
    struct pn_yaml yaml;
    int64_t rows;
    int64_t first_row;
    struct pn_gen_kind *kinds;
    size_t kind_count;
    size_t field_count_max;
};

/* What is being compiled. */
struct pn_gen_compiler {
    struct pn_generator *generator;
    struct pn_gen_kind *kind;
};

/* generator_template.c: reads a template; `node` is where it stands. */
int pn_gen_template_read(struct pn_gen_compiler *compiler, const struct pn_yaml_node *node,
                         const char *text, struct pn_gen_template *template_,
                         struct pn_err *e) PN_MUST_CHECK;
/* Does it always give a JSON number? */
bool pn_gen_template_is_number(const struct pn_gen_kind *kind,
                               const struct pn_gen_template *template_);

/* generator_list.c: the list of this name, compiled; NULL in *list when there's none. */
int pn_gen_list_find(struct pn_gen_compiler *compiler, const struct pn_yaml_node *node,
                     const char *name, const struct pn_gen_list **list,
                     struct pn_err *e) PN_MUST_CHECK;

/* generator_field.c: the field of this name, compiled; SIZE_MAX in *field when there's none. */
int pn_gen_field_find(struct pn_gen_compiler *compiler, const struct pn_yaml_node *node,
                      const char *name, size_t *field, struct pn_err *e) PN_MUST_CHECK;
/* Reads `fields:` and `hidden:` of a kind. */
int pn_gen_fields_read(struct pn_gen_compiler *compiler, const struct pn_yaml_node *fields,
                       const struct pn_yaml_node *hidden, struct pn_err *e) PN_MUST_CHECK;
/* A probability, 0 to 1, as a threshold for 32 random bits. */
int pn_gen_chance(const struct pn_generator *generator, const struct pn_yaml_node *node,
                  uint64_t *below, struct pn_err *e) PN_MUST_CHECK;

#endif
