/* Can the Kinesis of kinesis.endpoint be used, and has it the pipeline's streams? */
#ifndef PN_SERVER_KINESIS_CHECK_H
#define PN_SERVER_KINESIS_CHECK_H

#include "base/buf.h"
#include "server/app.h"

/* Asks for each of the pipeline's streams; a text for people in `detail`. MISSING when one is not
 * there. Nothing is created. */
int pn_app_check_kinesis(const struct pn_app *app, struct pn_buf *detail,
                         struct pn_err *e) PN_MUST_CHECK;

#endif
