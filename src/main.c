/* pinion: a data pipeline in one program. The commands are in cli/commands.c. */
#include "base/io.h"
#include "build_commit.h"
#include "cli/cli.h"
#include "cli/commands.h"

int main(int argc, char **argv)
{
    pn_io_open_std();
    pn_version_from(PINION_COMMIT, PINION_MODIFIED);
    return pn_cli_main(pn_commands, argc, argv);
}
