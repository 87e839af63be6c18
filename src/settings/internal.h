/* The table of settings, as the files of settings/ see it. */
#ifndef PN_SETTINGS_INTERNAL_H
#define PN_SETTINGS_INTERNAL_H

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
    bool secret; /* TEXT: never shown */
};

extern const struct pn_setting pn_settings_table[];
extern const size_t pn_settings_count;

/* A setting's value as one would write it ("64MiB", "forever", "true"), appended to `out`. */
void pn_setting_format(const struct pn_setting *setting, const struct pn_settings *settings,
                       struct pn_buf *out);

#endif
