"""Fixtures every integration test shares."""

import signal

import pytest

from pinion import Server
from streams import Processors
from ui import browser, watch  # noqa: F401 (fixtures)

# What a process ignores its children ignore too, and nohup(1) ignores hang-ups: pinion would not
# hear of the one that a test sends it.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def data(tmp_path):
    """A data folder of the test's own; it is made by the first that needs it."""
    return tmp_path / "data"


@pytest.fixture
def server(data):
    """A running server with the shipped pipeline on the folder `data`."""
    with Server(data) as running:
        yield running


@pytest.fixture
def processors(data):
    """Starts `pinion stream process` beside a server; none outlives the test."""
    with Processors(data) as started:
        yield started
