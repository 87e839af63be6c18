"""Runs notebooks one after the other in one Spark session, as a cluster of Databricks does.

usage: notebook_cluster.py <lines of {"path": NOTEBOOK, "parameters": {...}}, and a line for each

It has of `dbutils` what pinion's notebooks use: widgets, fs.ls, and notebook.exit, which ends a
notebook with success. Prints for each run {"code", "error", "trace", "result"} as a line of JSON.
"""

import json
import os
import sys
import traceback
import types
from pathlib import Path

RESULTS = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)  # what a notebook prints is not a result


class Exit(Exception):
    """notebook.exit()"""


class Widgets:
    def __init__(self, given):
        self.given, self.known = given, {}

    def text(self, name, default):
        self.known[name] = self.given.get(name, default)

    def get(self, name):
        return self.known[name]


class Files:
    """Of a store that is a folder of this machine."""

    @staticmethod
    def ls(path):
        try:
            entries = list(os.scandir(path))
        except FileNotFoundError as missing:  # which a cluster says in Java's words
            raise Exception(f"java.io.FileNotFoundException: {path}") from missing
        names = [f"{entry.name}/" if entry.is_dir() else entry.name for entry in entries]
        return [types.SimpleNamespace(name=name) for name in sorted(names)]


class Notebook:
    @staticmethod
    def exit(value):
        raise Exit(value)


class Utils:
    notebook, fs = Notebook(), Files()

    def __init__(self, parameters):
        self.widgets = Widgets(parameters)


def run(path, parameters):
    """A run has modules of its own, and finds those beside the notebook."""
    global dbutils
    dbutils = Utils(parameters)
    for name in [name for name in sys.modules if name.startswith("pinion_")]:
        del sys.modules[name]
    sys.path.insert(0, str(path.parent))
    try:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {"__name__": "notebook"})
        return {"code": "SUCCESS"}
    except Exit as end:
        return {"code": "SUCCESS", "result": str(end)}
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
        return {"code": "RUN_EXECUTION_ERROR", "error": said, "trace": traceback.format_exc()}
    finally:
        sys.path.remove(str(path.parent))


for line in sys.stdin:
    asked = json.loads(line)
    ended = run(Path(asked["path"]), asked["parameters"])
    print(json.dumps(ended), file=RESULTS, flush=True)
