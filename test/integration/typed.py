"""A pipeline with a column of each type, records for it, and the rows that they are, by Python's
own decimals and floats."""

import base64
import datetime
import json
import struct
from decimal import Decimal
from fractions import Fraction

COLUMNS = """
      id: bigint
      i: int
      sm: smallint
      ti: tinyint
      d: double
      fl: float
      price: decimal(7,2)
      rate: decimal(18,9)
      large: decimal(38,10)
      ok: boolean
      moment: timestamp
      day: date
      blob: binary
      name: string
      spot: "struct<x float, price decimal(4,1), more struct<b binary, n smallint>>"
"""
# Those that have parts in numbers, and json. Readers give them as lists and dicts.
NESTED = """
      tags: array<string>
      rows: array<array<int>>
      counts: "map<string, decimal(9,3)>"
      items: "array<struct<sku string, price decimal(7,2), sizes array<smallint>>>"
      groups: "map<string, array<struct<at date, notes map<string, string>>>>"
      doc: json
"""
FLAT = [line.split(":")[0].strip() for line in COLUMNS.strip().splitlines()][:-1]
COLUMNS += NESTED.strip("\n") + "\n"
NAMES = [line.split(":")[0].strip() for line in COLUMNS.strip().splitlines()]
PIPELINE = f"""
name: typed
tables:
  raw:
    path: raw
    from_topic: typed
    columns:{COLUMNS}
  clean:
    path: clean
    sql: clean/clean.sql
    reads: [raw]
    columns:{COLUMNS}
  sums:
    path: sums
    sql: clean/sums.sql
    reads: [clean]
    columns:
      ti: tinyint
      price: decimal(38,2)
      most: decimal(38,10)
      fl: float
  live: {{path: live, like: clean, checkpoints: checkpoints}}
topics:
  typed: {{partitions: 1}}
streams:
  typed: {{shards: 1, start: trim_horizon, table: live}}
"""
SUMS = """
SELECT ti, sum(price) AS price, max(large) AS most, max(fl) AS fl FROM clean GROUP BY ti
"""
WORDS = ["", "a", "é✨", "a longer text than twelve bytes", "\n\"\\"]
DOCS = ['"x"', "5.10", "true", "[1, 2.50]", '{"a":{"b":[null,1e5]}, "c":"\\u00e9"}']
FLOAT_MAX = 3.4028234663852886e38


def write_pipeline(folder):
    (folder / "clean").mkdir(parents=True)
    (folder / "pipeline.yml").write_text(PIPELINE)
    (folder / "clean/clean.sql").write_text(f"SELECT {', '.join(NAMES)} FROM raw\n")
    (folder / "clean/sums.sql").write_text(SUMS)
    return folder


def single(text):
    """The float nearest to a number's digits, to the even one of two."""
    exact = abs(Fraction(Decimal(text)))
    near = min(abs(float(text)), FLOAT_MAX)
    (bits,) = struct.unpack("=I", struct.pack("=f", near))
    at = [bits + step for step in (-1, 0, 1) if bits + step >= 0]
    best = min(at, key=lambda one: (abs(Fraction(float_of(one)) - exact), one & 1))
    return -float_of(best) if Decimal(text).is_signed() else float_of(best)


def float_of(bits):
    return struct.unpack("=f", struct.pack("=I", bits))[0] if bits < 0x7F800000 else FLOAT_MAX


def a_decimal(random, precision, scale):
    """A number that fits, in one of its spellings, and its value."""
    units = random.randrange(10 ** random.randrange(1, precision + 1))
    sign = random.randrange(2)
    value = Decimal((sign, tuple(map(int, str(units))), -scale))
    digits = str(units).rjust(scale + 1, "0")  # abs() of a Decimal has 28 digits
    text = f"{digits[:-scale]}.{digits[-scale:]}"
    shape = random.randrange(4)
    if shape == 0:
        text = f"{units}e-{scale}"
    elif shape == 1:
        text += "0" * random.randrange(30)
    return "-" * sign + text, value


