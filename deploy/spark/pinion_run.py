"""What SQL can read of the run that it is part of: run_conf(name), run_id(), run_logical_date(),
run_interval_start() and run_interval_end(), which give null outside a run. docs/pipeline.md has
them; src/engine/duckdb/run_values.c does the same."""

import re

import pinion_record
from pinion_record import Object, dumps

TIMES = ("logical_date", "interval_start", "interval_end")
NAMES = ("conf", "run_id", *TIMES)
# Comments and literals, in which nothing is a function.
WORDS = r"/\*.*?\*/|--[^\n]*|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`"
CALL = (r"\brun_(?:(id|logical_date|interval_start|interval_end)\s*\(\s*\)"
        r"|conf\s*\(\s*('[^'\\]*')\s*\))")  # fmt: skip


def literal(text):
    """A text in SQL."""
    if text is None:
        return "CAST(NULL AS STRING)"
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def time_in(name, text):
    """A time in SQL."""
    if not text:
        return "CAST(NULL AS TIMESTAMP)"
    time = pinion_record.instant(text)
    if time is None:
        raise ValueError(f'{name} is not a time such as "2026-01-31T06:00:00Z": "{text}"')
    return f"TIMESTAMP'{time.year:04}{time:-%m-%dT%H:%M:%S.%f}Z'"


def members_of(conf):
    """Name -> text of a conf's members; a value of another kind is its JSON."""
    root = pinion_record.parse((conf or "{}").encode())
    if not isinstance(root, Object):
        raise ValueError("conf is not a JSON object")
    return {
        pinion_record.clean(name): of if type(of) is str or of is None else dumps(of)
        for name, of in root
    }


class Run:
    """The values of a run, as texts by their names (NAMES); None or "" where there is none."""

    def __init__(self, values):
        conf = values.get("conf")
        try:
            self.conf = members_of(conf)
        except pinion_record.Malformed as reason:
            raise ValueError(f"conf: {reason}") from None
        self.full_refresh = self.conf.get("full_refresh") == "true"
        self.values = {"id": literal(values.get("run_id") or None)}
        self.values |= {name: time_in(name, values.get(name)) for name in TIMES}

    def functions(self):
        """The statements that define the functions."""
        pairs = ", ".join(f"{literal(name)}, {literal(of)}" for name, of in self.conf.items())
        conf = f"CAST(map({pairs}) AS MAP<STRING, STRING>)"
        yield ("CREATE OR REPLACE TEMPORARY FUNCTION run_conf(name STRING) RETURNS STRING "
               f"RETURN try_element_at({conf}, name)")  # fmt: skip
        for name, of in self.values.items():
            kind = "STRING" if name == "id" else "TIMESTAMP"
            yield f"CREATE OR REPLACE TEMPORARY FUNCTION run_{name}() RETURNS {kind} RETURN {of}"

    def put_in(self, condition):
        """A condition with values in place of the functions, which Delta Lake's replaceWhere does
        not take."""

        def put(found):
            if found[1] is not None:
                return self.values[found[1].lower()]
            return found[0] if found[2] is None else literal(self.conf.get(found[2][1:-1]))

        return re.sub(f"{WORDS}|{CALL}", put, condition, flags=re.DOTALL | re.IGNORECASE)
