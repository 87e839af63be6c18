"""Records as producers send them, made into rows by a table's columns, as pinion itself does.

Plain Python, without Spark: `Rows(table).of(data)` yields (row, None) or (None, reason) for each
row in the bytes of a record. docs/queries.md has the rules."""

import base64
import datetime
import json
import re
from decimal import Decimal

ROWS_MAX = 10000  # rows in one record
LINE_BYTES_MAX = 16 << 20
INTEGERS = {"bigint": 1 << 63, "int": 1 << 31}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
TIME = re.compile(
    r"(\d{4})(?:-(\d\d)-(\d\d)|(\d\d)(\d\d))"
    r"(?:[Tt ](\d\d)(?::(\d\d)(?::(\d\d))?|(\d\d)(?:(\d\d))?)(?:[.,](\d+))?"
    r"(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?(?:\[[^]]+\])?)?)?"
)


class Refused(Exception):
    """Why there is no row."""


class Number(str):
    """A number with a fraction or an exponent, as it was written: the digits decide."""


def no_constant(name):
    raise ValueError(f"{name} is not JSON")


def parse(data):
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    text = data.decode("utf-8")
    try:
        return json.loads(text, parse_float=Number, parse_constant=no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def dumps(value):
    """Compact JSON, with numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{dumps(name)}:{dumps(of)}" for name, of in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def whole(value):
    """The number that is meant when it has no fraction, else None."""
    if isinstance(value, Number):
        number = Decimal(value)
        if number.is_zero():
            return 0
        if number.adjusted() > 40 or number != number.to_integral_value():
            return None
        return int(number)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def instant(text):
    """Microseconds since 1970 in UTC of a time in one of ISO 8601's forms, or None."""
    found = TIME.fullmatch(text)
    if not found:
        return None
    year, month, day, month2, day2, hour, minute, second, minute2, second2 = found.groups()[:10]
    fraction, _, sign, offset_hours, offset_minutes = found.groups()[10:]
    minute, second = minute or minute2, second or second2
    hours, extra = int(hour or 0), 0
    if hours == 24:
        if int(minute or 0) or int(second or 0) or int(fraction or 0):
            return None
        hours, extra = 0, 86_400_000_000
    try:
        at = datetime.datetime(
            int(year), int(month or month2), int(day or day2), hours, int(minute or 0),
            int(second or 0), int(((fraction or "") + "000000")[:6]), datetime.timezone.utc,
        )  # fmt: skip
    except ValueError:
        return None
    micros = (at - EPOCH) // datetime.timedelta(microseconds=1) + extra
    if sign:
        shift = int(offset_hours) * 60 + int(offset_minutes or 0)
        if int(offset_minutes or 0) > 59 or shift > 18 * 60:
            return None
        micros -= (1 if sign == "+" else -1) * shift * 60_000_000
    return micros


def is_midnight(text):
    """Is the time of day absent, or 0 o'clock, in whatever zone?"""
    return not any(int(part or 0) for part in TIME.fullmatch(text).groups()[5:11])


def clean(text):
    """Half a surrogate pair becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def scalar(kind, value, name):
    if kind == "string" and type(value) is str:
        return clean(value)
    if kind in INTEGERS:
        number = whole(value)
        if number is not None and -INTEGERS[kind] <= number < INTEGERS[kind]:
            return number
    if kind == "double" and not isinstance(value, bool) and isinstance(value, (int, Number)):
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        if number in (float("inf"), float("-inf")):
            raise Refused(f"column {name}: {value} is out of range for double")
        return number
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind in ("timestamp", "date") and type(value) is str:
        micros = instant(value)
        if micros is not None and kind == "timestamp":
            return EPOCH + datetime.timedelta(microseconds=micros)
        if micros is not None and is_midnight(value):
            return datetime.date(int(value[:4]), *map(int, re.findall(r"\d\d", value[4:])[:2]))
    raise Refused(f"column {name}: {dumps(value)[:100]} is not a {kind}")


class Rows:
    """`table`: "columns" (name -> {"type", "required", "aliases", "unwrap"}) and "unknown_keys"."""

    def __init__(self, table):
        self.columns = table["columns"]
        self.unknown_keys = table["unknown_keys"]
        names = {name for name, of in self.columns.items() for name in (name, *of["aliases"])}
        self.taken, self.keeps_value = names, "value" in names
        self.unknown = []  # members of the newest row that no column takes: "pos.w" in a struct

    def of(self, data):
        if len(data) > LINE_BYTES_MAX:
            yield None, "the line is longer than 16 MiB"
            return
        try:
            root = self.decode(data)
        except (ValueError, Refused) as reason:
            yield None, f"invalid JSON: {reason}" if isinstance(reason, ValueError) else str(reason)
            return
        items = root if isinstance(root, list) else [root]
        if not items or len(items) > ROWS_MAX:
            yield None, f"an array of {len(items)} items: 1 to {ROWS_MAX} are rows"
            return
        for item in items:
            try:
                yield self.row(item), None
            except Refused as reason:
                yield None, str(reason)

    def decode(self, data):
        """The JSON of a record: itself, or what its string holds as base64 or as JSON text."""
        try:
            root = parse(data)
        except ValueError:
            inner = self.base64(data)
            if inner is None:
                raise
            root = inner
        if type(root) is str:
            inner = self.base64(root.encode("utf-8", "replace"))
            root = inner if inner is not None else parse(root.encode("utf-8", "replace"))
        return root

    @staticmethod
    def base64(data):
        try:
            text = re.sub(rb"[\r\n\t ]", b"", data)
            return parse(base64.b64decode(text + b"=" * (-len(text) % 4), validate=True))
        except ValueError:
            return None

    def row(self, item):
        if isinstance(item, dict) and not self.keeps_value:
            if list(item) == ["value"] and isinstance(item["value"], dict):
                item = item["value"]
        if not isinstance(item, dict):
            raise Refused("the record is not a JSON object")
        row, rest, self.unknown = {}, {}, []
        for name, column in self.columns.items():
            keys = (name, *column["aliases"])
            key = next((key for key in keys if item.get(key) is not None), None)
            row[name], more = self.value(name, column, item.get(key))
            if more:
                rest[key] = more
        for key, value in item.items():
            if key not in self.taken:
                rest[key] = value
                self.unknown.append(clean(key))
        if self.unknown and self.unknown_keys == "reject":
            raise Refused(f"no column takes {self.unknown[0]}")
        if self.unknown_keys == "keep":
            kept = {clean(key): rest[key] for key in item if key in rest}
            row["_unknown"] = dumps(kept) if kept else None
        return row

    def value(self, name, column, value):
        """The column's value, and what a struct has beside its fields."""
        if isinstance(value, dict) and list(value) == [column["unwrap"]]:
            value = value[column["unwrap"]]
        if value is None:
            if column["required"]:
                raise Refused(f"column {name} is missing or null")
            return None, None
        return self.typed(column["type"], value, name)

    def typed(self, kind, value, name):
        if not isinstance(kind, dict):
            return scalar(kind, value, name), None
        if not isinstance(value, dict):
            raise Refused(f"column {name}: {dumps(value)[:100]} is not an object")
        made, rest = dict.fromkeys(kind), {}
        for field, of in value.items():
            if field not in kind:
                rest[field] = of
                self.unknown.append(f"{name}.{clean(field)}")
            elif of is not None:
                made[field], more = self.typed(kind[field], of, f"{name}.{field}")
                if more:
                    rest[field] = more
        return made, rest
