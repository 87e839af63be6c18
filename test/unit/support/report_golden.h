/*
 * A report in every format against its golden file, test/unit/report/golden/<name>.txt, which has
 * the formats one after the other, each after a line `=== <format>`. With PINION_GOLDEN=write in
 * the environment the files are written instead: look at what changed before you commit it.
 */
#ifndef TEST_SUPPORT_REPORT_GOLDEN_H
#define TEST_SUPPORT_REPORT_GOLDEN_H

#include "report/row_writer.h"

/* Calls `produce` once for each format, with a writer that it does not end. */
void report_is_golden(const char *name, void (*produce)(struct pn_row_writer *rows, void *arg),
                      void *arg);

#endif
