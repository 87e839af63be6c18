/* The table of settings, as the files of settings/ see it. */
#ifndef PN_SETTINGS_INTERNAL_H
#define PN_SETTINGS_INTERNAL_H

#include "pipeline/yaml.h"
#include "settings/settings.h"

enum pn_setting_kind {
    PN_SETTING_TEXT,
    PN_SETTING_CHOICE,
    PN_SETTING_BOOL,
    PN_SETTING_INT,
    PN_SETTING_SIZE,
    PN_SETTING_DURATION
};

/* One line of the table of settings. */
struct pn_setting {
    const char *name; /* dotted */
    enum pn_setting_kind kind;
    size_t offset; /* in struct pn_settings */
    const char *initial;
    int64_t min; /* INT, SIZE, DURATION */
    int64_t max;
    const char *word;    /* written instead of a number, "forever"; its value is -1 */
    const char *choices; /* CHOICE: "fsync|os"; an empty default is a choice, too */
    const char *help;
    bool secret;                                      /* TEXT: never shown */
    int (*check)(const char *text, struct pn_err *e); /* TEXT: has it its form? NULL: any has */
};

extern const struct pn_setting pn_settings_table[];
extern const size_t pn_settings_count;

/* pn_settings_set() with where the value comes from. */
int pn_settings_set_from(struct pn_settings *settings, const char *name, const char *value,
                         const char *origin, struct pn_err *e) PN_MUST_CHECK;
/* Has a setting of kind TEXT a value? */
bool pn_settings_has(const struct pn_settings *settings, const char *name);

enum pn_settings_kind { PN_SETTINGS_OF_PIPELINE, PN_SETTINGS_OF_FILE, PN_SETTINGS_OF_PROFILE };
/* Applies a map of settings (NULL ok). */
int pn_settings_from_yaml(struct pn_settings *settings, const struct pn_yaml *yaml,
                          const struct pn_yaml_node *map, enum pn_settings_kind kind,
                          struct pn_err *e) PN_MUST_CHECK;

/* A setting's value as one would write it ("64MiB", "forever", "true"), appended to `out`. */
void pn_setting_format(const struct pn_setting *setting, const struct pn_settings *settings,
                       struct pn_buf *out);

#endif
