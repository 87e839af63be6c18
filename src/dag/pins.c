/* Which definition of the pipeline each run has. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dag/scheduler_internal.h"

void pn_pins_refresh(struct pn_scheduler *scheduler)
{
    struct pn_definitions *definitions = scheduler->config.definitions;
    if (definitions == NULL) {
        return;
    }
    pn_definitions_look(definitions);
    const struct pn_definition *old = scheduler->definition;
    scheduler->definition = pn_definitions_take(definitions);
    scheduler->pipeline = scheduler->definition->pipeline;
    if (old == NULL || strcmp(old->version, scheduler->definition->version) != 0) {
        scheduler->has_seen_versions = false;
    }
    pn_definitions_release(definitions, &old);
}

struct pn_pin *pn_pins_of(struct pn_scheduler *scheduler, int64_t run)
{
    if (scheduler->config.definitions == NULL) {
        return NULL;
    }
    size_t i = 0;
    while (i < scheduler->pin_count && scheduler->pins[i].run != run) {
        i++;
    }
    if (i == scheduler->pin_count) {
        pn_grow((void **)&scheduler->pins, &scheduler->pin_capacity, scheduler->pin_count + 1,
                sizeof *scheduler->pins);
        scheduler->pins[scheduler->pin_count++] = (struct pn_pin){
            .run = run,
            .definition = pn_definitions_hold(scheduler->config.definitions, scheduler->definition),
        };
    }
    scheduler->pins[i].is_used = true;
    return &scheduler->pins[i];
}

void pn_pins_rolled_back(struct pn_scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->pin_count; i++) {
        scheduler->pins[i].is_recorded = false;
    }
}

static void drop(struct pn_scheduler *scheduler, struct pn_pin *pin)
{
    pn_definitions_release(scheduler->config.definitions, &pin->definition);
    *pin = scheduler->pins[--scheduler->pin_count];
}

void pn_pins_forget(struct pn_scheduler *scheduler, int64_t run)
{
    for (size_t i = scheduler->pin_count; i-- > 0;) {
        if (scheduler->pins[i].run == run) {
            drop(scheduler, &scheduler->pins[i]);
        }
    }
}

void pn_pins_sweep(struct pn_scheduler *scheduler)
{
    for (size_t i = scheduler->pin_count; i-- > 0;) {
        struct pn_pin *pin = &scheduler->pins[i];
        if (pin->is_used) {
            pin->is_used = false;
            continue;
        }
        drop(scheduler, pin);
    }
}

void pn_pins_clear(struct pn_scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->pin_count; i++) {
        scheduler->pins[i].is_used = false;
    }
    pn_pins_sweep(scheduler);
    free(scheduler->pins);
    scheduler->pins = NULL;
    if (scheduler->config.definitions != NULL) {
        pn_definitions_release(scheduler->config.definitions, &scheduler->definition);
    }
}

size_t pn_pins_env(const struct pn_definition *definition, const char **env, struct pn_arena *arena)
{
    if (definition == NULL) {
        return 0;
    }
    env[0] = pn_arena_printf(arena, "PINION_PIPELINE=%s", definition->folder);
    return 1;
}
