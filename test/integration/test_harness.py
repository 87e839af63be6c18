"""The tests can fail: what the harness itself promises."""

import subprocess
import sys
from pathlib import Path

CONFIGURATION = Path(__file__).parent / "pytest.ini"

THREAD = """
import threading

def test_a_producer_fails():
    def produce():
        assert False, "the record is not there"

    producer = threading.Thread(target=produce)
    producer.start()
    producer.join()
"""


def test_an_exception_in_a_thread_fails_its_test(tmp_path):
    path = tmp_path / "test_thread.py"
    path.write_text(THREAD)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", CONFIGURATION, "--rootdir", tmp_path, path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "1 failed" in done.stdout
    assert "the record is not there" in done.stdout
