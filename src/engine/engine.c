#include "engine/embedded.h"

void pn_engine_destroy(struct pn_engine **engine)
{
    if (*engine != NULL) {
        (*engine)->ops->destroy(*engine);
        *engine = NULL;
    }
}

void pn_embedded_engine_destroy(struct pn_embedded_engine **engine)
{
    if (*engine != NULL) {
        struct pn_engine *batch = &(*engine)->batch;
        pn_engine_destroy(&batch);
        *engine = NULL;
    }
}
