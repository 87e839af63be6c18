"""Airflow's own Python client drives the scheduler, unchanged, through /api/v2.

Every reply goes through the client's pydantic models, which refuse a missing member, a wrong type
or an unknown state.
"""

import json
import re
import subprocess
import sys
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import airflow_client.client as airflow
import pytest
import requests
from airflow_client.client.api import (
    backfill_api,
    dag_api,
    dag_run_api,
    dag_source_api,
    dag_stats_api,
    dag_version_api,
    event_log_api,
    experimental_api,
    import_error_api,
    monitor_api,
    pool_api,
    task_api,
    task_instance_api,
    version_api,
)
from airflow_client.client.exceptions import ApiException

from test_dag import Dags, dag, until

APIS = {
    "dags": dag_api.DAGApi,
    "runs": dag_run_api.DagRunApi,
    "tasks": task_api.TaskApi,
    "instances": task_instance_api.TaskInstanceApi,
    "sources": dag_source_api.DagSourceApi,
    "versions": dag_version_api.DagVersionApi,
    "errors": import_error_api.ImportErrorApi,
    "stats": dag_stats_api.DagStatsApi,
    "pools": pool_api.PoolApi,
    "events": event_log_api.EventLogApi,
    "backfills": backfill_api.BackfillApi,
    "monitor": monitor_api.MonitorApi,
    "version": version_api.VersionApi,
    "experimental": experimental_api.ExperimentalApi,
}


class Airflow:
    """The client's APIs, each an attribute, and a few steps that tests repeat."""

    def __init__(self, url, token=None):
        self.url = url
        self.client = airflow.ApiClient(airflow.Configuration(host=url, access_token=token))
        for name, kind in APIS.items():
            setattr(self, name, kind(self.client))

    def trigger(self, dag_id, **body):
        return self.runs.trigger_dag_run(dag_id, airflow.TriggerDAGRunPostBody(**body))

    def ended(self, dag_id, run_id):
        """The run, once it is over."""
        until(
            lambda: self.runs.get_dag_run(dag_id, run_id).state in ("success", "failed"), "the end"
        )
        return self.runs.get_dag_run(dag_id, run_id)

    def log(self, dag_id, run_id, task, number, **more):
        """All lines, page by page."""
        lines, token = [], None
        for _ in range(1000):
            page = self.instances.get_log(dag_id, run_id, task, number, token=token, **more)
            lines += [item.event for item in page.content.actual_instance]
            token = page.continuation_token
            if token is None:
                return lines
        raise AssertionError("the log has no end")

    def states(self, dag_id, run_id):
        rows = self.instances.get_task_instances(dag_id, run_id).task_instances
        return {row.task_id: row.state for row in rows}

    def raw(self, method, path, **more):
        return requests.request(method, f"{self.url}/api/v2/{path}", timeout=30, **more)


def refused(status, call, *args, **more):
    """The client raises for this status; gives the detail."""
    with pytest.raises(ApiException) as caught:
        call(*args, **more)
    assert caught.value.status == status, caught.value
    return json.loads(caught.value.body)["detail"]


@pytest.fixture
def start(tmp_path):
    """Starts a server on a pipeline of these DAGs; gives it as Dags, and a client."""
    servers = []

    def begin(*args, **made):
        own = Dags(tmp_path, made)
        server = own.server()
        server.args += args
        servers.append(server.start())
        return own, Airflow(server.url)

    yield begin
    for server in servers:
        if server.process is not None:
            server.stop()


def at(hour, day=1):
    return datetime(2026, 1, day, hour, tzinfo=timezone.utc)


HOURLY = {"schedule": "0 * * * *", "timezone": "Europe/Berlin"}


# --- DAGs -----------------------------------------------------------------------------------------


@pytest.fixture
def several(start):
    return start(
        daily=dag(a="true", settings_={"schedule": "@daily", "description": "each day"}),
        hourly=dag(a="true", b=("true", "a"), settings_=HOURLY),
        manual=dag(retries=2, retry_delay="90s", a="echo hello"),
    )


def test_dags_are_listed_sorted_and_filtered(several):
    own, api = several
    found = api.dags.get_dags()
    assert found.total_entries == 3
    assert [row.dag_id for row in found.dags] == ["daily", "hourly", "manual"]
    daily = found.dags[0]
    assert (daily.description, daily.timetable_summary) == ("each day", "@daily")
    assert daily.is_backfillable and not found.dags[2].is_backfillable
    assert daily.next_dagrun_run_after > datetime.now(timezone.utc)
    assert daily.next_dagrun_data_interval_end == daily.next_dagrun_logical_date

    def names(**how):
        return [row.dag_id for row in api.dags.get_dags(**how).dags]

    assert names(order_by=["-dag_id"]) == ["manual", "hourly", "daily"]
    assert names(limit=1, offset=1) == ["hourly"] and names(offset=5) == []
    assert names(dag_id_pattern="AIL") == ["daily"] and names(dag_id_pattern="d%y|man") == [
        "daily", "manual",
    ]  # fmt: skip
    assert names(dag_id_prefix_pattern="ho") == ["hourly"]
    assert names(tags=["none"]) == [] and names(owners=["me"]) == []
    assert names(has_import_errors=True) == [] and len(names(has_import_errors=False)) == 3
    api.dags.patch_dag("daily", airflow.DAGPatchBody(is_paused=True))
    assert names(paused=True) == ["daily"] and names(paused=False) == ["hourly", "manual"]
    api.trigger("manual", dag_run_id="one")
    api.ended("manual", "one")
    assert names(last_dag_run_state=airflow.DagRunState.SUCCESS) == ["manual"]
    assert names(dag_run_state=["failed"]) == []
    assert names(dag_run_start_date_gte=at(0)) == ["manual"]
    assert names(order_by=["-last_run_start_date"])[0] == "manual"
    assert "cannot be sorted by" in refused(400, api.dags.get_dags, order_by=["conf"])


