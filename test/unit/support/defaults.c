#include "support/defaults.h"

const struct pn_settings *default_settings(void)
{
    static struct pn_settings settings;
    static bool is_made;
    if (!is_made) {
        pn_settings_init(&settings);
        is_made = true;
    }
    return &settings;
}
