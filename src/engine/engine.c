#include "engine/engine.h"

void pn_engine_destroy(struct pn_engine **engine)
{
    if (*engine != NULL) {
        (*engine)->ops->destroy(*engine);
        *engine = NULL;
    }
}
