"""Each form says what is wrong at its place before it is sent. That the server says it again is
tested with its routes; test_ui_logic.py asks both the same questions."""

import pytest
import requests
from playwright.sync_api import expect

from pinion import Server, run
from ui import browser, check_looks, watch  # noqa: F401

TOPIC = "0e3bbd435bfb.pin"
DAG = "dags/batch_processing_dag"

# The page, a button that opens the form, the field, what is typed, what is said, the form's button.
FORMS = {
    "the id of a run": (DAG, "Trigger", "Run id", "a b", "Letters, digits", "Trigger"),
    "the note of a run": (DAG, "Trigger", "Note", "ä" * 2049, "At most 4096 bytes", "Trigger"),
    "a configuration": (DAG, "Trigger", "Configuration, a JSON object", "{", "Line 1", "Trigger"),
    "the name of a topic": ("topics", "Create a topic", "Name", "a/b", "Letters", "Create"),
    "a version to compare": ("tables/pin/diff", None, "From version", "x", "whole", "Compare"),
    "a filter of rows": ("tables/pin", None, "Filter", '"a', "is not closed", "Show"),
    "a version of rows": ("tables/pin", None, "Version or time", "then", "A version, or", "Show"),
    "a search": (f"topics/{TOPIC}/search", None, "Search", "=1", "A name is missing", "Search"),
    "a place": (f"topics/{TOPIC}", None, "Go to", "noon", "newest, oldest", "Go"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    into = tmp_path_factory.mktemp("forms") / "demo"
    run("demo", "--quiet", "--rows", 20, "--into", into)
    with Server(into) as running:
        yield running


@pytest.mark.parametrize("form", FORMS)
def test_a_form_says_what_is_wrong(watch, form):  # noqa: F811
    path, opens, label, text, words, sends = FORMS[form]
    page = watch().go(path)
    place = page
    if opens is not None:
        page.get_by_role("button", name=opens).first.click()
        place = page.get_by_role("dialog")
    field = place.get_by_label(label, exact=True)
    send = place.get_by_role("button", name=sends, exact=True)
    good = field.input_value()
    field.fill(text)
    about = place.locator(f"#{field.get_attribute('aria-describedby').split(' ')[0]}")
    expect(about).to_contain_text(words)
    expect(about).to_have_class("wrong")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(send).to_be_disabled()
    check_looks(page, "light")
    field.fill(good)
    expect(about).not_to_contain_text(words)
    expect(field).not_to_have_attribute("aria-invalid", "true")


def test_a_range_that_ends_before_it_begins(watch):  # noqa: F811
    page = watch().go("runs?from=1700000000000&to=1600000000000", "Queued before")
    expect(page.locator("#filter-to-about")).to_have_text("The end is before the start.")
    expect(page.get_by_label("Queued before")).to_have_attribute("aria-invalid", "true")
    check_looks(page, "light")


@pytest.mark.parametrize(("path", "body"), [
    ("runs/batch_processing_dag", {"run": "a b"}), ("runs/batch_processing_dag", {"conf": [1]}),
    ("runs/batch_processing_dag", {"note": "ä" * 2049}), ("topics/a%2Fb", {}),
    ("backfills/batch_processing_dag", {"from_ms": 2, "to_ms": 1}),
])  # fmt: skip
def test_the_server_says_it_again(server, path, body):
    answer = requests.post(f"{server.url}/api/v1/{path}", json=body, timeout=30)
    assert answer.status_code == 400 and answer.json()["error"]["message"]


@pytest.mark.parametrize("question", [
    "tables/pin/diff?from=x&to=1", "tables/pin/rows?filter=%22a", "tables/pin/rows?at=then",
    f"topics/{TOPIC}/search?q=%3D1", f"topics/{TOPIC}/pages?from=noon",
])  # fmt: skip
def test_the_server_says_it_again_of_questions(server, question):
    answer = requests.get(f"{server.url}/api/v1/{question}", timeout=30)
    assert answer.status_code == 400 and answer.json()["error"]["message"]
