"""A stub of Databricks' OAuth and Jobs API 2.2 over TLS, on a free port of loopback: the service
itself cannot run here. It checks what it is sent by the reference of that API, and its runs do what
the notebook pinion_job does, as far as the store can tell: they read a job's request, and write its
result."""

import base64
import json
import os
import ssl
import subprocess
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pinion import PINION

CLIENT, SECRET, PERSONAL = "client-1", "client-secret-1", "dapi-personal-1"
API = "/api/2.2/jobs/runs"
CLUSTER = "0423-cluster-1"
DAG, CLEAN = "batch_processing_dag", "clean_pin_data_and_save_as_delta_table"
# No credentials of the one who runs the tests.
CLEAN_ENV = {
    name: value for name, value in os.environ.items() if not name.startswith("DATABRICKS_")
}

# The members that the reference has, as far as pinion may send them, with their types.
TASK = {"task_key": str, "notebook_task": dict, "existing_cluster_id": str, "new_cluster": dict}
NOTEBOOK = {"notebook_path": str, "source": str, "base_parameters": dict}
SUBMIT = {"run_name": str, "idempotency_token": str, "timeout_seconds": int, "tasks": list}
# How runs/get says the same in the members that it has had since Jobs API 2.0.
RESULTS = {"SUCCESS": "SUCCESS", "USER_CANCELED": "CANCELED", "CANCELED": "CANCELED"}
MESSAGES = {"PENDING": "Waiting for cluster", "RUNNING": "In run"}


class Wrong(Exception):
    """A request that the API refuses."""


def check(value, members):
    for name, of in value.items():
        if name not in members or type(of) is not members[name]:
            raise Wrong(f"{name}: unknown, or not of its type")


def check_submit(body):
    check(body, SUBMIT)
    if not 0 < len(body["idempotency_token"]) <= 64 or len(body["tasks"]) != 1:
        raise Wrong("idempotency_token or tasks")
    (task,) = body["tasks"]
    check(task, TASK)
    check(task["notebook_task"], NOTEBOOK)
    if not task["notebook_task"]["notebook_path"].startswith("/"):
        raise Wrong("The notebook path must be absolute")
    if any(type(of) is not str for of in task["notebook_task"]["base_parameters"].values()):
        raise Wrong("base_parameters")
    if task.get("existing_cluster_id", CLUSTER) != CLUSTER:
        raise Wrong(f"Cluster {task['existing_cluster_id']} does not exist")


def answer_of(asked):
    """What the job writes."""
    request, result = asked["request"], {"token": asked["token"], "state": "done", "duration_ms": 1}
    if request["action"] == "query":
        result["columns"] = [{"name": "n", "type": "BIGINT"}]
        result["rows"], result["versions"] = [["7"]], {"pin": 3}
    elif request["action"] == "optimize":
        result.update(files_before=5, files_after=1)
    else:
        result["tables"] = [
            dict(table=table["name"], rows=4, version=2, dead_letters=1, objects=1)
            for table in request["tables"]
        ]
    return result


