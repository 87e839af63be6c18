"""Stands in for Databricks: OAuth and the Jobs API over TLS, on a free port of loopback."""

import base64
import json
import ssl
import subprocess
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CLIENT, SECRET, TOKEN = "client-1", "secret-1", "token-1"
BUSY = {"error_code": "TEMPORARILY_UNAVAILABLE"}
REFUSALS = {
    403: {"error_code": "PERMISSION_DENIED", "message": "client-1 does not have Can Attach To"},
    500: {"error_code": "INTERNAL_ERROR", "message": "an internal error"},
}


class Databricks:
    """`ends` says of each run how it ends: SUCCESS, FAILED, None: it runs until it is cancelled,
    "pending": it waits for its cluster until it is cancelled, or "cluster": the cluster does not
    start. `faults` says of each submission what becomes of its answer: a status, "drop" after it
    has been taken, or None."""

    def __init__(self, folder, ends=(), faults=()):
        self.folder, self.ends, self.faults = folder, list(ends), list(faults)
        self.runs, self.tokens, self.submissions, self.cancelled = {}, {}, [], []
        self.logins = 0
        self.lock = threading.Lock()

    def __enter__(self):
        key, self.certificate = self.folder / "key.pem", self.folder / "certificate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", key, "-out", self.certificate, "-days", "2",
             "-subj", "/CN=stub", "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True,
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        handler = type("Handler", (Handler,), {"stub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()

    @property
    def host(self):
        return f"127.0.0.1:{self.server.server_port}"

    def environment(self, secret=SECRET):
        """Airflow's connection, as docs/deploy.md has it made by hand."""
        connection = {
            "conn_type": "databricks", "host": self.host, "login": CLIENT, "password": secret,
            "extra": {"service_principal_oauth": True},
        }  # fmt: skip
        return {
            "AIRFLOW_CONN_DATABRICKS_DEFAULT": json.dumps(connection),
            "REQUESTS_CA_BUNDLE": str(self.certificate),
        }

    def submit(self, body):
        """A token that was seen is answered with the run that it started."""
        with self.lock:
            self.submissions.append(body)
            token = body["idempotency_token"]
            if token not in self.tokens:
                number = 1000 + len(self.runs)
                self.tokens[token] = number
                end = self.ends.pop(0) if self.ends else "SUCCESS"
                self.runs[number] = {"body": body, "end": end}
            return self.tokens[token]

    def started(self):
        """The names of the tasks of the runs, in the order in which these were started."""
        return [run["body"]["tasks"][0]["task_key"] for run in self.runs.values()]

    def state(self, number):
        end = self.runs[number]["end"]
        if end is None:
            return {"life_cycle_state": "RUNNING", "state_message": "In run"}
        if end == "pending":
            return {"life_cycle_state": "PENDING", "state_message": "Waiting for cluster"}
        if end == "cluster":
            return {"life_cycle_state": "INTERNAL_ERROR", "result_state": "FAILED",
                    "state_message": "Unexpected failure while waiting for the cluster (0101-x) to "
                    "be ready: AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE"}  # fmt: skip
        return {"life_cycle_state": "TERMINATED", "result_state": end, "state_message": ""}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def login(self, text):
        login = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        form = dict(urllib.parse.parse_qsl(text))
        if self.headers["Authorization"] != f"Basic {login}":
            return self.answer(401, {"error": "invalid_client"})
        if form != {"grant_type": "client_credentials", "scope": "all-apis"}:
            return self.answer(400, {"error": "invalid_request"})
        self.stub.logins += 1
        return self.answer(
            200, {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}
        )

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/oidc/v1/token":
            return self.login(text)
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer(403, {"error_code": "403"})
        body = json.loads(text)
        if self.path.endswith("/jobs/runs/cancel"):
            self.stub.cancelled.append(body["run_id"])
            self.stub.runs[body["run_id"]]["end"] = "CANCELED"
            return self.answer(200, {})
        if not self.path.endswith("/jobs/runs/submit"):
            return self.answer(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": self.path})
        fault = self.stub.faults.pop(0) if self.stub.faults else None
        if isinstance(fault, int):
            return self.answer(fault, REFUSALS.get(fault, BUSY))
        number = self.stub.submit(body)
        if fault == "drop":
            self.close_connection = True
            return self.connection.close()
        return self.answer(200, {"run_id": number})

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer(403, {"error_code": "403"})
        number = int(dict(urllib.parse.parse_qsl(url.query))["run_id"])
        state = self.stub.state(number)
        if url.path.endswith("/jobs/runs/get"):
            return self.answer(200, {
                "run_id": number, "run_page_url": f"https://{self.stub.host}/#run/{number}",
                "state": state, "tasks": [{"run_id": number, "task_key": "t", "state": state}],
            })  # fmt: skip
        if url.path.endswith("/jobs/runs/get-output"):
            return self.answer(200, {"error": "the notebook has failed", "metadata": {}})
        return self.answer(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": url.path})
