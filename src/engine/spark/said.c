#include "engine/spark/said.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_BYTES = 16384, LINE_SHOWN_MAX = 300 };

/* The first that is found counts. */
static const struct {
    const char *pattern;
    const char *advice;
} known[] = {
    {"JAVA_HOME is not set", "install Java 17 or newer, or set JAVA_HOME"},
    {"java: command not found", "install Java 17 or newer, or set JAVA_HOME"},
    {"/bin/java: No such file", "JAVA_HOME must name a folder with bin/java (Java 17 or newer)"},
    {"UnsupportedClassVersionError", "this Java is too old: Spark 4 needs Java 17 or newer"},
    {"Could not parse Master URL", "spark.master is not an address that Spark knows"},
    {"Master must either be", "spark.master is not an address that Spark knows"},
    {"All masters are unresponsive", "nobody answers at spark.master"},
    {"unresolved dependency",
     "spark.packages cannot be resolved: with no way to Maven Central, set "
     "spark.packages to \"\" and name Delta's files in spark.jars"},
    {"is too old: Spark 4 needs", "set spark.python to Python 3.10 or newer"},
    {"Cannot run program", "set spark.python to Python 3.10 or newer"},
    /* PySpark's spark-submit asks Python where Spark is. */
    {": /bin/spark-class: No such file", "set spark.python to Python 3.10 or newer that has "
                                         "PySpark, or SPARK_HOME to Spark's folder"},
    {"PYTHON_VERSION_MISMATCH", "set spark.python to the Python that the executors have"},
    {"Cannot use io.delta", "Spark does not find Delta Lake: set spark.packages or "
                            "spark.jars"},
    {"OutOfMemoryError", "give Spark more memory: spark.conf, spark.driver.memory=4g"},
};

void pn_spark_said_init(struct pn_spark_said *said)
{
    *said = (struct pn_spark_said){.advice = NULL};
    pn_buf_init(&said->text, (size_t)2 * KEPT_BYTES);
}

void pn_spark_said_deinit(struct pn_spark_said *said)
{
    pn_buf_deinit(&said->text);
}

/* The pieces are less than KEPT_BYTES long, and a pattern may be cut by the end of one. */
void pn_spark_said_add(struct pn_spark_said *said, const char *bytes, size_t len)
{
    struct pn_buf *text = &said->text;
    if (len > KEPT_BYTES) {
        bytes += len - KEPT_BYTES;
        len = KEPT_BYTES;
    }
    if (text->len + len > KEPT_BYTES) {
        size_t gone = text->len + len - KEPT_BYTES;
        memmove(text->data, text->data + gone, text->len - gone);
        text->len -= gone;
    }
    pn_buf_add(text, bytes, len);
    for (size_t i = 0; said->advice == NULL && i < sizeof known / sizeof *known; i++) {
        if (strstr(pn_buf_text(text), known[i].pattern) != NULL) {
            said->advice = known[i].advice;
        }
    }
}

/* The last line that says anything. */
static const char *last_line(const struct pn_buf *text, int *len)
{
    const char *all = pn_buf_text(text);
    size_t end = text->len;
    while (end > 0 && isspace((unsigned char)all[end - 1])) {
        end--;
    }
    size_t start = end;
    while (start > 0 && all[start - 1] != '\n') {
        start--;
    }
    *len = (int)(end - start < LINE_SHOWN_MAX ? end - start : LINE_SHOWN_MAX);
    return all + start;
}

int pn_spark_said_failure(const struct pn_spark_said *said, const char *program, int32_t exit_code,
                          struct pn_err *e)
{
    int len = 0;
    const char *line = last_line(&said->text, &len);
    return pn_err_set(e, said->advice != NULL ? PN_CLASS_INPUT : PN_CLASS_RETRY, PN_FAIL,
                      "%s ended with %s %d: %s (%.*s)", program, exit_code < 0 ? "signal" : "exit",
                      abs((int)exit_code),
                      said->advice != NULL ? said->advice : "its output says why", len, line);
}
