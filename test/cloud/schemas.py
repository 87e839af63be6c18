"""Makes a provider's schema of its published bindings (npm @cdktf/provider-*), for main.go.

usage: schemas.py PACKAGE OUT NAME TYPE...      TYPE: a resource, or data.<data source>

index.js of a resource lists its attributes and blocks with their types; index.d.ts of its
configuration says which are required; getters without setters are computed."""

import json
import re
import sys
from pathlib import Path

SIMPLE = {"string": "string", "number": "number", "boolean": "bool"}
LISTS = {
    "stringList": ["list", "string"], "numberList": ["list", "number"],
    "booleanList": ["list", "bool"], "stringMap": ["map", "string"],
    "numberMap": ["map", "number"], "booleanMap": ["map", "bool"],
}  # fmt: skip
GETTERS = {
    "getStringAttribute": "string", "getNumberAttribute": "number",
    "getBooleanAttribute": "bool", "getListAttribute": ["list", "string"],
}  # fmt: skip


def entries(body):
    """name -> its literal, of the object `attrs` in a function's text."""
    found = re.findall(
        r"\n\s+(?:\"?)(\w+)(?:\"?): \{\s+value: (.*?),\s+isBlock: (true|false),\s+"
        r"type: \"(\w+)\",\s+storageClassType: \"(\w+)\",\s+\}",
        body,
        re.S,
    )
    return {name: tuple(rest) for name, *rest in found}


def camel(name):
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def members_of(interface):
    """Property -> is it optional?"""
    return {name: mark == "?" for name, mark in re.findall(r"readonly (\w+)(\??):", interface)}


class Reader:
    def __init__(self, folder):
        self.js = (folder / "index.js").read_text(encoding="utf-8")
        self.ts = (folder / "index.d.ts").read_text(encoding="utf-8")

    def interface(self, name):
        head = rf"export interface {name}(?: extends [^{{]*)? "
        found = re.search(head + r"\{(.*?)\n\}", self.ts, re.S)
        return members_of(found[1]) if found else {}

    def block(self, body, interface, computed=()):
        properties = self.interface(interface)
        block = {"Attributes": {}, "Blocks": {}}
        for name, (value, is_block, kind, storage) in entries(body).items():
            optional = properties.get(camel(name), True)
            if is_block == "true":
                inner = re.findall(r"(\w+)ToHclTerraform", value)
                function = next(f for f in inner if f not in SIMPLE and not f.startswith("list"))
                block["Blocks"][name] = {
                    "Nesting": "set" if kind == "set" else "list",
                    "Block": self.nested(function),
                }
                continue
            shape = SIMPLE.get(storage) or LISTS.get(storage)
            if kind == "set" and isinstance(shape, list):
                shape = ["set", shape[1]]
            block["Attributes"][name] = {
                "Type": shape, "Required": not optional, "Optional": optional,
                "Computed": optional and name != "count",
            }  # fmt: skip
        # What has a getter and no setter is the service's alone.
        for getter, name in computed:
            block["Attributes"].setdefault(name, {"Type": GETTERS[getter], "Computed": True})
        return block

    def nested(self, function):
        head = rf"function {function}ToHclTerraform\(struct\) "
        found = re.search(head + r"\{(.*?)\n\}\n", self.js, re.S)
        name = function[0].upper() + function[1:]
        return self.block(found[1], name)

    def whole(self, class_name):
        body = re.search(r"synthesizeHclAttributes\(\) \{(.*?)\n    \}\n", self.js, re.S)
        own = self.js[self.js.rindex("class ") :]
        computed = re.findall(r"return this\.(get\w+Attribute)\('(\w+)'\)", own)
        return self.block(body[1], f"{class_name}Config", [c for c in computed if c[0] in GETTERS])


def main():
    package, out, name, *types = sys.argv[1:]
    lib = Path(package) / "lib"
    document = {"Name": name, "Resources": {}, "DataSources": {}}
    prefix = name.rsplit("/", 1)[1]
    for kind in types:
        data = kind.startswith("data.")
        short = kind.removeprefix("data.").removeprefix(prefix + "_")
        folder = (f"data-{prefix}-" if data else "") + short.replace("_", "-")
        class_name = (f"Data{prefix.capitalize()}" if data else "") + "".join(
            word.capitalize() for word in short.split("_")
        )
        reader = Reader(lib / folder)
        document["DataSources" if data else "Resources"][kind.removeprefix("data.")] = reader.whole(
            class_name
        )
    provider = Reader(lib / "provider").whole(f"{prefix.capitalize()}Provider")
    for attribute in provider["Attributes"].values():
        attribute["Computed"] = False
    provider["Attributes"].pop("alias", None)
    document["Provider"] = provider
    Path(out).write_text(json.dumps(document, indent=1), encoding="utf-8")


main()
