"""Columns with `coerce: lenient`: random values, each in one of the spellings that a rule takes,
become the values that they were made of, in files and in a stream; other values are dead letters
whose reason names the rule. test_spark_records.py compares the edges with the jobs of Spark."""

import datetime
import json
import random
import time
from decimal import Decimal

import pytest
from deltalake import DeltaTable

from pinion import Server, run
from streams import kinesis
from typed import single

ROWS = 2000
WAIT_SECONDS_MAX = 60
UTC = datetime.timezone.utc
COLUMNS = """
      id: bigint
      n: int
      d: double
      fl: float
      dec: decimal(20,6)
      ok: boolean
      s: string
      t: timestamp
      day: date
      list: array<bigint>
      m: "map<string, boolean>"
      p: struct<at timestamp, n smallint>
"""
NAMES = [line.split(":")[0].strip() for line in COLUMNS.strip().splitlines()]
PIPELINE = f"""
name: lenient
tables:
  raw:
    path: raw
    from_topic: lenient
    coerce: lenient
    columns:{COLUMNS}
  clean:
    path: clean
    sql: clean/clean.sql
    reads: [raw]
    columns:{COLUMNS}
  live: {{path: live, like: clean, checkpoints: checkpoints}}
  mixed:
    path: mixed
    from_topic: mixed
    coerce: lenient
    columns: {{a: bigint, b: {{type: bigint, coerce: strict}}}}
  one:
    path: one
    from_topic: mixed
    columns: {{a: bigint, b: {{type: bigint, coerce: lenient}}}}
topics: {{lenient: , mixed: }}
streams:
  lenient: {{shards: 1, start: trim_horizon, table: live}}
"""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lenient") / "pipeline"
    (folder / "clean").mkdir(parents=True)
    (folder / "pipeline.yml").write_text(PIPELINE)
    (folder / "clean/clean.sql").write_text(f"SELECT {', '.join(NAMES)} FROM raw\n")
    run("pipeline", "check", folder)
    return folder


