/* Whether any broker answers, by what the thread that asks them hears. */
#include <inttypes.h>

#include "log/kafka/private.h"

/* Topics are asked for every 5 seconds. */
enum { UNREACHABLE_MS = 10000 };

void pn_kafka_reach_answer(struct pn_kafka *kafka)
{
    int64_t now_ms = pn_mono_ms(kafka->clock);
    int64_t silent_ms = now_ms - atomic_exchange(&kafka->reach.answered_ms, now_ms);
    if (atomic_exchange(&kafka->reach.is_doubted, false) && silent_ms >= UNREACHABLE_MS) {
        pn_logger_info(kafka->logger, "kafka", "the brokers answer again, after %" PRId64 " s",
                       silent_ms / 1000);
    }
}

void pn_kafka_reach_doubt(struct pn_kafka *kafka)
{
    atomic_store(&kafka->reach.is_doubted, true);
}

const char *pn_kafka_unreachable(struct pn_log *log, struct pn_arena *arena)
{
    struct pn_kafka *kafka = pn_kafka_of(log);
    int64_t silent_ms = pn_mono_ms(kafka->clock) - atomic_load(&kafka->reach.answered_ms);
    return atomic_load(&kafka->reach.is_doubted) && silent_ms >= UNREACHABLE_MS
               ? pn_arena_printf(arena,
                                 "no broker of log.url (%s) answers; the server's log has what "
                                 "the connections report",
                                 kafka->config.url)
               : NULL;
}
