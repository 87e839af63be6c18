"""The definitions that Terraform gives to API Gateway: taken from its state, imported by moto's API
Gateway, and read back. What a route's template makes of a request is compared with what pinion's
own gateway does with the same request."""

import base64
import json
import subprocess
import uuid

import boto3
import pytest
from moto import mock_aws

from cloud import HERE, TOOLS, Tofu, make_mirror
from kinesis import call, client, stored
from pinion import Server

STREAM = "/streams/{stream-name}"
ROUTES = {
    ("GET", "/streams"): "ListStreams",
    ("GET", STREAM): "DescribeStream",
    ("POST", STREAM): "CreateStream",
    ("DELETE", STREAM): "DeleteStream",
    ("PUT", f"{STREAM}/record"): "PutRecord",
    ("PUT", f"{STREAM}/records"): "PutRecords",
    ("GET", f"{STREAM}/records"): "GetRecords",
    ("GET", f"{STREAM}/sharditerator"): "GetShardIterator",
}
SECURED = {"batch-ingestion-tf": 1, "stream-ingestion-tf": len(ROUTES)}

INVENTED = "arn:aws:service:eu-west-2:123456789012:made-up/1"


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    """Of each directory the body of its API, as it is in the state after an apply."""
    folder = tmp_path_factory.mktemp("api")
    tofu = Tofu(folder, make_mirror(tmp_path_factory.mktemp("mirror")))
    found = {}
    for directory, variables in [
        ("batch-ingestion-tf", ["region=eu-west-2", "bucket_name=a-bucket", "sink=pinion"]),
        ("stream-ingestion-tf", ["region=eu-west-2"]),
    ]:
        words = [word for each in variables for word in ("-var", each)]
        tofu(directory, "init", "-input=false")
        tofu(directory, "apply", "-auto-approve", "-input=false", *words)
        state = json.loads((tofu.folder / directory / "terraform.tfstate").read_text())
        (found[directory],) = [
            resource["instances"][0]["attributes"]["body"]
            for resource in state["resources"]
            if resource["type"] == "aws_api_gateway_rest_api"
        ]
    return found


@pytest.fixture(scope="module")
def imported(bodies):
    """Of each directory what moto has made of its body: (method, path) to integration."""
    found = {}
    with mock_aws():
        aws = boto3.client("apigateway", region_name="eu-west-2", aws_access_key_id="any",
                           aws_secret_access_key="any")  # fmt: skip
        for directory, body in bodies.items():
            api = aws.create_rest_api(name=directory)["id"]
            # The providers here invent ARNs, and moto looks whose role it is.
            definition = json.loads(body.replace(INVENTED, "arn:aws:iam::123456789012:role/api"))
            # moto cannot import a mock, and takes {proxy+}, which OpenAPI lacks, for a mistake.
            strict = directory == "stream-ingestion-tf"
            for path in definition["paths"].values():
                path.pop("options", None)
            aws.put_rest_api(
                restApiId=api, mode="overwrite", failOnWarnings=strict, body=json.dumps(definition)
            )
            found[directory] = {
                (method, resource["path"]): aws.get_integration(
                    restApiId=api, resourceId=resource["id"], httpMethod=method
                )
                for resource in aws.get_resources(restApiId=api, limit=500)["items"]
                for method in resource.get("resourceMethods", {})
            }
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("api") / "data") as running:
        yield running


def test_the_routes_of_the_streams(imported):
    routes = imported["stream-ingestion-tf"]
    assert {route: it["uri"] for route, it in routes.items()} == {
        route: f"arn:aws:apigateway:eu-west-2:kinesis:action/{action}"
        for route, action in ROUTES.items()
    }
    for integration in routes.values():
        assert integration["type"] == "aws" and integration["httpMethod"] == "POST"
        assert list(integration["requestTemplates"]) == ["application/json"]


def test_the_routes_of_the_rest_interface(bodies, imported):
    """Each path and method is passed on. The preflight of a browser is answered at once."""
    ((method, path),) = imported["batch-ingestion-tf"]
    passed = imported["batch-ingestion-tf"][method, path]
    assert path == "/{proxy+}" and method.lower() == "x-amazon-apigateway-any-method"
    assert passed["type"] == "http_proxy" and passed["httpMethod"] == "ANY"
    assert passed["uri"].endswith(":8082/{proxy}")
    options = json.loads(bodies["batch-ingestion-tf"])["paths"]["/{proxy+}"]["options"]
    assert options["x-amazon-apigateway-integration"]["type"] == "mock"


