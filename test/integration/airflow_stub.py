"""Stands in for Airflow where it is not installed: DAGs and operators that remember how they were
called, under the module names of Airflow 2 or 3. test/cloud runs the same files on the real one."""

import sys
import types


class Dag:
    current = None

    def __init__(self, **given):
        self.given, self.tasks = given, {}

    def __enter__(self):
        Dag.current = self
        return self

    def __exit__(self, *exception):
        Dag.current = None


class Operator:
    def __init__(self, **given):
        self.given, self.upstream = given, set()
        self.json = given.get("json")
        Dag.current.tasks[given["task_id"]] = self

    def __rshift__(self, other):
        other.upstream.add(self.given["task_id"])


class DatabricksSubmitRunOperator(Operator):
    """As the provider's: execute() submits its JSON and waits for the run."""

    def execute(self, context):
        run = self._hook.submit_run(self.json)
        self._hook.finish(run)
        return run


class BashOperator(Operator):
    pass


def timetable(line, timezone):
    return (line, timezone)


def module(name, **members):
    made = types.ModuleType(name)
    made.__dict__.update(members)
    sys.modules[name] = made


def load(file, version):
    """Runs a DAG file; gives its DAG and its names."""
    before = dict(sys.modules)
    try:
        module("airflow", DAG=Dag)
        module("pendulum", from_timestamp=lambda seconds, tz: (seconds, tz))
        module("airflow.timetables")
        module("airflow.timetables.trigger", CronTriggerTimetable=timetable)
        module("airflow.providers.databricks.operators.databricks",
               DatabricksSubmitRunOperator=DatabricksSubmitRunOperator)  # fmt: skip
        bash = {2: "airflow.operators.bash", 3: "airflow.providers.standard.operators.bash"}
        module(bash[version], BashOperator=BashOperator)
        made = []

        class Kept(Dag):
            def __init__(self, **given):
                super().__init__(**given)
                made.append(self)

        sys.modules["airflow"].DAG = Kept
        names = {"__name__": "dag_file"}
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), names)
        (dag,) = made
        return dag, names
    finally:
        sys.modules.clear()
        sys.modules.update(before)
