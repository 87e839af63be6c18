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
    """The members of a conf."""
    try:
        root = pinion_record.parse((conf or "{}").encode())
    except pinion_record.Malformed as reason:
        raise ValueError(f"conf: {reason}") from None
    if not isinstance(root, Object):
        raise ValueError("conf is not a JSON object")
    return {pinion_record.clean(name): of for name, of in root}


def text_of(value):
    """A member as text; one of another kind is its JSON."""
    return value if type(value) is str or value is None else dumps(value)


def has(asked, table):
    """Is something asked of a table: by true, or by an array with its name?"""
    return asked is True or (isinstance(asked, list) and table in asked)


class Run:
    """The values of a run, as texts by their names (NAMES); None or "" where there is none."""

    def __init__(self, values):
        members = members_of(values.get("conf"))
        self.conf = {name: text_of(of) for name, of in members.items()}
        self.full_refresh = members.get("full_refresh")  # true, or an array of tables
        drops = members.get("drop_imported") is True
        named = self.full_refresh if isinstance(self.full_refresh, list) else True
        self.drop_imported = drops and named  # likewise
        self.values = {"id": literal(values.get("run_id") or None)}
        self.values |= {name: time_in(name, values.get(name)) for name in TIMES}

    def refreshes(self, table):
        """Is a table to be made afresh, if it is incremental?"""
        return has(self.full_refresh, table)

    def drops_imported(self, table):
        """May a raw table that is made afresh lose the rows of imports?"""
        return has(self.drop_imported, table)

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
