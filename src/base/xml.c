#include "base/xml.h"

#include <expat.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { DEPTH_MAX = 32, TEXT_BYTES_MAX = 64 * 1024 };

struct element {
    char *name;
    struct pn_buf text;
};

struct reading {
    XML_Parser parser;
    struct element elements[DEPTH_MAX]; /* that are open */
    size_t depth;
    const char *wrong; /* what ended it */
    void (*fn)(void *arg, const char *parent, const char *name, const char *text);
    void *arg;
};

static void stop(struct reading *reading, const char *wrong)
{
    reading->wrong = wrong;
    (void)XML_StopParser(reading->parser, XML_FALSE);
}

static void XMLCALL begin(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *reading = arg;
    (void)attributes;
    if (reading->depth == DEPTH_MAX) {
        stop(reading, "elements are too deep");
        return;
    }
    struct element *element = &reading->elements[reading->depth++];
    element->name = pn_xstrdup(name);
    pn_buf_init(&element->text, TEXT_BYTES_MAX);
}

static void pop(struct reading *reading)
{
    struct element *element = &reading->elements[--reading->depth];
    free(element->name);
    pn_buf_deinit(&element->text);
}

static void XMLCALL end(void *arg, const XML_Char *name)
{
    struct reading *reading = arg;
    const struct element *element = &reading->elements[reading->depth - 1];
    if (pn_buf_failed(&element->text)) {
        stop(reading, "a text is too long");
        return;
    }
    const char *parent = reading->depth > 1 ? reading->elements[reading->depth - 2].name : "";
    reading->fn(reading->arg, parent, name, pn_buf_text(&element->text));
    pop(reading);
}

static void XMLCALL take_text(void *arg, const XML_Char *text, int len)
{
    struct reading *reading = arg;
    if (reading->depth > 0) {
        pn_buf_add(&reading->elements[reading->depth - 1].text, text, (size_t)len);
    }
}

static void XMLCALL refuse_doctype(void *arg, const XML_Char *name, const XML_Char *system,
                                   const XML_Char *public, int has_subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_subset;
    stop(arg, "a document type is not taken");
}

int pn_xml_each(const char *text, size_t len,
                void (*fn)(void *arg, const char *parent, const char *name, const char *text),
                void *arg, struct pn_err *e)
{
    if (len > INT_MAX) {
        return pn_err_input(e, "an XML document of %zu bytes is too long", len);
    }
    struct reading reading = {.parser = XML_ParserCreate(NULL), .fn = fn, .arg = arg};
    PN_ASSERT(reading.parser != NULL);
    XML_SetUserData(reading.parser, &reading);
    XML_SetElementHandler(reading.parser, begin, end);
    XML_SetCharacterDataHandler(reading.parser, take_text);
    XML_SetStartDoctypeDeclHandler(reading.parser, refuse_doctype);
    int rc = 0;
    if (XML_Parse(reading.parser, text, (int)len, 1) != XML_STATUS_OK) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "not the XML that was expected: %s, in line "
                        "%lu",
                        reading.wrong != NULL ? reading.wrong
                                              : XML_ErrorString(XML_GetErrorCode(reading.parser)),
                        (unsigned long)XML_GetCurrentLineNumber(reading.parser));
    }
    while (reading.depth > 0) {
        pop(&reading);
    }
    XML_ParserFree(reading.parser);
    return rc;
}
