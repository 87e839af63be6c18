"""The runner of spark.runner=databricks by Databricks' own SDK: its classes read what pinion
submits, unchanged, and its client gets along with the stub that the runner is tested with
(test/integration/jobs_api.py). So the stub speaks as the service does, as far as the SDK tells."""

import json
import subprocess

import pytest

from cloud import HERE, TOOLS
from jobs_api import API, CLIENT, SECRET, JobsApi, Setting

NEW = {
    "spark_version": "15.4.x-scala2.12", "node_type_id": "m5d.large", "num_workers": 2,
    "data_security_mode": "SINGLE_USER", "spark_conf": {"spark.sql.shuffle.partitions": "8"},
}  # fmt: skip


@pytest.fixture(scope="module")
def submitted(tmp_path_factory):
    """The bodies of runs/submit: a cluster, a new cluster, serverless compute."""
    folder = tmp_path_factory.mktemp("submitted")
    data = folder / "data"
    (data / "store").mkdir(parents=True)
    with JobsApi(folder) as api:
        setting = Setting(folder, data, api)
        assert setting.task().returncode == 0
        for cluster in (json.dumps(NEW), ""):
            setting.spark["cluster"] = cluster
            assert setting.task().returncode == 0
    return [json.loads(body) for body in api.asked(f"{API}/submit")]


def seen(api, bodies):
    done = subprocess.run(
        [TOOLS / "venv-clients/bin/python", HERE / "clients/jobs_client.py", api.url, CLIENT,
         SECRET],
        timeout=120, check=True, input=json.dumps(bodies), text=True, stdout=subprocess.PIPE,
        env={"REQUESTS_CA_BUNDLE": str(api.certificate)},
    )  # fmt: skip
    return json.loads(done.stdout)


def test_the_sdk_reads_our_requests_and_the_stubs_replies(submitted, tmp_path):
    assert len(submitted) == 3
    with JobsApi(tmp_path) as api:
        api.mode = [("SUCCESS", ""), "hang"]
        assert seen(api, submitted) == {
            "faults": [], "same": True, "state": "TERMINATED", "code": "SUCCESS",
            "url": f"{api.url}/?o=1#job/2/run/1000", "error": None, "cancelled": "USER_CANCELED",
        }  # fmt: skip
        assert api.cancelled == [1010]
    for name in ("submit", "get", "get-output", "cancel"):
        assert f"{API}/{name}" in api.paths()


def test_a_mistake_is_found(submitted, tmp_path):
    wrong = [json.loads(json.dumps(submitted[0])) for _ in range(2)]
    wrong[0]["tasks"][0]["new_cluster"] = {**NEW, "workers": 2}
    with JobsApi(tmp_path) as api:
        api.mode = ("SUCCESS", "")
        assert len(seen(api, wrong)["faults"]) == 1
