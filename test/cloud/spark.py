"""Settings of the Spark that scripts/setup has installed, for `pinion --config`."""

import json
import sys
from pathlib import Path

from pinion import ROOT

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
