/*
 * Whose data folder is it? The first command that writes into one puts the name of its pipeline
 * into <data>/pipeline_name, and commands with a pipeline of another name are refused before they
 * write: else they would make their tables, topics and runs beside those of the first. A pipeline
 * of the same name may be another copy of it. Commands that only look warn, and so do those that a
 * server on the folder carries out.
 *
 * A folder from before this file, or from which it was removed, is of the pipeline whose copy a
 * server keeps in <data>/definitions. While a server lives there that keeps none, nobody takes it.
 */
#ifndef PN_SERVER_FOLDER_MARK_H
#define PN_SERVER_FOLDER_MARK_H

#include "server/app.h"

/* The context's pipeline takes the data folder, or has it already. Makes the folder when it is
 * missing. INPUT when it is another pipeline's: the message names both, and says what to do. */
int pn_app_mark_folder(const struct pn_app *app, struct pn_err *e) PN_MUST_CHECK;
/* For commands that only look: warns when the data folder is another pipeline's. Has it the mark of
 * this one? */
bool pn_app_note_folder(const struct pn_app *app);

#endif
