"""Loads DAG files by Airflow itself, and runs one; by the Python of an Airflow, without pinion's.

usage: airflow_run.py FOLDER show               what Airflow has read, as JSON
       airflow_run.py FOLDER test SECONDS [TASK TIMEOUT]
                                                runs each DAG with that retry delay; TASK gets a
                                                time limit in seconds"""

import json
import sys
from datetime import timedelta

from airflow.models.dagbag import DagBag


def task_of(task):
    shown = {
        "upstream": sorted(task.upstream_task_ids), "retries": task.retries,
        "retry_delay": task.retry_delay.total_seconds(), "type": task.task_type,
        "rule": str(getattr(task.trigger_rule, "value", task.trigger_rule)),
    }  # fmt: skip
    for name in ("json", "bash_command"):
        if hasattr(task, name):
            shown[name] = getattr(task, name)
    return shown


def show(dags):
    print(json.dumps({
        dag.dag_id: {"tasks": {task.task_id: task_of(task) for task in dag.tasks},
                     "catchup": dag.catchup, "max_active_runs": dag.max_active_runs}
        for dag in dags.values()
    }))  # fmt: skip


def test(dags, seconds, limited=None, limit=None):
    for dag in dags.values():
        for task in dag.tasks:
            task.retry_delay = timedelta(seconds=float(seconds))
            task.polling_period_seconds = 0.2
            if task.task_id == limited:
                task.execution_timeout = timedelta(seconds=float(limit))
        run = dag.test()
        tries = {ti.task_id: ti.try_number for ti in run.get_task_instances()}
        print("RESULT " + json.dumps({"state": str(run.state), "tries": tries}), flush=True)


def main():
    folder, what, *more = sys.argv[1:]
    bag = DagBag(folder, include_examples=False)
    assert not bag.import_errors, bag.import_errors
    {"show": show, "test": test}[what](bag.dags, *more)


main()
