"""Servers of S3 beside moto, as scripts/setup cloud has installed them."""

import json

import pytest

from cloud import TOOLS
from kafka_broker import free_ports
from s3 import KEYS, S3, Versity

WEED = TOOLS / "venv-s3/bin/weed"


class Weed(S3):
    """SeaweedFS: a master, a volume server, a filer and S3 in one process. Its lists are not in the
    order of the keys' bytes."""

    def command(self):
        roles = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3.grpc")
        ports = [f"-{role.replace('.', '.port.')}" if "." in role else f"-{role}.port"
                 for role in roles]  # fmt: skip
        rights = self.folder / "rights.json"
        rights.write_text(json.dumps({"identities": [{
            "name": "test", "actions": ["Admin", "Read", "List", "Tagging", "Write"],
            "credentials": [{"accessKey": KEYS["AWS_ACCESS_KEY_ID"],
                             "secretKey": KEYS["AWS_SECRET_ACCESS_KEY"]}],
        }]}))  # fmt: skip
        return [
            WEED, "server", f"-dir={self.folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer",
            "-s3", f"-s3.port={self.port}", f"-s3.config={rights}",
            *(f"{name}={port}" for name, port in zip(ports, free_ports(len(ports)))),
            "-master.volumeSizeLimitMB=64", "-volume.max=16",
        ], {}  # fmt: skip

    def is_ready(self):
        """Its port is open before a bucket can be made."""
        try:
            self.client().list_buckets()
            return super().is_ready()
        except Exception:
            return False


@pytest.fixture(scope="module")
def versity(tmp_path_factory):
    folder = tmp_path_factory.mktemp("versity") / "buckets"
    with Versity(folder, TOOLS / "bin/versitygw") as started:
        yield started


@pytest.fixture(scope="module")
def weed(tmp_path_factory):
    with Weed(tmp_path_factory.mktemp("weed") / "buckets") as started:
        yield started