class JobsApi:
    """A stub whose key and certificate are in the folder.

    `mode` says what becomes of the runs that begin: "done"; "wrong": the job writes that it has
    failed; "silent": it writes nothing; "crash": the notebook fails; "hang": it runs until it is
    cancelled; "pending": it never starts; (code, message) of its end; a function that does the
    work of a task; or a list of these, one for each run. `faults` has, for a path, what happens to
    its next requests: a status, (status, seconds of Retry-After), "drop": no answer and nothing
    done, "lost": done and no answer, "hold": done, and answered after `release` is set."""

    def __init__(self, folder, life=3600):
        self.folder, self.life, self.mode = folder, life, "done"
        self.faults, self.requests, self.runs, self.tokens = {}, [], {}, {}
        self.valid = {PERSONAL}
        self.cancelled, self.logins, self.slow_cancel = [], 0, 0
        self.release, self.lock = threading.Event(), threading.Lock()

    def __enter__(self):
        key, self.certificate = self.folder / "jobs-key.pem", self.folder / "jobs-ca.pem"
        if not key.exists():
            self.make_certificate(key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        handler = type("Handler", (Handler,), {"stub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def make_certificate(self, key):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", key, "-out", self.certificate, "-days", "2",
             "-subj", "/CN=stub", "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True,
        )  # fmt: skip

    def __exit__(self, *exception):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.server.server_port}"

    def asked(self, path):
        """The bodies of the requests to a path."""
        return [body for _, asked, body in self.requests if asked == path]

    def paths(self):
        return [path for _, path, _ in self.requests]

    def times(self, path):
        return [at for at, asked, _ in self.requests if asked == path]

    # --- runs -----------------------------------------------------------------------------------

    def execute(self, mode, parameters):
        """A run's work: what it came to as (code, message, error, trace)."""
        folder = Path(parameters["store"]) / parameters["job"]
        if mode == "crash":
            return ("RUN_EXECUTION_ERROR", "Workload failed, see run output for details",
                    "NameError: name 'spark' is not defined", "line 7 of the notebook")  # fmt: skip
        try:
            asked = json.loads((folder / "request.json").read_text())
        except FileNotFoundError:
            return "RUN_EXECUTION_ERROR", "", "SystemExit: there is no request.json", ""
        if mode != "silent":
            result = answer_of(asked)
            if mode == "wrong":
                result = {"token": asked["token"], "state": "failed", "class": "input",
                          "message": "no such column"}  # fmt: skip
            (folder / "result.json").write_text(json.dumps(result))
        return "SUCCESS", "", None, None

    @staticmethod
    def start(work, run):
        """Work that takes its time; its run is over with it."""

        def end():
            run["end"] = work(run["body"]["tasks"][0])

        threading.Thread(target=end, daemon=True).start()

    def submit(self, body):
        """A token that was seen is answered with the run that it started."""
        check_submit(body)
        with self.lock:
            token = body["idempotency_token"]
            if token not in self.tokens:
                self.tokens[token] = 1000 + 10 * len(self.runs)
                mode = self.mode.pop(0) if isinstance(self.mode, list) else self.mode
                run = {"body": body, "looks": 0, "end": None, "cancelling": None}
                if isinstance(mode, tuple):
                    run["end"] = (*mode, None, None)
                elif callable(mode):
                    self.start(mode, run)
                elif mode not in ("hang", "pending"):
                    parameters = body["tasks"][0]["notebook_task"]["base_parameters"]
                    run["end"] = self.execute(mode, parameters)
                run["pending"] = mode == "pending"
                self.runs[self.tokens[token]] = run
            return {"run_id": self.tokens[token]}

    def finish(self, number):
        """A run that hangs does its work now."""
        run = self.runs[number]
        task = run["body"]["tasks"][0]["notebook_task"]
        run["end"] = self.execute("done", task["base_parameters"])

    def get(self, number):
        """PENDING, RUNNING, and then its end, as it is looked at again and again."""
        run = self.runs[number]
        run["looks"] += 1
        state, details = "PENDING", None
        if run["cancelling"] is not None:
            run["cancelling"] -= 1
            state = "TERMINATING"
            if run["cancelling"] < 0:
                run["end"] = ("USER_CANCELED", "Run cancelled", None, None)
        if run["end"] is not None and (run["looks"] > 2 or run["cancelling"] is not None):
            state, details = "TERMINATED", {"code": run["end"][0], "message": run["end"][1]}
        elif run["looks"] > 1 and not run["pending"] and state == "PENDING":
            state = "RUNNING"
        status = {"state": state}
        old = {"life_cycle_state": state, "state_message": MESSAGES.get(state, "")}
        if details is not None:
            old["result_state"] = RESULTS.get(details["code"], "FAILED")
            old["state_message"] = details["message"]
            kind = "SUCCESS" if details["code"] == "SUCCESS" else "CLIENT_ERROR"
            status["termination_details"] = {**details, "type": kind}
        task = {"run_id": number + 1, "task_key": "pinion", "status": status}
        return {
            "run_id": number, "status": status, "state": old, "tasks": [task],
            "run_page_url": f"{self.url}/?o=1#job/2/run/{number}", "run_type": "SUBMIT_RUN",
        }  # fmt: skip

    def output(self, number):
        """Of a task's run; the run around it has none."""
        if number - 1 not in self.runs:
            raise Wrong("Retrieving the output of runs with multiple tasks is not supported")
        _, _, error, trace = self.runs[number - 1]["end"]
        found = {"metadata": {"run_id": number}, "notebook_output": {}}
        return {**found, **({"error": error, "error_trace": trace} if error else {})}

    def cancel(self, body):
        run = self.runs[body["run_id"]]
        self.cancelled.append(body["run_id"])
        if run["end"] is None:
            run["cancelling"] = self.slow_cancel
        return {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def break_off(self):
        """A reply that ends in its middle; of one that never began, libcurl would repeat the
        request by itself."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()

    def login(self, text):
        stub, login = self.stub, base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        form = dict(urllib.parse.parse_qsl(text))
        if self.headers["Authorization"] != f"Basic {login}":
            return 401, {"error": "invalid_client",
                         "error_description": "Client authentication failed"}  # fmt: skip
        if form != {"grant_type": "client_credentials", "scope": "all-apis"}:
            return 400, {"error": "invalid_request"}
        with stub.lock:
            stub.logins += 1
            token = f"oauth-token-{stub.logins}"
            stub.valid.add(token)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": stub.life}

    def call(self, path, query, text):
        stub = self.stub
        if path == "/oidc/v1/token":
            return self.login(text)
        # Databricks' own client looks for the address of the tokens first.
        if path == "/.well-known/databricks-config":
            return 200, {"oidc_endpoint": f"{stub.url}/oidc", "workspace_id": "1"}
        if path == "/oidc/.well-known/oauth-authorization-server":
            return 200, {"authorization_endpoint": f"{stub.url}/oidc/v1/authorize",
                         "token_endpoint": f"{stub.url}/oidc/v1/token"}  # fmt: skip
        if not path.startswith(API):
            return 404, {"error_code": "ENDPOINT_NOT_FOUND", "message": f"No API found for {path}"}
        if (self.headers["Authorization"] or "").removeprefix("Bearer ") not in stub.valid:
            return 401, {"error_code": "401", "message": "Credential was not sent or was expired."}
        try:
            if (self.command, path) == ("POST", f"{API}/submit"):
                return 200, stub.submit(json.loads(text))
            if (self.command, path) == ("POST", f"{API}/cancel"):
                return 200, stub.cancel(json.loads(text))
            if (self.command, path) == ("GET", f"{API}/get"):
                return 200, stub.get(int(query["run_id"]))
            if (self.command, path) == ("GET", f"{API}/get-output"):
                return 200, stub.output(int(query["run_id"]))
        except Wrong as wrong:
            return 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": str(wrong)}
        return 404, {"error_code": "ENDPOINT_NOT_FOUND", "message": f"No API found for {path}"}

    def handle_one(self):
        url = urllib.parse.urlsplit(self.path)
        text = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        with self.stub.lock:
            self.stub.requests.append((time.monotonic(), url.path, text))
            faults = self.stub.faults.get(url.path, [])
            fault = faults.pop(0) if faults else None
        if isinstance(fault, int):
            return self.answer(fault, {"error_code": "FAULT", "message": "as the test asks"})
        if isinstance(fault, tuple):
            return self.answer(fault[0], {"error_code": "FAULT"}, [("Retry-After", str(fault[1]))])
        if fault == "drop":
            return self.break_off()
        status, body = self.call(url.path, dict(urllib.parse.parse_qsl(url.query)), text)
        if fault == "hold":
            self.stub.release.wait(60)
        if fault == "lost":
            return self.break_off()
        try:
            return self.answer(status, body)
        except OSError:
            return None  # nobody waits for it

    do_GET = do_POST = handle_one


class Setting:
    """A data folder, settings for the stub, and the task that is run with them."""

    def __init__(self, folder, data, api):
        self.folder, self.data, self.api = folder, data, api
        (folder / "secret").write_text(SECRET + "\n")
        self.spark = {
            "runner": "databricks", "workspace": api.url, "client_id": CLIENT,
            "secret_file": str(folder / "secret"), "notebooks": "/Shared/demo/files/",
            "cluster": CLUSTER, "ca_file": str(api.certificate), "store": str(data / "store"),
            "poll_ms": "100ms", "retry_ms": "30s",
        }  # fmt: skip

    def config(self):
        file = self.folder / "settings.yml"
        file.write_text(json.dumps({"engine": {"kind": "spark"}, "spark": self.spark}))
        return file

    def command(self, *words):
        return [PINION, *words, "--config", str(self.config()), "--data", str(self.data)]

    def run(self, *words, env=None, timeout=120):
        """A command to its end; no secret may be in what it prints."""
        done = subprocess.run(self.command(*words), env={**CLEAN_ENV, **(env or {})}, text=True,
                              capture_output=True, timeout=timeout)  # fmt: skip
        for secret in (SECRET, PERSONAL, "oauth-token"):
            assert secret not in done.stdout + done.stderr
        return done

    def task(self, name=CLEAN, env=None):
        return self.run("task", DAG, name, env=env)

    def begin(self, env):
        """The task in the background."""
        command = self.command("task", DAG, CLEAN)
        return subprocess.Popen(command, env={**CLEAN_ENV, **env}, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip

    def jobs(self):
        return [path for path in self.data.glob("store/spark_jobs/*/*")]
