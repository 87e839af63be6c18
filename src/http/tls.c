#include "http/tls.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/mem.h"
#include "http/internal.h"
#include "http/receive.h"

enum { FILE_BYTES_MAX = 1024 * 1024, CHAIN_MAX = 16 };

static const char certificate_setting[] = "gateway.tls_certificate";
static const char key_setting[] = "gateway.tls_key";

/* Both in PEM. They are taken apart again for each handshake: GnuTLS frees what it was given when
 * the handshake is over, and a reload needs to wait for none. */
struct pair {
    struct pn_buf certificate;
    struct pn_buf key;
};

struct pn_http_tls {
    pthread_rwlock_t lock; /* of `pair` */
    struct pair pair;
};

static gnutls_datum_t datum(const struct pn_buf *text)
{
    return (gnutls_datum_t){.data = (unsigned char *)text->data, .size = (unsigned)text->len};
}

static void pair_init(struct pair *pair)
{
    pn_buf_init(&pair->certificate, FILE_BYTES_MAX);
    pn_buf_init(&pair->key, FILE_BYTES_MAX);
}

static void pair_deinit(struct pair *pair)
{
    if (pair->key.data != NULL) {
        OPENSSL_cleanse(pair->key.data, pair->key.len);
    }
    pn_buf_deinit(&pair->certificate);
    pn_buf_deinit(&pair->key);
}

/* --- loading ---------------------------------------------------------------------------------- */

static int read_file(const char *setting, const char *path, const struct pn_io *io,
                     struct pn_buf *text, struct pn_err *e)
{
    struct pn_err why;
    if (pn_io_read_file(io, path, text, &why) != 0) {
        return pn_err_input(e, "%s: %s", setting, why.msg);
    }
    return 0;
}

static int check_certificate(const struct pair *pair, const char *path, struct pn_err *e)
{
    const gnutls_datum_t text = datum(&pair->certificate);
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned count = CHAIN_MAX;
    int rc = gnutls_pcert_list_import_x509_raw(chain, &count, &text, GNUTLS_X509_FMT_PEM,
                                               GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
    if (rc < 0) {
        return pn_err_input(e, "%s: '%s' has no readable certificate in PEM: %s",
                            certificate_setting, path, gnutls_strerror(rc));
    }
    for (unsigned i = 0; i < count; i++) {
        gnutls_pcert_deinit(&chain[i]);
    }
    return 0;
}

static int import_key(const struct pair *pair, gnutls_privkey_t *key)
{
    const gnutls_datum_t text = datum(&pair->key);
    int rc = gnutls_privkey_init(key);
    if (rc < 0) {
        return rc;
    }
    rc = gnutls_privkey_import_x509_raw(*key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc < 0) {
        gnutls_privkey_deinit(*key);
    }
    return rc;
}

static int check_key(const struct pair *pair, const char *path, struct pn_err *e)
{
    gnutls_privkey_t key = NULL;
    int rc = import_key(pair, &key);
    if (rc < 0) {
        return pn_err_input(e, "%s: '%s' has no readable key in PEM without a password: %s",
                            key_setting, path, gnutls_strerror(rc));
    }
    gnutls_privkey_deinit(key);
    return 0;
}

static int check_match(const struct pair *pair, const char *certificate_file, const char *key_file,
                       struct pn_err *e)
{
    const gnutls_datum_t certificate = datum(&pair->certificate);
    const gnutls_datum_t key = datum(&pair->key);
    gnutls_certificate_credentials_t both = NULL;
    int rc = gnutls_certificate_allocate_credentials(&both);
    if (rc >= 0) {
        rc = gnutls_certificate_set_x509_key_mem2(both, &certificate, &key, GNUTLS_X509_FMT_PEM,
                                                  NULL, 0);
        gnutls_certificate_free_credentials(both);
    }
    if (rc < 0) {
        return pn_err_input(e, "%s '%s' and %s '%s' do not belong together: %s",
                            certificate_setting, certificate_file, key_setting, key_file,
                            gnutls_strerror(rc));
    }
    return 0;
}

static int load(struct pair *pair, const char *certificate_file, const char *key_file,
                const struct pn_io *io, struct pn_err *e)
{
    pair_init(pair);
    int rc = read_file(certificate_setting, certificate_file, io, &pair->certificate, e);
    if (rc == 0) {
        rc = check_certificate(pair, certificate_file, e);
    }
    if (rc == 0) {
        rc = read_file(key_setting, key_file, io, &pair->key, e);
    }
    if (rc == 0) {
        rc = check_key(pair, key_file, e);
    }
    if (rc == 0) {
        rc = check_match(pair, certificate_file, key_file, e);
    }
    if (rc != 0) {
        pair_deinit(pair);
    }
    return rc;
}

int pn_http_tls_create(const char *certificate_file, const char *key_file, const struct pn_io *io,
                       struct pn_http_tls **tls, struct pn_err *e)
{
    struct pair pair;
    int rc = load(&pair, certificate_file, key_file, io, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_http_tls *made = pn_xcalloc(1, sizeof *made);
    made->pair = pair;
    pthread_rwlock_init(&made->lock, NULL);
    *tls = made;
    return 0;
}

int pn_http_tls_reload(struct pn_http_tls *tls, const char *certificate_file, const char *key_file,
                       const struct pn_io *io, struct pn_err *e)
{
    struct pair fresh;
    int rc = load(&fresh, certificate_file, key_file, io, e);
    if (rc != 0) {
        return rc;
    }
    pthread_rwlock_wrlock(&tls->lock);
    struct pair former = tls->pair;
    tls->pair = fresh;
    pthread_rwlock_unlock(&tls->lock);
    pair_deinit(&former);
    return 0;
}

void pn_http_tls_destroy(struct pn_http_tls **tls)
{
    if (*tls != NULL) {
        pair_deinit(&(*tls)->pair);
        pthread_rwlock_destroy(&(*tls)->lock);
        free(*tls);
        *tls = NULL;
    }
}

/* --- a handshake ------------------------------------------------------------------------------ */

/* GnuTLS frees the array by gnutls_free(), and what is in it. */
static int give(const struct pair *pair, gnutls_pcert_st **certificates, unsigned *count,
                gnutls_privkey_t *key)
{
    const gnutls_datum_t text = datum(&pair->certificate);
    gnutls_pcert_st *chain = gnutls_malloc(CHAIN_MAX * sizeof *chain);
    unsigned len = CHAIN_MAX;
    if (chain == NULL) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    int rc = gnutls_pcert_list_import_x509_raw(chain, &len, &text, GNUTLS_X509_FMT_PEM, 0);
    if (rc < 0) {
        gnutls_free(chain);
        return rc;
    }
    rc = import_key(pair, key);
    if (rc < 0) {
        for (unsigned i = 0; i < len; i++) {
            gnutls_pcert_deinit(&chain[i]);
        }
        gnutls_free(chain);
        return rc;
    }
    *certificates = chain;
    *count = len;
    return 0;
}

int pn_http_tls_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                         gnutls_pcert_st **certificates, unsigned *count,
                         gnutls_ocsp_data_st **ocsp, unsigned *ocsp_count, gnutls_privkey_t *key,
                         unsigned *flags)
{
    (void)session;
    (void)info;
    struct pn_http_tls *tls = pn_http_receive_worker()->server->tls;
    pthread_rwlock_rdlock(&tls->lock);
    int rc = give(&tls->pair, certificates, count, key);
    pthread_rwlock_unlock(&tls->lock);
    *ocsp = NULL;
    *ocsp_count = 0;
    *flags = GNUTLS_CERT_RETR_DEINIT_ALL;
    return rc;
}