def test_a_dag_is_paused_and_shown(several):
    own, api = several
    assert api.dags.get_dag("hourly").is_paused is False
    paused = api.dags.patch_dag("hourly", airflow.DAGPatchBody(is_paused=True))
    assert paused.is_paused and paused.next_dagrun_run_after is None
    assert api.dags.get_dag("hourly").is_paused
    assert not api.dags.patch_dag(
        "hourly", airflow.DAGPatchBody(is_paused=False), update_mask=["is_paused"]
    ).is_paused
    details = api.dags.get_dag_details("hourly")
    assert (details.timezone, details.catchup, details.active_runs_count) == (
        "Europe/Berlin", False, 0,
    )  # fmt: skip
    assert isinstance(details.latest_dag_version.id, uuid.UUID)
    assert "not found" in refused(404, api.dags.get_dag, "none")
    assert "not found" in refused(404, api.dags.get_dag_details, "a/b")


def test_tasks_sources_and_versions(several):
    own, api = several
    found = api.tasks.get_tasks("hourly")
    assert [task.task_id for task in found.tasks] == ["a", "b"] and found.total_entries == 2
    assert found.tasks[0].downstream_task_ids == ["b"]
    assert [task.task_id for task in api.tasks.get_tasks("hourly", order_by="-task_id").tasks] == [
        "b", "a",
    ]  # fmt: skip
    task = api.tasks.get_task("manual", "a")
    assert (task.retries, task.retry_delay.seconds, task.trigger_rule) == (2, 90, "all_success")
    assert "not found" in refused(404, api.tasks.get_task, "manual", "b")
    source = api.sources.get_dag_source("manual")
    assert "echo hello" in source.content and "hourly" not in source.content
    text = api.raw("GET", "dagSources/manual", headers={"Accept": "text/plain"})
    assert text.text == source.content and text.headers["Content-Type"].startswith("text/plain")
    (version,) = api.versions.get_dag_versions("manual").dag_versions
    assert api.versions.get_dag_version("manual", version.version_number).id == version.id
    assert api.versions.get_dag_versions("hourly").dag_versions[0].id != version.id
    assert "not found" in refused(404, api.versions.get_dag_version, "manual", 99)
    assert "not found" in refused(404, api.sources.get_dag_source, "manual", version_number=99)


# --- runs -----------------------------------------------------------------------------------------


def test_a_run_is_triggered_with_a_conf_and_followed_to_its_log(start):
    own, api = start(d=dag(a='echo "conf: $PINION_CONF"; echo second', b=("echo b", "a")))
    made = api.trigger("d", conf={"day": "monday", "n": 2**53 + 1}, note="by hand")
    assert (made.state, made.run_type, made.triggered_by) == ("queued", "manual", "rest_api")
    assert made.logical_date is None and made.conf == {"day": "monday", "n": 2**53 + 1}
    run = api.ended("d", made.dag_run_id)
    assert run.state == "success" and run.note == "by hand" and run.duration >= 0
    (version,) = run.dag_versions
    assert version.dag_id == "d" and isinstance(version.id, uuid.UUID)
    rows = api.instances.get_task_instances("d", run.dag_run_id)
    assert rows.total_entries == 2
    facts = [(row.task_id, row.state, row.try_number) for row in rows.task_instances]
    assert facts == [("a", "success", 1), ("b", "success", 1)]
    assert {row.map_index for row in rows.task_instances} == {-1}
    one = api.instances.get_task_instance("d", run.dag_run_id, "a")
    assert one.id == rows.task_instances[0].id != rows.task_instances[1].id
    assert one.operator == "command" and one.pool == "default_pool" and one.max_tries == 0
    assert one.start_date <= one.end_date
    assert api.log("d", run.dag_run_id, "a", 1) == [
        'conf: {"day": "monday", "n": 9007199254740993}', "second",
    ]  # fmt: skip
    assert api.log("d", run.dag_run_id, "a", 1, full_content=True)[1] == "second"
    assert "not found" in refused(
        404, api.instances.get_log, "d", run.dag_run_id, "a", 2
    )
    assert own.answer("dag", "audit", "d")[0]["who"] == "api"


