/* What the program is: its version, how it was built, and the versions of the libraries that it
 * runs with. */
#ifndef PN_REPORT_BUILD_H
#define PN_REPORT_BUILD_H

#include <stdbool.h>
#include <stdio.h>

#include "report/row_writer.h"

/*
 * The commit of the sources, in full; "" when they came without a repository. `is_modified`: files
 * differed from the commit. Called once, before any thread starts; the text is borrowed for good.
 * Without a call the commit is unknown. Only main.c has the commit, so that a new one compiles
 * nothing else.
 */
void pn_build_from(const char *commit, bool is_modified);
/*
 * kind, name, version. First the program; then of the kind `build`: commit, modified (`true` or
 * `false`; null when the commit is unknown), compiler, type, target, instrumentation (sanitizers
 * or coverage; null without); then the libraries, as loaded. The versions of simdjson, libcbor and
 * ISA-L are those of their headers when this program was compiled.
 */
void pn_report_build(struct pn_row_writer *rows);
/* The same for people, in a few lines. */
void pn_build_print(FILE *out);

#endif
