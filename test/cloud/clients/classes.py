"""Puts JSON through the classes of Databricks' own packages; by a Python that has them.

usage: classes.py <JSON of [["job" or "submission", JSON], ...]

Prints for each as JSON what is wrong with it. databricks-sdk drops what it does not know, so JSON
that comes out as it went in has no name that is unknown, misspelt or in the wrong place.
databricks-bundles refuses such JSON."""

import inspect
import json
import sys

from databricks.bundles.jobs import Job
from databricks.sdk.service.jobs import JobsAPI, JobSettings, SubmitTask


def compare(kind, given, back):
    return [] if back == given else [f"{kind}: {json.dumps(given)} became {json.dumps(back)}"]


def job(given):
    faults = compare("JobSettings", given, JobSettings.from_dict(given).as_dict())
    try:
        back = Job.from_dict(given).as_dict()
    except (TypeError, ValueError) as error:
        return [*faults, f"Job: {error}"]
    return faults + compare("Job", given, back)


def submission(given):
    known = set(inspect.signature(JobsAPI.submit).parameters)
    faults = [f"submit: {name} is unknown" for name in given if name not in known]
    for task in given["tasks"]:
        faults += compare("SubmitTask", task, SubmitTask.from_dict(task).as_dict())
    return faults


check = {"job": job, "submission": submission}
print(json.dumps([check[kind](given) for kind, given in json.load(sys.stdin)]))
