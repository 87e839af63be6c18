#include "report/build.h"

#include <cbor.h>
#include <curl/curl.h>
#include <duckdb.h>
#include <gnu/libc-version.h>
#include <gnutls/gnutls.h>
#include <isa-l.h>
#include <libfyaml.h>
#include <librdkafka/rdkafka.h>
#include <lz4.h>
#include <microhttpd.h>
#include <mysql.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <string.h>
#include <zstd.h>

#include "base/json_simdjson.h"

enum { LINE_COLUMNS = 80, COMMIT_SHOWN = 12 };

#define TEXT_OF(x)                  #x
#define TEXT(x)                     TEXT_OF(x)
#define DOTTED(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

struct part {
    const char *name;
    const char *version;
};

static const char *source_commit; /* NULL: unknown */
static bool source_is_modified;

void pn_build_from(const char *commit, bool is_modified)
{
    source_commit = commit[0] != '\0' ? commit : NULL;
    source_is_modified = is_modified;
}

static const char *instrumentation(void)
{
    const char *sanitizers = PINION_SANITIZERS;
    if (PINION_COUNTS) {
        return "coverage";
    }
    return sanitizers[0] != '\0' ? sanitizers : NULL;
}

enum { LIBRARIES = 15 };

struct libraries {
    struct part parts[LIBRARIES];
    char simdjson[PN_SIMDJSON_VERSION_SIZE];
};

static void find_libraries(struct libraries *libraries)
{
    const struct part found[LIBRARIES] = {
        {"DuckDB", duckdb_library_version()},
        {"SQLite", sqlite3_libversion()},
        {"libmicrohttpd", MHD_get_version()},
        {"GnuTLS", gnutls_check_version(NULL)},
        {"libcurl", curl_version_info(CURLVERSION_NOW)->version},
        {"OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)},
        {"simdjson", pn_simdjson_version(libraries->simdjson)},
        {"libfyaml", fy_library_version()},
        {"librdkafka", rd_kafka_version_str()},
        {"libcbor", DOTTED(CBOR_MAJOR_VERSION, CBOR_MINOR_VERSION, CBOR_PATCH_VERSION)},
        {"zstd", ZSTD_versionString()},
        {"lz4", LZ4_versionString()},
        {"ISA-L", DOTTED(ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION, ISAL_PATCH_VERSION)},
        {"libmariadb", mysql_get_client_info()},
        {"glibc", gnu_get_libc_version()},
    };
    memcpy(libraries->parts, found, sizeof found);
}

static void put(struct pn_row_writer *rows, const char *kind, const char *name, const char *version)
{
    pn_cell_cstr(rows, kind);
    pn_cell_cstr(rows, name);
    pn_cell_cstr(rows, version);
}

void pn_report_build(struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {
        {"kind", PN_CELL_TEXT}, {"name", PN_CELL_TEXT}, {"version", PN_CELL_TEXT}};
    struct libraries libraries;
    find_libraries(&libraries);
    PN_ROWS_BEGIN(rows, columns);
    put(rows, "program", "pinion", PINION_VERSION);
    const char *modified = source_is_modified ? "true" : "false";
    put(rows, "build", "commit", source_commit);
    put(rows, "build", "modified", source_commit != NULL ? modified : NULL);
    put(rows, "build", "compiler", PINION_COMPILER);
    put(rows, "build", "type", PINION_BUILD_TYPE);
    put(rows, "build", "target", PINION_TARGET);
    put(rows, "build", "instrumentation", instrumentation());
    for (size_t i = 0; i < LIBRARIES; i++) {
        put(rows, "library", libraries.parts[i].name, libraries.parts[i].version);
    }
}

void pn_build_print(FILE *out)
{
    struct libraries libraries;
    find_libraries(&libraries);
    fprintf(out, "pinion %s\n", PINION_VERSION);
    if (source_commit == NULL) {
        fputs("commit: unknown\n", out);
    } else {
        fprintf(out, "commit: %.*s%s\n", COMMIT_SHOWN, source_commit,
                source_is_modified ? ", with changes" : "");
    }
    fprintf(out, "built: %s, %s, %s%s%s\n", PINION_COMPILER, PINION_BUILD_TYPE, PINION_TARGET,
            instrumentation() != NULL ? ", with " : "",
            instrumentation() != NULL ? instrumentation() : "");
    int column = fprintf(out, "libraries:");
    for (size_t i = 0; i < LIBRARIES; i++) {
        bool is_last = i + 1 == LIBRARIES;
        int len = (int)(strlen(libraries.parts[i].name) + strlen(libraries.parts[i].version)) + 3;
        if (column + len > LINE_COLUMNS) {
            fputs("\n ", out);
            column = 1;
        }
        column += fprintf(out, " %s %s%s", libraries.parts[i].name, libraries.parts[i].version,
                          is_last ? "\n" : ",");
    }
}
