#include "cli/commands.h"

#include <stddef.h>

const struct pn_command pn_commands[] = {
    {"demo", "run the whole pipeline once and show the results", pn_cmd_demo},
    {"init", "create your own pipeline from the shipped one", pn_cmd_init},
    {"pipeline", "check or show a pipeline's definition", pn_cmd_pipeline},
    {"settings", "show the settings in force, or their manual", pn_cmd_settings},
    {"profile", "check settings under a name, before a server starts", pn_cmd_profile},
    {"metrics", "show every metric, and when to alert", pn_cmd_metrics},
    {"serve", "run the server: interfaces, sink, streams, DAGs", pn_cmd_serve},
    {"dag", "list, trigger, watch and cancel DAGs", pn_cmd_dag},
    {"emulate", "produce records, made up or from a database", pn_cmd_emulate},
    {"stream", "create, inspect, read and delete streams", pn_cmd_stream},
    {"topic", "show the topics, and the tables that read them", pn_cmd_topic},
    {"table", "inspect, compact and clean up Delta tables", pn_cmd_table},
    {"store", "check the store; list, read, write and remove objects", pn_cmd_store},
    {"dead-letters", "show, mend, resend and drop rejected records", pn_cmd_dead_letters},
    {"query", "run a query of the pipeline, or your own SELECT", pn_cmd_query},
    {"export", "write a table's rows to a file", pn_cmd_export},
    {"import", "add the rows of files to a table or a topic", pn_cmd_import},
    {"batch", "load, clean and run every query in one process", pn_cmd_batch},
    {"task", "run one task of a DAG", pn_cmd_task},
    {"deploy", "set the pipeline up on AWS, Databricks and Airflow", pn_cmd_deploy},
    {"help", "show the help of pinion or of a command", pn_cmd_help},
    {"man", "print the manual page", pn_cmd_man},
    {"completion", "print the completions for a shell", pn_cmd_completion},
    {"version", "show the versions of pinion and its libraries", pn_cmd_version},
    /* The server's own; last, as help ends here. */
    {"query-worker", NULL, pn_cmd_query_worker},
    {"notify", NULL, pn_cmd_notify},
    {NULL, NULL, NULL},
};
