"""engine.kind=spark, spark.runner=databricks: a job as a run of Databricks' Jobs API. The API is a
stub (jobs_api.py), because the service cannot run here; test/cloud/test_databricks_sdk.py holds the
stub and the requests against Databricks' own SDK."""

import json
import signal
import subprocess
import time

import pytest

from jobs_api import (
    API, CLEAN, CLEAN_ENV, CLIENT, CLUSTER, DAG, PERSONAL, SECRET, JobsApi, Setting,
)  # fmt: skip
from pinion import Server

SUBMIT, GET, CANCEL, TOKEN = f"{API}/submit", f"{API}/get", f"{API}/cancel", "/oidc/v1/token"
LOAD = "load_data_from_S3_and_save_as_delta_tables"
ENV = {"PINION_DAG": DAG, "PINION_RUN_ID": "manual+1", "PINION_TASK": CLEAN}


JSON = {"Content-Type": "application/json"}


def state(server, query):
    return json.loads(server.request("GET", f"/api/v1/queries/{query}")[1])["state"]


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture
def api(certificates):
    with JobsApi(certificates) as stub:
        yield stub


@pytest.fixture
def spark(tmp_path, data, api):
    (data / "store").mkdir(parents=True, exist_ok=True)
    return Setting(tmp_path, data, api)


def test_a_load_is_one_run(spark, api):
    done = spark.task(LOAD)
    assert done.returncode == 0, done.stderr
    assert "raw_pin: version 2, 4 rows from 1 object, 1 dead letter" in done.stdout
    assert api.paths() == [TOKEN, SUBMIT, GET, GET, GET]
    body = json.loads(api.asked(SUBMIT)[0])
    token = body.pop("idempotency_token")
    folder = body["tasks"][0]["notebook_task"]["base_parameters"].pop("job")
    assert token.startswith("pinion-") and folder.startswith("spark_jobs/")
    assert body == {
        "run_name": "pinterest: load",
        "timeout_seconds": 3660,
        "tasks": [{
            "task_key": "pinion",
            "notebook_task": {
                "notebook_path": "/Shared/demo/files/pinion_job", "source": "WORKSPACE",
                "base_parameters": {"store": str(spark.data / "store")},
            },
            "existing_cluster_id": CLUSTER,
        }],
    }  # fmt: skip
    assert spark.jobs() == []


def test_the_log_has_the_runs_page_and_its_states(spark, api):
    said = spark.task().stderr.splitlines()
    assert f"Databricks: run 1000: {api.url}/?o=1#job/2/run/1000" in said
    states = [line.split(" is ")[1] for line in said if " is " in line]
    assert states == ["PENDING: Waiting for cluster", "RUNNING: In run", "TERMINATED"]


def test_a_dag_runs_on_it(spark, api):
    done = spark.run("dag", "trigger", DAG, "--wait")
    assert "success" in done.stdout
    assert len(api.runs) == 4 and len(api.asked(SUBMIT)) == 4
    assert spark.jobs() == []


def test_a_query_and_optimize(spark, api):
    done = spark.run("query", "SELECT 1", "--format", "json")
    assert json.loads(done.stdout) == [{"n": 7}]
    assert api.runs[1000]["body"]["run_name"] == "pinterest: query"
    assert spark.jobs() == []


def test_a_cluster_of_its_own_and_serverless(spark, api):
    new = {"spark_version": "15.4.x-scala2.12", "num_workers": 2, "node_type_id": "m5d.large"}
    spark.spark["cluster"] = json.dumps(new)
    assert spark.task().returncode == 0
    spark.spark["cluster"] = ""
    assert spark.task().returncode == 0
    own, serverless = (json.loads(body)["tasks"][0] for body in api.asked(SUBMIT))
    assert own["new_cluster"] == new and "existing_cluster_id" not in own
    assert set(serverless) == {"task_key", "notebook_task"}
    spark.spark["cluster"] = "{no JSON"
    assert "spark.cluster: invalid JSON" in spark.task().stderr


# --- credentials --------------------------------------------------------------------------------


