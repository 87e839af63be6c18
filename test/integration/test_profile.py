"""Profiles: settings under a name, where each value comes from, whether the parts can be used."""

import json

import pytest

from contract import UID
from pinion import Server, run
from s3 import BUCKET, KEYS, NO_KEYS, free_port, s3  # noqa: F401

TOPIC = f"{UID}.pin"


@pytest.fixture
def config(tmp_path):
    """Writes a file for --config; gives its path."""

    def write(text):
        path = tmp_path / "settings.yml"
        path.write_text(text)
        return path

    return write


def bucket_profile(server, prefix):
    return f"""
profiles:
  bucket:
    store:
      url: s3://{BUCKET}/{prefix}
      endpoint: {server.url}
      path_style: true
      secret_key: quite-a-secret
      access_key: test-key
log: {{partitions: 2}}
"""


def rows(*words, **more):
    done = run(*words, "--format", "json", **more)
    return json.loads(done.stdout)


def test_where_values_come_from(config, data, s3):
    path = config(bucket_profile(s3, "origins"))
    options = ["--profile", "bucket", "--config", path, "--set", "log.partitions=3"]
    shown = run("settings", *options, "--format", "json", data=data)
    assert "quite-a-secret" not in shown.stdout
    found = {row["name"]: row for row in json.loads(shown.stdout)}
    assert found["store.url"]["origin"] == f"profile bucket ({path}:5)"
    assert found["store.secret_key"]["origin"] == f"profile bucket ({path}:8)"
    assert (found["log.partitions"]["value"], found["log.partitions"]["origin"]) == (3, "--set")
    assert found["log.durability"]["origin"] == "default"
    text = run("settings", *options, data=data).stdout
    assert "quite-a-secret" not in text and f"# profile bucket ({path}:5)" in text
    found = {row["name"]: row for row in rows("settings", "--config", path, data=data)}
    assert found["store.url"]["value"] == "" and found["log.partitions"]["value"] == 2
    by_variable = rows("settings", data=data, env={"PINION_PROFILE": "kafka"})
    found = {row["name"]: row for row in by_variable}
    assert found["log.url"]["value"] == "kafka://127.0.0.1:9092"
    assert found["log.url"]["origin"] == "profile kafka"


def test_what_pipeline_yml_has(data, tmp_path):
    folder = tmp_path / "mine"
    run("init", folder)
    with open(folder / "pipeline.yml", "a") as text:
        text.write("\nprofiles:\n  quick:\n    sink: {rotate_interval_ms: 1s}\n")
    listed = {row["profile"]: row for row in rows("profile", "list", "--pipeline", folder)}
    assert {"embedded", "kafka", "kinesis", "aws", "quick"} == set(listed)
    assert listed["quick"]["file"] == str(folder / "pipeline.yml")
    run("pipeline", "check", folder)
    with Server(data, "--profile", "quick", "--pipeline", folder) as server:
        status, answer, _ = server.request("GET", "/api/v1/settings")
        found = {row["name"]: row for row in json.loads(answer)["items"]}
        assert status == 200 and found["sink.rotate_interval_ms"]["value"] == "1s"
        assert found["sink.rotate_interval_ms"]["origin"].startswith("profile quick (")
    with open(folder / "pipeline.yml", "a") as text:
        text.write("  slow:\n    sink: {flush_siz: 1}\n")
    refused = run("pipeline", "check", folder, check=False)
    assert refused.returncode == 1
    assert "profiles.slow.sink.flush_siz: unknown setting" in refused.stderr
    assert 'did you mean "sink.flush_size"?' in refused.stderr


@pytest.mark.parametrize("words, part", [
    (["--profile", "kafak"], 'unknown profile "kafak"; did you mean "kafka"?'),
    (["--profile", "aws"], "the profile aws needs log.url and store.url: set them"),
])  # fmt: skip
def test_what_cannot_serve(data, words, part):
    refused = run("serve", "--listen", "127.0.0.1:0", *words, data=data, check=False)
    assert refused.returncode == 1 and part in refused.stderr and refused.stderr.count("\n") == 1


def test_tasks_have_the_profile(config, data, s3):
    """A task is a process of its own: it writes to the bucket of the profile, too."""
    options = ["--config", config(bucket_profile(s3, "tasks"))]
    with Server(data, "--profile", "bucket", *options, env=KEYS) as server:
        server.produce(TOPIC, {"index": 1})
        run("dag", "trigger", "batch_processing_dag", "--wait", data=data, check=False)
    assert any("/raw/pin/_delta_log/" in key for key in s3.keys("tasks/"))
    counted = rows("query", "SELECT count(*) AS n FROM raw_pin", "--profile", "bucket", *options,
                   data=data, env=KEYS)  # fmt: skip
    assert counted == [{"n": 1}]


# --- profile check --------------------------------------------------------------------------------


def check(*words, **more):
    done = run("profile", "check", *words, "--format", "json", check=False, **more)
    return done.returncode, {row["part"]: row for row in json.loads(done.stdout)}