def test_runs_are_listed_sorted_and_filtered(start):
    own, api = start(d=dag(a="true"), e=dag(a="false"))
    for hour in range(3):
        api.trigger("d", logical_date=at(hour), dag_run_id=f"run-{hour}", conf={"hour": hour})
        api.ended("d", f"run-{hour}")
    api.trigger("e", dag_run_id="bad")
    api.ended("e", "bad")

    def names(dag_id="d", **how):
        found = api.runs.get_dag_runs(dag_id, **how)
        return [row.dag_run_id for row in found.dag_runs]

    assert names() == ["run-0", "run-1", "run-2"]
    assert names(order_by=["-logical_date"]) == ["run-2", "run-1", "run-0"]
    assert names(order_by=["-state", "dag_run_id"]) == ["run-0", "run-1", "run-2"]
    page = api.runs.get_dag_runs("d", limit=2, offset=1)
    assert [row.dag_run_id for row in page.dag_runs] == ["run-1", "run-2"]
    assert page.total_entries == 3
    assert names(logical_date_gte=at(1)) == ["run-1", "run-2"]
    assert names(logical_date_gt=at(0), logical_date_lt=at(2)) == ["run-1"]
    assert names(run_id_pattern="N-2") == ["run-2"] and names(run_id_pattern="%-1|%-0") == [
        "run-0", "run-1",
    ]  # fmt: skip
    assert names(run_id_prefix_pattern="run-2") == ["run-2"]
    assert names(conf_contains='"hour": 1') == ["run-1"]
    assert names(state=["failed"]) == [] and len(names(state=["success", "failed"])) == 3
    assert names(run_type=["scheduled"]) == [] and len(names(run_type=["manual"])) == 3
    assert names(duration_gte=3600.0) == [] and len(names(duration_lt=3600.0)) == 3
    assert names("~") == ["run-0", "run-1", "run-2", "bad"]
    assert names("~", state=["failed"]) == ["bad"] and names("~", dag_id_pattern="e") == ["bad"]
    batch = api.runs.get_list_dag_runs_batch("~", airflow.DAGRunsBatchBody(
        dag_ids=["d"], states=["success"], page_limit=1, page_offset=1, order_by="-id",
        logical_date_gte=at(0)))  # fmt: skip
    assert [row.dag_run_id for row in batch.dag_runs] == ["run-1"] and batch.total_entries == 3
    stats = {row.dag_id: {s.state: s.count for s in row.stats}
             for row in api.stats.get_dag_stats().dags}  # fmt: skip
    assert stats["d"] == {"queued": 0, "running": 0, "success": 3, "failed": 0}
    assert stats["e"]["failed"] == 1
    assert [row.dag_id for row in api.stats.get_dag_stats(dag_ids=["e"]).dags] == ["e"]
    every = api.instances.get_task_instances("~", "~", state=["failed"])
    assert [(row.dag_id, row.task_id) for row in every.task_instances] == [("e", "a")]


def test_a_second_run_of_one_name_or_date_is_a_conflict(start):
    own, api = start(d=dag(a="true"))
    api.trigger("d", dag_run_id="mine", logical_date=at(1))
    body = airflow.TriggerDAGRunPostBody(dag_run_id="mine")
    assert "already" in refused(409, api.runs.trigger_dag_run, "d", body)
    body = airflow.TriggerDAGRunPostBody(logical_date=at(1))
    assert "already" in refused(409, api.runs.trigger_dag_run, "d", body)
    body = airflow.TriggerDAGRunPostBody()
    assert "not found" in refused(404, api.runs.trigger_dag_run, "x", body)
    assert "not found" in refused(404, api.runs.get_dag_run, "d", "x")
    body = airflow.TriggerDAGRunPostBody(dag_run_id="a/b")
    assert "run name" in refused(422, api.runs.trigger_dag_run, "d", body)[0]["msg"]


def test_a_paused_dag_runs_when_it_is_triggered(start):
    own, api = start(d=dag(a="true"))
    api.dags.patch_dag("d", airflow.DAGPatchBody(is_paused=True))
    run = api.trigger("d")
    assert api.ended("d", run.dag_run_id).state == "success"


def test_a_run_without_a_scheduler_is_accepted_and_says_why_it_waits(start):
    own, api = start("--roles", "gateway", d=dag(a="true"))
    run = api.trigger("d", dag_run_id="mine")
    assert run.state == "queued" and "no scheduler runs" in run.note
    health = api.monitor.get_health()
    assert (health.metadatabase.status, health.scheduler.status) == ("healthy", "unhealthy")
    why = api.instances.get_task_instance_dependencies("d", "mine", "a").dependencies
    assert [item.name for item in why] and "no scheduler runs" in why[0].reason
    assert api.instances.get_task_instance("d", "mine", "a").state is None


def test_wait_replies_when_the_run_is_over(start):
    own, api = start(d=dag(a="while ! [ -e go ]; do sleep 0.02; done"))
    run = api.trigger("d").dag_run_id
    path = f"dags/d/dagRuns/{run}/wait?interval=0.1"
    lines = api.raw("GET", path, headers={"Accept": "application/x-ndjson"}, stream=True)
    assert lines.headers["Content-Type"] == "application/x-ndjson"
    seen = []
    for line in lines.iter_lines():
        seen.append(json.loads(line)["state"])
        if seen[-1] == "running":
            (own.traces / "go").touch()
    assert seen[-2:] == ["running", "success"]
    # The client of Airflow takes one JSON object.
    done = api.experimental.wait_dag_run_until_finished("d", run, interval=1)
    assert done == {"state": "success"}
    (own.traces / "go").unlink()
    second = api.trigger("d").dag_run_id
    until(lambda: api.states("d", second)["a"] == "running", "the task")
    (own.traces / "go").touch()
    done = api.experimental.wait_dag_run_until_finished("d", second, interval=0.1)
    assert done == {"state": "success"}
    refused(422, api.runs.wait_dag_run_until_finished, "d", run, interval=1, result=["a"])
    assert api.raw("GET", f"dags/d/dagRuns/{run}/wait").status_code == 422


