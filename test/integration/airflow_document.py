"""An OpenAPI document of our /api/v2, made from Airflow's own client: its paths, the parameters and
bodies that it sends, and the replies that it can read."""

import importlib
import inspect
import pkgutil
import re
import typing

import airflow_client.client.api as apis
from pydantic import BaseModel, TypeAdapter

REFUSALS = (400, 401, 403, 404, 405, 409, 413, 415, 422)
REFERENCE = "#/components/schemas/{model}"
# What path parameters are, most of the time: there is such a thing. Else they are anything.
KNOWN = {"dag_id": "d", "dag_run_id": "r", "task_id": "a", "try_number": "1", "backfill_id": "1",
         "pool_name": "default_pool", "version_number": "1", "task_try_number": "1",
         "event_log_id": "1"}  # fmt: skip


def operations():
    """(client's method, its name, serializer's source) of every call of the client."""
    for module in pkgutil.iter_modules(apis.__path__):
        for name, kind in vars(importlib.import_module(f"{apis.__name__}.{module.name}")).items():
            if not (inspect.isclass(kind) and name.endswith("Api")):
                continue
            for method_name, method in inspect.getmembers(kind, inspect.isfunction):
                serializer = getattr(kind, f"_{method_name}_serialize", None)
                if serializer is not None:
                    yield method_name, method, inspect.getsource(serializer)


class Document:
    def __init__(self):
        self.schemas = {}
        self.paths = {}

    def schema(self, kind):
        """The schema of a type, its parts in the document. A part that may be one of several has
        no schema of its own in the client: anything fits."""
        if isinstance(kind, type) and hasattr(kind, "any_of_schemas"):
            return {}
        made = TypeAdapter(kind).json_schema(ref_template=REFERENCE, mode="serialization")
        for name, part in made.pop("$defs", {}).items():
            is_any = "any_of_schemas" in part.get("properties", {}) or (
                "anyof_schema_1_validator" in part.get("properties", {})
            )
            self.schemas[name] = {} if is_any else part
        return made

    def parameters(self, method, source):
        hints = typing.get_type_hints(method, include_extras=True)
        for name in re.findall(r"_path_params\['(\w+)'\]", source):
            either = [{"type": "string", "minLength": 1}]
            if name in KNOWN and "DELETE" not in source:  # what is deleted is not known after it
                either = [{"const": KNOWN[name]}] * 6 + [{"const": "~"}, *either]
            yield {"in": "path", "name": name, "required": True, "schema": {"anyOf": either}}
        for name in re.findall(r"_query_params\.append\(\('(\w+)'", source):
            yield {"in": "query", "name": name, "schema": self.schema(hints[name])}

    def add(self, method_name, method, source):
        path = re.search(r"resource_path='([^']+)'", source).group(1)
        verb = re.search(r"method='(\w+)'", source).group(1).lower()
        body = re.search(r"_body_params = (\w+)\n", source)
        module = inspect.getmodule(method)
        responses = {
            str(code): {"description": "refused", "content": {"application/json": {"schema": {
                "type": "object", "required": ["detail"]}}}}
            for code in REFUSALS
        }  # fmt: skip
        for code, reply in re.findall(r"'(2\d\d)': (?:\"([\w\[\], ]+)\"|None)",
                                      inspect.getsource(method)):  # fmt: skip
            kind = getattr(module, reply, None) if reply else None
            has_model = isinstance(kind, type) and issubclass(kind, BaseModel)
            responses[code] = {"description": reply or "no content"}
            if reply:
                schema = self.schema(kind) if has_model else {}
                responses[code]["content"] = {"application/json": {"schema": schema}}
        operation = {"operationId": method_name, "responses": responses,
                     "parameters": list(self.parameters(method, source))}  # fmt: skip
        if body is not None:
            kind = typing.get_type_hints(method, include_extras=True)[body.group(1)]
            operation["requestBody"] = {
                "required": True, "content": {"application/json": {"schema": self.schema(kind)}},
            }  # fmt: skip
        self.paths.setdefault(path, {})[verb] = operation


def nameless(path):
    return re.sub(r"\{\w+\}", "{}", path)


def document(routes):
    """`routes` are what GET /api/v1/routes lists: what the client has and we lack is left out."""
    ours = {(route["method"], route["path"]) for route in routes}
    made = Document()
    for method_name, method, source in operations():
        verb = re.search(r"method='(\w+)'", source).group(1)
        path = re.search(r"resource_path='([^']+)'", source).group(1)
        if (verb, nameless(path)) in ours:
            made.add(method_name, method, source)
    return {
        "openapi": "3.1.0",
        "info": {"title": "pinion after Airflow", "version": "2"},
        "paths": made.paths,
        "components": {"schemas": made.schemas},
    }
