#include "cli/commands.h"

#include <stddef.h>

const struct pn_command pn_commands[] = {
    {"demo", "run the whole pipeline once and show what comes out", pn_cmd_demo},
    {"init", "a pipeline of your own, as a copy of the shipped one", pn_cmd_init},
    {"pipeline", "check or show a pipeline's definition", pn_cmd_pipeline},
    {"settings", "the settings in force, and all there are", pn_cmd_settings},
    {"metrics", "what a server counts, and when to alert", pn_cmd_metrics},
    {"serve", "serve every front door, land what arrives, run the DAGs", pn_cmd_serve},
    {"dag", "list, trigger and watch DAGs", pn_cmd_dag},
    {"emulate", "produce records, generated or from a database", pn_cmd_emulate},
    {"stream", "make, look at and read streams", pn_cmd_stream},
    {"topic", "the topics, and the tables that read them", pn_cmd_topic},
    {"table", "look at Delta tables, compact and clean them", pn_cmd_table},
    {"query", "answer one of the pipeline's queries, or a SELECT of yours", pn_cmd_query},
    {"batch", "load, clean and answer every query in one process", pn_cmd_batch},
    {"task", "do the work of one task of a DAG", pn_cmd_task},
    {"help", "what pinion, or one of its commands, does", pn_cmd_help},
    {"man", "print the manual page", pn_cmd_man},
    {"completion", "print the completions for a shell", pn_cmd_completion},
    {"version", "the version of pinion and of the libraries it stands on", pn_cmd_version},
    {"query-worker", NULL, pn_cmd_query_worker}, /* the server's own; last, as help ends here */
    {NULL, NULL, NULL},
};
