/*
 * The document of our API, in OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0), made of the rows
 * of its routes (route.h). Schemas are those of JSON Schema, draft 2020-12.
 */
#ifndef PN_API_OPENAPI_H
#define PN_API_OPENAPI_H

#include "api/route.h"
#include "base/json_writer.h"

/* Writes the document of these routes. `asks_keys`: does the server ask for API keys? Where it does
 * not, the document names no security. */
void pn_api_put_document(struct pn_json_writer *json, const struct pn_api_route *const *routes,
                         size_t count, bool asks_keys);

#endif
