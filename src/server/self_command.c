#include "server/self_command.h"

#include <stdlib.h>

#include "server/program.h"

int pn_app_self_command(const struct pn_app *app, const char *command, struct pn_arena *arena,
                        const char ***argv, struct pn_err *e)
{
    enum { WORDS_MAX = 16 };
    char *self = NULL;
    int rc = pn_program_path(&self, e);
    if (rc != 0) {
        return rc;
    }
    const char **words =
        pn_arena_calloc(arena, WORDS_MAX + 2 * app->config.set_count, sizeof *words);
    size_t n = 0;
    words[n++] = pn_arena_strdup(arena, self);
    words[n++] = command;
    words[n++] = "--data";
    words[n++] = app->data;
    words[n++] = "--pipeline";
    words[n++] = app->pipeline->folder;
    if (app->config.settings_file != NULL) {
        words[n++] = "--config";
        words[n++] = app->config.settings_file;
    }
    if (app->config.profile != NULL) {
        words[n++] = "--profile";
        words[n++] = app->config.profile;
    }
    for (size_t i = 0; i < app->config.set_count; i++) {
        words[n++] = "--set";
        words[n++] = app->config.set[i];
    }
    free(self);
    *argv = words;
    return 0;
}
