/*
 * The front of the web UI: the files that scripts/bundle-ui made of the TypeScript and CSS of this
 * folder, from memory. They hold no data: the pages ask /api/v1 for it, so the files need no key.
 *
 *   GET /ui/NAME.EXT   a file, or a 404 but never a page. One with a hash in its name may be kept
 *                      forever
 *   GET /ui/...        any other path is the address of a page: index.html
 */
#ifndef PN_UI_UI_H
#define PN_UI_UI_H

#include "http/server.h"

/* Adds the front to a server that has not started. */
void pn_ui_add(struct pn_http_server *server);

#endif
