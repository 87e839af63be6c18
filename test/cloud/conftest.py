"""The tests here share the helpers of test/integration."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [
    str(Path(__file__).resolve().parent),
    str(Path(__file__).resolve().parents[1] / "integration"),
]


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """A broker of Apache Kafka; modules that need settings of their own start another."""
    from kafka_broker import Broker  # found by the path above

    started = Broker(tmp_path_factory.mktemp("kafka"))
    yield started
    started.stop()