def test_a_personal_token_and_the_environment(spark, api):
    del spark.spark["client_id"]
    (spark.folder / "secret").write_text(PERSONAL)
    assert spark.task().returncode == 0
    del spark.spark["secret_file"], spark.spark["workspace"]
    host = {"DATABRICKS_HOST": api.url.removeprefix("https://") + "/"}
    assert spark.task(env={**host, "DATABRICKS_TOKEN": PERSONAL}).returncode == 0
    assert api.logins == 0
    client = {"DATABRICKS_CLIENT_ID": CLIENT, "DATABRICKS_CLIENT_SECRET": SECRET}
    assert spark.task(env={**host, **client, "DATABRICKS_TOKEN": "x"}).returncode == 0
    assert api.logins == 1
    done = spark.task(env=host)
    assert done.returncode == 1 and "there are no credentials for Databricks" in done.stderr


def test_a_token_is_renewed_before_it_expires(spark, api):
    api.life = 0
    assert spark.task().returncode == 0
    assert api.paths() == [TOKEN, SUBMIT, TOKEN, GET, TOKEN, GET, TOKEN, GET]


def test_a_token_that_is_refused_is_renewed(spark, api):
    api.faults[GET] = [401]
    assert spark.task().returncode == 0
    assert api.paths() == [TOKEN, SUBMIT, GET, TOKEN, GET, GET, GET]
    assert len(api.runs) == 1


def test_wrong_credentials(spark, api):
    (spark.folder / "secret").write_text("something else")
    done = spark.task()
    assert done.returncode == 1 and "something else" not in done.stderr
    assert "invalid_client: Client authentication failed: check spark.client_id" in done.stderr
    assert api.paths() == [TOKEN]
    assert spark.jobs() == []
    spark.spark["secret_file"] = str(spark.folder / "nothing")
    assert "spark.secret_file: " in spark.task().stderr
    del spark.spark["client_id"], spark.spark["secret_file"]
    spark.spark["secret"] = "dapi-wrong"
    done = spark.task()
    assert done.returncode == 1 and "dapi-wrong" not in done.stderr
    assert "check spark.client_id and spark.secret_file" in done.stderr


def test_settings_do_not_show_the_secret(spark):
    spark.spark["secret"] = SECRET
    shown = spark.run("settings", "--format", "json").stdout
    assert "spark.secret" in shown


# --- what may pass ------------------------------------------------------------------------------


def test_a_lost_answer_starts_no_second_run(spark, api):
    api.faults[SUBMIT] = ["lost", "drop"]
    assert spark.task().returncode == 0
    assert len({json.loads(body)["idempotency_token"] for body in api.asked(SUBMIT)}) == 1
    assert len(api.asked(SUBMIT)) == 3 and len(api.runs) == 1


def test_retry_after(spark, api):
    api.faults[SUBMIT] = [(429, 2)]
    assert spark.task().returncode == 0
    first, second = api.times(SUBMIT)
    assert second - first >= 2
    assert len(api.runs) == 1


def test_servers_that_fail_for_a_while(spark, api):
    api.faults.update({TOKEN: [503], SUBMIT: [500], GET: ["drop", 502]})
    done = spark.task()
    assert done.returncode == 0 and len(api.runs) == 1
    assert done.stderr.count("trying again in") == 4


def test_a_server_that_fails_for_too_long(spark, api):
    """The run may be there, so the task's next try takes the same token."""
    spark.spark["retry_ms"], api.mode = "0ms", "hang"
    api.faults[SUBMIT] = ["lost"]
    done = spark.task(env=ENV)
    assert done.returncode == 1 and "Databricks may have started the run" in done.stderr
    api.faults[GET] = [503]
    done = spark.task(env=ENV)
    assert done.returncode == 1 and "the run 1000 may still run" in done.stderr
    api.finish(1000)
    assert spark.task(env=ENV).returncode == 0
    assert len(api.runs) == 1
    assert spark.jobs() == []


def test_no_such_host(spark):
    spark.spark.update(workspace="https://workspace.invalid", retry_ms="0ms")
    done = spark.task()
    assert done.returncode == 1 and ": check spark.workspace" in done.stderr
    assert spark.jobs() == []


