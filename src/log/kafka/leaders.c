#include "log/kafka/leaders.h"

#include <stdlib.h>

#include "base/mem.h"

/* A leader that did not answer last time is asked for less long. */
enum { ANSWER_MS = 5000, SILENT_ANSWER_MS = 1000, EARLY_MS = 2000, EARLY_WAIT_MS = 50 };

/* What one leader is asked. */
struct question {
    struct pn_kafka *kafka;
    int32_t leader;
    int timeout_ms;
    struct pn_kafka_asked **asked;
    size_t count;
    int rc;
    struct pn_err err;
    bool has_thread;
    pthread_t thread;
};

/* A broker that has just become a partition's leader, as of a new topic, may not know it yet. */
static bool is_too_early(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

static rd_kafka_topic_partition_list_t *list_parts(const struct question *question, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)question->count);
    for (size_t i = 0; i < question->count; i++) {
        const struct pn_kafka_asked *asked = question->asked[i];
        rd_kafka_topic_partition_list_add(list, asked->topic->info.name, asked->number)->offset =
            offset;
    }
    return list;
}

/* *list: the offsets that `offset` stands for, in the order of the question. */
static rd_kafka_resp_err_t ask_offsets(const struct question *question, int64_t offset,
                                       rd_kafka_topic_partition_list_t **list)
{
    const struct pn_kafka *kafka = question->kafka;
    int64_t until_ms = pn_mono_ms(kafka->clock) + EARLY_MS;
    for (;;) {
        *list = list_parts(question, offset);
        rd_kafka_resp_err_t err =
            rd_kafka_offsets_for_times(kafka->asker, *list, question->timeout_ms);
        if (!is_too_early(err) || pn_mono_ms(kafka->clock) >= until_ms) {
            return err;
        }
        rd_kafka_topic_partition_list_destroy(*list);
        pn_sleep_ms(EARLY_WAIT_MS);
    }
}

static bool has_offset(const rd_kafka_topic_partition_t *part)
{
    return part->err == RD_KAFKA_RESP_ERR_NO_ERROR && part->offset >= 0;
}

static void take_answer(struct question *question, const rd_kafka_topic_partition_list_t *begins,
                        const rd_kafka_topic_partition_list_t *ends)
{
    for (size_t i = 0; i < question->count; i++) {
        struct pn_kafka_asked *asked = question->asked[i];
        asked->is_answered = has_offset(&begins->elems[i]) && has_offset(&ends->elems[i]);
        asked->begin = begins->elems[i].offset;
        asked->end = ends->elems[i].offset;
    }
}

static void *ask(void *arg)
{
    struct question *question = arg;
    rd_kafka_topic_partition_list_t *begins = NULL;
    rd_kafka_topic_partition_list_t *ends = NULL;
    rd_kafka_resp_err_t err = ask_offsets(question, RD_KAFKA_OFFSET_END, &ends);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = ask_offsets(question, RD_KAFKA_OFFSET_BEGINNING, &begins);
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        take_answer(question, begins, ends);
    } else {
        question->rc = pn_kafka_fail(question->kafka, err, &question->err,
                                     "cannot ask the brokers where partitions end");
    }
    if (begins != NULL) {
        rd_kafka_topic_partition_list_destroy(begins);
    }
    rd_kafka_topic_partition_list_destroy(ends);
    return NULL;
}

static int by_leader(const void *left, const void *right)
{
    const struct pn_kafka_asked *l = *(struct pn_kafka_asked *const *)left;
    const struct pn_kafka_asked *r = *(struct pn_kafka_asked *const *)right;
    int order = (l->leader > r->leader) - (l->leader < r->leader);
    return order != 0 ? order : (l > r) - (l < r);
}

/* One for each leader; `sorted` is by leader. Returns how many. */
static size_t write_questions(struct pn_kafka *kafka, struct pn_kafka_asked **sorted, size_t count,
                              struct question *questions)
{
    size_t question_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || sorted[i]->leader != sorted[i - 1]->leader) {
            questions[question_count++] = (struct question){.kafka = kafka,
                                                            .leader = sorted[i]->leader,
                                                            .timeout_ms = SILENT_ANSWER_MS,
                                                            .asked = &sorted[i]};
        }
        struct question *question = &questions[question_count - 1];
        question->count++;
        if (atomic_load(&sorted[i]->part->silent_ms) == 0) {
            question->timeout_ms = ANSWER_MS;
        }
    }
    return question_count;
}

/* The first is asked on this thread, and whatever gets no thread of its own. */
static void ask_all(struct question *questions, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        questions[i].has_thread =
            pthread_create(&questions[i].thread, NULL, ask, &questions[i]) == 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (!questions[i].has_thread) {
            (void)ask(&questions[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (questions[i].has_thread) {
            pthread_join(questions[i].thread, NULL);
        }
    }
}

int pn_kafka_ask_leaders(struct pn_kafka *kafka, struct pn_kafka_asked *all, size_t count,
                         struct pn_err *e)
{
    struct pn_kafka_asked **sorted = pn_xcalloc(count + 1, sizeof *sorted);
    struct question *questions = pn_xcalloc(count + 1, sizeof *questions);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &all[i];
    }
    qsort(sorted, count, sizeof *sorted, by_leader);
    size_t question_count = write_questions(kafka, sorted, count, questions);
    ask_all(questions, question_count);
    size_t failed = 0;
    for (size_t i = 0; i < question_count; i++) {
        failed += questions[i].rc != 0;
    }
    int rc = 0;
    if (failed > 0 && failed == question_count) {
        rc = questions[0].rc;
        pn_err_copy(e, &questions[0].err);
    }
    free(questions);
    free(sorted);
    return rc;
}
