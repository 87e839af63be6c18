/*
 * What an API key may do: its rights, and the topics, streams and pipelines that they are for.
 * Each route names the right that it needs and what that is for (struct pn_http_route), each
 * operation of the Kinesis API its right by its flags. GET /api/v1/routes lists both, and a test
 * compares the tables in docs/security.md with them.
 */
#ifndef PN_HTTP_GRANT_H
#define PN_HTTP_GRANT_H

#include <stdbool.h>
#include <stddef.h>

enum pn_http_right {
    PN_RIGHT_UNSET, /* a route has one: asserted */
    PN_RIGHT_OPEN,  /* needs no key */
    PN_RIGHT_PRODUCE,
    PN_RIGHT_READ,
    PN_RIGHT_ADMIN,
    PN_RIGHT_OPERATION /* the one of the operation that the request names: its handler asks */
};

/* What a right must be for. */
enum pn_http_scope {
    PN_OF_NOTHING,  /* the right is enough */
    PN_OF_TOPIC,    /* the path's first parameter */
    PN_OF_STREAM,   /* likewise */
    PN_OF_TOPICS,   /* those that the handler finds in the request: it asks pn_http_may_topic() */
    PN_OF_STREAMS,  /* those that the call finds, see kinesis/api/call.h */
    PN_OF_PIPELINE, /* the one that is served: its DAGs, runs, tables, queries and dead letters */
    PN_OF_SERVER    /* all of it: a key for some topics, streams or pipelines only is refused */
};

/* What a key grants. A pattern is a name with `*` for any characters, as fnmatch(3) has it;
 * patterns have commas between them. */
struct pn_http_grant {
    unsigned rights;       /* bits 1 << enum pn_http_right */
    const char *topics;    /* patterns; NULL: all; "": none */
    const char *streams;   /* likewise */
    const char *pipelines; /* likewise */
};

enum { PN_RIGHTS_ALL = 1U << PN_RIGHT_PRODUCE | 1U << PN_RIGHT_READ | 1U << PN_RIGHT_ADMIN };

const char *pn_http_right_name(enum pn_http_right right);
const char *pn_http_scope_name(enum pn_http_scope scope); /* "" of PN_OF_NOTHING */
/* Is the key for all topics, streams and pipelines? */
bool pn_http_grant_is_whole(const struct pn_http_grant *grant);
/* Is the name one of the patterns (NULL: all)? */
bool pn_http_patterns_have(const char *patterns, const char *name);

#endif
