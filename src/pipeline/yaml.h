/*
 * YAML files as trees of nodes that know their line and their key's path, so that every complaint
 * about one names file, line and key. Parsing is libfyaml's; this is for everything that people
 * write for pinion: pipeline.yml, settings, descriptions of data.
 *
 * Taken: maps with text keys, lists, scalars, anchors and aliases. Refused, with their line: a file
 * larger than 1 MiB or not UTF-8, nesting deeper than 16, more than 100,000 nodes (aliases count as
 * what they stand for, so none of them can explode) or 5,000 keys in a map, a key given twice in a
 * map, keys that are not text, tags, a second document, NUL characters.
 *
 *     pipelines/x/pipeline.yml:41: tables.geo.columns.ind: unknown type "bigintt" (...)
 */
#ifndef PN_PIPELINE_YAML_H
#define PN_PIPELINE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/io.h"

enum { PN_YAML_BYTES_MAX = 1 << 20, PN_YAML_DEPTH_MAX = 16, PN_YAML_NODES_MAX = 100000 };

enum pn_yaml_kind { PN_YAML_NULL, PN_YAML_SCALAR, PN_YAML_LIST, PN_YAML_MAP };

struct pn_yaml_node {
    enum pn_yaml_kind kind;
    const char *text;           /* SCALAR: as meant, unquoted */
    bool is_plain;              /* SCALAR: it was written without quotes */
    const char *key;            /* of a member of a map, else NULL */
    size_t index;               /* of an item of a list */
    int line;                   /* from 1; of the key, for a member */
    size_t count;               /* children */
    size_t expanded;            /* nodes below and itself, aliases counted as what they stand for */
    struct pn_yaml_node *first; /* child */
    struct pn_yaml_node *last;
    struct pn_yaml_node *next; /* sibling */
    const struct pn_yaml_node *parent;
    const struct pn_yaml *from; /* the file that it is in, where that is another than its root's */
};

struct pn_yaml {
    const char *file; /* as messages call it */
    const char *text; /* the whole of it, the arena's; not NUL-terminated */
    size_t text_len;
    struct pn_yaml_node *root;
};

/* Reads a file; nodes and texts are the arena's. An empty file's root is PN_YAML_NULL. */
int pn_yaml_load(struct pn_yaml *yaml, const char *path, const struct pn_io *io,
                 struct pn_arena *arena, struct pn_err *e) PN_MUST_CHECK;
/* The same, with the environment's variables in its values (variables.h). The values of `command`
 * stay as they are, since a shell replaces them. */
int pn_yaml_load_expanded(struct pn_yaml *yaml, const char *path, const struct pn_io *io,
                          struct pn_arena *arena, struct pn_err *e) PN_MUST_CHECK;
/* From memory, as it is; `file` is copied. */
int pn_yaml_parse(struct pn_yaml *yaml, const char *file, const char *text, size_t len,
                  struct pn_arena *arena, struct pn_err *e) PN_MUST_CHECK;

/* Sets an INPUT error "file:line: path.of.key: ..." and returns PN_FAIL. */
int pn_yaml_error(const struct pn_yaml *yaml, const struct pn_yaml_node *node, struct pn_err *e,
                  const char *fmt, ...) PN_PRINTF(4, 5);
/* ... "unknown <what> "text"; did you mean "near"?", or, where none is near, "(one of a, b, ...)".
 */
int pn_yaml_error_unknown(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                          const char *what, const char *text, const char *const *words,
                          size_t count, struct pn_err *e);

/* Puts "file:line: path.of.key: " before the message of an error. */
void pn_yaml_prefix(const struct pn_yaml *yaml, const struct pn_yaml_node *node, struct pn_err *e);

/* The member of a map; NULL when the map is NULL or no map, or the member is absent or null. */
const struct pn_yaml_node *pn_yaml_get(const struct pn_yaml_node *map, const char *key);

/* What a map may hold. A table of these ends with an element whose name is NULL. */
struct pn_yaml_key {
    const char *name;
    enum pn_yaml_kind kind; /* NULL: any */
    bool required;
};
/* Is `map` a map with these keys only, each of its kind, the required ones there? */
int pn_yaml_check(const struct pn_yaml *yaml, const struct pn_yaml_node *map,
                  const struct pn_yaml_key *keys, struct pn_err *e) PN_MUST_CHECK;

/* Values. A NULL `node` (an absent member) leaves *value as it is and is fine. */
int pn_yaml_text(const struct pn_yaml *yaml, const struct pn_yaml_node *node, const char **value,
                 struct pn_err *e) PN_MUST_CHECK; /* not empty */
int pn_yaml_bool(const struct pn_yaml *yaml, const struct pn_yaml_node *node, bool *value,
                 struct pn_err *e) PN_MUST_CHECK; /* true, false */
int pn_yaml_i64(const struct pn_yaml *yaml, const struct pn_yaml_node *node, int64_t min,
                int64_t max, int64_t *value, struct pn_err *e) PN_MUST_CHECK;
int pn_yaml_double(const struct pn_yaml *yaml, const struct pn_yaml_node *node, double *value,
                   struct pn_err *e) PN_MUST_CHECK; /* finite */
int pn_yaml_size(const struct pn_yaml *yaml, const struct pn_yaml_node *node, int64_t *size_bytes,
                 struct pn_err *e) PN_MUST_CHECK;
int pn_yaml_duration(const struct pn_yaml *yaml, const struct pn_yaml_node *node, int64_t max_ms,
                     int64_t *duration_ms, struct pn_err *e) PN_MUST_CHECK;
/* One of `words`; *index says which. */
int pn_yaml_choice(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                   const char *const *words, size_t count, size_t *index,
                   struct pn_err *e) PN_MUST_CHECK;

#endif
