/*
 * Files that are imported into a raw table: CSV, JSON and Parquet, as they are or (but Parquet)
 * compressed by gzip or zstd, which the end of the path says. One commit adds the rows of all
 * files; it has a transaction for each, so the table knows which files it has. Before it, the dead
 * letters are committed, with a transaction for each file as well: an import that was killed in
 * between repeats neither.
 */
#ifndef PN_ENGINE_IMPORT_H
#define PN_ENGINE_IMPORT_H

#include <sys/stat.h>

#include "pipeline/pipeline.h"

/* Begins the transaction of an imported file: the SHA-256 of its contents follows. */
#define PN_IMPORT_APP "pinion/import/"

struct pn_import_file {
    const char *path;
    const char *name; /* in messages, and as the object of dead letters */
    enum pn_file_format format;
    const char *app_id; /* of the transaction: what makes two files the same */
    struct stat status; /* of the file that app_id was made from: it must not change any more */
};

enum { PN_IMPORT_FILES_MAX = 10000 };

struct pn_import {
    const struct pn_table *table; /* a raw one whose mode is `append`; for lines any raw one */
    const struct pn_import_file *files;
    size_t count;        /* at least 1 */
    bool for_topic;      /* the files become records */
    bool takes_bad_rows; /* what is not a row becomes a dead letter; else it is an error */
    bool again;          /* files that the table has are added once more */
    bool drops_extra;    /* columns of CSV and Parquet that the table lacks are left out */
    bool for_load;       /* the files are objects that a load reads: for messages, and columns that
                            the table lacks are what its `unknown_keys` says */
    /* Of CSV: */
    char delimiter; /* 0: what the header is separated by, of , ; | and tab */
    char quote;
    bool has_no_header; /* the columns are the table's, in order */
    /* A file is begun; how much of it is done, pn_engine_progress() says. NULL ok. */
    void (*begin)(void *arg, size_t file);
    void *arg;
};

/* A file of an import as JSON lines, each a record. */
struct pn_import_lines {
    char *path; /* malloc'ed */
    bool is_temporary;
};

struct pn_import_report {
    int64_t version; /* -1: there is no table, since no file has rows */
    size_t empty;    /* files that have neither rows nor dead letters: the table does not know them,
                        and where all are such, nothing was committed */
    int64_t rows;
    int64_t dead_letters;
};

#endif
