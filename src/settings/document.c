/* The settings as documents. */
#include <string.h>

#include "base/json.h"
#include "base/units.h"
#include "settings/internal.h"

static const char *const section_titles[][2] = {
    {"log", "The log: topics, partitions, segments"},
    {"gateway", "The gateway: the HTTP front doors"},
    {"sink", "The sink: from the log to landed objects"},
    {"engine", "The engine: loads, transforms and queries"},
    {"delta", "Delta tables"},
    {"dag", "DAGs"},
    {"kinesis", "Streams: the Kinesis API"},
    {"aws", "Who signs requests of the Kinesis API, and the region of its names"},
    {"stream", "Streams: from their records to tables"},
};

static bool starts_section(size_t i)
{
    const char *name = pn_settings_table[i].name;
    size_t len = strcspn(name, ".") + 1;
    return i == 0 || strncmp(pn_settings_table[i - 1].name, name, len) != 0;
}

static const char *section_title(const char *name)
{
    for (size_t i = 0; i < sizeof section_titles / sizeof *section_titles; i++) {
        size_t len = strlen(section_titles[i][0]);
        if (strncmp(section_titles[i][0], name, len) == 0 && name[len] == '.') {
            return section_titles[i][1];
        }
    }
    return name;
}

/* "fsync, os", "1MiB to 2GiB, forever". */
static void add_takes(const struct pn_setting *setting, struct pn_buf *out)
{
    char least[PN_UNITS_SIZE];
    char most[PN_UNITS_SIZE];
    switch (setting->kind) {
    case PN_SETTING_TEXT:
        pn_buf_adds(out, "text");
        return;
    case PN_SETTING_BOOL:
        pn_buf_adds(out, "true, false");
        return;
    case PN_SETTING_CHOICE:
        for (const char *at = setting->choices; *at != '\0'; at++) {
            pn_buf_adds(out, *at == '|' ? ", " : "");
            pn_buf_add(out, at, *at != '|');
        }
        return;
    case PN_SETTING_INT:
        pn_buf_addf(out, "%lld to %lld", (long long)setting->min, (long long)setting->max);
        break;
    case PN_SETTING_SIZE:
        pn_buf_addf(out, "%s to %s", pn_format_size(setting->min, least),
                    pn_format_size(setting->max, most));
        break;
    case PN_SETTING_DURATION:
        pn_buf_addf(out, "%s to %s", pn_format_duration(setting->min, least),
                    pn_format_duration(setting->max, most));
        break;
    }
    if (setting->word != NULL) {
        pn_buf_addf(out, ", %s", setting->word);
    }
}

void pn_settings_markdown(struct pn_buf *out)
{
    pn_buf_adds(
        out,
        "# Settings\n\n"
        "Made by `pinion settings --format md`; change the table in src/settings instead.\n\n"
        "Later ones win: the defaults; `settings:` of the pipeline.yml; the file given with\n"
        "`--config` (YAML, the same names: `log: {durability: os}`); `--set NAME=VALUE`.\n"
        "`pinion settings` shows those in force.\n\n"
        "Sizes take a unit (512, 64KiB, 1MB, 2GiB), and so do durations (100ms, 10s, 5m, 24h,\n"
        "7d).\n");
    for (size_t i = 0; i < pn_settings_count; i++) {
        const struct pn_setting *setting = &pn_settings_table[i];
        if (starts_section(i)) {
            pn_buf_addf(out,
                        "\n## %s\n\n| name | default | takes | what it is |\n"
                        "|---|---|---|---|\n",
                        section_title(setting->name));
        }
        const char *tick = *setting->initial != '\0' ? "`" : "";
        pn_buf_addf(out, "| `%s` | %s%s%s | ", setting->name, tick,
                    *setting->initial != '\0' ? setting->initial : "not set", tick);
        add_takes(setting, out);
        pn_buf_addf(out, " | %s |\n", setting->help);
    }
}

static void add_member(struct pn_buf *out, const char *key, const char *value)
{
    pn_json_write_key(out, key);
    pn_json_write_cstr(out, value);
}

void pn_settings_json(const struct pn_settings *settings, struct pn_buf *out)
{
    struct pn_buf text;
    pn_buf_init(&text, 8192);
    pn_buf_addc(out, '[');
    for (size_t i = 0; i < pn_settings_count; i++) {
        const struct pn_setting *setting = &pn_settings_table[i];
        pn_buf_adds(out, i > 0 ? ",\n {" : "\n {");
        add_member(out, "name", setting->name);
        pn_buf_reset(&text);
        pn_setting_format(setting, settings, &text);
        if (setting->secret && text.len > 0) {
            pn_buf_reset(&text);
            pn_buf_adds(&text, "(set, not shown)");
        }
        pn_json_write_key(out, "value");
        if (setting->kind == PN_SETTING_BOOL || setting->kind == PN_SETTING_INT) {
            pn_buf_add(out, pn_buf_text(&text), text.len);
        } else {
            pn_json_write_cstr(out, pn_buf_text(&text));
        }
        add_member(out, "default", setting->initial);
        pn_buf_reset(&text);
        add_takes(setting, &text);
        add_member(out, "takes", pn_buf_text(&text));
        add_member(out, "help", setting->help);
        pn_buf_addc(out, '}');
    }
    pn_buf_adds(out, "\n]\n");
    pn_buf_deinit(&text);
}

void pn_settings_text(const struct pn_settings *settings, struct pn_buf *out)
{
    struct pn_buf value;
    pn_buf_init(&value, 8192);
    for (size_t i = 0; i < pn_settings_count; i++) {
        const struct pn_setting *setting = &pn_settings_table[i];
        int section_len = (int)strcspn(setting->name, ".");
        if (starts_section(i)) {
            pn_buf_addf(out, "%.*s:\n", section_len, setting->name);
        }
        pn_buf_reset(&value);
        pn_setting_format(setting, settings, &value);
        if (setting->secret && value.len > 0) {
            pn_buf_addf(out, "  # %s: set, not shown\n", setting->name + section_len + 1);
            continue;
        }
        pn_buf_addf(out, "  %s:%s", setting->name + section_len + 1,
                    value.len > 0 || setting->kind == PN_SETTING_TEXT ? " " : "");
        /* A JSON string is a YAML string, whatever is in it. */
        if (setting->kind == PN_SETTING_TEXT) {
            pn_json_write_cstr(out, pn_buf_text(&value));
        } else {
            pn_buf_adds(out, pn_buf_text(&value));
        }
        pn_buf_addf(out, "%s\n",
                    strcmp(pn_buf_text(&value), setting->initial) != 0 ? "  # not the default"
                                                                       : "");
    }
    pn_buf_deinit(&value);
}
