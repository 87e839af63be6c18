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

void pn_engine_ask_in_turn(struct pn_embedded_engine *engine, const struct pn_asks *asks)
{
    bool goes_on = true;
    for (size_t i = 0; goes_on && i < asks->count; i++) {
        struct pn_err e = {.class_ = PN_CLASS_NONE};
        struct pn_ask ask = asks->items[i];
        ask.in_turn = ask.in_turn || i + 1 < asks->count;
        int rc = pn_engine_ask(engine, &ask, &e);
        goes_on = asks->ended(asks->arg, i, rc, &e);
    }
}
