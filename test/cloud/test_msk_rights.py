"""What batch-ingestion-tf allows at the brokers, without MSK: its policies, as they are in
Terraform's state, become the ACLs of a real broker that asks for the login by IAM. So pinion has
the rights that it needs, and those that it must not have are refused."""

import json
import time

import pytest

from cloud import Tofu, make_mirror
from contract import UID
from pinion import Server, run
from s3 import BUCKET, KEYS, Proxy, s3, settings  # noqa: F401
from test_log_kafka_iam import LOGIN, REGION, iam_broker

pytestmark = pytest.mark.timeout(900)

SECONDS_MAX = 300  # until something is so that will be
TOPICS = [f"{UID}.{name}" for name in ("pin", "geo", "user")]
AUTHORIZER = """
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
# What the actions of MSK (its manual, "IAM access control") are among Kafka's operations.
CLUSTER = ("BROKER", "kafka-cluster")
OPERATIONS = {
    "Connect": [], "DescribeCluster": ["DESCRIBE"], "WriteDataIdempotently": ["IDEMPOTENT_WRITE"],
    "CreateTopic": ["CREATE"], "DescribeTopic": ["DESCRIBE"], "ReadData": ["READ"],
    "WriteData": ["WRITE"], "AlterTopicDynamicConfiguration": ["ALTER_CONFIGS"],
    "DescribeTopicDynamicConfiguration": ["DESCRIBE_CONFIGS"],
    "AlterGroup": ["READ"], "DescribeGroup": ["DESCRIBE"],
}  # fmt: skip


def rights(statements):
    """The ACLs that say what statements of a policy say: [kind, name, operation]."""
    found = []
    for statement in statements:
        for resource in statement["resources"]:
            kind, _, name = resource.split(":", 5)[5].partition("/")
            name = name.rpartition("/")[2]  # behind the cluster's name and id
            place = (kind.upper(), name) if kind in ("topic", "group") else CLUSTER
            for action in statement["actions"]:
                service, _, action = action.partition(":")
                assert service == "kafka-cluster"
                found += [[*place, operation] for operation in OPERATIONS[action]]
    return found


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    """Makes a function of variables that gives a policy's rights by its name."""
    tofu = Tofu(tmp_path_factory.mktemp("rights"), make_mirror(tmp_path_factory.mktemp("mirror")))
    tofu("batch-ingestion-tf", "init", "-input=false")

    def applied(**more):
        given = {"region": REGION, "bucket_name": "a-bucket", "sink": "pinion", **more}
        words = [word for pair in given.items() for word in ("-var", "=".join(pair))]
        tofu("batch-ingestion-tf", "apply", "-auto-approve", "-input=false", *words)
        state = json.loads((tofu.folder / "batch-ingestion-tf/terraform.tfstate").read_text())
        return {
            resource["name"]: rights(resource["instances"][0]["attributes"]["statement"])
            for resource in state["resources"]
            if resource["type"] == "aws_iam_policy_document" and resource["name"].startswith("msk_")
        }

    return applied


@pytest.fixture
def broker(tmp_path):
    (tmp_path / "kafka").mkdir()
    started = iam_broker(tmp_path / "kafka", AUTHORIZER)
    yield started
    started.stop()


def until(found, wanted, *servers):
    deadline = time.monotonic() + SECONDS_MAX
    while (last := found()) != wanted:
        logs = "\n".join(server.log()[-3000:] for server in servers)
        assert time.monotonic() < deadline, f"{last} is not {wanted}\n{logs}"
        time.sleep(0.1)


def consumed(server, group):
    """The topics of the records that a consumer of the group gets, or the answer that refuses."""
    path = f"/consumers/{group}/instances/one"
    config = {"name": "one", "format": "json", "auto.offset.reset": "earliest"}
    assert server.request("POST", f"/consumers/{group}", config)[0] == 200
    try:
        assert server.request("POST", f"{path}/subscription", {"topics": TOPICS})[0] == 204
        deadline, topics = time.monotonic() + SECONDS_MAX, set()
        while topics != set(TOPICS):
            assert time.monotonic() < deadline, topics
            status, body, _ = server.request("GET", f"{path}/records?timeout=2000")
            if status != 200:
                return status, json.loads(body)["error_code"]
            topics |= {record["topic"] for record in json.loads(body)}
        return topics
    finally:
        server.request("DELETE", path)


def partitions(worker):
    """Those that it lands."""
    answer = json.loads(worker.request("GET", "/api/v1/sink")[1])
    return {one["topic"] for one in answer["partitions"] if one["error"] is None}