# --- failures, clear, marks -----------------------------------------------------------------------


@pytest.fixture
def failing(start):
    """a -> b (fails until `mended` is there) -> c, and d beside them."""
    own, api = start(d=dag(
        retries=1, retry_delay="10ms", a="echo a >> ran",
        b=("echo b >> ran; echo broken >&2; [ -e mended ]", "a"), c=("echo c >> ran", "b"),
        d="echo d >> ran",
    ))  # fmt: skip
    api.trigger("d", dag_run_id="mine")
    assert api.ended("d", "mine").state == "failed"
    (own.traces / "ran").unlink()
    return own, api


def test_a_failed_task_shows_its_tries(failing):
    own, api = failing
    assert api.states("d", "mine") == {
        "a": "success", "b": "failed", "c": "upstream_failed", "d": "success",
    }  # fmt: skip
    b = api.instances.get_task_instance("d", "mine", "b")
    assert (b.try_number, b.max_tries) == (2, 1)
    tries = api.instances.get_task_instance_tries("d", "mine", "b")
    assert [(row.try_number, row.state) for row in tries.task_instances] == [
        (1, "failed"), (2, "failed"),
    ]  # fmt: skip
    assert api.instances.get_task_instance_try_details("d", "mine", "b", 1).try_number == 1
    one_try = api.instances.get_task_instance_try_details
    assert "not found" in refused(404, one_try, "d", "mine", "b", 7)
    assert api.log("d", "mine", "b", 2) == ["broken"]

    def names(**how):
        found = api.instances.get_task_instances("d", "mine", **how)
        return [row.task_id for row in found.task_instances]

    assert names(state=["failed", "upstream_failed"]) == ["b", "c"]
    assert names(order_by=["-task_id"]) == ["d", "c", "b", "a"]
    assert names(limit=1, offset=2) == ["c"] and names(task_id="a") == ["a"]
    assert names(try_number=[2]) == ["b"]
    assert names(pool=["none"]) == [] and names(queue=["q"]) == []
    batch = api.instances.get_task_instances_batch("~", "~", airflow.TaskInstancesBatchBody(
        task_ids=["b", "c"], state=["failed"]))  # fmt: skip
    assert [row.task_id for row in batch.task_instances] == ["b"]
    assert "not found" in refused(404, api.instances.get_task_instances, "d", "x")
    assert "not found" in refused(404, api.instances.get_task_instance, "d", "mine", "x")


def cleared(answer):
    """Names of whole tasks, or of the items of which the client makes one of two kinds."""
    return sorted(getattr(item, "actual_instance", item).task_id for item in answer.task_instances)


def test_clear_lists_first_and_then_runs_again(failing):
    own, api = failing
    item = airflow.ClearTaskInstancesBodyTaskIdsInner

    def ask(task_ids=None, **how):
        if task_ids is not None:
            how["task_ids"] = [item(each) for each in task_ids]
        body = airflow.ClearTaskInstancesBody(**how)
        return cleared(api.instances.post_clear_task_instances("d", body))

    # The client's defaults: a dry run of the failed ones, over all runs.
    assert ask() == ["b", "c"]
    assert ask(dag_run_id="mine") == ["b", "c"]
    assert ask(dag_run_id="mine", only_failed=False) == ["a", "b", "c", "d"]
    assert ask(dag_run_id="mine", task_ids=["a"]) == []
    assert ask(dag_run_id="mine", task_ids=["a"], only_failed=False) == ["a"]
    every = {"dag_run_id": "mine", "only_failed": False}
    assert ask(task_ids=["a"], include_downstream=True, **every) == ["a", "b", "c"]
    assert ask(task_ids=[["c", -1]], include_upstream=True, **every) == ["a", "b", "c"]
    assert api.runs.get_dag_run("d", "mine").state == "failed"
    (own.traces / "mended").touch()
    assert ask(dag_run_id="mine", dry_run=False) == ["b", "c"]
    assert api.ended("d", "mine").state == "success"
    assert own.trace("ran") == ["b", "c"]
    assert api.instances.get_task_instance("d", "mine", "b").try_number == 3
    body = airflow.ClearTaskInstancesBody(dag_run_id="mine", task_ids=[item("x")])
    assert "not found" in refused(404, api.instances.post_clear_task_instances, "d", body)
    body = airflow.ClearTaskInstancesBody(dag_run_id="x")
    assert "not found" in refused(404, api.instances.post_clear_task_instances, "d", body)
    body = airflow.ClearTaskInstancesBody(dag_run_id="mine", reset_dag_runs=False)
    assert refused(422, api.instances.post_clear_task_instances, "d", body)[0]["loc"] == [
        "body", "reset_dag_runs",
    ]  # fmt: skip


