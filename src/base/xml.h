/* Small XML documents, by expat: replies of AWS's older APIs. */
#ifndef PN_BASE_XML_H
#define PN_BASE_XML_H

#include <stddef.h>

#include "base/err.h"

/*
 * Calls fn at the end of each element, inner ones first: its name, its parent's ("" for the
 * outermost) and the text that stands directly in it, which are borrowed for the call. CORRUPT when
 * it is not XML, or more than 32 elements deep, or has a document type (so that no entity expands).
 */
int pn_xml_each(const char *text, size_t len,
                void (*fn)(void *arg, const char *parent, const char *name, const char *text),
                void *arg, struct pn_err *e) PN_MUST_CHECK;

#endif
