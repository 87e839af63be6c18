"""The image and the compose file: by hadolint and the Compose specification. No image is pulled
here, so their commands are run by this machine's pinion."""

import json
import os
import re
import subprocess
import time

import pytest
import requests
import yaml

from cloud import HERE, ROOT, TOOLS, do
from pinion import PINION

CLIENTS = TOOLS / "venv-clients/bin"
DOCKERFILE = ROOT / "packaging/Dockerfile"
COMPOSE = ROOT / "deploy/docker/compose.yml"
KEY = "a-key-of-the-test-0123456789"


def composed(text, status=0):
    done = subprocess.run(
        [CLIENTS / "python", HERE / "clients/compose.py"], input=text, text=True, timeout=120,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stdout
    return done.stdout


def test_hadolint(tmp_path):
    do(CLIENTS / "hadolint", DOCKERFILE)
    wrong = tmp_path / "Dockerfile"
    wrong.write_text(DOCKERFILE.read_text().replace("FROM debian:12-slim", "FROM debian"))
    assert "DL3006" in do(CLIENTS / "hadolint", wrong, status=1)


def test_the_compose_file():
    text = COMPOSE.read_text()
    composed(text)
    assert "stop_grace" in composed(text.replace("stop_grace_period: 60s", "stop_grace: 60s"), 1)
    # What it mounts and builds from is there.
    for service in yaml.safe_load(text)["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (COMPOSE.parent / source).exists(), source
        if "build" in service:
            context = COMPOSE.parent / service["build"]["context"]
            assert (context / service["build"]["dockerfile"]).resolve() == DOCKERFILE


def variables(text, given):
    """${NAME:-default} as compose has it."""
    return re.sub(r"\$\{(\w+):-(.*?)\}", lambda found: given.get(*found.groups()), text)


def started(tmp_path, words, env):
    """Starts pinion by the words of a command, on a port of loopback; gives it and its URL."""
    words = [word.replace("0.0.0.0:8082", "127.0.0.1:0") for word in words]
    data = tmp_path / "data"
    process = subprocess.Popen(
        [PINION, *words], env={**os.environ, "PINION_DATA": str(data), **env},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (data / "server.json").exists():
        if process.poll() is not None:
            return process, None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process, json.loads((data / "server.json").read_text())["url"]


def status(url, **headers):
    return requests.get(f"{url}/topics", headers=headers, timeout=30).status_code


def stop(process):
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_the_image_asks_for_a_key(tmp_path):
    (words,) = re.findall(r"^CMD (\[.*\])$", DOCKERFILE.read_text(), re.M)
    words = json.loads(words)
    process, url = started(tmp_path, words, {"PINION_API_KEY": KEY})
    try:
        assert (status(url), status(url, **{"x-api-key": KEY})) == (401, 200)
    finally:
        stop(process)
    process, url = started(tmp_path / "none", words, {"PINION_API_KEY": ""})
    assert url is None and "PINION_API_KEY" in process.communicate()[1]


@pytest.mark.parametrize("auth", ["none", "api-key"])
def test_the_compose_service(tmp_path, auth):
    given = {} if auth == "none" else {"PINION_AUTH": "api-key", "PINION_API_KEY": KEY}
    service = yaml.safe_load(COMPOSE.read_text())["services"]["pinion"]
    words = [variables(word, given) for word in service["command"]]
    key = variables(service["environment"]["PINION_API_KEY"], given)
    process, url = started(tmp_path, words, {"PINION_API_KEY": key})
    try:
        assert status(url) == (200 if auth == "none" else 401)
        check = [word.replace("http://127.0.0.1:8082", url)
                 for word in service["healthcheck"]["test"][2:]]  # fmt: skip
        do(PINION, *check, env={"PINION_API_KEY": key})
    finally:
        stop(process)