def test_a_run_is_cleared(failing):
    own, api = failing

    def ask(**how):
        return api.runs.clear_dag_run("d", "mine", airflow.DAGRunClearBody(**how)).actual_instance

    assert cleared(ask()) == ["a", "b", "c", "d"]
    assert cleared(ask(only_failed=True)) == ["b", "c"] and cleared(ask(only_new=True)) == []
    (own.traces / "mended").touch()
    run = ask(dry_run=False, only_failed=True, note="mended")
    assert (run.dag_run_id, run.state, run.note) == ("mine", "queued", "mended")
    assert api.ended("d", "mine").state == "success" and own.trace("ran") == ["b", "c"]
    run = api.runs.patch_dag_run("d", "mine", airflow.DAGRunPatchBody(state="queued"))
    assert run.state in ("queued", "running")
    assert api.ended("d", "mine").state == "success"
    assert sorted(own.trace("ran")[2:]) == ["a", "b", "c", "d"]


def test_a_running_run_is_cancelled_and_gets_a_note(start):
    own, api = start(d=dag(a="sleep 60", b=("true", "a")))
    api.trigger("d", dag_run_id="mine")
    until(lambda: api.states("d", "mine")["a"] == "running", "the task")
    clear = airflow.ClearTaskInstancesBody(dag_run_id="mine", only_failed=False, dry_run=False)
    assert "running" in refused(409, api.instances.post_clear_task_instances, "d", clear)
    api.runs.patch_dag_run("d", "mine", airflow.DAGRunPatchBody(state="failed"))
    run = api.ended("d", "mine")
    # Cancelled is a state of our own: Airflow's clients see a failure, and a note.
    assert run.state == "failed" and "cancelled" in run.note
    assert api.states("d", "mine") == {"a": "failed", "b": "skipped"}
    assert [row.dag_run_id for row in api.runs.get_dag_runs("d", state=["failed"]).dag_runs] == [
        "mine",
    ]  # fmt: skip
    assert [row.task_id for row in api.instances.get_task_instances(
        "d", "mine", state=["skipped"]).task_instances] == ["b"]  # fmt: skip
    run = api.runs.patch_dag_run("d", "mine", airflow.DAGRunPatchBody(note="stopped"))
    assert run.note == "stopped (cancelled)"


def test_tasks_and_runs_are_marked(failing):
    own, api = failing

    def ask(call, task, **how):
        answer = call("d", "mine", task, airflow.PatchTaskInstanceBody(**how))
        return sorted(row.task_id for row in answer.task_instances)

    patch, dry = api.instances.patch_task_instance, api.instances.patch_task_instance_dry_run
    assert ask(dry, "b", new_state="success") == ["b"]
    assert ask(dry, "b", new_state="skipped", include_downstream=True) == ["b", "c"]
    assert api.states("d", "mine")["b"] == "failed"
    # What could not start because of the failure runs now.
    assert ask(patch, "b", new_state="success") == ["b"]
    run = api.ended("d", "mine")
    assert run.state == "success" and own.trace("ran") == ["c"]
    assert ask(patch, "a", new_state="failed") == ["a"]
    assert api.states("d", "mine")["a"] == "failed"
    assert api.runs.get_dag_run("d", "mine").state == "failed"
    run = api.runs.patch_dag_run("d", "mine", airflow.DAGRunPatchBody(state="success"))
    assert run.state == "success" and set(api.states("d", "mine").values()) == {"success"}
    run = api.runs.patch_dag_run("d", "mine", airflow.DAGRunPatchBody(state="failed"))
    assert run.state == "failed"
    body = airflow.PatchTaskInstanceBody(new_state="running")
    assert refused(422, patch, "d", "mine", "a", body)[0]["loc"] == ["body", "new_state"]
    body = airflow.PatchTaskInstanceBody(note="mine")
    assert refused(422, patch, "d", "mine", "a", body)[0]["loc"] == ["body", "note"]
    body = airflow.PatchTaskInstanceBody(new_state="success", include_past=True)
    assert "no logical date" in refused(422, patch, "d", "mine", "a", body)[0]["msg"]


def test_tasks_are_marked_in_the_runs_before_and_after(start):
    own, api = start(d=dag(a="false"))
    for hour in range(3):
        api.trigger("d", dag_run_id=f"run-{hour}", logical_date=at(hour))
        api.ended("d", f"run-{hour}")

    def marked(**how):
        body = airflow.PatchTaskInstanceBody(new_state="success", **how)
        answer = api.instances.patch_task_instance_dry_run("d", "run-1", "a", body)
        return [row.dag_run_id for row in answer.task_instances]

    assert marked() == ["run-1"]
    assert marked(include_past=True) == ["run-0", "run-1"]
    assert marked(include_future=True) == ["run-1", "run-2"]
    assert marked(include_past=True, include_future=True) == ["run-0", "run-1", "run-2"]
    body = airflow.ClearTaskInstancesBody(start_date=at(1), end_date=at(2))
    rows = api.instances.post_clear_task_instances("d", body).task_instances
    assert [row.dag_run_id for row in rows] == ["run-1", "run-2"]


def test_a_run_is_deleted(start):
    own, api = start(d=dag(a="while ! [ -e go ]; do sleep 0.02; done"))
    api.trigger("d", dag_run_id="mine")
    until(lambda: api.states("d", "mine")["a"] == "running", "the task")
    assert "running" in refused(409, api.runs.delete_dag_run, "d", "mine")
    (own.traces / "go").touch()
    api.ended("d", "mine")
    assert api.runs.delete_dag_run("d", "mine") is None
    assert "not found" in refused(404, api.runs.get_dag_run, "d", "mine")
    assert "not found" in refused(404, api.runs.delete_dag_run, "d", "mine")
    assert api.runs.get_dag_runs("d").total_entries == 0
    assert not list((own.data / "dag").glob("*/mine"))


