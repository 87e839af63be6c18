/* What the files of this module share: a search as it was read. */
#ifndef PN_SEARCH_INTERNAL_H
#define PN_SEARCH_INTERNAL_H

#include "search/search.h"

enum pn_search_field {
    PN_SEARCH_WORD,
    PN_SEARCH_KEY,
    PN_SEARCH_PARTITION,
    PN_SEARCH_OFFSET,
    PN_SEARCH_SIZE,
    PN_SEARCH_TIME,
    PN_SEARCH_PATH
};

enum pn_search_operator {
    PN_SEARCH_EQUAL,
    PN_SEARCH_DIFFERENT,
    PN_SEARCH_BELOW,
    PN_SEARCH_ABOVE,
    PN_SEARCH_AT_MOST,
    PN_SEARCH_AT_LEAST
};

struct pn_search_text {
    const char *data;
    size_t len;
};

struct pn_search_term {
    bool negated;
    enum pn_search_field field;
    enum pn_search_operator operator;
    struct pn_search_text name;  /* of the field, as it was written */
    struct pn_search_text value; /* of a word in lower case */
    struct pn_search_text path[PN_SEARCH_PATH_MAX];
    size_t path_len;
};

struct pn_search {
    struct pn_search_term terms[PN_SEARCH_TERMS_MAX];
    size_t count;
    bool needs_json; /* a term has a path */
};

#endif