class Spelling:
    """A random value, and JSON that a lenient column takes as it."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def blanks(self, text):
        around = ["", "", " ", "\t", "\n "]
        return self.random.choice(around) + text + self.random.choice(around)

    def in_text(self, number):
        """A number's digits as a string."""
        sign, digits = ("-", number[1:]) if number[0] == "-" else ("", number)
        sign = sign or self.random.choice(["", "+"])
        digits = self.random.choice(["", "0", "000"]) + digits
        if digits.startswith("0.") and self.random.randrange(2):
            digits = digits[1:]
        elif digits.isdigit() and self.random.randrange(3) == 0:
            digits += self.random.choice([".", ".0", "e0", "E+0"])
        return json.dumps(self.blanks(sign + digits))

    def number(self, text):
        return self.random.choice([text, self.in_text(text)])

    def integer(self, bits):
        value = self.random.randrange(-(2 ** (bits - 1)), 2 ** (bits - 1))
        return self.number(str(value)), value

    def real(self):
        value = self.random.uniform(-1, 1) * 10.0 ** self.random.randrange(-5, 15)
        return self.number(repr(value)), value

    def float(self):
        text = f"{self.random.uniform(-1, 1):.20f}"
        return self.number(text), single(text)

    def decimal(self):
        units = self.random.randrange(-(10**15), 10**15)
        value = Decimal(units).scaleb(-6)
        return self.number(f"{value:f}"), value

    def boolean(self):
        value = self.random.choice([True, False])
        words = ["true", "t", "yes", "y", "on", "1"] if value else [
            "false", "f", "no", "n", "off", "0"]  # fmt: skip
        word = self.random.choice(words)
        word = self.random.choice([word, word.upper(), word.title()])
        plain = ["true", "1", "1.0", "1e0"] if value else ["false", "0", "-0", "0.0"]
        return self.random.choice([*plain, json.dumps(self.blanks(word))]), value

    def string(self):
        value = self.random.choice(["x", "1.50", "-7e5", "true", "false", "é"])
        return json.dumps(value) if value in "xé" else value, value

    def a_day(self, day):
        """A day in one of ISO 8601's forms; the basic ones are without the hyphens."""
        year, week, of_week = day.isocalendar()
        text = self.random.choice([
            day.isoformat(), f"{day.year:04}-{day.timetuple().tm_yday:03}",
            f"{year:04}-W{week:02}-{of_week}",
        ])  # fmt: skip
        return text.replace("-", "") if self.random.randrange(2) else text

    def clock(self, moment, basic):
        """The moment's time of day, maybe shorter where it is whole, with an offset of its zone."""
        colon = "" if basic else ":"
        text = f"{moment:%H}{colon}{moment:%M}{colon}{moment:%S}"
        if moment.microsecond:
            text += self.random.choice(".,") + f"{moment.microsecond:06}"
            text += self.random.choice(["", "9", "123456789"])
        elif moment.second in (0, 15, 30, 45) and self.random.randrange(2):
            text = f"{moment:%H}{colon}{moment:%M}.{moment.second * 100 // 60:02}"
        elif moment.second == moment.minute == 0 and self.random.randrange(2):
            text = f"{moment:%H}"
        offset = f"{moment:%z}"
        offset = offset if basic else f"{offset[:3]}:{offset[3:]}"
        return text + (self.random.choice(["", "Z", offset]) if offset[1:3] == offset[-2:] == "00"
                       else offset)

    def moment(self):
        micros = self.random.randrange(-(10**16), 5 * 10**15)
        unit = self.random.choice([1, 10**6, 15 * 10**6, 3600 * 10**6])
        micros -= micros % unit
        return datetime.datetime(1970, 1, 1, tzinfo=UTC) + datetime.timedelta(microseconds=micros)

    def timestamp(self):
        moment = self.moment()
        since = moment - datetime.datetime(1970, 1, 1, tzinfo=UTC)
        micros = since // datetime.timedelta(microseconds=1)
        shape = self.random.randrange(4)
        if shape == 0 and abs(micros) > 10**15:
            return self.number(f"{Decimal(micros).scaleb(-6):f}"), moment  # seconds
        if shape == 1 and abs(micros) >= 10**14:
            return self.number(f"{Decimal(micros).scaleb(-3):f}"), moment  # milliseconds
        minutes = self.random.choice([0, self.random.randrange(-23 * 60, 23 * 60)])
        zone = datetime.timezone(datetime.timedelta(minutes=minutes))
        local = moment.astimezone(zone)
        day = self.a_day(local.date())
        basic = "-" not in day
        text = day + self.random.choice("Tt" if basic else "Tt ") + self.clock(local, basic)
        return json.dumps(self.blanks(text)), moment

    def date(self):
        text, moment = self.timestamp()
        if text[0] == '"' and not json.loads(text).strip().lstrip("+-").replace(".", "").isdigit():
            text = json.loads(text).strip()
            day = self.moment().date()
            clock = text.replace("t", "T").replace(" ", "T").partition("T")[2]
            form = day.isoformat()
            if clock and ":" not in clock:
                form = form.replace("-", "")
            if clock and ":" not in clock and not clock[:4].isdigit():
                form = self.random.choice([form, day.isoformat()])
                clock = clock[:2]
            return json.dumps(f"{form}T{clock}" if clock else form), day
        return text, moment.date()

    def record(self, number):
        """A line, and the row that it is."""
        at, n, ok = self.timestamp(), self.integer(16), self.boolean()
        items = [self.integer(64) for _ in range(self.random.randrange(3))]
        fields = {
            "n": self.integer(32), "d": self.real(), "fl": self.float(), "dec": self.decimal(),
            "ok": self.boolean(), "s": self.string(), "t": self.timestamp(), "day": self.date(),
            "list": (f"[{','.join(text for text, _ in items)}]", [value for _, value in items]),
            "m": (f'{{"k":{ok[0]}}}', {"k": ok[1]}),
            "p": (f'{{"at":{at[0]},"n":{n[0]}}}', {"at": at[1], "n": n[1]}),
        }  # fmt: skip
        for name in list(fields):
            if self.random.randrange(10) == 0:
                fields[name] = ("null", None)
        texts = "".join(f',"{name}":{text}' for name, (text, _) in fields.items())
        row = {name: value for name, (_, value) in fields.items()}
        return f'{{"id":"{number}"{texts}}}', {"id": number, **row}


def records(seed, count):
    spelling = Spelling(seed)
    made = [spelling.record(number) for number in range(count)]
    return [line for line, _ in made], [row for _, row in made]


def rows_of(path):
    rows = DeltaTable(str(path)).to_pyarrow_table().to_pylist()
    return sorted(
        ({**row, "m": None if row["m"] is None else dict(row["m"])} for row in rows),
        key=lambda row: row["id"],
    )


def letters(data, pipeline, table):
    done = run("dead-letters", "list", table, "--format", "json", "--limit", "1000",
               "--pipeline", pipeline, data=data)  # fmt: skip
    return json.loads(done.stdout)