def test_good_parts(config, data, s3):
    status, found = check(data=data)
    assert status == 0 and {row["state"] for row in found.values()} == {"good"}
    assert not data.exists()
    path = config(bucket_profile(s3, "good"))
    status, found = check("bucket", "--config", path, data=data, env=KEYS)
    assert status == 0 and f"s3://{BUCKET}/good" in found["store"]["detail"]
    assert s3.keys("good/") == []
    with Server(data, "--profile", "bucket", "--config", path, env=KEYS) as server:
        status, found = check("bucket", "--config", path, data=data, env=KEYS)
        assert status == 0 and server.url in found["log"]["detail"]


def test_a_bad_store(config, data, s3, tmp_path):
    path = config(bucket_profile(s3, "bad"))
    wrong = ["--config", path, "--set", "store.endpoint=http://127.0.0.1:9"]
    status, found = check("bucket", *wrong, data=data, env=KEYS)
    assert status == 1 and found["store"]["setting"] == "store.endpoint"
    wrong = ["--config", path, "--set", "store.access_key=", "--set", "store.secret_key="]
    status, found = check("bucket", *wrong, data=data, env=NO_KEYS)
    assert status == 1 and found["store"]["setting"] == "store.access_key"
    with Server(tmp_path / "other", "--profile", "bucket", "--config", path, env=KEYS):
        pass
    status, found = check("bucket", "--config", path, data=data, env=KEYS)
    assert status == 1 and str(tmp_path / "other") in found["store"]["detail"]
    assert found["store"]["setting"] == "store.url" and found["log"]["state"] == "good"


def test_a_check_claims_no_bucket(config, data, s3, tmp_path):
    """Whichever engine it tries: the bucket stays free for the server that is to have it."""
    path = config(bucket_profile(s3, "unclaimed"))
    spark = ["--set", "engine.kind=spark", "--set", f"spark.submit={tmp_path}/none"]
    status, found = check("bucket", "--config", path, *spark, data=data, env=KEYS)
    assert status == 1 and found["engine"]["state"] == "bad" and found["store"]["state"] == "good"
    objects = s3.client().list_objects_v2(Bucket=BUCKET, Prefix="unclaimed/").get("Contents", [])
    assert objects == []
    with Server(tmp_path / "other", "--profile", "bucket", "--config", path, env=KEYS):
        pass


def test_no_broker(data):
    url = f"kafka://127.0.0.1:{free_port()}"
    status, found = check("kafka", "--set", f"log.url={url}", data=data)
    assert status == 1 and found["log"]["setting"] == "log.url"
    assert found["store"]["state"] == found["engine"]["state"] == "good"


def owned_by(server, prefix, name):
    owner = f"11111111-2222-4333-8444-555555555555 {name}"
    server.client().put_object(Bucket=BUCKET, Key=f"{prefix}/.pinion/owner", Body=owner.encode())


def test_whose_a_bucket_is_without_its_log(config, data, s3, tmp_path):
    """It may be this pipeline's: no advice to leave it. Another pipeline's is not."""
    name = json.loads(run("pipeline", "show", "--format", "json", data=data).stdout)["name"]
    words = ["kafka", "--config", config(bucket_profile(s3, "x").replace("  bucket:", "  kafka:")),
             "--set", f"log.url=kafka://127.0.0.1:{free_port()}"]  # fmt: skip
    for prefix, owner, state, part in [
        ("mine", f"kafka:cluster-A/{name}", "good", "not known before the log answers"),
        ("other", "kafka:cluster-A/other", "bad", "the pipeline other on the Kafka cluster clu"),
        ("folder", "host:/elsewhere", "bad", "another data folder, host:/elsewhere"),
    ]:
        owned_by(s3, prefix, owner)
        at = ["--set", f"store.url=s3://{BUCKET}/{prefix}"]
        status, found = check(*words, *at, data=data, env=KEYS)
        assert status == 1 and found["log"]["setting"] == "log.url"
        assert found["store"]["state"] == state and part in found["store"]["detail"], found


def test_a_refused_server_makes_no_topics(data, s3):
    owned_by(s3, "claimed", "kafka:cluster-A/other")
    bucket = ["--set", f"store.url=s3://{BUCKET}/claimed", "--set", f"store.endpoint={s3.url}",
              "--set", "store.path_style=true"]  # fmt: skip
    refused = run("serve", "--listen", "127.0.0.1:0", *bucket, data=data, env=KEYS, check=False)
    assert refused.returncode == 1 and "belongs to the pipeline other" in refused.stderr
    assert [path for path in (data / "log").iterdir() if path.is_dir()] == []


def test_what_the_profile_needs(data):
    status, found = check("aws", data=data, env=NO_KEYS)
    assert status == 1 and found["settings"]["setting"] == "log.url"
    assert "needs log.url and store.url" in found["settings"]["detail"]
    assert list(found) == ["settings", "streams", "log", "store", "engine"]
    assert found["log"]["setting"] == "log.url" and found["log"]["state"] == "bad"
    assert found["store"]["setting"] == "store.url" and found["store"]["state"] == "bad"
    assert found["engine"]["state"] == "good"
    done = run("profile", "check", "aws", "--profile", "kafka", data=data, check=False)
    assert done.returncode == 1 and "aws and --profile kafka" in done.stderr
    done = run("profile", "check", "awz", data=data, check=False)
    assert done.returncode == 1 and 'did you mean "aws"?' in done.stderr
