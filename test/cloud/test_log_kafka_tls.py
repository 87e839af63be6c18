"""Logins at a real broker over TLS, by PLAIN, by SCRAM and by a certificate; and what pinion says
when one of the two does not believe the other."""

import os

import pytest

from certificates import Authority
from cloud import TOOLS
from kafka_broker import MODULES, PASSWORD, Broker, free_ports
from pinion import Server, run
from test_log_kafka import PIPELINE, get, landed, post, until

pytestmark = pytest.mark.timeout(300)

OVER, NOT_YET = ("20200101000000Z", "20200201000000Z"), ("20980101000000Z", "20990101000000Z")
OTHER_HOST = "DNS:kafka.example"
# The library of another client, which is newer than that of Debian 12.
LIBRARIES = TOOLS / "venv-kafka/lib"


class Secured(Broker):
    """A broker that has several faces, each a listener with a certificate of its own."""

    def __init__(self, folder):
        authority = Authority(folder / "ca")
        faces = {
            "good": ("SASL_SSL", authority.issue("good")),
            "over": ("SASL_SSL", authority.issue("over", dates=OVER)),
            "early": ("SASL_SSL", authority.issue("early", dates=NOT_YET)),
            "other": ("SASL_SSL", authority.issue("other", OTHER_HOST)),
            "mutual": ("SSL", authority.issue("mutual")),
        }
        self.authority, self.ports = authority, dict(zip(faces, free_ports(len(faces))))
        lines, kinds = [], []
        for name, (kind, files) in faces.items():
            both = authority.together(name, *files)
            kinds.append(f"{name.upper()}:{kind}")
            lines += [
                f"listener.name.{name}.ssl.keystore.type=PEM",
                f"listener.name.{name}.ssl.keystore.location={both}",
                f"listener.name.{name}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
                f"listener.name.{name}.plain.sasl.jaas.config={MODULES}.plain.PlainLoginModule "
                f'required user_app="{PASSWORD}";',
                f"listener.name.{name}.scram-sha-512.sasl.jaas.config="
                f"{MODULES}.scram.ScramLoginModule required;",
            ]
        lines += [
            "listener.name.mutual.ssl.client.auth=required",
            "listener.name.mutual.ssl.truststore.type=PEM",
            f"listener.name.mutual.ssl.truststore.location={authority.file}",
        ]
        plain, controller = free_ports(2)
        at = [f"{name.upper()}://127.0.0.1:{port}" for name, port in self.ports.items()]
        at.append(f"PLAINTEXT://127.0.0.1:{plain}")
        lines += [
            f"listeners={','.join(at)},CONTROLLER://127.0.0.1:{controller}",
            f"advertised.listeners={','.join(at)}",
            f"listener.security.protocol.map={','.join(kinds)},PLAINTEXT:PLAINTEXT,"
            "CONTROLLER:PLAINTEXT",
            f"controller.quorum.voters=1@127.0.0.1:{controller}",
            "inter.broker.listener.name=PLAINTEXT",
        ]
        self.ports["plain"] = plain
        super().__init__(folder, "\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    started = Secured(tmp_path_factory.mktemp("kafka"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline")
    (folder / "pipeline.yml").write_text(PIPELINE)
    return folder


@pytest.fixture(scope="module")
def newer(tmp_path_factory):
    """The environment of a pinion that uses a newer librdkafka than the system's."""
    [library] = LIBRARIES.glob("python3*/site-packages/confluent_kafka.libs/librdkafka-*.so.1")
    folder = tmp_path_factory.mktemp("library")
    (folder / "librdkafka.so.1").symlink_to(library)
    return {"LD_LIBRARY_PATH": f"{folder}:{library.parent}:{os.environ.get('LD_LIBRARY_PATH', '')}"}


def words(broker, pipeline, face, **settings):
    """A command's arguments; `settings` without "log.kafka.", which overrule those of a login that
    is good."""
    given = {
        "security": "sasl_ssl", "sasl_username": "app", "sasl_password": PASSWORD,
        "ca_file": broker.authority.file, **settings,
    }  # fmt: skip
    url = f"kafka://127.0.0.1:{broker.ports[face]}"
    sets = [word for name, value in given.items() if value != ""
            for word in ("--set", f"log.kafka.{name}={value}")]  # fmt: skip
    return ["--pipeline", pipeline, "--set", f"log.url={url}",
            "--set", "sink.rotate_interval_ms=200ms", *sets]  # fmt: skip


