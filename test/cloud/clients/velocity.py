"""Renders the mapping templates of API Gateway, as its developer guide says that they work; by a
Python that has a Velocity.

usage: velocity.py <JSON of [{"template", "params", "body"}, ...]

Prints the rendered texts as JSON. Of JSONPath it knows `$.member`."""

import base64
import json
import sys

import airspeed


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Input:
    """$input: the request."""

    def __init__(self, asked):
        self.asked = asked
        self.body = None
        if asked["body"]:
            self.body = json.loads(asked["body"])

    def path(self, path):
        return (self.body or {}).get(path.removeprefix("$."), "")

    def json(self, path):
        return compact(self.path(path))

    def params(self, name):
        return self.asked["params"].get(name, "")


class Util:
    """$util."""

    def base64Encode(self, value):
        """Of a text as it is, of anything else as its JSON."""
        text = value if isinstance(value, str) else compact(value)
        return base64.b64encode(text.encode()).decode()

    def escapeJavaScript(self, text):
        """As Commons Lang 2 does: also quotes, slashes, and all that is not ASCII."""
        return json.dumps(text)[1:-1].replace("'", "\\'").replace("/", "\\/")


print(json.dumps([
    airspeed.Template(asked["template"]).merge({"input": Input(asked), "util": Util()})
    for asked in json.load(sys.stdin)
]))  # fmt: skip
