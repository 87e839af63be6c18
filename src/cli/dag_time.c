/* Times that options name, as a DAG's time zone has them. */
#include <string.h>

#include "base/time_text.h"
#include "cli/dag.h"
#include "schedule/civil.h"

int pn_cli_dag_time(const struct pn_dag *dag, const char *option, const char *text,
                    int64_t *first_ms, int64_t *last_ms, struct pn_err *e)
{
    int32_t day = 0;
    if (text == NULL) {
        return pn_err_input(e,
                            "--%s is missing: give a day such as 2026-01-31, or a time such as"
                            " 2026-01-31T06:00:00Z",
                            option);
    }
    if (dag->schedule.zone != NULL && text[strcspn(text, "Tt :")] == '\0' &&
        pn_day_parse(text, strlen(text), &day)) {
        int64_t midnight_s = (int64_t)day * PN_DAY_S;
        *first_ms = pn_zone_instant(dag->schedule.zone, midnight_s) * 1000;
        *last_ms = pn_zone_instant(dag->schedule.zone, midnight_s + PN_DAY_S) * 1000 - 1;
        return 0;
    }
    if (!pn_time_parse_ms(text, first_ms)) {
        return pn_err_input(e,
                            "--%s \"%.60s\" is not a time: give 2026-01-31 or"
                            " 2026-01-31T06:00:00Z",
                            option, text);
    }
    *last_ms = *first_ms;
    return 0;
}
