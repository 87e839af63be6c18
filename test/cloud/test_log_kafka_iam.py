"""The log on a broker that wants a login by AWS's credentials, as Amazon MSK does. The broker is a
real one; the check of the token (java/IamLogin.java) computes the signature again."""

import subprocess

import pytest

from cloud import HERE
from kafka_broker import JARS, MODULES, Broker
from pinion import Server, run
from test_log_kafka import PIPELINE, get, landed, post, until

pytestmark = pytest.mark.timeout(300)

REGION, ACCESS_KEY, SECRET_KEY = "eu-west-2", "AKIAEXAMPLEEXAMPLE01", "sEcReT/sEcReT+sEcReT"
SESSION = "session/token+with=signs"
CONFIG = f"""
listener.name.sasl_plaintext.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.sasl_plaintext.oauthbearer.sasl.login.callback.handler.class=IamLogin
listener.name.sasl_plaintext.oauthbearer.sasl.server.callback.handler.class=IamLogin
listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config=\
{MODULES}.oauthbearer.OAuthBearerLoginModule required region="{REGION}" \
accessKey="{ACCESS_KEY}" secretKey="{SECRET_KEY}" sessionToken="{SESSION}";
"""
LOGIN = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_SESSION_TOKEN": SESSION, "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
}  # fmt: skip


def iam_broker(folder, config=""):
    """`config`: more lines of its settings. The user of a login is `iam`."""
    subprocess.run(
        ["javac", "-cp", f"{JARS}/*", "-d", folder / "classes", HERE / "java/IamLogin.java"],
        check=True, timeout=120,
    )  # fmt: skip
    return Broker(folder, config=CONFIG + config, classes=folder / "classes")


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    started = iam_broker(tmp_path_factory.mktemp("kafka"))
    yield started
    started.stop()


@pytest.fixture
def words(broker, tmp_path):
    """A server's arguments; the region is not in this broker's name."""
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    values = {
        "log.url": f"kafka://127.0.0.1:{broker.sasl}", "log.kafka.security": "sasl_plaintext",
        "log.kafka.sasl_mechanism": "AWS_MSK_IAM", "sink.rotate_interval_ms": "200ms",
    }  # fmt: skip
    pairs = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    return ["--pipeline", tmp_path, *pairs]


def test_produced_read_and_landed(words, tmp_path):
    region = ["--set", f"log.kafka.region={REGION}"]
    data = tmp_path / "data"
    with Server(data, *words, *region, env=LOGIN) as server:
        post(server, "events", *[{"value": {"n": n}} for n in range(5)])
        until(lambda: sum(len(of) for of in landed(data, "events").values()), 5)
        assert get(server, "/topics/events")["name"] == "events"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "another"}, "the signature does not match"),
        ({"AWS_SESSION_TOKEN": ""}, "X-Amz-Security-Token is null"),
        ({"AWS_REGION": "eu-west-1"}, "another URL: https://kafka.eu-west-1.amazonaws.com"),
        ({"AWS_ACCESS_KEY_ID": ""}, "AWS_ACCESS_KEY_ID"),
    ],
)
def test_a_refused_login_names_what_to_change(words, tmp_path, change, said):
    env = {**LOGIN, "AWS_REGION": REGION, "HOME": str(tmp_path), **change}
    done = run("serve", "--listen", "127.0.0.1:0", *words, data=tmp_path / "data", env=env,
               check=False, timeout=60)  # fmt: skip
    assert done.returncode == 1 and said in done.stderr
    assert "check the AWS credentials" in done.stderr and SECRET_KEY not in done.stderr


def test_a_region_that_nobody_says(words, tmp_path):
    done = run("serve", "--listen", "127.0.0.1:0", *words, data=tmp_path / "data",
               env=LOGIN, check=False, timeout=60)  # fmt: skip
    assert done.returncode == 1 and "log.kafka.region: the name of the broker" in done.stderr
