/*
 * Profiles: settings under a name, for the places that a pipeline runs in. `--profile NAME` or
 * PINION_PROFILE chooses one.
 *
 *   profiles:                      in pipeline.yml, or in the file of --config
 *     kafka:                       adds to the built-in profile of this name
 *       log: {url: kafka://broker-1:9092}
 *     staging:
 *       like: aws                  stands on a built-in one
 *       store: {url: s3://my-bucket/staging}
 *
 * The built-in ones are `embedded`, `kafka`, `kinesis` and `aws`. A profile's settings come from
 * the built-in one, then from pipeline.yml, then from the file. One that is like a built-in one has
 * all of these first, then its own. They override `settings:` of the pipeline.yml, and are
 * overridden by the file's own settings and by --set. Some profiles need settings that have no
 * useful default: the URL of the log, the URL of the store.
 */
#ifndef PN_SETTINGS_PROFILE_H
#define PN_SETTINGS_PROFILE_H

#include "settings/settings.h"

/* Where profiles are. The pipeline may be NULL; file NULL: none. Borrowed for a call. */
struct pn_profile_source {
    const struct pn_pipeline *pipeline;
    const char *file;
    const struct pn_io *io;
};

/* Are all profiles right that are there? Errors name file, line and key. */
int pn_profiles_check(const struct pn_profile_source *source, struct pn_err *e) PN_MUST_CHECK;
/* Applies a profile. INPUT: there is none of that name; the message has the nearest. */
int pn_settings_from_profile(struct pn_settings *settings, const char *name,
                             const struct pn_profile_source *source,
                             struct pn_err *e) PN_MUST_CHECK;
/* The settings that the profile needs and that have no value, into `lacks`; returns how many. The
 * names are static. `name` is a profile that was applied, or NULL. */
enum { PN_PROFILE_NEEDS_MAX = 2 };
size_t pn_profile_lacks(const struct pn_settings *settings, const char *name,
                        const struct pn_profile_source *source,
                        const char *lacks[PN_PROFILE_NEEDS_MAX]);

struct pn_profile_shown {
    const char *name;
    const char *like;  /* the built-in one that it stands on; NULL: none */
    const char *file;  /* of its own settings; NULL: it is only built in */
    const char *about; /* of a built-in one; NULL */
};
/* Calls fn for each profile, the built-in ones first. Texts are borrowed for the call. */
int pn_profiles_each(const struct pn_profile_source *source,
                     void (*fn)(void *arg, const struct pn_profile_shown *profile), void *arg,
                     struct pn_err *e) PN_MUST_CHECK;

#endif
