"""Clients of the streams of a running server."""

import json

import boto3
import botocore.config

SETTLED = botocore.config.Config(retries={"max_attempts": 0}, parameter_validation=False)
SIGNED = "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c"


def client(server, access_key="any", secret_key="any", **more):
    """boto3's client, which neither retries nor checks anything itself."""
    return boto3.client(
        "kinesis", endpoint_url=server.url, region_name="us-east-1",
        aws_access_key_id=access_key, aws_secret_access_key=secret_key,
        **{"config": SETTLED, **more},
    )  # fmt: skip


def call(server, operation, body, headers=None):
    """One raw call; gives (status, body as bytes, headers). A header of None is left out."""
    usual = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"Kinesis_20131202.{operation}",
        "Authorization": SIGNED,
        "X-Amz-Date": "20260101T000000Z",
    }
    sent = {k: v for k, v in {**usual, **(headers or {})}.items() if v is not None}
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return server.request("POST", "/", body, sent)


def stored(server, stream):
    """(partition key, bytes) of every record of a stream, by shard."""
    kinesis = client(server)
    shards = kinesis.list_shards(StreamName=stream)["Shards"]
    records = []
    for shard in shards:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        answer = kinesis.get_records(ShardIterator=iterator)
        records += [(record["PartitionKey"], record["Data"]) for record in answer["Records"]]
    return records