def serves(data, given, env=None):
    """A server that produces, lands and reads."""
    with Server(data, *given, env=env) as server:
        before = server.request("GET", "/topics/events/partitions/0/offsets")[0]
        assert before == 200
        answer = post(server, "events", {"value": {"n": 1}})
        place = answer["offsets"][0]
        until(lambda: {"n": 1} in sum(landed(data, "events").values(), []), True)
        path = f"/topics/events/partitions/{place['partition']}/records?offset={place['offset']}"
        until(lambda: [one["value"] for one in get(server, path)], [{"n": 1}])


def refused(data, given, env=None):
    """What is said by a server that does not start: one line."""
    done = run("serve", "--listen", "127.0.0.1:0", *given, data=data, env=env, check=False,
               timeout=120)  # fmt: skip
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("pinion: ") and PASSWORD not in done.stderr, done.stderr
    return last


# --- that it works --------------------------------------------------------------------------------


def test_plain_over_tls(broker, pipeline, tmp_path):
    serves(tmp_path / "data", words(broker, pipeline, "good"))


def test_scram_over_tls(broker, pipeline, newer, tmp_path):
    given = words(broker, pipeline, "good", sasl_mechanism="SCRAM-SHA-512")
    serves(tmp_path / "data", given, newer)


def test_a_certificate_in_place_of_a_password(broker, pipeline, tmp_path):
    key, certificate = broker.authority.issue("client", "DNS:client")
    given = words(broker, pipeline, "mutual", security="ssl", sasl_username="", sasl_password="",
                  key=key, certificate=certificate)  # fmt: skip
    serves(tmp_path / "data", given)


# --- that it does not -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("face", "change", "settings"),
    [
        ("good", {"sasl_password": "wrong"}, ["log.kafka.sasl_password"]),
        ("good", {"sasl_username": "nobody"}, ["log.kafka.sasl_username"]),
        ("good", {"sasl_mechanism": "SCRAM-SHA-256"}, ["log.kafka.sasl_mechanism"]),
        ("good", {"ca_file": ""}, ["log.kafka.ca_file"]),
        ("good", {"ca_file": "another"}, ["log.kafka.ca_file"]),
        ("over", {}, ["expired", "log.url"]),
        ("early", {}, ["not yet valid", "log.url"]),
        ("other", {}, ["log.url", "127.0.0.1"]),
        ("good", {"security": "sasl_plaintext"}, ["log.kafka.security"]),
        ("plain", {}, ["log.kafka.security"]),
        ("plain", {"security": "sasl_plaintext"}, ["log.kafka.security"]),
        ("mutual", {"security": "ssl"}, ["log.kafka.certificate"]),
    ],
)
def test_an_error_names_the_setting(broker, pipeline, tmp_path, face, change, settings):
    if change.get("ca_file") == "another":
        change = {"ca_file": Authority(tmp_path / "another").file}
    said = refused(tmp_path / "data", words(broker, pipeline, face, **change))
    for setting in settings:
        assert setting in said, said
    assert len(said) < 500


def test_the_wrong_password_by_scram(broker, pipeline, newer, tmp_path):
    given = words(broker, pipeline, "good", sasl_mechanism="SCRAM-SHA-512", sasl_password="wrong")
    assert "log.kafka.sasl_password" in refused(tmp_path / "data", given, newer)


def test_scram_by_a_library_that_cannot(broker, pipeline, tmp_path):
    """As Debian 12 has it: it sends a nonce twice, which brokers from 4.0 on refuse."""
    given = words(broker, pipeline, "good", sasl_mechanism="SCRAM-SHA-512")
    said = refused(tmp_path / "data", given)
    assert "log.kafka.sasl_mechanism" in said and "2.6.1" in said, said


def test_files_that_are_none(broker, pipeline, tmp_path):
    mutual = {"security": "ssl", "sasl_username": "", "sasl_password": ""}
    key, certificate = broker.authority.issue("mine", "DNS:client")
    other, _ = broker.authority.issue("theirs", "DNS:client")
    text = tmp_path / "text"
    text.write_text("this is no certificate\n")
    for change, setting in (
        ({"ca_file": text}, "log.kafka.ca_file"),
        ({"ca_file": tmp_path / "missing"}, "log.kafka.ca_file"),
        ({"certificate": text, "key": key}, "log.kafka.certificate"),
        ({"certificate": certificate, "key": text}, "log.kafka.key"),
        ({"certificate": certificate, "key": other}, "log.kafka.key"),
        ({"certificate": certificate}, "log.kafka.key"),
        ({"key": key}, "log.kafka.certificate"),
    ):
        said = refused(tmp_path / "data", words(broker, pipeline, "mutual", **mutual, **change))
        assert setting in said, said
