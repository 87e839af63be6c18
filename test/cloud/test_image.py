"""The image: the second stage of packaging/Dockerfile, built by buildah with the package that
`make deb` has made, and run. The base image cannot be pulled here: a Debian that mmdebstrap made
stands in for it. The first stage is what scripts/test-package does."""

import json
import os
import shutil
import subprocess
import time

import pytest
import requests

from cloud import ROOT, do
from kafka_broker import free_ports

pytestmark = pytest.mark.timeout(1800)

DOCKERFILE = ROOT / "packaging/Dockerfile"
BASE = "debian:12-slim"
KEY = "a-key-of-the-test-0123456789"


class Buildah:
    """With images of its own, and without what containers need of a kernel."""

    def __init__(self, folder):
        self.words = ["buildah", "--root", folder / "storage", "--runroot", folder / "run"]
        self.env = {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}

    def __call__(self, *words):
        return do(*self.words, *words, env=self.env, timeout=1200).strip()

    def start(self, container, output, *words):
        command = [str(word) for word in (*self.words, "run", *words[:-1], container, *words[-1])]
        return subprocess.Popen(
            command, env={**os.environ, **self.env}, stdout=output, stderr=output
        )


@pytest.fixture(scope="module")
def buildah(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image")
    yield Buildah(folder)
    shutil.rmtree(folder)  # several copies of a Debian


@pytest.fixture(scope="module")
def container(buildah, tmp_path_factory):
    folder = tmp_path_factory.mktemp("build")
    text = DOCKERFILE.read_text()
    assert text.count(f"FROM {BASE}") == 2
    second = folder / "Dockerfile"
    second.write_text(text[text.rindex("FROM ") :])
    do("mmdebstrap", "--variant=minbase", "--quiet", "bookworm", folder / "base.tar", timeout=1200)
    base = buildah("from", "scratch")
    buildah("add", "-q", base, folder / "base.tar", "/")
    buildah("commit", "-q", "--rm", base, f"docker.io/library/{BASE}")
    (package,) = (ROOT / "build-package").glob("pinion_*.deb")
    (folder / "stage").mkdir()
    shutil.copy(package, folder / "stage/pinion.deb")
    buildah("build", "--pull-never", "--build-context", f"build={folder / 'stage'}",
            "-f", second, "-t", "pinion", folder)  # fmt: skip
    return buildah("from", "--pull-never", "localhost/pinion").splitlines()[-1]


def test_what_it_is(buildah, container):
    image = json.loads(buildah("inspect", "--type", "image", "pinion"))["OCIv1"]["config"]
    assert image["User"] == "999:999" and image["Entrypoint"] == ["/usr/bin/pinion"]
    assert list(image["Volumes"]) == ["/var/lib/pinion"] == [image["Env"][-1].partition("=")[2]]
    assert buildah("run", container, "--", "/usr/bin/pinion", "version").startswith("pinion ")
    assert buildah("run", container, "--", "stat", "-c", "%U %a", "/var/lib/pinion") == "pinion 755"
    assert buildah("run", container, "--", "sh", "-c", "ls /tmp /var/lib/apt/lists") == (
        "/tmp:\n\n/var/lib/apt/lists:"
    )


def test_it_serves(buildah, container, tmp_path):
    """By its own command, but for the address: that of loopback, where a port is free."""
    image = json.loads(buildah("inspect", "--type", "image", "pinion"))["OCIv1"]["config"]
    (port,) = free_ports(1)
    assert "0.0.0.0:8082" in image["Cmd"]
    command = [word.replace("0.0.0.0:8082", f"127.0.0.1:{port}") for word in image["Cmd"]]
    url = f"http://127.0.0.1:{port}/topics"
    with open(tmp_path / "log", "wb") as output:
        words = ("-e", f"PINION_API_KEY={KEY}", ["/usr/bin/pinion", *command])
        process = buildah.start(container, output, *words)
        try:
            deadline = time.monotonic() + 120
            while True:
                assert process.poll() is None, (tmp_path / "log").read_text()
                try:
                    status = requests.get(url, timeout=30).status_code
                    break
                except requests.ConnectionError:
                    assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                    time.sleep(0.1)
            assert status == 401
            assert requests.get(url, headers={"x-api-key": KEY}, timeout=30).status_code == 200
        finally:
            process.terminate()
            process.wait(120)
