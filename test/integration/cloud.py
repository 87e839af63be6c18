"""Stand-ins of AWS (STS, S3) and Databricks on loopback, for what cannot run here. They verify what
the real ones verify: AWS's signature (recomputed by botocore), and OAuth's client credentials."""

import base64
import datetime
import http.server
import json
import re
import threading
import time
import urllib.parse

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION = "eu-west-2"
ACCESS_KEY = "AKIAEXAMPLEEXAMPLE01"
SECRET_KEY = "sEcReTsEcReTsEcReTsEcReTsEcReTsEcReT+/12"
ACCOUNT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-000000000000"
CLIENT_SECRET = "dose-of-secret"
CONFIG = f"""\
aws:
  region: {REGION}
  access_key: {ACCESS_KEY}
  secret_key: {SECRET_KEY}
databricks:
  account_id: {ACCOUNT}
  client_id: {CLIENT}
  client_secret: {CLIENT_SECRET}
  workspace_name: pipeline
s3_storage:
  main_processing_data_storage_name: pipeline-data
  databricks_root_storage_name: pipeline-root
  mwaa_dag_storage_name: pipeline-dags
mwaa:
  mwaa_env_name: pipeline-env
"""
SECRETS = (ACCESS_KEY, SECRET_KEY, CLIENT, CLIENT_SECRET, "Basic ")


def signature_is_right(method, url, headers, body, now):
    """Does botocore sign the same request in the same way, at about the time `now`?"""
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/([^/]+)/aws4_request, *"
        r"SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})",
        headers.get("Authorization", ""),
    )
    if not found or found[1] != ACCESS_KEY:
        return False
    signed = {name: headers[name] for name in found[5].split(";")}
    request = AWSRequest(method=method, url=url, data=body, headers=signed)
    request.context["timestamp"] = headers["X-Amz-Date"]
    request.context["payload_signing_enabled"] = True
    maker = S3SigV4Auth if found[4] == "s3" else SigV4Auth
    auth = maker(Credentials(ACCESS_KEY, SECRET_KEY), found[4], found[3])
    ours = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    age = now - datetime.datetime.strptime(
        headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ"
    ).replace(tzinfo=datetime.timezone.utc)
    return ours == found[6] and abs(age.total_seconds()) < 900


class Cloud:
    """Both services on one port. `buckets`: name -> status of its listing. `fail`: so many requests
    get the status `failure` first. `ahead`: how many seconds their clock is ahead."""

    def __init__(self):
        self.buckets = {}
        self.seen = []
        self.fail, self.failure = 0, 500
        self.ahead = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status, body, kind="text/xml"):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.seen.append(f"{self.command} {self.path}")
                if outer.fail > 0:
                    outer.fail -= 1
                    return self.answer(outer.failure, "<Error><Code>SlowDown</Code></Error>")
                if self.path.startswith("/oidc/"):
                    return self.databricks(body)
                url = f"http://{self.headers['Host']}{self.path}"
                now = datetime.datetime.now(datetime.timezone.utc)
                now += datetime.timedelta(seconds=outer.ahead)
                if not signature_is_right(self.command, url, self.headers, body, now):
                    return self.answer(403, "<Code>SignatureDoesNotMatch</Code>")
                if self.command == "POST":
                    fields = urllib.parse.parse_qs(body.decode())
                    assert fields["Action"] == ["GetCallerIdentity"]
                    return self.answer(200, "<Arn>arn:aws:iam::123456789012:user/someone</Arn>")
                name = urllib.parse.urlsplit(self.path).path.strip("/")
                status = outer.buckets.get(name, 404)
                return self.answer(status, f"<Error><Code>Code{status}</Code></Error>")

            def databricks(self, body):
                pair = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
                if self.path != f"/oidc/accounts/{ACCOUNT}/v1/token":
                    return self.answer(404, "{}", "application/json")
                fields = urllib.parse.parse_qs(body.decode())
                if self.headers.get("Authorization") != f"Basic {pair}" or fields != {
                    "grant_type": ["client_credentials"], "scope": ["all-apis"],
                }:  # fmt: skip
                    return self.answer(401, '{"error":"invalid_client"}', "application/json")
                token = {"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}
                return self.answer(200, json.dumps(token), "application/json")

            do_GET = do_POST = handle_any

            def date_time_string(self, timestamp=None):
                return super().date_time_string(time.time() + outer.ahead)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()