def test_a_certificate_that_is_not_trusted(spark, api):
    del spark.spark["ca_file"]
    done = spark.task()
    assert done.returncode == 1 and "set spark.ca_file" in done.stderr
    assert spark.task(env={"PINION_CA_FILE": str(api.certificate)}).returncode == 0


# --- what does not pass -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (403, "give the service principal the right"),
        (404, "check spark.workspace"),
        (302, "check spark.workspace"),
        (400, "FAULT: as the test asks"),
    ],
)
def test_refusals(spark, api, fault, named):
    api.faults[SUBMIT] = [fault, fault]
    done = spark.task()
    assert done.returncode == 1 and named in done.stderr.splitlines()[-1]
    assert api.runs == {} and spark.jobs() == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("cluster", "0000-none", "Cluster 0000-none does not exist: check spark.cluster"),
        ("notebooks", "", "spark.notebooks"),
        ("notebooks", "Shared/x", "spark.notebooks"),
        ("workspace", "http://127.0.0.1:1", "write https://HOST"),
        ("workspace", "", "write https://HOST"),
        ("store", "", "set store.url to a bucket"),
    ],
)
def test_settings_that_are_wrong(spark, api, name, value, said):
    spark.spark[name] = value
    done = spark.task()
    assert done.returncode == 1 and said in done.stderr.splitlines()[-1]
    assert api.runs == {} and spark.jobs() == []


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("INVALID_CLUSTER_REQUEST", "check spark.cluster"),
        ("RESOURCE_NOT_FOUND", "check spark.notebooks"),
        ("UNAUTHORIZED_ERROR", "the right"),
        ("CANCELED", "CANCELED"),
        ("SOMETHING_NEW", "SOMETHING_NEW"),
    ],
)
def test_ends_of_a_run(spark, api, code, named):
    api.mode = (code, "the message of the state")
    done = spark.task()
    said = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and named in said and "the message of the state" in said
    assert f"{api.url}/?o=1#job/2/run/1000" in said


def test_a_notebook_that_fails(spark, api):
    api.mode = "crash"
    done = spark.task()
    assert done.returncode == 1
    assert "NameError: name 'spark' is not defined" in done.stderr.splitlines()[-1]
    assert "line 7 of the notebook" in done.stderr
    assert spark.jobs() == []


def test_an_error_of_the_sql_is_the_tasks(spark, api):
    api.mode = "wrong"
    done = spark.task()
    assert done.returncode == 1 and "Spark: no such column" in done.stderr


def test_a_run_without_a_result_names_the_store(spark, api):
    api.mode = "silent"
    done = spark.task()
    assert done.returncode == 1 and "spark.store" in done.stderr


# --- tasks that end, or crash, while the run runs -----------------------------------------------


def test_a_killed_task_cancels_its_run(spark, api):
    api.mode, api.slow_cancel = "hang", 1
    process = spark.begin(ENV)
    wait_for(lambda: api.asked(GET))
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == -signal.SIGTERM, said
    assert api.cancelled == [1000] and api.runs[1000]["end"][0] == "USER_CANCELED"
    assert "run 1000 is cancelled" in said
    assert spark.jobs() == []


def test_a_task_that_is_killed_as_it_submits_cancels_its_run(spark, api):
    api.mode, api.faults[SUBMIT] = "hang", ["hold"]
    process = spark.begin(ENV)
    wait_for(lambda: api.runs)
    process.send_signal(signal.SIGTERM)
    api.release.set()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert api.cancelled == [1000]


