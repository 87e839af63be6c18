#include "engine/rules.h"

#include <string.h>

#include "base/crc32c.h"
#include "delta/schema.h"

static const char APP[] = "pinion/rules";

/* --- as numbers ------------------------------------------------------------------------------- */

static uint32_t sum_of(uint32_t sum, const char *text)
{
    return pn_crc32c_add(sum, text, strlen(text) + 1);
}

/* 0 is for what is not set. */
static int64_t number_of(const char *text)
{
    return text != NULL ? (int64_t)sum_of(0, text) + 1 : 0;
}

enum { SETTINGS = 8 };

struct setting {
    const char *name;
    int64_t now;
};

static int64_t csv_of(const struct pn_table_files *files)
{
    const char text[] = {files->delimiter != '\0' ? files->delimiter : ' ', files->quote,
                         files->has_no_header ? 'n' : 'h', '\0'};
    return number_of(text);
}

static void settings_of(const struct pn_table *table, struct setting settings[SETTINGS])
{
    const struct pn_table_files *files = table->from_files;
    bool merges = table->mode == PN_MODE_MERGE;
    const char *format = files == NULL    ? NULL
                         : files->by_name ? "by name"
                                          : pn_file_format_names[files->format];
    const struct setting all[SETTINGS] = {
        {"mode", number_of(pn_table_mode_names[table->mode])},
        {"from_topic", number_of(files == NULL ? table->from_topic : NULL)},
        {"format", number_of(format)},
        {"csv", files != NULL ? csv_of(files) : 0},
        {"unknown_keys", 1 + (int64_t)table->unknown_keys},
        {"key", number_of(merges ? table->key_column : NULL)},
        {"order_by", number_of(merges ? table->order_column->name : NULL)},
        {"delete_when", number_of(merges ? table->delete_when : NULL)}};
    memcpy(settings, all, sizeof all);
}

/* A column's settings in one number: of names a part of their checksum. */
enum {
    REQUIRED = 1,
    LENIENT = 2,
    ORIGIN_AT = 2,
    ORIGIN_BITS = 8,
    UNWRAP_AT = ORIGIN_AT + ORIGIN_BITS,
    NAMES_BITS = 26,
    ALIASES_AT = UNWRAP_AT + NAMES_BITS
};

static int64_t names_sum(const char *const *names, size_t count)
{
    const uint32_t mask = ((uint32_t)1 << NAMES_BITS) - 1;
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum = sum_of(sum, names[i]);
    }
    sum &= mask;
    return count > 0 && sum == 0 ? 1 : (int64_t)sum;
}

static int64_t column_rules(const struct pn_table *table, const struct pn_column *column)
{
    const char *const unwrap = column->unwrap;
    enum pn_origin origin = table->from_files != NULL ? column->file_origin : column->topic_origin;
    return (column->required ? REQUIRED : 0) | (column->is_lenient ? LENIENT : 0) |
           (int64_t)origin << ORIGIN_AT | names_sum(&unwrap, unwrap != NULL) << UNWRAP_AT |
           names_sum((const char *const *)column->aliases, column->alias_count) << ALIASES_AT;
}

/* --- what changed ----------------------------------------------------------------------------- */

bool pn_rules_are_known(const struct pn_delta_snapshot *snapshot, int64_t made)
{
    return made >= 0 && pn_delta_txn_version(snapshot, APP) == made;
}

static int64_t number_in(const struct pn_delta_snapshot *snapshot, const char *app_id)
{
    int64_t version = snapshot != NULL ? pn_delta_txn_version(snapshot, app_id) : -1;
    return version > 0 ? version : 0;
}

static void add_change(struct pn_buf *changed, const char *setting, const char *column)
{
    pn_buf_addf(changed, "%s`%s`", changed->len > 0 ? ", " : "", setting);
    if (column != NULL) {
        pn_buf_addf(changed, " of column '%s'", column);
    }
}

static void compare_column(const struct pn_column *column, int64_t was, int64_t now,
                           struct pn_buf *changed)
{
    const int64_t origins = (((int64_t)1 << ORIGIN_BITS) - 1) << ORIGIN_AT;
    const int64_t names = ((int64_t)1 << NAMES_BITS) - 1;
    const struct {
        const char *name;
        int64_t bits;
    } settings[] = {{"required", REQUIRED},
                    {"coerce", LENIENT},
                    {"from", origins},
                    {"unwrap", names << UNWRAP_AT},
                    {"aliases", names << ALIASES_AT}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (((was ^ now) & settings[i].bits) != 0) {
            add_change(changed, settings[i].name, column->name);
        }
    }
}

bool pn_rules_changed(const struct pn_table *table, const struct pn_delta_snapshot *snapshot,
                      struct pn_buf *changed)
{
    struct setting settings[SETTINGS];
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    settings_of(table, settings);
    for (size_t i = 0; i < SETTINGS; i++) {
        const char *app_id = pn_arena_printf(&arena, "%s/%s", APP, settings[i].name);
        if (number_in(snapshot, app_id) != settings[i].now) {
            add_change(changed, settings[i].name, NULL);
        }
    }
    for (size_t i = 0; i < table->column_count; i++) {
        const struct pn_column *column = &table->columns[i];
        if (pn_delta_schema_has_column(snapshot->metadata.schema, column->name)) {
            const char *app_id = pn_arena_printf(&arena, "%s/column/%s", APP, column->name);
            compare_column(column, number_in(snapshot, app_id), column_rules(table, column),
                           changed);
        }
    }
    pn_arena_deinit(&arena);
    return changed->len > 0;
}

/* --- transactions ----------------------------------------------------------------------------- */

void pn_rules_txns(const struct pn_table *table, const struct pn_delta_snapshot *snapshot,
                   int64_t definition, int64_t now_ms, struct pn_arena *arena,
                   struct pn_delta_txn **txns, size_t *count)
{
    struct setting settings[SETTINGS];
    settings_of(table, settings);
    const size_t most = 1 + SETTINGS + table->column_count;
    struct pn_delta_txn *all = pn_arena_calloc(arena, most, sizeof *all);
    *count = 0;
    *txns = all;
    for (size_t i = 0; i < most; i++) {
        int64_t now = definition;
        const char *app_id = APP;
        if (i > SETTINGS) {
            const struct pn_column *column = &table->columns[i - SETTINGS - 1];
            now = column_rules(table, column);
            app_id = pn_arena_printf(arena, "%s/column/%s", APP, column->name);
        } else if (i > 0) {
            now = settings[i - 1].now;
            app_id = pn_arena_printf(arena, "%s/%s", APP, settings[i - 1].name);
        }
        if (number_in(snapshot, app_id) != now) {
            all[(*count)++] =
                (struct pn_delta_txn){.app_id = app_id, .version = now, .updated_ms = now_ms};
        }
    }
}
