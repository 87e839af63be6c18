"""Databricks' own client at a server that stands in for Databricks; by a Python that has
databricks-sdk.

usage: jobs_client.py HOST CLIENT SECRET <JSON of the bodies of runs/submit

Reads each body with the SDK's classes, submits the first by the SDK, waits for its run's end,
reads its output, and cancels the second's run. Prints as JSON what is wrong, and what the SDK has
seen."""

import inspect
import json
import sys

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import JobsAPI, SubmitTask

bodies = json.load(sys.stdin)
faults, known = [], set(inspect.signature(JobsAPI.submit).parameters)
for body in bodies:
    faults += [f"submit has no {name}" for name in body if name not in known]
    for task in body["tasks"]:
        back = SubmitTask.from_dict(task).as_dict()
        if back != task:
            faults.append(f"SubmitTask: {task} became {back}")


def submit(body):
    tasks = [SubmitTask.from_dict(task) for task in body["tasks"]]
    return client.jobs.submit(**{**body, "tasks": tasks})


host, name, secret = sys.argv[1:]
client = WorkspaceClient(host=host, client_id=name, client_secret=secret, auth_type="oauth-m2m")
first = submit(bodies[0])
again = submit(bodies[0])
run = first.result()
output = client.jobs.get_run_output(run.tasks[0].run_id)
second = submit(bodies[1])
client.jobs.cancel_run(second.run_id)
ended = client.jobs.get_run(second.run_id)
print(json.dumps({
    "faults": faults,
    "same": first.run_id == again.run_id,
    "state": run.status.state.value,
    "code": run.status.termination_details.code.value,
    "url": run.run_page_url,
    "error": output.error,
    "cancelled": ended.status.termination_details.code.value,
}))  # fmt: skip
