/* What spark-submit said when it failed: which setting to change. */
#ifndef PN_ENGINE_SPARK_SAID_H
#define PN_ENGINE_SPARK_SAID_H

#include "base/buf.h"
#include "base/err.h"

struct pn_spark_said {
    struct pn_buf text; /* its newest output */
    const char *advice; /* from a pattern that came; NULL: none did */
};

void pn_spark_said_init(struct pn_spark_said *said);
void pn_spark_said_deinit(struct pn_spark_said *said);
void pn_spark_said_add(struct pn_spark_said *said, const char *bytes, size_t len);
/* Returns PN_FAIL with the advice and the last line; without advice the class is RETRY. */
int pn_spark_said_failure(const struct pn_spark_said *said, const char *program, int32_t exit_code,
                          struct pn_err *e);

#endif
