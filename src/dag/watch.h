/* Hears of changes that others make to the database of runs, so that nobody needs to look for them
 * many times a second. By inotify: it hears what this machine writes; not every file system
 * reports changes, so look now and then as well. */
#ifndef PN_DAG_WATCH_H
#define PN_DAG_WATCH_H

#include <stdbool.h>

/* A descriptor that is readable when a file state.db* of the folder was written; -1 when the system
 * has none left to give. The caller closes it. */
int pn_dag_watch_open(const char *data_folder);
/* Takes what was heard: did it concern the database? */
bool pn_dag_watch_heard(int fd);

#endif
