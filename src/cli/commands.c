#include "cli/commands.h"

#include <stddef.h>

const struct pn_command pn_commands[] = {
    {"help", "what pinion, or one of its commands, does", pn_cmd_help},
    {"version", "the version of pinion and of the libraries it stands on", pn_cmd_version},
    {NULL, NULL, NULL},
};
