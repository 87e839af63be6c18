#include "emulate/emulate.h"

#include "emulate/generator.h"
#include "emulate/source.h"
#include "emulate/target.h"

void pn_emulate_config_init(struct pn_emulate_config *config)
{
    *config = (struct pn_emulate_config){
        .target = PN_EMULATE_KAFKA_REST,
        .seed = 1,
        .batch = 1,
        .connections = 1,
        .retries_max = 10,
        .timeout_ms = 30000,
        .io = pn_io_system(),
        .clock = pn_clock_system(),
    };
}

static int open_source(const struct pn_emulate_config *config, const struct pn_generator *generator,
                       struct pn_source **source, struct pn_err *e)
{
    if (config->source_url == NULL) {
        int64_t rows = config->rows > 0 ? config->rows : pn_generator_rows(generator);
        *source = pn_source_generator(generator, rows, config->seed);
        return 0;
    }
    struct pn_mysql_config mysql = {.url = config->source_url,
                                    .password = config->password,
                                    .rows = config->rows,
                                    .random = config->random,
                                    .seed = config->seed};
    return pn_source_mysql(generator, &mysql, source, e);
}

static int open_target(const struct pn_target_env *env, struct pn_target **target, struct pn_err *e)
{
    switch (env->config->target) {
    case PN_EMULATE_JSONL:
        return pn_target_jsonl(env, target, e);
    case PN_EMULATE_KINESIS:
        return pn_target_kinesis(env, target, e);
    case PN_EMULATE_KINESIS_REST:
        return pn_target_kinesis_rest(env, target, e);
    default:
        return pn_target_kafka_rest(env, target, e);
    }
}

/* From the source to the target, to the end or until the caller stops it. */
static int pump(const struct pn_target_env *env, struct pn_source *source, struct pn_target *target,
                struct pn_err *e)
{
    const struct pn_emulate_config *config = env->config;
    struct pn_emulate_record record = {.json = NULL};
    int rc = 0;
    while (rc == 0) {
        env->summary->stopped = config->stopped != NULL && config->stopped(config->arg);
        if (env->summary->stopped) {
            break;
        }
        rc = pn_source_next(source, &record, e);
        if (rc != 0 || record.json == NULL) {
            break;
        }
        rc = target->ops->put(target, &record, e);
    }
    /* What was taken is finished whatever happened; the first error is the one to report. */
    bool whole = rc == 0 && !env->summary->stopped;
    int finished = target->ops->finish(target, whole, rc == 0 ? e : NULL);
    return rc != 0 ? rc : finished;
}

int pn_emulate_run(const struct pn_emulate_config *config, struct pn_emulate_summary *summary,
                   struct pn_err *e)
{
    struct pn_generator *generator = NULL;
    struct pn_source *source = NULL;
    struct pn_target *target = NULL;
    *summary = (struct pn_emulate_summary){.total = 0};
    int rc = pn_generator_load(config->folder, config->io, &generator, e);
    if (rc != 0) {
        goto out;
    }
    rc = open_source(config, generator, &source, e);
    if (rc != 0) {
        goto out;
    }
    summary->total = source->total;
    struct pn_target_env env = {
        .config = config, .generator = generator, .summary = summary, .total = source->total};
    rc = open_target(&env, &target, e);
    if (rc != 0) {
        goto out;
    }
    int64_t start_ns = pn_mono_ns(config->clock);
    rc = pump(&env, source, target, e);
    summary->seconds = (double)(pn_mono_ns(config->clock) - start_ns) / 1e9;
    summary->notes = source->notes;
out:
    if (target != NULL) {
        target->ops->destroy(target);
    }
    pn_source_destroy(&source);
    pn_generator_destroy(&generator);
    return rc;
}
