/*
 * The steps of the cloud deployment, what each makes, and roughly what that costs. The prices are
 * estimates for orientation: pinion does not look them up.
 */
#ifndef PN_DEPLOY_PLAN_H
#define PN_DEPLOY_PLAN_H

#include <stdbool.h>
#include <stddef.h>

/* Ends with an element whose `what` is NULL. In the order of set-up; tear-down is the reverse. */
struct pn_deploy_item {
    int step;              /* from 1 */
    const char *directory; /* or NULL: a step by hand or by another command */
    const char *what;
    const char *basis; /* of the price: "2 x 0.204 an hour" */
    double month_usd;  /* 0: nothing, or only by use */
    /* Only with this value of batch-ingestion-tf's variable; NULL: with each. */
    const char *gateway;
    const char *sink;
};
extern const struct pn_deploy_item pn_deploy_plan[];

/* Is the item made with these values of the variables? */
bool pn_deploy_makes(const struct pn_deploy_item *item, const char *gateway, const char *sink);

/* Where the prices come from, for people. */
extern const char pn_deploy_price_source[];

#endif
