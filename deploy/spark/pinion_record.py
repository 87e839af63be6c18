"""Records as producers send them, made into rows by a table's columns, as pinion itself does.

Plain Python, without Spark: `Rows(table).of(data)` yields (row, None) or (None, reason) for each
row in the bytes of a record. docs/queries.md has the rules."""

import base64
import datetime
import decimal
import fractions
import json
import math
import re
import struct
import sys

ROWS_MAX = 10000  # rows in one record
LINE_BYTES_MAX = 16 << 20
DEPTH_MAX = 1000  # levels of nesting
SHOWN_MAX = 60  # bytes of a value in a reason
KEY_SHOWN_MAX = 80
INTEGERS = {"bigint": 1 << 63, "int": 1 << 31, "smallint": 1 << 15, "tinyint": 1 << 7}
WORDS = {
    "string": "a string", "bigint": "an integer", "int": "an integer", "smallint": "an integer",
    "tinyint": "an integer", "double": "a number", "float": "a number", "decimal": "a number",
    "boolean": "true or false", "timestamp": 'a time such as "2018-09-03T07:12:45Z"',
    "date": 'a date such as "2018-09-03"', "binary": "a string of base64",
}  # fmt: skip
DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
FLOAT_END = 2**128 - 2**103  # what is as large is rounded to infinity
BOM = b"\xef\xbb\xbf"
BLANKS = b" \t\r\n"
NOTHING = object()  # no JSON was found

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()
DAY_US = 86_400_000_000
ZONE = r"(?:(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)(?:\[[^\[\]]+\])*)?"
TIMES = [
    re.compile(form, re.ASCII)
    for form in (
        r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?" + ZONE + ")?",
        r"(\d{4})(\d\d)(\d\d)(?:[Tt](\d\d)(\d\d)(?:(\d\d)(?:[.,](\d+))?)?" + ZONE + ")?",
    )
]
FULL_ZONE = ZONE + ")?"
FULL_DAYS = [
    r"(?:(\d{4})-(?:(\d\d)-(\d\d)|(\d{3})|[Ww](\d\d)-(\d)))",
    r"(?:(\d{4})(?:(\d\d)(\d\d)|(\d{3})|[Ww](\d\d)(\d)))",
]
FULL_TIMES = [  # ISO 8601 in full
    re.compile(day + clock + FULL_ZONE, re.ASCII)
    for day, clock in zip(FULL_DAYS, (
        r"(?:[Tt ](\d\d)(?::(\d\d)(?::(\d\d))?)?(?:[.,](\d+))?",
        r"(?:[Tt](\d\d)(?:(\d\d)(\d\d)?)?(?:[.,](\d+))?",
    ))
]  # fmt: skip
IN_TEXT = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d+)?", re.ASCII)
EPOCH_DIGITS_MIN = 9  # of a text, and of a day; fewer are a day as it is written, or part of one
SECONDS_END = 10**11  # a larger number is milliseconds
YES = ("true", "t", "yes", "y", "on", "1")
NO = ("false", "f", "no", "n", "off", "0")
NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?)0*(\d*))?", re.ASCII)


class Refused(Exception):
    """Why there is no row."""


class Malformed(Exception):
    """Why it is not JSON."""


class Number(str):
    """A number as it was written: the digits decide."""


class Object(tuple):
    """The members of an object, (name, value), in their order: a name may be there twice."""


# --- JSON ----------------------------------------------------------------------------------------


def no_constant(name):
    raise ValueError(f"{name} is not JSON")


def check_depth(text):
    if text.count("[") + text.count("{") <= DEPTH_MAX:
        return
    depth = 0
    for mark in re.findall(r'"(?:[^"\\]|\\.)*"|[][{}]', text, re.DOTALL):
        depth += 1 if mark in "[{" else -1 if mark in "]}" else 0
        if depth > DEPTH_MAX:
            raise Malformed(f"JSON nested deeper than {DEPTH_MAX} levels")


def parse(data):
    try:
        text = data.removeprefix(BOM).decode("utf-8")
        check_depth(text)
        return json.loads(
            text, parse_float=Number, parse_int=Number, parse_constant=no_constant,
            object_pairs_hook=Object,
        )  # fmt: skip
    except (ValueError, RecursionError) as reason:
        raise Malformed(f"invalid JSON: {reason}") from None


