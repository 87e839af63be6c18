"""Commands that stand still at a place while something else is done."""

import atexit
import functools
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from pinion import PINION

SECONDS_MAX = 120


@functools.cache
def library():
    """stop_at.c as a shared library, which goes with this process."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    path = folder / "stop_at.so"
    source = Path(__file__).with_name("stop_at.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", path, source], check=True)
    return path


def halted(meanwhile, *args, at="/.tmp/", nth=1):
    """Runs `pinion ARGS...`, which stands still before it makes its nth file whose path has `at` in
    it. At the first it has listed the objects, and has committed nothing. Calls `meanwhile`, and
    lets the command continue. Gives its exit status and its output."""
    process = subprocess.Popen(
        [PINION, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "LD_PRELOAD": str(library()), "STOP_AT": at, "STOP_NTH": str(nth),
             "ASAN_OPTIONS": "verify_asan_link_order=0"},
    )  # fmt: skip
    try:
        is_stopped = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert is_stopped.si_code == os.CLD_STOPPED, process.communicate()[0]
        meanwhile()
        process.send_signal(signal.SIGCONT)
        output = process.communicate(timeout=SECONDS_MAX)[0]
        return process.returncode, output
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
