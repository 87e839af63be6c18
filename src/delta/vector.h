/*
 * Deletion vectors: which rows of a data file are deleted. Source: PROTOCOL.md, "Deletion Vectors"
 * and "Deletion Vector Format". delta.h has pn_delta_deleted_rows(), which reads one.
 */
#ifndef PN_DELTA_VECTOR_H
#define PN_DELTA_VECTOR_H

#include "delta/internal.h"

/* Names of files are in Z85 (ZeroMQ RFC 32): five of these characters are four bytes. */
#define PN_DELTA_Z85_DIGITS                \
    "0123456789abcdefghijklmnopqrstuvwxyz" \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
enum { PN_DELTA_VECTOR_MAGIC = 1681511377, PN_DELTA_VECTOR_UUID_BYTES = 16 };

/*
 * The path of the file that holds a deletion vector, by its descriptor (JSON), as place.h has
 * paths; *path is NULL for a vector that stands in the log itself. INPUT says what is
 * wrong with the descriptor. Source: PROTOCOL.md, "Deletion Vector Descriptor Schema".
 */
int pn_delta_place_vector(struct pn_delta *table, const char *descriptor, struct pn_arena *arena,
                          const char **path, struct pn_err *e) PN_MUST_CHECK;

/* *missing is the path of a snapshot's file, or of its deletion vector's, that is not there; NULL
 * when both are. Otherwise the errors of pn_delta_place_find() and pn_delta_place_vector(). */
int pn_delta_file_misses(struct pn_delta *table, const struct pn_delta_file *file,
                         struct pn_arena *arena, const char **missing,
                         struct pn_err *e) PN_MUST_CHECK;

#endif