def bytes_of(text):
    """What base64 holds, or NOTHING; its padding may be missing, and blanks are skipped."""
    end, pads = len(text), 0
    while end > 0 and (text[end - 1] in BLANKS or (text[end - 1] == 0x3D and pads < 2)):
        pads += text[end - 1] == 0x3D
        end -= 1
    dense = text[:end].translate(None, BLANKS)
    if len(dense) % 4 == 1 or not re.fullmatch(rb"[A-Za-z0-9+/]*", dense):
        return NOTHING
    return base64.b64decode(dense + b"=" * (-len(dense) % 4))


def from_base64(text):
    """The JSON that base64 holds, or NOTHING."""
    data = bytes_of(text)
    try:
        return NOTHING if data is NOTHING else parse(data)
    except Malformed:
        return NOTHING


def clean(text):
    """Half a surrogate pair becomes U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def quoted(text):
    """A string of JSON; half a surrogate pair stays what it was."""
    return json.dumps(text, ensure_ascii=clean(text) != text)


def dumps(value):
    """Compact JSON, with numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, Object):
        return "{" + ",".join(f"{quoted(name)}:{dumps(of)}" for name, of in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def kind_of(value):
    """What JSON calls it."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    kinds = {Number: "number", Object: "object", list: "array"}
    return kinds.get(type(value), "string")


# --- values --------------------------------------------------------------------------------------


def has_fraction(text):
    return whole(text) is None


def whole(text, scale=0):
    """The number in units of 10^-scale when it has no fraction of them, None when it has one; one
    beyond all types when it has more than 40 digits."""
    sign, digits, fraction, minus, exponent = NUMBER.fullmatch(text).groups()
    digits, shift = digits + (fraction or ""), -len(fraction or "")
    significant = digits.strip("0")
    if not significant:
        return 0
    if len(exponent or "") > 9:
        return None if minus == "-" else 1 << 200
    shift += scale + int(exponent or 0) * (-1 if minus == "-" else 1)
    shift += len(digits) - len(digits.rstrip("0"))
    if shift < 0:
        return None
    if len(significant) + shift > 40:
        return 1 << 200
    return int(sign + significant + "0" * shift)


def written(text):
    """Day since 1970, microseconds since its midnight and those of the offset, of a time in one of
    ISO 8601's forms; or None."""
    found = TIMES[0].fullmatch(text) or TIMES[1].fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    try:
        days = datetime.date(int(year), int(month), int(day)).toordinal() - EPOCH_DAY
    except ValueError:
        return None
    seconds = (int(hour or 0) * 60 + int(minute or 0)) * 60 + int(second or 0)
    clock = seconds * 1_000_000 + int(((fraction or "")[:6] + "000000")[:6])
    if int(minute or 0) > 59 or int(second or 0) > 59 or clock > DAY_US:
        return None
    if int(hours or 0) > 23 or int(minutes or 0) > 59:
        return None
    offset = (int(hours or 0) * 60 + int(minutes or 0)) * 60_000_000
    return days, clock, -offset if sign == "-" else offset


def instant(text):
    """The time as datetime, in UTC; None where it is none, or not in the years 1 to 9999."""
    found = written(text)
    if found is None:
        return None
    days, clock, offset = found
    try:
        return EPOCH + datetime.timedelta(days=days, microseconds=clock - offset)
    except OverflowError:
        return None


def day(text):
    """The day that is written, of a time at midnight in whatever zone; or None."""
    found = written(text)
    if found is None or found[1] != 0:
        return None
    return datetime.date.fromordinal(found[0] + EPOCH_DAY)


def single(text):
    """The nearest float of a number's digits, as the double that equals it; None beyond its range.
    A double that is halfway between two floats may stand for a number that is not."""
    near = float(text)
    if abs(near) > FLOAT_END:
        return None
    if abs(near) < 1e-50:
        return math.copysign(0.0, near)
    exact = fractions.Fraction(decimal.Decimal(text))
    if abs(exact) >= FLOAT_END:
        return None
    largest = 0x7F7FFFFF
    (bits,) = struct.unpack("=I", struct.pack("=f", min(abs(near), 3.4028234663852886e38)))
    at = [struct.unpack("=f", struct.pack("=I", bits + step))[0]
          for step in (-1, 0, 1) if 0 <= bits + step <= largest]  # fmt: skip
    # Of two that are as near, the one whose last bit is 0.
    best = min(at, key=lambda one: (abs(abs(exact) - fractions.Fraction(one)), is_odd(one)))
    return math.copysign(best, near)


def is_odd(single):
    return struct.unpack("=I", struct.pack("=f", single))[0] & 1


def full_day(year, month, day, of_year, week, of_week):
    """The day of one of ISO 8601's dates, counted as Python does; ValueError when there is none."""
    if month is not None:
        return datetime.date(int(year), int(month), int(day)).toordinal()
    if week is not None:
        return datetime.date.fromisocalendar(int(year), int(week), int(of_week)).toordinal()
    first = datetime.date(int(year), 1, 1)
    last = datetime.date(int(year), 12, 31).toordinal()
    if not 1 <= int(of_year) <= last - first.toordinal() + 1:
        raise ValueError("no such day")
    return first.toordinal() + int(of_year) - 1


def full(text):
    """The same as written(), of ISO 8601 in full."""
    found = FULL_TIMES[0].fullmatch(text) or FULL_TIMES[1].fullmatch(text)
    if not found:
        return None
    *date, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    try:
        days = full_day(*date) - EPOCH_DAY
    except (ValueError, OverflowError):
        return None
    unit = 1 if second is not None else 60 if minute is not None else 3600
    digits = (fraction or "")[:18]
    part = unit * 1_000_000 * int(digits or 0) // 10 ** len(digits)
    seconds = (int(hour or 0) * 60 + int(minute or 0)) * 60 + int(second or 0)
    clock = seconds * 1_000_000 + part
    leaps = int(second or 0) == 60 and int(minute) == 59
    if int(minute or 0) > 59 or (int(second or 0) > 59 and not leaps):
        return None
    if int(hour or 0) > 23 and clock != DAY_US or int(hours or 0) > 23 or int(minutes or 0) > 59:
        return None
    offset = (int(hours or 0) * 60 + int(minutes or 0)) * 60_000_000
    return days, clock, -offset if sign == "-" else offset


def after_epoch(micros):
    """The time so many microseconds after 1970, or None beyond the years 1 to 9999."""
    try:
        return EPOCH + datetime.timedelta(microseconds=micros)
    except OverflowError:
        return None


def units(text, scale):
    """The number in units of 10^-scale, without what is finer; None when it is too large."""
    sign, digits, fraction, minus, exponent = NUMBER.fullmatch(text).groups()
    digits, shift = digits + (fraction or ""), scale - len(fraction or "")
    if not digits.strip("0"):
        return 0
    if len(exponent or "") > 9:
        return 0 if minus == "-" else None
    shift += int(exponent or 0) * (-1 if minus == "-" else 1)
    digits = digits.lstrip("0")
    if len(digits) + shift > 19:
        return None
    made = int((digits[:shift] if shift < 0 else digits + "0" * shift) or 0)
    return -made if sign else made


def number_in(text):
    """The number in a text, as JSON writes it; None when there is none."""
    found = IN_TEXT.fullmatch(text)
    sign, whole_part, fraction, exponent = found.groups() if found else ("", "", "", "")
    if not whole_part and not fraction:
        return None
    point = f".{fraction}" if fraction else ""
    return Number(f"{'-' * (sign == '-')}{whole_part.lstrip('0') or '0'}{point}{exponent or ''}")


def epoch(number):
    """The time of a number of seconds or milliseconds since 1970, or None."""
    micros = units(number, 6)
    if micros is None or abs(micros) >= SECONDS_END * 1_000_000:
        micros = units(number, 3)
    return None if micros is None else after_epoch(micros)


def time_of(kind, value):
    """A lenient column's time or day, or None; and the rule that was asked."""
    number, made = value, None
    if type(value) is str:
        text = clean(value).strip(" \t\r\n")
        found, number = full(text), number_in(text)
        if found is not None and kind == "timestamp":
            days, clock, offset = found
            made = after_epoch(days * DAY_US + clock - offset)
        elif found is not None:
            at = found[0] + (found[1] >= DAY_US) + EPOCH_DAY
            made = datetime.date.fromordinal(at) if at <= datetime.date.max.toordinal() else None
        if made is not None or number is None:
            return made, "time-in-text"
    elif not isinstance(value, Number):
        return None, None
    any_length = number is value and kind == "timestamp"
    if not any_length and len(re.match(r"-?(\d*)", number)[1]) < EPOCH_DIGITS_MIN:
        return None, "epoch"
    made = epoch(number)
    return made.date() if made is not None and kind == "date" else made, "epoch"


def coerced(kind, value):
    """What a lenient column makes of a value before the strict rules read it, and the rule that was
    asked; engine/duckdb/coerce.h has them."""
    is_text = type(value) is str
    text = clean(value).strip(" \t\r\n") if is_text else None
    if kind == "string" and isinstance(value, (Number, bool)):
        return (str(value) if isinstance(value, Number) else json.dumps(value)), None
    if is_text and (kind in INTEGERS or kind in ("double", "float") or kind.startswith("decimal")):
        number = number_in(text)
        return (value if number is None else number), "number-in-text"
    if is_text and kind == "boolean":
        word = text.lower() if text.isascii() else text
        return (word in YES if word in YES or word in NO else value), "boolean-in-text"
    if isinstance(value, Number) and kind == "boolean":
        known = whole(value) in (0, 1)
        return (whole(value) == 1 if known else value), "number-as-boolean"
    return value, None


def lenient(kind, value):
    """scalar() of a lenient column."""
    made = None
    if kind in ("timestamp", "date"):
        made, rule = time_of(kind, value)
        if made is not None:
            return made
        reason = wrong_type(kind, value)
    else:
        value, rule = coerced(kind, value)
        try:
            return scalar(kind, value)
        except Refused as refused:
            reason = refused
    raise Refused(f"{reason} (lenient: {rule})" if rule else str(reason))


def wrong_type(kind, value):
    odd = ""
    if kind in ("timestamp", "date") and type(value) is str:
        digits = re.match(r"[0-9]*", value)[0]
        if digits.startswith("0000") or (len(digits) > 4 and value[len(digits) :][:1] == "-"):
            odd = " with a year from 0001 to 9999"
    text = dumps(value)
    shown = text if len(text.encode()) <= SHOWN_MAX else "(long)"
    word = "an array" if isinstance(kind, tuple) and kind[0] == "array" else "an object"
    if isinstance(kind, str):
        word = WORDS[kind.partition("(")[0]]
    return Refused(f"expected {word}{odd}, found {kind_of(value)} {shown}")


def wrong_number(kind, value):
    shown = value if len(value) <= SHOWN_MAX else f"{value[:SHOWN_MAX]}..."
    if kind.startswith("decimal"):
        scale = int(DECIMAL.fullmatch(kind)[2])
        if whole(value, scale) is None:
            return Refused(f"{shown} has more digits after the point than {kind}")
    elif kind in INTEGERS and has_fraction(value):
        return Refused(f"expected {WORDS[kind]}, but {shown} has a fraction")
    return Refused(f"{shown} is out of range for {kind}")


def scalar(kind, value):
    made = None
    if kind == "json":
        return dumps(value)
    if kind == "string" and type(value) is str:
        return clean(value)
    if isinstance(value, Number) and kind in INTEGERS:
        made = whole(value)
        if made is None or not -INTEGERS[kind] <= made < INTEGERS[kind]:
            raise wrong_number(kind, value)
    elif isinstance(value, Number) and kind in ("double", "float"):
        made = float(value) if kind == "double" else single(value)
        if made in (float("inf"), float("-inf"), None):
            raise wrong_number(kind, value)
    elif isinstance(value, Number) and kind.startswith("decimal"):
        precision, scale = map(int, DECIMAL.fullmatch(kind).groups())
        units = whole(value, scale)
        if units is None or abs(units) >= 10**precision:
            raise wrong_number(kind, value)
        sign, digits = int(units < 0), tuple(map(int, str(abs(units))))
        made = decimal.Decimal((sign, digits, -scale))
    elif type(value) is str and kind == "binary":
        data = bytes_of(clean(value).encode())
        made = None if data is NOTHING else data
    elif isinstance(value, bool) and kind == "boolean":
        made = value
    elif type(value) is str and kind in ("timestamp", "date"):
        made = instant(value) if kind == "timestamp" else day(value)
    if made is None:
        raise wrong_type(kind, value)
    return made


# --- rows ----------------------------------------------------------------------------------------


PLAIN = {"required": False, "aliases": [], "unwrap": None, "coerce": "strict"}


def parts_of(kind, path, coerce):
    """What a value with parts is made of: a Level of a struct, a pair of an array or a map, with
    what its items are made of; else None. `path` is before the names of members that no column
    takes."""
    if isinstance(kind, dict):
        plain = {**PLAIN, "coerce": coerce}
        fields = {field: {**plain, "type": of} for field, of in kind.items()}
        return Level(fields, f"{path}.")
    if isinstance(kind, tuple):
        return kind[0], parts_of(kind[1], f"{path}[]", coerce)
    return None


def has_names(parts):
    """Is a struct somewhere in it? Members may be left of its objects."""
    return isinstance(parts, Level) or (isinstance(parts, tuple) and has_names(parts[1]))


def left_of(parts, value, unknown):
    """What is left of a value when its fields have taken theirs: a value like it with nothing else
    in it, and whether there is something."""
    if isinstance(parts, Level):
        if not isinstance(value, Object):
            return None, False
        rest = parts.left(value, unknown)
        return Object(rest), bool(rest)
    if parts[0] == "array":
        if not isinstance(value, list):
            return None, False
        items = [left_of(parts[1], item, unknown) for item in value]
        return [item for item, _ in items], any(some for _, some in items)
    if not isinstance(value, Object):
        return None, False
    items = [(name, *left_of(parts[1], of, unknown)) for name, of in value]
    rest = Object((name, of) for name, of, some in items if some)
    return rest, bool(rest)


def typed(kind, parts, value, read):
    """The value with its type; reasons do not name the column. `read` gives one of a type
    without parts: scalar() or lenient()."""
    if isinstance(parts, Level):
        if not isinstance(value, Object):
            raise wrong_type(kind, value)
        return parts.typed(value)
    if parts is None and isinstance(kind, str):
        return read(kind, value)
    made, of = [], kind[1]
    if kind[0] == "array":
        if not isinstance(value, list):
            raise wrong_type(kind, value)
        pairs = ((f"item {place}", item) for place, item in enumerate(value))
    else:
        if not isinstance(value, Object):
            raise wrong_type(kind, value)
        pairs = ((f"key '{shown_key(clean(name))}'", item) for name, item in value)
    for place, item in pairs:
        try:
            made.append(None if item is None else typed(of, parts[1], item, read))
        except Refused as reason:
            raise Refused(f"{place}: {reason}") from None
    if kind[0] == "array":
        return made
    entries = {}
    for (name, _), one in zip(value, made):
        entries.pop(clean(name), None)  # of a name that is repeated, the last value counts
        entries[clean(name)] = one
    return entries


def shown_key(name):
    data = name.encode()
    cut = data[:KEY_SHOWN_MAX].decode("utf-8", "ignore")
    return name if len(data) <= KEY_SHOWN_MAX else f"{cut}..."


class Level:
    """A table's columns, or a struct's fields."""

    def __init__(self, columns, path=""):
        self.columns, self.path = columns, path
        self.names = {}  # of a member -> its column, and 0 or the number of the alias
        self.parts = {}  # of the columns whose values have some
        for name, column in columns.items():
            for rank, key in enumerate((name, *column["aliases"])):
                self.names.setdefault(key, (name, rank))
            self.parts[name] = parts_of(column["type"], f"{path}{name}", column["coerce"])

    def taken(self, members):
        """Column -> (rank, value, member), and the members that are left."""
        slots, rest = {}, []
        for member in members:
            extra = self.take_member(member, slots)
            if extra is not None:
                rest.append(extra)
        return slots, rest

    def left(self, members, unknown):
        """The members that are left, also within the values of others. Their names are added to
        `unknown`."""
        slots, rest = self.taken(members)
        unknown += [self.path + clean(name) for name, _ in rest]
        for name in self.columns:
            if name in slots and has_names(self.parts[name]):
                _, value, member = slots[name]
                more, some = left_of(self.parts[name], value, unknown)
                if some:
                    rest.append((member[0], more))
        return rest

    def take_member(self, member, slots):
        """Gives the member that is left now: this one, or the one that it displaces, or None."""
        key, value = member
        name, rank = self.names.get(clean(key), (None, 0))
        if name is None:
            return member
        unwrap = self.columns[name]["unwrap"]
        if isinstance(value, Object) and len(value) == 1 and clean(value[0][0]) == unwrap:
            value = value[0][1]
        before = slots.get(name)
        if value is None:
            if before is not None and before[0] == rank:
                del slots[name]  # a name that is repeated: the last one counts
            return None
        if before is not None and rank > before[0]:
            return member
        slots[name] = (rank, value, member)
        return before[2] if before is not None and rank < before[0] else None

    def typed(self, members):
        """Column -> its value with its type."""
        slots, _ = self.taken(members)
        row = dict.fromkeys(self.columns)
        for name, column in self.columns.items():
            if name not in slots:
                if column["required"]:
                    raise Refused(f"missing key: column '{name}' has no value")
                continue
            value = slots[name][1]
            try:
                read = lenient if column["coerce"] == "lenient" else scalar
                row[name] = typed(column["type"], self.parts[name], value, read)
            except Refused as reason:
                inside = isinstance(self.parts[name], Level) and isinstance(value, Object)
                place = f"in '{name}'" if inside else f"column '{name}'"
                raise Refused(f"{place}: {reason}") from None
        return row


class Rows:
    """`table`: "columns" (name -> {"type", "required", "aliases", "unwrap", "coerce"}) and
    "unknown_keys"."""

    def __init__(self, table):
        self.level = Level(table["columns"])
        self.unknown_keys = table["unknown_keys"]
        self.keeps_value = "value" in self.level.names
        self.unknown = []  # members of the newest row that no column takes: "pos.w" in a struct
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 10 * DEPTH_MAX))

    def of(self, data):
        self.unknown = []
        try:
            items = self.items(data)
        except Refused as reason:
            yield None, str(reason)
            return
        for item in items:
            self.unknown = []
            try:
                if isinstance(item, Refused):
                    raise item
                yield self.row(item), None
            except Refused as reason:
                yield None, str(reason)

    def items(self, data):
        """The objects of a record; a Refused in the place of an item that is none."""
        if len(data) > LINE_BYTES_MAX:
            raise Refused(f"the line is longer than {LINE_BYTES_MAX} bytes")
        root = self.decode(data)
        if isinstance(root, Object):
            return [self.unwrapped(root)]
        if not isinstance(root, list):
            raise Refused(f"not a JSON object but {kind_of(root)}")
        if not root:
            raise Refused("an empty array has no rows")
        if len(root) > ROWS_MAX:
            raise Refused(f"an array of {len(root)} rows: at most {ROWS_MAX} are allowed")
        wrong = "item {} of the array is not an object but {}"
        return [
            self.unwrapped(item) if isinstance(item, Object)
            else Refused(wrong.format(i, kind_of(item)))
            for i, item in enumerate(root)
        ]  # fmt: skip

    @staticmethod
    def decode(data):
        """The JSON of a record: itself, or what its string holds as base64 or as JSON text."""
        data = data.removeprefix(BOM)
        if not data:
            raise Refused("the record is empty")
        try:
            root = parse(data)
        except Malformed as reason:
            root = from_base64(data)
            if not isinstance(root, (Object, list)):
                raise Refused(reason) from None
        if type(root) is not str:
            return root
        text = clean(root).encode()
        if not text:
            raise Refused("the data is an empty string")
        root = from_base64(text)
        if root is NOTHING:
            try:
                root = parse(text)
            except Malformed as reason:
                wrong = "a string that is neither base64 of JSON nor JSON"
                raise Refused(f"{wrong}: {reason}") from None
        return root

    def unwrapped(self, item):
        """The row that an object is, or wraps."""
        if not self.keeps_value and len(item) == 1 and clean(item[0][0]) == "value":
            if isinstance(item[0][1], Object):
                return item[0][1]
        return item

    def row(self, item):
        rest = self.level.left(item, self.unknown)
        if self.unknown and self.unknown_keys == "reject":
            raise Refused(f"unknown key '{self.unknown[0]}'")
        row = self.level.typed(item)
        if self.unknown_keys == "keep":
            row["_unknown"] = dumps(Object(rest)) if rest else None
        return row
