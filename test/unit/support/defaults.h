/* The settings that nobody changed, for tests of what is made from them. */
#ifndef PN_TEST_DEFAULTS_H
#define PN_TEST_DEFAULTS_H

#include "settings/configs.h"

/* Made at the first call, which is before a test has threads; good for the program's life. */
const struct pn_settings *default_settings(void);

#endif
