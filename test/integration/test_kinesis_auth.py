"""Who may use the Kinesis API: Signature Version 4 by AWS's own signer."""

import datetime
import hashlib
import hmac
import json
import re
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest
import requests

from kinesis import SIGNED, call, client
from pinion import Failed, Server, run

PIN = "streaming-0e3bbd435bfb-pin"
ACCESS = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEYS = ["--set", f"aws.access_key={ACCESS}", "--set", f"aws.secret_key={SECRET}"]
CONFIG = f"""
aws:
  region: eu-west-1
  access_key: {ACCESS}
  secret_key: {SECRET}
databricks:
  account_id: a
  client_id: b
  client_secret: c
  workspace_name: d
s3_storage:
  main_processing_data_storage_name: e
mwaa:
  mwaa_env_name: f
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("auth") / "data", *KEYS) as running:
        yield running


def error_of(function, *args, **more):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        function(*args, **more)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_right_keys(guarded):
    kinesis = client(guarded, ACCESS, SECRET)
    assert len(kinesis.list_streams()["StreamNames"]) == 3
    kinesis.put_record(StreamName=PIN, Data=b"\x00\xff", PartitionKey="ключ")


def test_any_region(guarded):
    """Whatever region a client is set to: the key of its signature is made from that."""
    signed(guarded, region="ap-south-1").raise_for_status()


@pytest.mark.parametrize(
    ("access", "secret", "code", "text"),
    [
        ("AKIDOTHER", SECRET, "UnrecognizedClientException",
         "The security token included in the request is invalid."),
        (ACCESS, SECRET + "x", "InvalidSignatureException",
         "The request signature we calculated does not match the signature you provided."),
        (ACCESS, "", "InvalidSignatureException", "The request signature we calculated"),
    ],
)  # fmt: skip
def test_wrong_keys(guarded, access, secret, code, text):
    got, message = error_of(client(guarded, access, secret).list_streams)
    assert got == code
    assert message.startswith(text)
    assert SECRET not in message


# --- requests signed one by one -------------------------------------------------------------------


def sign(server, body=b"{}", region="us-east-1", service="kinesis", token=None, at=None):
    """A request for ListStreams by botocore's signer; `at` moves the signer's clock."""
    headers = {"Content-Type": "application/x-amz-json-1.1",
               "X-Amz-Target": "Kinesis_20131202.ListStreams"}  # fmt: skip
    request = botocore.awsrequest.AWSRequest("POST", server.url + "/", headers, body)
    credentials = botocore.credentials.Credentials(ACCESS, SECRET, token)
    signer = botocore.auth.SigV4Auth(credentials, service, region)
    if at is not None:
        real = botocore.auth.get_current_datetime
        botocore.auth.get_current_datetime = lambda *_, **__: at
        try:
            signer.add_auth(request)
        finally:
            botocore.auth.get_current_datetime = real
    else:
        signer.add_auth(request)
    return request.prepare()


def send(request, **changes):
    headers = {**dict(request.headers), **changes.pop("headers", {})}
    headers = {name: value for name, value in headers.items() if value is not None}
    return requests.post(
        changes.get("url", request.url), data=changes.get("body", request.body), headers=headers,
        timeout=30,
    )  # fmt: skip


def signed(server, **how):
    return send(sign(server, **how))


def refusal(answer):
    assert answer.status_code == 400, answer.text
    assert answer.headers["x-amzn-RequestId"]
    assert set(answer.json()) == {"__type", "message"}
    return answer.json()["__type"], answer.json()["message"]


def utc(minutes):
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    return now + datetime.timedelta(minutes=minutes)


@pytest.mark.parametrize("minutes", [-4, 4])
def test_clocks_may_differ_a_little(guarded, minutes):
    assert signed(guarded, at=utc(minutes)).status_code == 200


def test_old_signature(guarded):
    kind, message = refusal(signed(guarded, at=utc(-6)))
    assert kind == "InvalidSignatureException"
    assert re.fullmatch(r"Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z "
                        r"\(\d{8}T\d{6}Z - 5 min\.\)", message)  # fmt: skip


def test_signature_of_the_future(guarded):
    kind, message = refusal(signed(guarded, at=utc(6)))
    assert kind == "InvalidSignatureException"
    assert message.startswith("Signature not yet current: ")


def test_session_token_is_signed_along(guarded):
    assert signed(guarded, token="a/token+of=some").status_code == 200
    request = sign(guarded, token="a/token+of=some")
    assert refusal(send(request, headers={"X-Amz-Security-Token": "another"}))[0] == (
        "InvalidSignatureException"
    )


def test_other_service(guarded):
    kind, message = refusal(signed(guarded, service="s3"))
    assert kind == "InvalidSignatureException"
    assert message == "Credential should be scoped to correct service: 'kinesis'."


def changes(request):
    authorization = request.headers["Authorization"]
    credential = re.search("Credential=[^,]*", authorization)[0]
    yield {"body": b'{"Limit":1}'}
    yield {"headers": {"X-Amz-Target": "Kinesis_20131202.DescribeLimits"}}
    yield {"headers": {"Host": "localhost"}}
    yield {"url": request.url + "?a=b"}
    yield {"headers": {"Authorization": authorization[:-1] + "_"}}
    yield {"headers": {"Authorization": authorization.replace("x-amz-target", "x-amz-other")}}
    yield {"headers": {"Authorization": authorization.replace(credential, credential + "x")}}


@pytest.mark.parametrize("number", range(7))
def test_changed_requests(guarded, number):
    request = sign(guarded)
    assert send(request).status_code == 200
    change = list(changes(request))[number]
    assert refusal(send(request, **change))[0] == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("authorization", "date", "kind", "message"),
    [
        (None, None, "MissingAuthenticationTokenException", "Missing Authentication Token"),
        ("", "20260101T000000Z", "MissingAuthenticationTokenException",
         "Missing Authentication Token"),
        ("AWS4-HMAC-SHA256 Credential=a", None, "IncompleteSignatureException",
         "Authorization header requires 'Signature' parameter. Authorization header requires "
         "'SignedHeaders' parameter. Authorization header requires existence of either a "
         "'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256 Credential=a"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("keys", [KEYS, []], ids=["keys", "no keys"])
def test_unsigned(data, keys, authorization, date, kind, message):
    with Server(data, *keys) as running:
        status, body, _ = call(
            running, "ListStreams", {}, {"Authorization": authorization, "X-Amz-Date": date}
        )
        assert status == 400
        assert json.loads(body) == {"__type": kind, "message": message}


def test_any_signature_without_keys(server):
    assert call(server, "ListStreams", {}, {"Authorization": SIGNED})[0] == 200
    assert len(client(server, "whoever", "whatever").list_streams()["StreamNames"]) == 3


# --- presigned ------------------------------------------------------------------------------------


def presign(server, body, expires=60, at=None):
    """By hand: botocore would move a JSON body into the query."""
    at = at or utc(0)
    time, day = at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y%m%d")
    scope = f"{day}/us-east-1/kinesis/aws4_request"
    host = server.url.removeprefix("http://")
    target = "Kinesis_20131202.ListStreams"
    query = {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{ACCESS}/{scope}",
             "X-Amz-Date": time, "X-Amz-Expires": str(expires),
             "X-Amz-SignedHeaders": "host;x-amz-target"}  # fmt: skip
    text = urllib.parse.urlencode(sorted(query.items()), quote_via=urllib.parse.quote, safe="")
    canonical = "\n".join(["POST", "/", text, f"host:{host}", f"x-amz-target:{target}", "",
                           "host;x-amz-target", hashlib.sha256(body).hexdigest()])  # fmt: skip
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    to_sign = "\n".join(
        ["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    return f"{text}&X-Amz-Signature={hmac.digest(key, to_sign.encode(), 'sha256').hex()}"


def post_presigned(server, query, body, headers=None):
    usual = {"Content-Type": "application/x-amz-json-1.1",
             "X-Amz-Target": "Kinesis_20131202.ListStreams"}  # fmt: skip
    return requests.post(
        f"{server.url}/?{query}", data=body, headers={**usual, **(headers or {})}, timeout=30
    )


def test_presigned(guarded):
    query = presign(guarded, b"{}")
    assert post_presigned(guarded, query, b"{}").status_code == 200
    assert refusal(post_presigned(guarded, query, b'{"Limit":1}'))[0] == "InvalidSignatureException"
    kind, message = refusal(
        post_presigned(guarded, query.replace("Expires=60", "Expires=61"), b"{}")
    )
    assert kind == "InvalidSignatureException"
    kind, message = refusal(post_presigned(guarded, query, b"{}", {"Authorization": SIGNED}))
    assert (kind, message) == (
        "InvalidSignatureException",
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    )


def test_presigned_lives_as_long_as_it_says(guarded):
    query = presign(guarded, b"{}", 1200, utc(-15))
    assert post_presigned(guarded, query, b"{}").status_code == 200
    kind, message = refusal(post_presigned(guarded, presign(guarded, b"{}", 60, utc(-2)), b"{}"))
    assert kind == "InvalidSignatureException"
    assert message.startswith("Signature expired: ")
    kind, message = refusal(post_presigned(guarded, presign(guarded, b"{}", 604801), b"{}"))
    assert (kind, message) == (
        "IncompleteSignatureException", "X-Amz-Expires must be between 1 and 604800 seconds",
    )  # fmt: skip


def test_presigned_incomplete(guarded):
    kind, message = refusal(post_presigned(guarded, "X-Amz-Algorithm=AWS4-HMAC-SHA256", b"{}"))
    assert kind == "IncompleteSignatureException"
    assert message == (
        "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters "
        "must include 'X-Amz-Signature'. AWS query-string parameters must include "
        "'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. Re-examine "
        "the query-string parameters."
    )


# --- settings -------------------------------------------------------------------------------------


def test_keys_of_the_cloud_deployments_config(data, tmp_path):
    config = tmp_path / "config.yml"
    config.write_text(CONFIG)
    shown = run("settings", "--config", config).stdout + run(
        "settings", "--format", "json", "--config", config
    ).stdout
    assert SECRET not in shown and ACCESS in shown
    with Server(data, "--config", config) as running:
        assert error_of(client(running, "a", "b").list_streams)[0] == "UnrecognizedClientException"
        kinesis = client(running, ACCESS, SECRET)
        summary = kinesis.describe_stream_summary(StreamName=PIN)
        arn = summary["StreamDescriptionSummary"]["StreamARN"]
        assert arn.startswith("arn:aws:kinesis:eu-west-1:000000000000:stream/")
    assert SECRET not in running.log()


@pytest.mark.parametrize("name", ["access_key", "secret_key"])
def test_half_of_the_keys(data, name):
    with pytest.raises(Failed, match="aws.access_key and aws.secret_key belong together"):
        Server(data, "--set", f"aws.{name}=something").start()


NO_NAMES = ["kinesis.account=12", "kinesis.account=12345678901x", "aws.region=", "aws.region=a:b"]


@pytest.mark.parametrize("setting", NO_NAMES)
def test_names_that_make_no_arn(data, setting):
    name = setting.partition("=")[0]
    with pytest.raises(Failed, match=f"{name} must be "):
        Server(data, "--set", setting).start()


def test_other_addresses_need_auth_all_the_same(data):
    """Signatures guard the Kinesis API only; the other interfaces need their own."""
    done = run("serve", "--listen", "0.0.0.0:0", *KEYS, data=data, check=False)
    assert done.returncode != 0
    assert "gateway.auth" in done.stderr + done.stdout


def test_api_keys_and_signatures(data, tmp_path):
    """With both, clients that sign need no API key, and the key alone is not enough for POST /."""
    keys = tmp_path / "keys"
    keys.write_text("0123456789abcdef0123\n")
    both = ["--set", "gateway.auth=api-key", "--set", f"gateway.api_key_file={keys}"]
    with Server(data, *KEYS, *both) as running:
        assert client(running, ACCESS, SECRET).list_streams()["StreamNames"]
        status, body, _ = call(running, "ListStreams", {}, {"x-api-key": "0123456789abcdef0123"})
        assert (status, json.loads(body)["__type"]) == (400, "IncompleteSignatureException")
        assert requests.get(running.url + "/test/streams", timeout=30).status_code == 401
