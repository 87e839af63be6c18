/* Records to files of JSON lines, one a kind. */
#include <fcntl.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "emulate/target.h"

enum { WRITE_BYTES = 1 << 20, PROGRESS_RECORDS = 4096 };

struct file {
    char *path;
    char *temporary;
    int fd;
    int64_t offset;
    struct pn_buf pending;
};

struct jsonl {
    struct pn_target base;
    struct pn_target_env env;
    struct file files[PN_EMULATE_KINDS_MAX];
    size_t count;
    bool renamed;
    bool made_folder; /* it goes again when nothing is left behind in it */
};

static int flush(const struct pn_io *io, struct file *file, struct pn_err *e)
{
    int rc = pn_io_write_at(io, file->fd, file->pending.data, file->pending.len, file->offset,
                            file->temporary, e);
    file->offset += (int64_t)file->pending.len;
    pn_buf_reset(&file->pending);
    return rc;
}

static int put(struct pn_target *base, const struct pn_emulate_record *record, struct pn_err *e)
{
    struct jsonl *jsonl = (struct jsonl *)base;
    const struct pn_emulate_config *config = jsonl->env.config;
    struct pn_emulate_summary *summary = jsonl->env.summary;
    struct file *file = &jsonl->files[record->kind];
    pn_buf_add(&file->pending, record->json, record->len);
    pn_buf_addc(&file->pending, '\n');
    int rc = pn_buf_check(&file->pending, "a record", e);
    if (rc == 0 && file->pending.len >= WRITE_BYTES) {
        rc = flush(config->io, file, e);
    }
    summary->sent++;
    summary->acknowledged++;
    if (config->progress != NULL && summary->acknowledged % PROGRESS_RECORDS == 0) {
        config->progress(config->arg, summary->acknowledged, jsonl->env.total);
    }
    return rc;
}

static int finish(struct pn_target *base, bool whole, struct pn_err *e)
{
    struct jsonl *jsonl = (struct jsonl *)base;
    const struct pn_io *io = jsonl->env.config->io;
    int rc = 0;
    if (!whole) {
        return 0; /* half of what was asked for isn't left behind */
    }
    for (size_t i = 0; i < jsonl->count && rc == 0; i++) {
        rc = flush(io, &jsonl->files[i], e);
    }
    for (size_t i = 0; i < jsonl->count && rc == 0; i++) {
        rc = pn_io_rename(io, jsonl->files[i].temporary, jsonl->files[i].path, e);
    }
    jsonl->renamed = rc == 0;
    return rc;
}

static void destroy(struct pn_target *base)
{
    struct jsonl *jsonl = (struct jsonl *)base;
    const struct pn_io *io = jsonl->env.config->io;
    for (size_t i = 0; i < jsonl->count; i++) {
        struct file *file = &jsonl->files[i];
        if (file->fd >= 0 && !jsonl->renamed && pn_io_exists(io, file->temporary)) {
            /* It failed already; that the leftover can't be removed either isn't worth a word. */
            int rc = pn_io_unlink(io, file->temporary, NULL);
            (void)rc;
        }
        pn_io_close(io, &file->fd);
        pn_buf_deinit(&file->pending);
        free(file->path);
        free(file->temporary);
    }
    if (jsonl->made_folder && !jsonl->renamed) {
        /* The same; and others may have put something there. */
        int rc = pn_io_rmdir(io, jsonl->env.config->folder_out, NULL);
        (void)rc;
    }
    free(jsonl);
}

static const struct pn_target_ops jsonl_ops = {.put = put, .finish = finish, .destroy = destroy};

int pn_target_jsonl(const struct pn_target_env *env, struct pn_target **target, struct pn_err *e)
{
    const struct pn_io *io = env->config->io;
    struct jsonl *jsonl = pn_xcalloc(1, sizeof *jsonl);
    jsonl->base.ops = &jsonl_ops;
    jsonl->env = *env;
    bool there = pn_io_exists(io, env->config->folder_out);
    int rc = pn_io_mkdirs(io, env->config->folder_out, e);
    jsonl->made_folder = rc == 0 && !there;
    for (size_t i = 0; i < pn_generator_kinds(env->generator) && rc == 0; i++) {
        struct file *file = &jsonl->files[jsonl->count++];
        file->path = pn_xasprintf("%s/%s", env->config->folder_out,
                                  pn_generator_place(env->generator, i).file);
        file->temporary = pn_xasprintf("%s.tmp", file->path);
        file->fd = -1;
        pn_buf_init(&file->pending, WRITE_BYTES + PN_EMULATE_RECORD_BYTES_MAX + 1);
        rc = pn_io_open(io, file->temporary, O_WRONLY | O_CREAT | O_TRUNC, &file->fd, e);
    }
    if (rc == 0) {
        *target = &jsonl->base;
    } else {
        destroy(&jsonl->base);
    }
    return rc;
}
