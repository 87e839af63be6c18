"""Every command of docs/tutorial.md, in its order, and what it says that they print."""

import re
import subprocess
import sys
from pathlib import Path

from pinion import PINION
from readers import spark_session

PAGE = Path(__file__).resolve().parents[2] / "docs/tutorial.md"
SECONDS_MAX = 300


def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def blocks():
    """Kind and text of each block of the page."""
    return re.findall(r"```(.+?)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)


def run_commands(folder, commands):
    """What each of the blocks prints. A last line ends the server that they have started."""
    mark = "-- the end of a block"
    port = str(free_port())
    steps = "".join(f"{text}\necho '{mark}'\n" for text in commands)
    script = f"set -e\n{steps}kill %1\nwait\n"
    script = script.replace("8082", port)
    script = script.replace("pinion serve", f"pinion serve --listen 127.0.0.1:{port}")
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX,
        env={"PATH": f"{Path(PINION).parent}:/usr/bin:/bin", "HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode in (0, 143), done.stdout + done.stderr  # 143: of wait
    return done.stdout.split(f"{mark}\n")


def test_the_tutorial(tmp_path):
    page = blocks()
    printed = run_commands(tmp_path, [text for kind, text in page if kind == "sh"])
    number, compared = -1, 0
    for kind, text in page:
        number += kind == "sh"
        if kind == "text":
            assert printed[number].endswith(text), printed[number]
            compared += 1
    assert compared == 4
    assert "warning: range(amount) has 1 row" in "".join(printed)
    assert "does not pass accepted_values(status)" in "".join(printed)
    assert "expected an integer" in "".join(printed)

    notebook, spark = (text for kind, text in page if kind.startswith("python"))
    done = subprocess.run(
        [sys.executable, "-c", notebook], cwd=tmp_path, capture_output=True, text=True,
        timeout=SECONDS_MAX,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Lima" in done.stdout and "2026-03-04" in done.stdout
    # The tests have a session of Spark, whose jars are here already.
    lines = spark.replace("shop-data", str(tmp_path / "shop-data")).splitlines()
    (last,) = (line for line in lines if line.startswith("spark.read"))
    with spark_session() as session:
        rows = eval(last.replace(".show()", ".collect()"), {"spark": session})
    assert sorted((row["status"], row["count"]) for row in rows) == [
        ("lost", 1), ("new", 1), ("paid", 1), ("sent", 1),
    ]  # fmt: skip
