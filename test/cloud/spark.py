"""The Spark that scripts/setup has installed: its settings for `pinion --config`, and jobs in this
process."""

import contextlib
import json
import sys
from pathlib import Path

from pinion import ROOT, run
from readers import spark_session

JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # jobs end before more would pay


def write_settings(folder, *, jar_folders=("spark-jars",), conf=(), **more):
    """A file of settings with engine.kind=spark, without a way to Maven; gives its path. `conf` are
    more properties of Spark, `more` other settings by their section."""
    python = Path(sys.executable)
    folders = [ROOT / "third_party" / name for name in jar_folders]
    jars = [str(jar) for folder in folders for jar in sorted(folder.glob("*.jar"))]
    usual = ["spark.driver.memory=1g", f"spark.driver.extraJavaOptions={JAVA}"]
    settings = {
        "engine": {"kind": "spark"},
        **more,
        "spark": {
            "submit": str(python.parent / "spark-submit"), "master": "local[2]", "packages": "",
            "jars": ",".join(jars), "python": str(python), "conf": "; ".join([*usual, *conf]),
            **more.get("spark", {}),
        },
    }  # fmt: skip
    file = folder / "spark.yml"
    file.write_text(json.dumps(settings))
    return file


def definition_of(pipeline, folder):
    """The definition that jobs get of a pipeline."""
    run("deploy", "spark", "--to", folder, "--store", folder, "--pipeline", pipeline)
    return (folder / "pinion_pipeline.py").read_text(encoding="utf-8")


@contextlib.contextmanager
def job_library(folder):
    """Spark, and the library of a job: most of a job is Spark's start. Gives a function that does
    one action of a job; its member `spark` is the session."""
    run("deploy", "spark", "--to", folder, "--store", folder)
    sys.path.insert(0, str(folder))
    import pinion_engine

    with spark_session() as session:

        def perform(store, definition, action, **request):
            asked = {"action": action, "definition": definition, **request}
            return pinion_engine.perform("token", asked, str(store), session)

        perform.spark = session
        yield perform
    sys.path.remove(str(folder))
    for file in folder.glob("pinion_*.py"):
        sys.modules.pop(file.stem, None)