def test_random_values_in_every_spelling(pipeline, tmp_path):
    for seed in range(3):
        base = tmp_path / str(seed)
        base.mkdir()
        lines, rows = records(seed, ROWS)
        (base / "lenient.jsonl").write_text("\n".join(lines))
        (base / "mixed.jsonl").write_text("{}")
        run("batch", "--from", base, "--pipeline", pipeline, data=base / "data")
        assert letters(base / "data", pipeline, "raw") == []
        for table in ("raw", "clean"):
            found = rows_of(base / "data/store" / table)
            assert len(found) == ROWS
            for one, wanted, line in zip(found, rows, lines):
                assert one == wanted, line


def test_a_column_overrides_its_table(pipeline, tmp_path):
    (tmp_path / "lenient.jsonl").write_text("{}")
    (tmp_path / "mixed.jsonl").write_text('{"a":"1","b":2}\n{"a":3,"b":"4"}\n{"a":"5","b":"6"}\n')
    data = tmp_path / "data"
    run("batch", "--from", tmp_path, "--pipeline", pipeline, data=data)
    rows = {
        table: DeltaTable(str(data / "store" / table)).to_pyarrow_table().to_pylist()
        for table in ("mixed", "one")
    }
    assert rows == {"mixed": [{"a": 1, "b": 2}], "one": [{"a": 3, "b": 4}]}
    reasons = {letter["reason"] for letter in letters(data, pipeline, "mixed")}
    assert reasons == {f'column \'b\': expected an integer, found string "{n}"' for n in (4, 6)}


REASONS = [
    ('"n":"12x"',
     "column 'n': expected an integer, found string \"12x\" (lenient: number-in-text)"),
    ('"n":"1.5"',
     "column 'n': expected an integer, but 1.5 has a fraction (lenient: number-in-text)"),
    ('"n":"3000000000"',
     "column 'n': 3000000000 is out of range for int (lenient: number-in-text)"),
    ('"n":true', "column 'n': expected an integer, found boolean true"),
    ('"ok":"maybe"',
     "column 'ok': expected true or false, found string \"maybe\" (lenient: boolean-in-text)"),
    ('"ok":2', "column 'ok': expected true or false, found number 2 (lenient: number-as-boolean)"),
    ('"s":[1]', "column 's': expected a string, found array [1]"),
    ('"t":"12345"', "column 't': expected a time such as \"2018-09-03T07:12:45Z\", found string "
     "\"12345\" (lenient: epoch)"),
    ('"t":253402300800000', "column 't': expected a time such as \"2018-09-03T07:12:45Z\", found "
     "number 253402300800000 (lenient: epoch)"),
    ('"t":"3 May 2020"', "column 't': expected a time such as \"2018-09-03T07:12:45Z\", found "
     "string \"3 May 2020\" (lenient: time-in-text)"),
    ('"day":"2019-W53-1"', "column 'day': expected a date such as \"2018-09-03\", found string "
     "\"2019-W53-1\" (lenient: time-in-text)"),
    ('"day":20240101', "column 'day': expected a date such as \"2018-09-03\", found number "
     "20240101 (lenient: epoch)"),
    ('"list":["1","x"]', "column 'list': item 1: expected an integer, found string \"x\" "
     "(lenient: number-in-text)"),
]  # fmt: skip


def test_a_reason_names_the_rule(pipeline, tmp_path):
    lines = "".join(f"{{{member}}}\n" for member, _ in REASONS)
    (tmp_path / "lenient.jsonl").write_text(lines)
    (tmp_path / "mixed.jsonl").write_text("{}")
    data = tmp_path / "data"
    run("batch", "--from", tmp_path, "--pipeline", pipeline, data=data)
    found = {letter["line"]: letter["reason"] for letter in letters(data, pipeline, "raw")}
    assert found == {line: reason for line, (_, reason) in enumerate(REASONS, 1)}


def test_a_stream(pipeline, tmp_path):
    lines, rows = records(7, 300)
    path = tmp_path / "store/live"
    with Server(tmp_path, "--pipeline", pipeline) as server:
        entries = [{"Data": line.encode(), "PartitionKey": "k"} for line in lines]
        kinesis(server.url).put_records(StreamName="lenient", Records=entries)
        end = time.monotonic() + WAIT_SECONDS_MAX
        while not path.exists() or len(rows_of(path)) < len(rows):
            assert time.monotonic() < end, "the rows do not arrive"
            time.sleep(0.2)
    assert rows_of(path) == rows