# --- logs -----------------------------------------------------------------------------------------


def test_a_long_log_comes_in_pages(start):
    own, api = start(d=dag(a="seq 1 100000; printf 'no end'"))
    api.trigger("d", dag_run_id="mine")
    api.ended("d", "mine")
    expected = [str(number) for number in range(1, 100001)] + ["no end"]
    first = api.instances.get_log("d", "mine", "a", 1)
    assert first.continuation_token is not None and len(first.content.actual_instance) < 100000
    assert api.log("d", "mine", "a", 1) == expected
    full = api.instances.get_log("d", "mine", "a", 1, full_content=True)
    assert full.continuation_token is None
    assert [item.event for item in full.content.actual_instance] == expected
    lines = api.raw("GET", "dags/d/dagRuns/mine/taskInstances/a/logs/1",
                    headers={"Accept": "application/x-ndjson"})  # fmt: skip
    assert [json.loads(line)["event"] for line in lines.text.splitlines()] == expected


def test_the_log_of_a_running_task_is_followed(start):
    own, api = start(d=dag(a="echo one; while ! [ -e go ]; do sleep 0.02; done; echo two"))
    api.trigger("d", dag_run_id="mine")
    until(lambda: api.states("d", "mine")["a"] == "running", "the task")
    until(lambda: api.instances.get_log("d", "mine", "a", 1).content.actual_instance, "a line")
    page = api.instances.get_log("d", "mine", "a", 1)
    assert [item.event for item in page.content.actual_instance] == ["one"]
    again = api.instances.get_log("d", "mine", "a", 1, token=page.continuation_token)
    assert again.content.actual_instance == []
    assert again.continuation_token == page.continuation_token
    lines = api.raw("GET", "dags/d/dagRuns/mine/taskInstances/a/logs/1", stream=True,
                    headers={"Accept": "application/x-ndjson"})  # fmt: skip
    seen = []
    for line in lines.iter_lines():
        seen.append(json.loads(line)["event"])
        (own.traces / "go").touch()
    assert seen == ["one", "two"]
    rest = api.instances.get_log("d", "mine", "a", 1, token=page.continuation_token)
    assert [item.event for item in rest.content.actual_instance] == ["two"]
    assert rest.continuation_token is None


# --- backfills, pools, the rest -------------------------------------------------------------------


def test_a_backfill_is_listed_first_then_made_paused_and_cancelled(start):
    own, api = start(
        d=dag(a="touch at.$PINION_RUN_ID; while ! [ -e go ]; do sleep 0.02; done",
              settings_={"schedule": "0 * * * *", "active_runs_max": 4}),
        m=dag(a="true"),
    )  # fmt: skip
    body = airflow.BackfillPostBody(dag_id="d", from_date=at(0), to_date=at(3), max_active_runs=1)
    dry = api.backfills.create_backfill_dry_run(body)
    assert [row.logical_date for row in dry.backfills] == [at(hour) for hour in range(4)]
    assert dry.total_entries == 4 and api.runs.get_dag_runs("d").total_entries == 0
    made = api.backfills.create_backfill(body)
    assert (made.dag_id, made.from_date, made.to_date) == ("d", at(0), at(3))
    assert (made.is_paused, made.max_active_runs, made.completed_at) == (False, 1, None)
    until(lambda: len(list(own.traces.glob("at.*"))) == 1, "the first run")
    assert api.backfills.pause_backfill(made.id).is_paused
    assert "cannot be paused" in refused(409, api.backfills.pause_backfill, made.id)
    assert not api.backfills.unpause_backfill(made.id).is_paused
    assert api.backfills.cancel_backfill(made.id).completed_at is not None
    assert "it is cancelled" in refused(409, api.backfills.cancel_backfill, made.id)
    assert [row.id for row in api.backfills.list_backfills("d").backfills] == [made.id]
    assert api.backfills.list_backfills("m").total_entries == 0
    assert api.backfills.get_backfill(made.id).id == made.id
    assert "no backfill 77" in refused(404, api.backfills.get_backfill, 77)
    types = {row.run_type for row in api.runs.get_dag_runs("d").dag_runs}
    assert types == {"backfill"}
    failed = airflow.BackfillPostBody(
        dag_id="d", from_date=at(0), to_date=at(3), reprocess_behavior="failed")  # fmt: skip
    until(lambda: api.runs.get_dag_runs("d", state=["failed"]).total_entries == 4, "the ends")
    assert api.backfills.create_backfill_dry_run(failed).total_entries == 4
    none = airflow.BackfillPostBody(dag_id="d", from_date=at(0), to_date=at(3))
    assert api.backfills.create_backfill_dry_run(none).total_entries == 0
    manual = airflow.BackfillPostBody(dag_id="m", from_date=at(0), to_date=at(3))
    assert "no schedule" in refused(422, api.backfills.create_backfill, manual)[0]["msg"]
    backwards = airflow.BackfillPostBody(
        dag_id="d", from_date=at(0), to_date=at(3), run_backwards=True)  # fmt: skip
    assert refused(422, api.backfills.create_backfill, backwards)[0]["loc"][1] == "run_backwards"
    later = datetime(2126, 1, 1, tzinfo=timezone.utc)
    future = airflow.BackfillPostBody(dag_id="d", from_date=later, to_date=later)
    assert "yet to come" in refused(422, api.backfills.create_backfill, future)[0]["msg"]
    body = airflow.TriggerDAGRunPostBody(logical_date=later)
    assert "yet to come" in refused(422, api.runs.trigger_dag_run, "d", body)[0]["msg"]


