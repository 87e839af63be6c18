/*
 * The data folder's log, when that is a Kafka cluster: the lock that keeps a second process off the
 * data folder, and the cluster's id. What the sink remembers is about offsets of one cluster, so a
 * folder never changes its log.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/folder_lock.h"
#include "log/kafka/private.h"

#define CLUSTER_FILE "kafka_cluster"

enum { ID_BYTES_MAX = 1024, ID_TIMEOUT_MS = 10000 };

bool pn_kafka_owns_folder(const char *folder, const struct pn_io *io)
{
    char *path = pn_xasprintf("%s/" CLUSTER_FILE, folder);
    bool is_there = pn_io_exists(io, path);
    free(path);
    return is_there;
}

int pn_kafka_cluster_of_folder(const char *folder, const struct pn_io *io, struct pn_buf *id,
                               struct pn_err *e)
{
    char *path = pn_xasprintf("%s/" CLUSTER_FILE, folder);
    int rc = pn_io_read_file(io, path, id, e);
    free(path);
    return rc;
}

/* Has it topics of segments? */
static int check_segments(const struct pn_kafka *kafka, struct pn_err *e)
{
    struct pn_io_listing listing = {0};
    int rc = pn_io_list(kafka->io, kafka->config.folder, &listing, e);
    for (size_t i = 0; i < listing.count && rc == 0; i++) {
        if (listing.entries[i].is_dir && listing.entries[i].name[0] != '~') {
            rc = pn_err_fatal(e,
                              "%s has a log of its own, with topic %s, and log.url names a Kafka "
                              "cluster: give another data folder with --data, or remove log.url",
                              kafka->config.folder, listing.entries[i].name);
        }
    }
    pn_io_listing_deinit(&listing);
    return rc;
}

int pn_kafka_folder_open(struct pn_kafka *kafka, struct pn_err *e)
{
    const char *folder = kafka->config.folder;
    int rc = pn_io_mkdirs(kafka->io, folder, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_log_folder_lock(kafka->io, folder, &kafka->lock_fd, e);
    return rc == 0 ? check_segments(kafka, e) : rc;
}

int pn_kafka_folder_claim(struct pn_kafka *kafka, struct pn_err *e)
{
    char *id = rd_kafka_clusterid(kafka->asker, ID_TIMEOUT_MS);
    if (id == NULL) {
        return 0; /* brokers before 0.10.1 have none */
    }
    struct pn_err why = {0};
    struct pn_buf known;
    pn_buf_init(&known, ID_BYTES_MAX);
    char *path = pn_xasprintf("%s/" CLUSTER_FILE, kafka->config.folder);
    int rc = pn_io_create_file(kafka->io, path, id, strlen(id), &why);
    if (rc != 0 && why.class_ != PN_CLASS_CONFLICT) {
        pn_err_copy(e, &why);
    } else {
        rc = pn_io_read_file(kafka->io, path, &known, e);
    }
    if (rc == 0 && strcmp(pn_buf_text(&known), id) != 0) {
        rc = pn_err_fatal(e,
                          "the data folder belongs to the Kafka cluster %s, and %s is the cluster "
                          "%s: set log.url to the former, or give another data folder with --data",
                          pn_buf_text(&known), kafka->config.url, id);
    }
    free(path);
    pn_buf_deinit(&known);
    rd_kafka_mem_free(kafka->asker, id);
    return rc;
}
