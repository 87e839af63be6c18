/* The files of the web UI, which scripts/bundle-ui makes at build time. */
#ifndef PN_UI_ASSETS_H
#define PN_UI_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

struct pn_ui_asset {
    const char *name;      /* "index.html", "main-HRK4BWAM.css" */
    const char *type;      /* Content-Type */
    const char *etag;      /* strong: of the file as it is */
    const char *gzip_etag; /* strong: of the file when it is sent compressed */
    const unsigned char *bytes;
    size_t len;
    bool is_gzipped;
};

/* In the order of their names. */
extern const struct pn_ui_asset pn_ui_assets[];
extern const size_t pn_ui_asset_count;

#endif
