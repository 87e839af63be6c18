"""The gateway on ECS, without ECS: the container's command, environment and health check, as they
are in Terraform's state, run by this machine's pinion. The task's credentials come from a server
here, as ECS has one for each task. The broker is a real one that checks the login by IAM; it is on
loopback, without TLS."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from cloud import Tofu, make_mirror
from pinion import Server, run
from test_log_kafka_iam import ACCESS_KEY, REGION, SECRET_KEY, SESSION, iam_broker

pytestmark = pytest.mark.timeout(600)

KEY = "a-key-of-the-test-0123456789"
TOKEN = "the task's token"
VARIABLES = {
    "region": REGION, "bucket_name": "a-bucket", "gateway": "ecs",
    "gateway_image": "123456789012.dkr.ecr.eu-west-2.amazonaws.com/pinion:0.1.0",
}  # fmt: skip


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """(type, name) to the attributes of the resource, after an apply."""
    folder = tmp_path_factory.mktemp("gateway")
    tofu = Tofu(folder, make_mirror(tmp_path_factory.mktemp("mirror")))
    words = [word for pair in VARIABLES.items() for word in ("-var", "=".join(pair))]
    tofu("batch-ingestion-tf", "init", "-input=false")
    tofu("batch-ingestion-tf", "apply", "-auto-approve", "-input=false", *words)
    whole = json.loads((tofu.folder / "batch-ingestion-tf/terraform.tfstate").read_text())
    return {
        (resource["type"], resource["name"]): resource["instances"][0]["attributes"]
        for resource in whole["resources"]
        if resource["instances"]
    }


@pytest.fixture(scope="module")
def container(state):
    definition = state["aws_ecs_task_definition", "gateway"]
    (found,) = json.loads(definition["container_definitions"])
    return found


class Credentials:
    """Gives a role's credentials to who has the task's token."""

    def __enter__(self):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                allowed = self.headers["Authorization"] == TOKEN
                body = {
                    "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY, "Token": SESSION,
                    "Expiration": "2099-01-01T00:00:00Z",
                }  # fmt: skip
                body = json.dumps(body).encode() if allowed else b"{}"
                self.send_response(200 if allowed else 403)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{self.server.server_port}/v2",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": TOKEN, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
            "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
        }  # fmt: skip

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_the_key_is_that_of_the_api(state, container):
    (secret,) = container["secrets"]
    parameter = state["aws_ssm_parameter", "api_key"]
    assert (secret["name"], secret["valueFrom"]) == ("PINION_API_KEY", parameter["arn"])
    assert parameter["value"] == state["aws_api_gateway_api_key", "producer"]["value"]
    assert parameter["type"] == "SecureString"


def test_the_container_serves(state, container, tmp_path):
    command = container["command"]
    assert command[:3] == ["serve", "--listen", "0.0.0.0:8082"]
    brokers = state["aws_msk_cluster", "kafka"]["bootstrap_brokers_sasl_iam"]
    (tmp_path / "kafka").mkdir()
    broker = iam_broker(tmp_path / "kafka")
    here = {
        f"log.url=kafka://{brokers}": f"log.url=kafka://127.0.0.1:{broker.sasl}",
        "log.kafka.security=sasl_ssl": "log.kafka.security=sasl_plaintext",
    }
    assert set(here) < set(command)
    words = [here.get(word, word) for word in command[3:]]
    env = {each["name"]: each["value"] for each in container["environment"]}
    assert env == {"TMPDIR": "/var/lib/pinion"}  # the volume
    env = {"TMPDIR": str(tmp_path), "PINION_API_KEY": KEY}
    try:
        with Credentials() as role, Server(tmp_path / "data", *words, env={**env, **role}) as one:
            assert requests.get(f"{one.url}/topics", timeout=30).status_code == 401
            sent = requests.post(
                f"{one.url}/topics/0e3bbd435bfb.geo", timeout=60,
                headers={"x-api-key": KEY, "Content-Type": "application/vnd.kafka.json.v2+json"},
                data='{"records": [{"value": {"ind": 1}}]}',
            )  # fmt: skip
            assert sent.status_code == 200, sent.text
            (entry,) = sent.json()["offsets"]
            assert entry["error_code"] is None, sent.text

            health = container["healthCheck"]["command"]
            assert health[:2] == ["CMD", "/usr/bin/pinion"]
            local = [word.replace("http://127.0.0.1:8082", one.url) for word in health[2:]]
            assert one.url in local
            assert "0e3bbd435bfb.geo" in run(*local, env=env).stdout
            path = state["aws_lb_target_group", "rest"]["health_check"][0]["path"]
            assert requests.get(one.url + path, timeout=30).status_code == 200
        (record,) = broker.ask("records", "0e3bbd435bfb.geo", entry["partition"])
        assert json.loads(record["value"]) == {"ind": 1}
    finally:
        broker.stop()