def record(random, number):
    """A record as JSON text, and the row that it is."""

    def maybe(text, value):
        return ("null", None) if random.randrange(8) == 0 else (text, value)

    def an_integer(bits):
        value = random.randrange(-(2 ** (bits - 1)), 2 ** (bits - 1))
        return maybe(random.choice([str(value), f"{value}.0", f"{value * 10}e-1"]), value)

    def a_float():
        text = repr(random.uniform(-1, 1) * 10.0 ** random.randrange(-50, 38))
        text = random.choice([text, f"{single(text):.60f}", f"{random.random():.40f}"])
        return maybe(text, single(text))

    def bytes_of(length):
        data = random.randbytes(length)
        text = base64.b64encode(data).decode()
        return maybe(json.dumps(random.choice([text, text.rstrip("=")])), data)

    moment = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(
        microseconds=random.randrange(10**15)
    )
    double = random.uniform(-1e9, 1e9)
    fields = {
        "i": an_integer(32),
        "sm": an_integer(16),
        "ti": an_integer(8),
        "d": maybe(repr(double), double),
        "fl": a_float(),
        "price": maybe(*a_decimal(random, 7, 2)),
        "rate": maybe(*a_decimal(random, 18, 9)),
        "large": maybe(*a_decimal(random, 38, 10)),
        "ok": maybe("true", True),
        "moment": maybe(json.dumps(moment.isoformat()), moment),
        "day": maybe(json.dumps(moment.date().isoformat()), moment.date()),
        "blob": bytes_of(random.randrange(40)),
        "name": maybe('"a\\u00e9"', "aé"),
    }
    fields |= nested(random, maybe, an_integer)
    more = {"b": bytes_of(3), "n": an_integer(16)}
    spot = {"x": a_float(), "price": maybe(*a_decimal(random, 4, 1)), "more": joined(more)}
    fields["spot"] = maybe(*joined(spot))
    text, row = joined(fields)
    return f'{{"id":{number},{text[1:]}', {"id": number, **row}


def nested(random, maybe, an_integer):
    """Fields with the types of NESTED."""

    def some(make, most=4):
        made = [make() for _ in range(random.randrange(most))]
        return maybe(f"[{','.join(text for text, _ in made)}]", [value for _, value in made])

    def mapped(make):
        keys = random.sample(["a", "b", "\\u00e9", "a b", ""], random.randrange(5))
        made = {key: make() for key in keys}
        text, value = joined(made)
        return maybe(text, {json.loads(f'"{key}"'): one for key, one in value.items()})

    def a_word():
        text = random.choice(WORDS)
        return maybe(json.dumps(text), text)

    def item():
        sizes = some(lambda: an_integer(16))
        price = maybe(*a_decimal(random, 7, 2))
        return maybe(*joined({"sizes": sizes, "price": price, "sku": a_word()}))

    def note():
        day = datetime.date(2020, 1, 1) + datetime.timedelta(days=random.randrange(9999))
        at = maybe(json.dumps(day.isoformat()), day)
        return maybe(*joined({"at": at, "notes": mapped(a_word)}))

    doc = random.choice(DOCS)
    return {
        "tags": some(a_word, 70),
        "rows": some(lambda: some(lambda: an_integer(32))),
        "counts": mapped(lambda: maybe(*a_decimal(random, 9, 3))),
        "items": some(item),
        "groups": mapped(lambda: some(note)),
        "doc": maybe(doc, doc.replace(" ", "").replace("\\u00e9", "é")),
    }


def joined(fields):
    texts = (f'"{name}":{text}' for name, (text, _) in fields.items())
    return "{" + ",".join(texts) + "}", {name: value for name, (_, value) in fields.items()}


def pairs(value):
    """A map as a dict, which readers give as a list of its entries."""
    if value is None or isinstance(value, dict):
        return value
    return {one["key"]: one["value"] for one in value} if value and isinstance(
        value[0], dict) else dict(value)


def as_sent(row):
    """A row with its maps as dicts."""
    groups = {
        name: notes and [note and {**note, "notes": pairs(note["notes"])} for note in notes]
        for name, notes in (pairs(row["groups"]) or {}).items()
    }
    return {
        **row,
        "counts": pairs(row["counts"]),
        "groups": None if row["groups"] is None else groups,
    }


def records(random, count):
    """Lines, and the rows that they are."""
    made = [record(random, number) for number in range(count)]
    return [line for line, _ in made], [row for _, row in made]