def test_a_killed_query_cancels_its_run(spark, api):
    api.mode = "hang"
    process = subprocess.Popen(spark.command("query", "SELECT 1"), env=CLEAN_ENV,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    wait_for(lambda: api.asked(GET))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert api.cancelled == [1000] and spark.jobs() == []


def test_a_query_over_http_that_is_cancelled_cancels_its_run(spark, api):
    api.mode = "hang"
    with Server(spark.data, "--config", spark.config(), env=CLEAN_ENV) as server:
        status, body, _ = server.request("POST", "/api/v1/queries", {"sql": "SELECT 1"}, JSON)
        assert status == 202, body
        query = json.loads(body)["id"]
        wait_for(lambda: api.asked(GET))
        assert server.request("DELETE", f"/api/v1/queries/{query}")[0] in (200, 202, 204)
        wait_for(lambda: api.cancelled)
        wait_for(lambda: state(server, query) == "cancelled")
    assert api.cancelled == [1000] and spark.jobs() == []


def test_a_server_that_ends_cancels_the_runs_of_its_queries(spark, api):
    api.mode = "hang"
    with Server(spark.data, "--config", spark.config(), env=CLEAN_ENV) as server:
        assert server.request("POST", "/api/v1/queries", {"sql": "SELECT 1"}, JSON)[0] == 202
        wait_for(lambda: api.asked(GET))
    assert api.cancelled == [1000]


def test_a_query_whose_run_cannot_be_cancelled_ends_nevertheless(spark, api):
    api.mode, api.slow_cancel = "hang", 10**6
    with Server(spark.data, "--config", spark.config(), env=CLEAN_ENV) as server:
        _, body, _ = server.request("POST", "/api/v1/queries", {"sql": "SELECT 1"}, JSON)
        query = json.loads(body)["id"]
        wait_for(lambda: api.asked(GET))
        server.request("DELETE", f"/api/v1/queries/{query}")
        wait_for(lambda: state(server, query) == "cancelled")
    assert api.cancelled == [1000]


def test_the_pipeline_is_checked_by_a_run(spark, api):
    done = spark.run("pipeline", "check")
    assert done.returncode == 0 and "all right" in done.stdout, done.stderr
    (run,) = api.runs.values()
    assert run["body"]["run_name"].endswith("check") and spark.jobs() == []
    api.mode = "wrong"
    done = spark.run("pipeline", "check")
    assert done.returncode == 1 and "no such column" in done.stderr
    done = spark.run("pipeline", "check", "--set", "engine.kind=duckdb")
    assert done.returncode == 0 and len(api.runs) == 2


def test_a_run_that_takes_too_long_is_cancelled(spark, api):
    api.mode, spark.spark["timeout_ms"] = "hang", "1s"
    done = spark.task()
    assert done.returncode == 1 and "longer than spark.timeout_ms (1000 ms)" in done.stderr
    assert "check spark.cluster" not in done.stderr
    assert api.cancelled == [1000] and spark.jobs() == []


def test_a_cluster_that_never_starts(spark, api):
    api.mode, spark.spark["timeout_ms"] = "pending", "1s"
    done = spark.task()
    assert done.returncode == 1 and "it never started: check spark.cluster" in done.stderr
    assert api.cancelled == [1000]


def test_a_crash_between_submit_and_answer_starts_one_run(spark, api):
    api.faults[SUBMIT] = ["hold"]
    process = spark.begin(ENV)
    wait_for(lambda: api.runs)
    process.kill()
    process.wait(60)
    assert spark.jobs() != []
    done = spark.task(env=ENV)
    assert done.returncode == 0 and "pin: version 2, 4 rows" in done.stdout
    assert len(api.runs) == 1
    assert spark.jobs() == []


def test_a_crash_while_the_run_runs_finds_it_again(spark, api):
    api.mode = "hang"
    process = spark.begin(ENV)
    wait_for(lambda: api.asked(GET))
    process.kill()
    process.wait(60)
    api.finish(1000)
    done = spark.task(env=ENV)
    assert done.returncode == 0, done.stderr
    assert list(api.runs) == [1000] and api.cancelled == []


def test_a_run_that_was_cancelled_is_followed_by_a_new_one(spark, api):
    """The next try of a killed task finds its cancelled run, and submits a new one."""
    api.mode, api.slow_cancel = "hang", 1000
    process = spark.begin(ENV)
    wait_for(lambda: api.asked(GET))
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert "its end at Databricks was not seen" in said or process.returncode < 0
    assert spark.jobs() != []
    api.runs[1000]["end"], api.mode = ("USER_CANCELED", "", None, None), "done"
    assert spark.task(env=ENV).returncode == 0
    assert list(api.runs) == [1000, 1010]
    first, second = (run["body"]["idempotency_token"] for run in api.runs.values())
    assert first != second
