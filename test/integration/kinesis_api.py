"""Talks to a server's Kinesis API: a boto3 client, and requests that boto3 would not send."""

import json
import urllib.error
import urllib.request

import boto3
import botocore.config
import botocore.loaders
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION = "us-east-1"
ACCOUNT = "000000000000"
KEY, SECRET = "any-key", "any-secret"
RING = 2**128


def client(server, **more):
    """A boto3 client that fails at once, so that a test sees what the server said."""
    config = botocore.config.Config(
        retries={"total_max_attempts": 1}, read_timeout=60, **more
    )  # fmt: skip
    return boto3.client(
        "kinesis", endpoint_url=server.url, region_name=REGION, config=config,
        aws_access_key_id=KEY, aws_secret_access_key=SECRET,
    )  # fmt: skip


def arn(stream):
    return f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}"


def shard(number):
    return f"shardId-{number:012d}"


def raw(server, operation, body):
    """One signed request with any JSON value, or bytes, as its body; gives (status, answer)."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"Kinesis_20131202.{operation}",
    }
    request = AWSRequest("POST", server.url + "/", headers=headers, data=data)
    SigV4Auth(Credentials(KEY, SECRET), "kinesis", REGION).add_auth(request)
    asked = urllib.request.Request(
        server.url + "/", data=data, method="POST", headers=dict(request.headers)
    )
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


def model():
    """AWS's own service model, as botocore ships it."""
    return botocore.loaders.Loader().load_service_model("kinesis", "service-2")
