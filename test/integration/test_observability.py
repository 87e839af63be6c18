"""deploy/observability: alerts and dashboard name metrics, kinds and labels that exist."""

import json
import re

import pytest
import yaml

from pinion import ROOT, run

FOLDER = ROOT / "deploy/observability"
SUFFIXES = ("_bucket", "_sum", "_count")
OWN_LABELS = {"instance", "le", "job"}  # those that Prometheus adds


@pytest.fixture(scope="module")
def metrics():
    rows = json.loads(run("metrics", "--format", "json").stdout)
    return {row["name"]: row for row in rows}


def rules():
    groups = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels():
    dashboard = json.loads((FOLDER / "grafana/pinion.json").read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions():
    found = [(rule["alert"], rule["expr"]) for rule in rules()]
    for panel in panels():
        found += [(panel["title"], target["expr"]) for target in panel["targets"]]
    return found


def base(name, metrics):
    """The metric that a series belongs to."""
    for suffix in SUFFIXES:
        if name.endswith(suffix) and metrics.get(name.removesuffix(suffix), {}).get(
            "kind"
        ) == "histogram":
            return name.removesuffix(suffix)
    return name


def faults(expr, metrics):
    """What is wrong with an expression: series that do not exist, and labels they do not have."""
    wrong, labels = [], set(OWN_LABELS)
    for name in set(re.findall(r"\bpinion_\w+", expr)):
        metric = metrics.get(base(name, metrics))
        if metric is None:
            wrong.append(f"no metric {name}")
            continue
        labels.update((metric["label"] or "").split(", "))
        is_rising = metric["kind"] == "counter" or name != base(name, metrics)
        ranged = re.search(rf"(\w+)\({name}(\{{[^}}]*\}})?\[", expr)
        if is_rising != bool(ranged and ranged[1] in ("rate", "increase")):
            wrong.append(f"{name} is a {metric['kind']}")
    used = {
        label.strip()
        for listed in re.findall(r"\b(?:by|on) \(([^)]*)\)", expr)
        for label in listed.split(",")
    }
    return wrong + [f"no label {label}" for label in used - labels]


@pytest.mark.parametrize(("where", "expr"), expressions())
def test_every_expression(where, expr, metrics):
    assert "pinion_" in expr or where == "PinionDown"
    assert faults(expr, metrics) == []
    assert expr.count("(") == expr.count(")")


def test_this_check_can_fail(metrics):
    assert faults("rate(pinion_gateway_request_total[5m])", metrics)
    assert faults("pinion_gateway_requests_total > 0", metrics)
    assert faults("rate(pinion_sink_lag_records[5m])", metrics)
    assert faults("sum by (table) (rate(pinion_sink_objects_total[5m]))", metrics)
    assert faults("rate(pinion_sink_objects_total_bucket[5m])", metrics)


def test_what_the_manual_says_to_alert_on_is_alerted_on(metrics):
    used = " ".join(rule["expr"] for rule in rules())
    for name, metric in metrics.items():
        if metric["alert"] is not None:
            assert re.search(rf"\b{name}", used), name


def test_the_dashboard_shows_every_metric(metrics):
    shown = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    assert {name for name in metrics if not re.search(rf"\b{name}", shown)} == set()


def test_alerts_and_panels_are_complete():
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]
    numbers = [panel["id"] for panel in panels()]
    assert len(numbers) == len(set(numbers))
