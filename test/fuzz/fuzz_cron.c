/* A cron line from bytes: what is taken fires at times that go up, and never takes long; the same
 * bytes as a time zone's file are read or refused. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "schedule/cron.h"

enum { TIMES = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fire(const struct pn_cron *cron, const struct pn_zone *zone)
{
    int64_t at_s = 1700000000;
    for (int i = 0; i < TIMES; i++) {
        int64_t next_s = pn_cron_next(cron, zone, at_s);
        PN_ASSERT(next_s > at_s);
        if (next_s == PN_CRON_NEVER) {
            break;
        }
        at_s = next_s;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t changes_s[] = {1700007200, 1700100000, 1700300000};
    static const int32_t after_s[] = {3600, 0, -5400};
    static const struct pn_zone shifting = {
        .name = "test", .count = 3, .at_s = changes_s, .after_s = after_s};
    char *text = pn_xstrndup((const char *)data, size);
    struct pn_cron cron;
    if (pn_cron_parse(text, &cron, NULL) == 0) {
        fire(&cron, &shifting);
    }
    free(text);
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const struct pn_zone *zone = NULL;
    if (pn_cron_parse("30 2 * * *", &cron, NULL) == 0 &&
        pn_zone_read("test", (const char *)data, size, &arena, &zone, NULL) == 0) {
        (void)pn_zone_offset(zone, 0);
    }
    pn_arena_deinit(&arena);
    return 0;
}