def reasons(worker):
    """Why nothing lands."""
    health = json.loads(worker.request("GET", "/health")[1])
    return {each["reason"] for each in health.get("stalled_landings", [])}


def test_the_sinks_group(broker, s3, policies, tmp_path):  # noqa: F811
    """The rights of the gateway do not open the group that lands, and another pipeline's don't."""
    given = {
        "log.url": f"kafka://127.0.0.1:{broker.sasl}", "log.kafka.security": "sasl_plaintext",
        "log.kafka.sasl_mechanism": "AWS_MSK_IAM", "log.kafka.region": REGION,
        "sink.rotate_interval_ms": "200ms",
    }  # fmt: skip
    words = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    broker.ask("allow", "iam", policies(pipeline="another")["msk_sink"])
    rights_now = policies()
    broker.ask("allow", "iam", rights_now["msk_access"])

    # Of two writers of one object moto may let both win; through the proxy they ask in turn.
    with Proxy(s3, in_turn=True) as proxy:
        words += ["--roles", "gateway,sink", *settings(proxy.url, "rights")]
        one, two = (
            Server(tmp_path / name, *words, env={**KEYS, **LOGIN}) for name in ("one", "two")
        )
        with one, two:
            for n, topic in enumerate(TOPICS):
                one.produce(topic, *({"n": n} for _ in range(5)))
            assert consumed(one, f"{UID}.readers") == set(TOPICS)
            assert consumed(one, "readers") == (403, 40301)
            for worker in (one, two):
                until(lambda: reasons(worker) != set(), True, worker)  # noqa: B023
                (why,) = reasons(worker)
                assert "group pinion-sink-pinterest-" in why and "its groups" in why, why
                assert partitions(worker) == set()
                assert "has this sink again" not in worker.log()
            assert s3.keys("rights/topics/") == []

            broker.ask("allow", "iam", rights_now["msk_sink"])
            shares = lambda: (bool(partitions(one)), bool(partitions(two)),  # noqa: E731
                              partitions(one) | partitions(two))  # fmt: skip
            until(shares, (True, True, set(TOPICS)), one, two)
            get = s3.client().get_object
            keys = lambda: s3.keys("rights/topics/")  # noqa: E731
            until(
                lambda: sum(get(Bucket=BUCKET, Key=key)["Body"].read().count(b"\n")
                            for key in keys()),
                15, one, two,
            )  # fmt: skip


JSON = {"Content-Type": "application/json"}
LEDGER = "Describe and Read on topic __kinesis_streams"


def test_a_user_without_streams(broker, tmp_path):
    """A gateway whose user may not read what streams there are does all the rest, and has them as
    soon as it may."""
    given = {
        "log.url": f"kafka://127.0.0.1:{broker.sasl}", "log.kafka.security": "sasl_plaintext",
        "log.kafka.sasl_mechanism": "AWS_MSK_IAM", "log.kafka.region": REGION,
    }  # fmt: skip
    words = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    topic = ["DESCRIBE", "READ", "WRITE", "CREATE"]
    broker.ask("allow", "iam", [[*CLUSTER, one] for one in ("DESCRIBE", "IDEMPOTENT_WRITE")])
    broker.ask("allow", "iam", [["TOPIC", f"{UID}*", one] for one in topic])

    stream = f"streaming-{UID}-pin"
    record = {"StreamName": stream, "Data": {"index": 1}, "PartitionKey": "k"}
    with Server(tmp_path / "one", *words, "--roles", "gateway", env=LOGIN) as server:
        server.produce(TOPICS[0], {"n": 1})
        put = ("PUT", f"/test/streams/{stream}/record", record, JSON)
        for asked in (("GET", "/test/streams"), put):
            status, body, _ = server.request(*asked)
            assert status == 500 and LEDGER in body.decode(), body
        assert server.log().count(LEDGER) == 1
        refused = run("serve", "--listen", "127.0.0.1:0", *words, "--roles", "gateway,stream",
                      data=tmp_path / "two", env=LOGIN, check=False, timeout=60)  # fmt: skip
        assert refused.returncode == 1 and LEDGER in refused.stderr

        broker.ask("allow", "iam", [["TOPIC", "__kinesis*", one] for one in topic])
        until(lambda: server.request("GET", "/test/streams")[0], 200, server)
        status, body, _ = server.request(*put)
        assert status == 200, body
        assert json.loads(server.request("GET", "/test/streams")[1])["StreamNames"] == [stream]
        assert server.log().count("can be read now") == 1