def test_pools_show_who_holds_their_slots(tmp_path, start):
    own, api = start(d={**dag(a="while ! [ -e go ]; do sleep 0.02; done")})
    api.trigger("d", dag_run_id="mine")
    until(lambda: api.states("d", "mine")["a"] == "running", "the task")
    found = api.pools.get_pools()
    assert [pool.name for pool in found.pools] == ["default_pool"] and found.total_entries == 1
    pool = api.pools.get_pool("default_pool")
    assert (pool.running_slots, pool.occupied_slots) == (1, 1)
    assert pool.open_slots == pool.slots - 1
    assert api.pools.get_pools(pool_name_pattern="none").pools == []
    assert "not found" in refused(404, api.pools.get_pool, "none")
    (own.traces / "go").touch()


def test_what_people_did_is_listed(start):
    own, api = start(d=dag(a="true"))
    api.dags.patch_dag("d", airflow.DAGPatchBody(is_paused=True))
    api.trigger("d", dag_run_id="mine")
    api.ended("d", "mine")
    found = api.events.get_event_logs()
    assert [row.event for row in found.event_logs] == ["pause", "trigger"]
    assert api.events.get_event_log(found.event_logs[0].event_log_id).dag_id == "d"
    only = api.events.get_event_logs(run_id="mine", order_by=["-when"], excluded_events=["pause"])
    assert [(row.event, row.owner, row.run_id) for row in only.event_logs] == [
        ("trigger", "api", "mine"),
    ]  # fmt: skip
    late = datetime.now(timezone.utc) + timedelta(hours=1)
    assert api.events.get_event_logs(after=late).total_entries == 0
    assert "not found" in refused(404, api.events.get_event_log, 999)


def test_a_broken_definition_is_an_import_error(start):
    own, api = start(d=dag(a="echo one"))
    assert api.errors.get_import_errors().import_errors == []
    assert "not found" in refused(404, api.errors.get_import_error, 1)
    before = api.versions.get_dag_versions("d").dag_versions[0].id
    definition = own.folder / "pipeline.yml"
    whole = definition.read_text()
    definition.write_text(whole + "nonsense: 1\n")
    until(lambda: api.errors.get_import_errors().total_entries == 1, "the error")
    (error,) = api.errors.get_import_errors(filename_pattern="pipeline").import_errors
    assert error.filename.endswith("pipeline.yml") and "nonsense" in error.stack_trace
    assert api.errors.get_import_error(error.import_error_id).filename == error.filename
    assert api.errors.get_import_errors(filename="none").total_entries == 0
    # The definition before it is in force still.
    api.trigger("d", dag_run_id="mine")
    assert api.ended("d", "mine").state == "success"
    definition.write_text(whole.replace("echo one", "echo two"))
    until(lambda: api.errors.get_import_errors().total_entries == 0, "the mended one")
    until(lambda: "echo two" in api.sources.get_dag_source("d").content, "the new one")
    assert api.versions.get_dag_versions("d").dag_versions[-1].id != before


def test_health_and_version(start):
    own, api = start(d=dag(a="true"))
    health = api.monitor.get_health()
    assert (health.metadatabase.status, health.scheduler.status) == ("healthy", "healthy")
    assert health.triggerer.status is None
    assert api.version.get_version().version == own.run("version").stdout.split()[1]