def test_each_route_needs_the_key(bodies):
    for directory, count in SECURED.items():
        body = json.loads(bodies[directory])
        methods = [
            definition
            for path in body["paths"].values()
            for method, definition in path.items()
            if method != "options"
        ]
        assert len(methods) == count
        for definition in methods:
            assert definition["security"] == [{"api_key": []}]
        scheme = body["components"]["securitySchemes"]["api_key"]
        assert scheme == {"type": "apiKey", "name": "x-api-key", "in": "header"}


# --- beside pinion's own gateway ------------------------------------------------------------------


def rendered(imported, *requests):
    """What API Gateway would send to Kinesis for each (method, path, parameters, body)."""
    routes = imported["stream-ingestion-tf"]
    given = [
        {"template": routes[method, path]["requestTemplates"]["application/json"],
         "params": params, "body": body}
        for method, path, params, body in requests
    ]  # fmt: skip
    done = subprocess.run(
        [TOOLS / "venv-clients/bin/python", HERE / "clients/velocity.py"], timeout=120, check=True,
        input=json.dumps(given), text=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    return [json.loads(text) for text in json.loads(done.stdout)]


def new_stream(server):
    name = f"s-{uuid.uuid4().hex[:12]}"
    client(server).create_stream(StreamName=name, ShardCount=1)
    return name


VALUES = [
    '{"index": 7528, "title": "café / ok", "follower_count": "124k"}', '{"a": {"b": [1, null]}}',
    '"text"', '"{\\"a\\": 1}"', '"it\'s"', "[1, 2]", "7", "true", "null", '""',
]  # fmt: skip
KEYS = ['"test_pin"', '"it\'s"', '"a \\"quoted\\" key"', '"back\\\\slash"', '"é/✓"', '"$input"']


@pytest.mark.parametrize("action", ["PutRecord", "PutRecords"])
def test_the_same_records_are_stored(imported, server, action):
    """Byte for byte, whatever is in a value or in a key."""
    path = f"{STREAM}/record" if action == "PutRecord" else f"{STREAM}/records"
    # What $util.base64Encode makes of a null in a list is not documented.
    values = [value for value in VALUES if (action, value) != ("PutRecords", "null")]
    bodies = [f'{{"Data": {value}, "PartitionKey": {KEYS[0]}}}' for value in values]
    bodies += [f'{{"Data": 1, "PartitionKey": {key}}}' for key in [*KEYS, "12"]]
    if action == "PutRecords":
        texts = [
            text.replace("Data", "data").replace("PartitionKey", "partition-key") for text in bodies
        ]
        bodies = ['{"records": [%s]}' % ", ".join(texts)]
    direct, by_template = new_stream(server), new_stream(server)
    parameters = {"stream-name": by_template}
    sent = rendered(imported, *[("PUT", path, parameters, body) for body in bodies])
    for body, request in zip(bodies, sent, strict=True):
        status, answer, _ = server.request(
            "PUT", path.format(**{"stream-name": direct}), body.encode()
        )
        assert status == 200, answer
        status, answer, _ = call(server, action, request)
        assert status == 200, answer
    kept = stored(server, direct)
    assert len(kept) == len(values) + len(KEYS) + 1
    assert stored(server, by_template) == kept


def test_moto_stores_the_same(imported, server):
    """Another Kinesis than ours takes what the template makes, by boto3's own model of it."""
    body = '{"records": [{"data": {"a": "é"}, "partition-key": "k"}]}'
    (request,) = rendered(imported, ("PUT", f"{STREAM}/records", {"stream-name": "s"}, body))
    records = [
        {**record, "Data": base64.b64decode(record["Data"])} for record in request["Records"]
    ]
    with mock_aws():
        aws = boto3.client("kinesis", region_name="eu-west-2", aws_access_key_id="any",
                           aws_secret_access_key="any")  # fmt: skip
        aws.create_stream(StreamName="s", ShardCount=1)
        answer = aws.put_records(StreamName=request["StreamName"], Records=records)
        assert answer["FailedRecordCount"] == 0
        shard = aws.list_shards(StreamName="s")["Shards"][0]["ShardId"]
        iterator = aws.get_shard_iterator(
            StreamName="s", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        kept = [record["Data"] for record in aws.get_records(ShardIterator=iterator)["Records"]]
    stream = new_stream(server)
    server.request("PUT", f"/streams/{stream}/records", body.encode())
    assert [data for _, data in stored(server, stream)] == kept


@pytest.mark.parametrize("key", ["", '"partition-key": ""', '"partition-key": null'])
def test_a_record_without_a_key_is_refused(imported, server, key):
    stream = new_stream(server)
    comma = ", " if key else ""
    many = '{"records": [{"data": 1%s%s}]}' % (comma, key)
    one = many.replace("partition-key", "PartitionKey")[len('{"records": [') : -2]
    one = one.replace('"data"', '"Data"')
    parameters = {"stream-name": stream}
    sent = rendered(
        imported, ("PUT", f"{STREAM}/records", parameters, many),
        ("PUT", f"{STREAM}/record", parameters, one),
    )  # fmt: skip
    for action, path, body, request in [
        ("PutRecords", "records", many, sent[0]), ("PutRecord", "record", one, sent[1]),
    ]:  # fmt: skip
        status, answer, _ = server.request("PUT", f"/streams/{stream}/{path}", body.encode())
        assert (status, json.loads(answer)["__type"]) == (400, "ValidationException")
        status, answer, _ = call(server, action, request)
        assert (status, json.loads(answer)["__type"]) == (400, "ValidationException")
    assert stored(server, stream) == []


def test_the_other_routes(imported, server):
    """Each makes of a request what pinion's gateway makes of it."""
    stream = new_stream(server)
    made = f"s-{uuid.uuid4().hex[:12]}"
    name = {"stream-name": stream}
    shard = "shardId-000000000000"
    sent = rendered(
        imported, ("GET", "/streams", {}, ""), ("GET", STREAM, name, ""),
        ("POST", STREAM, {"stream-name": made}, '{"ShardCount": 3}'),
        ("POST", STREAM, {"stream-name": made}, ""), ("DELETE", STREAM, {"stream-name": made}, ""),
        ("GET", f"{STREAM}/sharditerator", {**name, "shard-id": shard}, ""),
    )  # fmt: skip
    lists, describe, create, create_five, delete, iterator = sent
    assert lists == {}
    by_rest = json.loads(server.request("GET", f"/streams/{stream}")[1])
    assert json.loads(call(server, "DescribeStream", describe)[1]) == by_rest
    for request, body, count in [(create, b'{"ShardCount": 3}', 3), (create_five, None, 5)]:
        for make in (
            lambda request=request: call(server, "CreateStream", request),
            lambda body=body: server.request("POST", f"/streams/{made}", body),
        ):
            assert make()[0] == 200
            shards = client(server).list_shards(StreamName=made)["Shards"]
            assert len(shards) == count
            assert call(server, "DeleteStream", delete)[0] == 200
    server.request(
        "PUT", f"/streams/{stream}/record", b'{"Data": {"a": 1}, "PartitionKey": "k"}'
    )
    answer = json.loads(call(server, "GetShardIterator", iterator)[1])
    (records,) = rendered(
        imported,
        ("GET", f"{STREAM}/records", {**name, "Shard-Iterator": answer["ShardIterator"]}, ""),
    )
    by_template = json.loads(call(server, "GetRecords", records)[1])["Records"]
    query = f"/streams/{stream}/sharditerator?shard-id={shard}"
    answer = json.loads(server.request("GET", query)[1])
    _, answer, _ = server.request(
        "GET", f"/streams/{stream}/records", headers={"Shard-Iterator": answer["ShardIterator"]}
    )
    assert len(by_template) == 1 and json.loads(answer)["Records"] == by_template


def test_names_stay_in_their_place(imported):
    """What a caller writes into the path is a name, and nothing that changes the request."""
    name = 's", "StreamName": "another'
    for method, path in ROUTES:
        if path != "/streams" and (method, path) != ("GET", f"{STREAM}/records"):
            body = '{"Data": 1, "PartitionKey": "k", "records": []}'
            (sent,) = rendered(imported, (method, path, {"stream-name": name}, body))
            assert sent["StreamName"] == name
