/*
 * The certificate that the server shows under TLS, and its key. Each handshake gets what was loaded
 * last, by a callback, so that a new certificate needs no restart and ends no connection.
 */
#ifndef PN_HTTP_TLS_H
#define PN_HTTP_TLS_H

#include <gnutls/abstract.h>

#include "base/err.h"
#include "base/io.h"

/* What clients are offered, as GnuTLS spells it. */
#define PN_HTTP_TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct pn_http_tls;

/*
 * Loads both files, in PEM: the certificate with those of the CAs between it and the root after
 * it, and its key, without a password. INPUT, naming the setting and the file, when one cannot be
 * read or the two do not match. *tls stays as it was then.
 */
int pn_http_tls_create(const char *certificate_file, const char *key_file, const struct pn_io *io,
                       struct pn_http_tls **tls, struct pn_err *e) PN_MUST_CHECK;
/* Loads them again, for the handshakes to come. On an error the former ones stay. Any thread. */
int pn_http_tls_reload(struct pn_http_tls *tls, const char *certificate_file, const char *key_file,
                       const struct pn_io *io, struct pn_err *e) PN_MUST_CHECK;
void pn_http_tls_destroy(struct pn_http_tls **tls); /* NULL ok */

/* For MHD_OPTION_HTTPS_CERT_CALLBACK2, on a worker's thread. */
int pn_http_tls_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                         gnutls_pcert_st **certificates, unsigned *count,
                         gnutls_ocsp_data_st **ocsp, unsigned *ocsp_count, gnutls_privkey_t *key,
                         unsigned *flags);

#endif