def test_the_example_of_the_manual(start):
    own, api = start(d=dag(a='echo "conf: $PINION_CONF"', b=("echo broken; false", "a")))
    page = (Path(__file__).resolve().parents[2] / "docs/airflow.md").read_text(encoding="utf-8")
    program = re.search(r"```python\n(.*?)```", page, re.S)[1]
    done = subprocess.run(
        [sys.executable, "-c", program, api.url, "d"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "a success", '    conf: {"day": "monday"}', "b failed", "    broken",
    ]  # fmt: skip


# --- bad input ------------------------------------------------------------------------------------


BAD = [
    ("POST", "dags/d/dagRuns", "{", 422, "json_invalid"),
    ("POST", "dags/d/dagRuns", "", 422, "missing"),
    ("POST", "dags/d/dagRuns", "[]", 422, "model_attributes_type"),
    ("POST", "dags/d/dagRuns", '{"conf":[]}', 422, "dict_type"),
    ("POST", "dags/d/dagRuns", '{"dag_run_id":7}', 422, "string_type"),
    ("POST", "dags/d/dagRuns", '{"dag_run_id":"a\\u0000b"}', 422, "string_type"),
    ("POST", "dags/d/dagRuns", '{"logical_date":"monday"}', 422, "datetime_from_date_parsing"),
    ("POST", "dags/d/dagRuns", '{"dagrun":1}', 422, "extra_forbidden"),
    ("POST", "dags/d/dagRuns", '{"data_interval_start":"2026-01-01"}', 422, "value_error"),
    ("PATCH", "dags/d", "{}", 422, "missing"),
    ("PATCH", "dags/d", '{"is_paused":"yes"}', 422, "bool_type"),
    ("GET", "dags?limit=x", None, 422, "int_parsing"),
    ("GET", "dags?limit=-1", None, 422, "int_parsing"),
    ("GET", "dags?limit=1&limit=2", None, 422, "too_long"),
    ("GET", "dags?offset=99999999999999999999", None, 422, "int_parsing"),
    ("GET", "dags?paused=maybe", None, 422, "bool_parsing"),
    ("GET", "dags/d/dagRuns?state=cancelled", None, 422, "enum"),
    ("GET", "dags/d/dagRuns?start_date_gte=x", None, 422, "datetime_from_date_parsing"),
    ("GET", "dags/d/dagRuns?duration_gte=nan", None, 422, "float_parsing"),
    ("GET", "dags/d/dagRuns?run_id_pattern=%ff", None, 422, "string_type"),
    ("GET", f"dags/d/dagRuns?run_id_pattern={'%25' * 1001}", None, 422, "string_too_long"),
    ("POST", "dags/~/dagRuns/list", '{"page_limit":"x"}', 422, "int_parsing"),
    ("POST", "dags/~/dagRuns/list", '{"states":[{}]}', 422, "string_type"),
    ("POST", "dags/d/clearTaskInstances", '{"task_ids":"a"}', 422, "list_type"),
    ("POST", "dags/d/clearTaskInstances", '{"task_ids":[["a",0]]}', 422, "string_type"),
    ("POST", "dags/d/clearTaskInstances", '{"include_past":true}', 422, "missing"),
    ("POST", "backfills", '{"dag_id":"d","from_date":"2026-01-01"}', 422, "missing"),
    ("POST", "backfills/dry_run", '{"dag_id":"d","from_date":"2026-01-02",'
     '"to_date":"2026-01-01"}', 422, "value_error"),
    ("GET", "backfills/x", None, 422, "int_parsing"),
    ("GET", "dagStats?dag_ids=%00", None, 422, "string_type"),
    ("GET", "dags/d/dagVersions/x", None, 422, "int_parsing"),
]  # fmt: skip


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """A server that tests only ask."""
    own = Dags(tmp_path_factory.mktemp("quiet"), {"d": dag(a="true")})
    with own.server() as server:
        api = Airflow(server.url)
        api.trigger("d", dag_run_id="mine")
        api.ended("d", "mine")
        yield api


@pytest.mark.parametrize("method, path, body, status, kind", BAD)
def test_bad_input_is_refused_in_the_dialect(quiet, method, path, body, status, kind):
    headers = {"Content-Type": "application/json"} if body is not None else {}
    reply = quiet.raw(method, path, data=body, headers=headers)
    assert reply.status_code == status, reply.text
    (detail,) = reply.json()["detail"]
    assert detail["type"] == kind and detail["loc"] and detail["msg"]
    assert quiet.runs.get_dag_runs("d").total_entries == 1


@pytest.mark.parametrize("path", [
    "", "dag", "variables", "connections", "assets", "dags/d/unknown", "dags/d/dagRuns/mine/x",
    "dags/d/dagRuns/mine/taskInstances/a/xcomEntries", "../v2/config",
])  # fmt: skip
def test_an_unknown_route_says_that_it_is_not_part_of_the_subset(quiet, path):
    reply = quiet.raw("GET", path)
    assert reply.status_code == 404
    assert reply.json() == {"detail": "not part of pinion's subset: see /api/v1/openapi.json"}


@pytest.mark.parametrize("path", [
    "dags/a%2Fb", "dags/%2e%2e%2fd", "dags/d/dagRuns/a%2Fb", "dags/d%00", "dags/d/tasks/a%2Fb",
    "dags/x' OR '1'='1", "dags/d/dagRuns/mine/taskInstances/a/logs/0",
    "dags/d/dagRuns/mine/taskInstances/a/logs/-1",
])  # fmt: skip
def test_odd_names_name_nothing(quiet, path):
    reply = quiet.raw("GET", path)
    assert reply.status_code in (400, 404), reply.text
    assert isinstance(reply.json()["detail"], str)


def test_methods_types_and_pages_of_other_sites_are_refused(quiet):
    reply = quiet.raw("DELETE", "version")
    assert reply.status_code == 405 and "GET" in reply.headers["Allow"]
    assert isinstance(reply.json()["detail"], str)
    reply = quiet.raw("POST", "dags/d/dagRuns", data="{}", headers={"Content-Type": "text/plain"})
    assert reply.status_code == 415 and "application/json" in reply.json()["detail"]
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        reply = quiet.raw("POST", "dags/d/dagRuns", json={}, headers=headers)
        assert reply.status_code == 403 and isinstance(reply.json()["detail"], str)
    reply = quiet.raw("GET", "dags", headers={"Origin": "http://evil.example"})
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert quiet.raw("GET", "dags", headers={"Host": "evil.example"}).status_code == 421
    assert quiet.runs.get_dag_runs("d").total_entries == 1


def test_a_limit_above_the_greatest_is_taken_as_that(quiet):
    assert quiet.raw("GET", "dags?limit=100000").json()["total_entries"] == 1
    assert quiet.raw("GET", "dags/d/dagRuns?limit=0").json()["dag_runs"] == []


