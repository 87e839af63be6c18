/* Files into a topic, each once. */
#ifndef PN_CLI_IMPORT_TOPIC_H
#define PN_CLI_IMPORT_TOPIC_H

#include "cli/cli.h"
#include "engine/embedded.h"

/*
 * Sends the records of the files to a topic, one request after another. Each record has the header
 * `pinion-import` with the file's identity and the record's number; `<data>/imports` notes where
 * the topic ended before the first. So an import that was killed is continued: what is in the topic
 * from there on is not sent again. CONFLICT: a file is in the topic already, and `again` is not
 * set. `import->table` is NULL; *records is how many were sent.
 */
int pn_import_to_topic(struct pn_cli *cli, const struct pn_app *app,
                       struct pn_embedded_engine *engine, const struct pn_import *import,
                       const char *topic, int64_t *records, struct pn_err *e) PN_MUST_CHECK;

#endif
