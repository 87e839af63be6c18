"""The store on servers of S3 that check signatures, checksums and clocks: versitygw, on which all
of the store's tests run, and SeaweedFS, whose lists are not in order."""

import os
import subprocess
import sys

import pytest

from cloud import ROOT, TOOLS
from pinion import PINION, run
from s3 import BUCKET, KEYS, settings
from s3_servers import versity, weed  # noqa: F401

pytestmark = pytest.mark.timeout(3600)
PORT_TEST = ROOT / "build-asan-ubsan/test_store_port"
HOUR_AHEAD = {"LD_PRELOAD": "libfaketime.so.1", "FAKETIME": "+1h"}
FAKETIME_FOLDER = "/usr/lib/x86_64-linux-gnu/faketime"


def store(*args, at, data, env=None, **more):
    env = {**KEYS, **(env or {})}
    return run("store", *args, *settings(at.url, "here"), data=data, env=env, **more)


@pytest.mark.parametrize("file", ["store_s3", "store_copy", "faults_s3", "from_files_s3"])
def test_what_runs_on_moto_runs_on_versitygw(file):
    env = {**os.environ, "PINION": PINION, "PINION_S3_SERVER": str(TOOLS / "bin/versitygw")}
    test = ROOT / f"test/integration/test_{file}.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", test], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert " passed" in done.stdout.splitlines()[-1]


def test_objects_on_seaweedfs(weed, tmp_path):
    """Conditional puts, parts, checksums and removal at once are as S3's."""
    at, large = {"at": weed, "data": tmp_path / "data"}, tmp_path / "large"
    large.write_bytes(os.urandom(20 << 20))
    store("put", large, "a/large", "--set", "store.part_bytes=5MiB", **at)
    store("get", "a/large", tmp_path / "back", **at)
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    refused = store("put", large, "a/large", check=False, **at)
    assert refused.returncode == 1 and "--yes" in refused.stderr
    assert "removed 1 object" in store("rm", "-r", "--yes", "a/", **at).stdout
    assert weed.keys("here/") == []


def test_check_refuses_seaweedfs_for_its_lists(weed, tmp_path):
    said = store("check", at=weed, data=tmp_path / "data", check=False)
    assert said.returncode == 1
    assert "does not keep the order of the keys" in said.stderr, said.stderr
    assert said.stderr.count("\n") == 1
    assert [key for key in weed.keys("here/") if "pinion_check" in key] == []


@pytest.mark.skipif(not PORT_TEST.exists(), reason="`scripts/test unit` builds it")
def test_the_promises_of_the_port_on_seaweedfs(weed):
    """All but the order of lists, and so the check."""
    env = {**os.environ, **KEYS, "PINION_TEST_S3": weed.url, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run([PORT_TEST], cwd=ROOT, env=env, capture_output=True, text=True)
    failed = {line.split()[-1] for line in (done.stdout + done.stderr).splitlines()
              if "FAILED  ] test_" in line}  # fmt: skip
    assert failed == {"test_check_leaves_nothing", "test_list_in_order_of_whole_keys",
                      "test_list_against_sorting"}  # fmt: skip


def test_a_clock_that_is_wrong(versity, tmp_path):
    """The server refuses what is signed for another hour, and says which one it has."""
    at = {"at": versity, "data": tmp_path / "data"}
    (tmp_path / "file").write_text("text")
    wrong = {**HOUR_AHEAD, "LD_LIBRARY_PATH": FAKETIME_FOLDER}
    store("put", tmp_path / "file", "clock", env=wrong, **at)
    assert store("get", "clock", env=wrong, **at).stdout == "text"
    store("check", env=wrong, **at)
    store("rm", "clock", "--yes", env=wrong, **at)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "another"}, "store.secret_key"),
        ({"AWS_ACCESS_KEY_ID": "another"}, "store.access_key"),
        ("store.region=eu-west-2", "store.region"),
        ("store.url=s3://no-such-bucket/here", "store.url"),
    ],
)
def test_an_error_names_the_setting(versity, tmp_path, change, said):
    more = {"env": change} if isinstance(change, dict) else {}
    words = [] if isinstance(change, dict) else ["--set", change]
    env = {**KEYS, **more.get("env", {})}
    done = run("store", "check", *settings(versity.url, "here"), *words, data=tmp_path / "data",
               env=env, check=False)  # fmt: skip
    assert done.returncode == 1 and said in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1
    assert BUCKET in done.stderr or "no-such-bucket" in done.stderr
