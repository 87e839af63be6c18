"""The batch path from the HTTP request to the column, held to its contract by a second opinion.

Records are posted as the real producers do, and what they must become is either written down here
case by case or computed by the plain Python below, which shares nothing with the program's SQL.
"""

import json
import random
import re
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pytest
import requests
from deltalake import DeltaTable

from pinion import Server, query, run

UID = "0e3bbd435bfb"
KINDS = ("pin", "geo", "user")
JSON_V2 = {"Content-Type": "application/vnd.kafka.json.v2+json"}
LANDED_SECONDS_MAX = 30


def post(url, kind, values, stage="/test", headers=None):
    """Posts values as one request; every record must have been acknowledged."""
    body = json.dumps({"records": [{"value": value} for value in values]}, default=str)
    answer = requests.post(
        f"{url}{stage}/topics/{UID}.{kind}", data=body, headers=headers or JSON_V2, timeout=30
    )
    assert answer.status_code == 200, answer.text
    entries = answer.json()["offsets"]
    assert len(entries) == len(values)
    assert all(entry["error_code"] is None and entry["error"] is None for entry in entries)
    return [entry["offset"] for entry in entries]


def run_dag(data, *more):
    run("dag", "trigger", "batch_processing_dag", "--wait", "-q", *more, data=data)


def delta(data, path):
    """A table as delta-rs reads it."""
    return DeltaTable(str(data / "store/delta_tables" / path)).to_pyarrow_table()


def by_key(table, key="ind"):
    rows = table.to_pylist()
    keyed = {row[key]: row for row in rows}
    assert len(keyed) == len(rows), "a key is there twice"
    return keyed


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


# --- the rules, once more ---------------------------------------------------------------------

NOTHING = {
    "", "No Title Data Available", "No description available Story format",
    "No description available", "User Info Error", "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",
    "Image src error.", "Image src error",
}  # fmt: skip


def text(value):
    return None if value in NOTHING else value


def followers(value):
    found = re.fullmatch(r"(\d+)(?:\.(\d+))?([kM]?)", value or "", re.ASCII)
    if not found:
        return None
    whole, fraction, unit = found.groups()
    factor = {"k": 1000, "M": 1000000, "": 1}[unit]
    number = int(whole) * factor + int(fraction or 0) * factor // 10 ** len(fraction or "")
    return number if number < 2**31 else None


def instant(value):
    if isinstance(value, dict):
        value = value["$date"]
    for form in ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y, %H:%M:%S",
                 "%Y:%m:%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"):  # fmt: skip
        try:
            return datetime.strptime(value or "", form).replace(tzinfo=timezone.utc)
        except ValueError:
            pass
    return None


def real(number):
    return None if number is None else float(number)


def key_of(row):
    return next(row[name] for name in ("index", "ind", "idx") if name in row)


def clean_pin(row):
    place = row.get("save_location") or ""
    texts = ("unique_id", "title", "description", "poster_name", "tag_list",
             "is_image_or_video", "image_src", "category")  # fmt: skip
    return {
        "ind": key_of(row),
        "follower_count": followers(row.get("follower_count")),
        "save_location": place[place.index("/") :] if "/" in place else None,
        **{name: text(row.get(name)) for name in texts},
    }


def clean_geo(row):
    return {
        "ind": key_of(row),
        "country": row.get("country"),
        "coordinates": {name: real(row.get(name)) for name in ("latitude", "longitude")},
        "timestamp": instant(row.get("timestamp")),
    }


def clean_user(row):
    first, last = row.get("first_name"), row.get("last_name")
    return {
        "ind": key_of(row),
        "user_name": None if first is None or last is None else first + last,
        "age": row.get("age"),
        "date_joined": instant(row.get("date_joined")),
    }


CLEAN = {"pin": clean_pin, "geo": clean_geo, "user": clean_user}

SCHEMAS = {
    "raw/pin": [
        ("index", pa.int64()), ("unique_id", pa.string()), ("title", pa.string()),
        ("description", pa.string()), ("poster_name", pa.string()),
        ("follower_count", pa.string()), ("tag_list", pa.string()),
        ("is_image_or_video", pa.string()), ("image_src", pa.string()),
        ("downloaded", pa.int64()), ("save_location", pa.string()), ("category", pa.string()),
    ],
    "raw/geo": [
        ("ind", pa.int64()), ("timestamp", pa.string()), ("latitude", pa.float64()),
        ("longitude", pa.float64()), ("country", pa.string()),
    ],
    "raw/user": [
        ("ind", pa.int64()), ("first_name", pa.string()), ("last_name", pa.string()),
        ("age", pa.int64()), ("date_joined", pa.string()),
    ],
    "transformed/geo": [
        ("ind", pa.int64()), ("country", pa.string()),
        ("coordinates", pa.struct([("latitude", pa.float64()), ("longitude", pa.float64())])),
        ("timestamp", pa.timestamp("us", tz="UTC")),
    ],
    "transformed/pin": [
        ("ind", pa.int64()), ("unique_id", pa.string()), ("title", pa.string()),
        ("description", pa.string()), ("follower_count", pa.int32()),
        ("poster_name", pa.string()), ("tag_list", pa.string()),
        ("is_image_or_video", pa.string()), ("image_src", pa.string()),
        ("save_location", pa.string()), ("category", pa.string()),
    ],
    "transformed/user": [
        ("ind", pa.int64()), ("user_name", pa.string()), ("age", pa.int64()),
        ("date_joined", pa.timestamp("us", tz="UTC")),
    ],
}  # fmt: skip


# --- cases, one record each -------------------------------------------------------------------

# What is posted as a pin beside its key, and what of it must be in the clean row.
PINS = [
    ({"follower_count": "124k"}, {"follower_count": 124_000}),
    ({"follower_count": "5M"}, {"follower_count": 5_000_000}),
    ({"follower_count": "873"}, {"follower_count": 873}),
    ({"follower_count": "0"}, {"follower_count": 0}),
    ({"follower_count": "1.2M"}, {"follower_count": 1_200_000}),
    ({"follower_count": "1.5k"}, {"follower_count": 1_500}),
    ({"follower_count": "0.1k"}, {"follower_count": 100}),
    ({"follower_count": "2147483647"}, {"follower_count": 2_147_483_647}),
    ({"follower_count": "2147483648"}, {"follower_count": None}),
    ({"follower_count": "9999M"}, {"follower_count": None}),
    ({"follower_count": "99999999999999999999999999"}, {"follower_count": None}),
    ({"follower_count": "User Info Error"}, {"follower_count": None}),
    ({"follower_count": ""}, {"follower_count": None}),
    ({"follower_count": None}, {"follower_count": None}),
    ({}, {"follower_count": None}),
    ({"follower_count": "12kk"}, {"follower_count": None}),
    ({"follower_count": "k"}, {"follower_count": None}),
    ({"follower_count": "M5"}, {"follower_count": None}),
    ({"follower_count": "many"}, {"follower_count": None}),
    ({"follower_count": "-5"}, {"follower_count": None}),
    ({"follower_count": "1e3"}, {"follower_count": None}),
    ({"follower_count": "1,200"}, {"follower_count": None}),
    ({"title": "No Title Data Available"}, {"title": None}),
    ({"title": "no title data available"}, {"title": "no title data available"}),
    ({"description": "No description available Story format"}, {"description": None}),
    ({"description": "No description available"}, {"description": None}),
    ({"description": "No description available, sorry"},
     {"description": "No description available, sorry"}),
    ({"poster_name": "User Info Error"}, {"poster_name": None}),
    ({"tag_list": "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e"}, {"tag_list": None}),
    ({"tag_list": "Art,Beauty,Décor"}, {"tag_list": "Art,Beauty,Décor"}),
    ({"image_src": "Image src error."}, {"image_src": None}),
    ({"image_src": "Image src error"}, {"image_src": None}),
    ({"image_src": "https://i.pinimg.com/a.jpg"}, {"image_src": "https://i.pinimg.com/a.jpg"}),
    ({name: "" for name in ("unique_id", "title", "description", "poster_name", "tag_list",
                            "is_image_or_video", "image_src", "save_location", "category")}, {}),
    ({name: None for name in ("unique_id", "title", "description", "poster_name", "tag_list",
                              "is_image_or_video", "image_src", "save_location", "category",
                              "downloaded")}, {}),
    # An anomaly is nothing in every column, not only in its own.
    ({"title": "User Info Error", "category": "Image src error.",
      "poster_name": "No Title Data Available", "unique_id": "No description available"}, {}),
    ({"save_location": "Local save in /data/mens-fashion"},
     {"save_location": "/data/mens-fashion"}),
    ({"save_location": "/data/a b/c"}, {"save_location": "/data/a b/c"}),
    ({"save_location": "nowhere"}, {"save_location": None}),
    ({"is_image_or_video": "multi-video(story page format)", "downloaded": 1},
     {"is_image_or_video": "multi-video(story page format)"}),
    ({"title": "Décor \U0001f384\U0001f469‍\U0001f3a8 日本語 עברית", "description": 'line\nbreak\r\n\t"quoted" \\ \'it\'s\' / <b>'},
     {"title": "Décor \U0001f384\U0001f469‍\U0001f3a8 日本語 עברית",
      "description": 'line\nbreak\r\n\t"quoted" \\ \'it\'s\' / <b>'}),
    ({"title": "a, b; c | d", "poster_name": "NULL", "category": "null"},
     {"title": "a, b; c | d", "poster_name": "NULL", "category": "null"}),
    ({"title": " ", "category": " art "}, {"title": " ", "category": " art "}),
    ({"title": "\u2028\u2029\x7f\x01"}, {"title": "\u2028\u2029\x7f\x01"}),
    ({"description": "x" * 100_000}, {"description": "x" * 100_000}),
    ({"extra": {"deep": [1, {"a": None}]}, "category": "art"}, {"category": "art"}),
]  # fmt: skip

# A date as clients send it, and the instant.
DATES = [
    ("2020-08-28T03:52:47", utc(2020, 8, 28, 3, 52, 47)),
    ("2020-08-28 03:52:47", utc(2020, 8, 28, 3, 52, 47)),
    ("08/28/2020, 03:52:47", utc(2020, 8, 28, 3, 52, 47)),
    ("2020:08:28 03:52:47", utc(2020, 8, 28, 3, 52, 47)),
    ({"$date": "2020-08-28T03:52:47Z"}, utc(2020, 8, 28, 3, 52, 47)),
    ({"$date": "2020-08-28T03:52:47.000Z"}, utc(2020, 8, 28, 3, 52, 47)),
    ("2020-08-28T03:52:47Z", utc(2020, 8, 28, 3, 52, 47)),
    ("2020-08-28T03:52:47+02:00", utc(2020, 8, 28, 1, 52, 47)),
    ("2020-08-28T03:52:47.123456", utc(2020, 8, 28, 3, 52, 47, 123456)),
    ("2020-02-29 23:59:59", utc(2020, 2, 29, 23, 59, 59)),
    ("2018-10-28 02:30:00", utc(2018, 10, 28, 2, 30)),
    ("1969-12-31 23:59:59", utc(1969, 12, 31, 23, 59, 59)),
    ("2021-02-29 00:00:00", None),
    ("2020-13-01 00:00:00", None),
    ("2020-08-28 25:00:00", None),
    ("28/08/2020, 03:52:47", None),
    ("yesterday", None),
    ("1598586767", None),
    ("", None),
    (None, None),
]

# Names as (first, last), and the user's name.
NAMES = [
    (("Zoë", "O'Neil"), "ZoëO'Neil"),
    (("Mary Ann", "Smith"), "Mary AnnSmith"),
    ((None, "Smith"), None),
    (("Mary", None), None),
    ((None, None), None),
    (("", "Smith"), "Smith"),
    (("李", "\U0001f600"), "李\U0001f600"),
]

# What can't become a row, and what its dead letter's reason must speak of.
NO_ROWS = [
    ("pin", {"index": "12"}, "'index'"),
    ("pin", {"index": 1.5}, "'index'"),
    ("pin", {"index": True}, "'index'"),
    ("pin", {"index": [1]}, "'index'"),
    ("pin", {"index": 2**63}, "'index'"),
    ("pin", {"index": None, "title": "t"}, "'index'"),
    ("pin", {"title": "no key"}, "'index'"),
    ("pin", {}, "'index'"),
    ("pin", {"index": 1, "title": 5}, "'title'"),
    ("pin", {"index": 1, "follower_count": {"n": 5}}, "'follower_count'"),
    ("pin", 0, "number"),
    ("pin", False, "boolean"),
    ("pin", "", "string"),
    ("pin", "not an object", "string"),
    ("pin", [], "array"),
    ("pin", None, "tombstone"),
    ("geo", {"ind": "x"}, "'ind'"),
    ("geo", {"ind": 1, "latitude": "1.5"}, "'latitude'"),
    ("user", {"ind": {}}, "'ind'"),
    ("user", {"ind": 1, "age": "thirty"}, "'age'"),
    ("user", {"ind": 1, "date_joined": {"$date": 1}}, "'date_joined'"),
]


class Case:
    """What the cases above became; everything is posted record by record and loaded once."""

    def __init__(self, data):
        self.data = data
        self.dates_from = 1000
        with Server(data) as server:
            for index, (fields, _) in enumerate(PINS):
                post(server.url, "pin", [{"index": index, **fields}])
            for index, (value, _) in enumerate(DATES):
                key = self.dates_from + index
                row = {"ind": key, "latitude": 1.5, "longitude": -2, "country": "Åland"}
                post(server.url, "geo", [{**row, "timestamp": value}])
                row = {"ind": key, "first_name": "A", "last_name": "B", "age": 18}
                post(server.url, "user", [{**row, "date_joined": value}])
            for index, ((first, last), _) in enumerate(NAMES):
                row = {"ind": index, "first_name": first, "last_name": last}
                post(server.url, "user", [{k: v for k, v in row.items() if v is not None}])
                post(server.url, "user", [{**row, "ind": index + 100}])
            for kind in KINDS:  # either spelling of the key, in each of the three
                post(server.url, kind, [{"ind": 7001}])
                post(server.url, kind, [{"index": 7002}])
                post(server.url, kind, [{"ind": -7003}])
                post(server.url, kind, [{"index": 2**63 - 1}])
            self.offsets = [
                (kind, value, reason, post(server.url, kind, [value])[0])
                for kind, value, reason in NO_ROWS
            ]
            run_dag(data)
        self.clean = {kind: by_key(delta(data, f"transformed/{kind}")) for kind in KINDS}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return Case(tmp_path_factory.mktemp("case") / "data")


def test_pins_become_what_the_rules_say(case):
    for index, (fields, wanted) in enumerate(PINS):
        row = {name: None for name in case.clean["pin"][index]} | {"ind": index} | wanted
        assert case.clean["pin"][index] == row, fields


def test_the_python_of_this_file_agrees_with_the_cases(case):
    for index, (fields, _) in enumerate(PINS):
        assert clean_pin({"index": index, **fields}) == case.clean["pin"][index]


def test_dates_become_instants(case):
    for index, (value, wanted) in enumerate(DATES):
        key = case.dates_from + index
        assert case.clean["geo"][key] == {
            "ind": key, "country": "Åland", "timestamp": wanted,
            "coordinates": {"latitude": 1.5, "longitude": -2.0},
        }, value  # fmt: skip
        assert case.clean["user"][key] == {
            "ind": key, "user_name": "AB", "age": 18, "date_joined": wanted,
        }, value  # fmt: skip


def test_names_are_joined_unless_a_part_is_null(case):
    for index, (parts, wanted) in enumerate(NAMES):
        assert case.clean["user"][index]["user_name"] == wanted, parts
        assert case.clean["user"][index + 100]["user_name"] == wanted, parts


@pytest.mark.parametrize("kind", KINDS)
def test_either_spelling_is_the_key(case, kind):
    assert {7001, 7002, -7003, 2**63 - 1} <= case.clean[kind].keys()


@pytest.mark.parametrize("path", SCHEMAS)
def test_columns_are_in_order_and_of_their_types(case, path):
    assert [(field.name, field.type) for field in delta(case.data, path).schema] == SCHEMAS[path]


def test_nothing_more_became_a_row(case):
    more = 4  # the spellings of the key
    assert len(case.clean["pin"]) == len(PINS) + more
    assert len(case.clean["geo"]) == len(DATES) + more
    assert len(case.clean["user"]) == len(DATES) + 2 * len(NAMES) + more


def test_what_is_no_row_is_a_dead_letter_with_its_reason(case):
    letters = delta(case.data, "dead_letters").to_pylist()
    assert len(letters) == len(NO_ROWS)
    for kind, value, reason, offset in case.offsets:
        topic = f"{UID}.{kind}"
        found = [letter for letter in letters if place_of(case.data, letter) == (topic, offset)]
        assert len(found) == 1, f"{topic}@{offset}: {value}"
        letter = found[0]
        assert reason in letter["reason"], letter
        assert (letter["table"], letter["partition"]) == (f"raw_{kind}", 0)
        if value is not None:
            assert json.loads(letter["value"]) == value


def place_of(data, letter):
    """Topic and offset of a dead letter: told by itself, or by the line of its object."""
    if letter["offset"] is not None:
        return letter["topic"], letter["offset"]
    lines = (data / "store" / letter["object"]).read_text().split("\n")
    assert lines[letter["line"] - 1] == letter["value"]
    first = int(letter["object"].removesuffix(".json").rsplit("+", 1)[1])
    return letter["topic"], first + letter["line"] - 1


def test_a_second_run_makes_the_same_tables(case):
    run_dag(case.data)
    for kind in KINDS:
        assert by_key(delta(case.data, f"transformed/{kind}")) == case.clean[kind]
    assert delta(case.data, "dead_letters").num_rows == len(NO_ROWS)


def test_pinion_query_answers_what_delta_rs_reads(case):
    def plain(value):
        if isinstance(value, datetime):
            return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return value

    for kind in KINDS:
        rows = query(f'SELECT * FROM "{kind}" ORDER BY ind', case.data)
        for row in rows:
            read = {name: plain(value) for name, value in case.clean[kind][row["ind"]].items()}
            told = {
                name: plain(datetime.fromisoformat(value.replace("Z", "+00:00")))
                if name in ("timestamp", "date_joined") and value is not None else value
                for name, value in row.items()
            }  # fmt: skip
            assert told == read
        assert len(rows) == len(case.clean[kind])


# --- landing ----------------------------------------------------------------------------------

AWKWARD = [
    {"index": 0, "title": "a\nb\r\n\"c\"\\ \U0001f600 \u2028"},
    {"index": 1, "description": " spaces  stay ", "tag_list": ""},
    {"index": 2, "nested": {"list": [0, False, {}, "", None, -0.0, 1e300]}},
    0, False, {}, "", [], "text", -1.5, 12345678901234567890,
]  # fmt: skip


def objects(data, topic, partition=0):
    folder = data / "store/topics" / topic / f"partition={partition}"
    return {path.name: path for path in sorted(folder.glob("*"))} if folder.exists() else {}


def test_flush_size_1_lands_an_object_a_record(data):
    topic = f"{UID}.pin"
    with Server(data, "--set", "sink.flush_size=1") as server:
        for value in AWKWARD:
            post(server.url, "pin", [value])
        run_dag(data, "--set", "sink.flush_size=1")
    landed = objects(data, topic)
    names = [f"{topic}+0+{offset:010}.json" for offset in range(len(AWKWARD))]
    assert list(landed) == names
    for name, value in zip(names, AWKWARD, strict=True):
        line = landed[name].read_bytes()
        assert line.count(b"\n") == 1 and line.endswith(b"\n")
        read = json.loads(line)
        assert read == value and type(read) is type(value)


def test_the_default_lands_one_object_of_lines_in_order(data):
    values = [{"ind": n, "country": "Ö" * (n % 7)} for n in range(300)]
    with Server(data) as server:
        post(server.url, "geo", values[:1])
        post(server.url, "geo", values[1:])
        run_dag(data)
    landed = objects(data, f"{UID}.geo")
    lines = []
    for name, path in landed.items():  # the ten seconds of rotation may have cut once more
        assert name == f"{UID}.geo+0+{len(lines):010}.json"
        lines += path.read_text().splitlines()
    assert [json.loads(line) for line in lines] == values
    assert len(landed) <= 2


def test_objects_are_cut_at_the_flush_size(data):
    values = [{"ind": n} for n in range(23)]
    with Server(data, "--set", "sink.flush_size=5") as server:
        for value in values:
            post(server.url, "user", [value])
        run_dag(data)
    landed = objects(data, f"{UID}.user")
    assert list(landed) == [f"{UID}.user+0+{first:010}.json" for first in (0, 5, 10, 15, 20)]
    assert [len(path.read_text().splitlines()) for path in landed.values()] == [5, 5, 5, 5, 3]


def test_a_quiet_topic_lands_without_a_dag(data):
    with Server(data, "--set", "sink.rotate_interval_ms=100ms") as server:
        post(server.url, "pin", [{"index": 1}])
        deadline = time.monotonic() + LANDED_SECONDS_MAX
        while not objects(data, f"{UID}.pin"):
            assert time.monotonic() < deadline, "nothing landed"
            time.sleep(0.02)
    assert list(objects(data, f"{UID}.pin")) == [f"{UID}.pin+0+{0:010}.json"]


def murmur2(octets):
    """Kafka's default partitioner, from its description."""
    mask, mix = 0xFFFFFFFF, 0x5BD1E995
    value = (0x9747B28C ^ len(octets)) & mask
    whole = len(octets) // 4 * 4
    for at in range(0, whole, 4):
        part = int.from_bytes(octets[at : at + 4], "little") * mix & mask
        part = (part ^ part >> 24) * mix & mask
        value = (value * mix & mask) ^ part
    if octets[whole:]:
        value = (value ^ int.from_bytes(octets[whole:], "little")) * mix & mask
    value = (value ^ value >> 13) * mix & mask
    return value ^ value >> 15


def test_several_partitions_land_side_by_side(data, tmp_path):
    folder = tmp_path / "pipeline"
    run("init", folder)
    definition = (folder / "pipeline.yml").read_text()
    one = f"{UID}.pin: {{partitions: 1}}"
    assert one in definition
    (folder / "pipeline.yml").write_text(definition.replace(one, f"{UID}.pin: {{partitions: 3}}"))
    wanted = {partition: [] for partition in range(3)}
    with Server(data, "--pipeline", folder) as server:
        topic = f"{server.url}/topics/{UID}.pin"
        for number in range(60):
            key, value = f"key {number % 17}", {"index": number}
            partition = (murmur2(json.dumps(key).encode()) & 0x7FFFFFFF) % 3
            body = {"records": [{"key": key, "value": value}]}
            entry = requests.post(topic, json=body, headers=JSON_V2, timeout=30).json()
            entry = entry["offsets"][0]
            assert (entry["partition"], entry["offset"]) == (partition, len(wanted[partition]))
            wanted[partition].append(value)
        for number in range(60, 90):
            body = {"records": [{"value": {"index": number}}]}
            answer = requests.post(f"{topic}/partitions/2", json=body, headers=JSON_V2, timeout=30)
            assert answer.json()["offsets"][0]["partition"] == 2
            wanted[2].append({"index": number})
        for number in range(90, 120):  # no key: not all of them on one partition
            body = {"records": [{"value": {"index": number}}]}
            entry = requests.post(topic, json=body, headers=JSON_V2, timeout=30).json()
            wanted[entry["offsets"][0]["partition"]].append({"index": number})
        assert all(any(value["index"] >= 90 for value in part) for part in wanted.values())
        run_dag(data, "--pipeline", folder)
        refused = requests.post(
            f"{topic}/partitions/3", json=body, headers=JSON_V2, timeout=30
        )
        assert (refused.status_code, refused.json()["error_code"]) == (404, 40402)
    for partition, values in wanted.items():
        lines = []
        for name, path in objects(data, f"{UID}.pin", partition).items():
            assert name == f"{UID}.pin+{partition}+{len(lines):010}.json"
            lines += path.read_text().splitlines()
        assert [json.loads(line) for line in lines] == values
    keys = delta(data, "raw/pin").column("index").to_pylist()
    assert sorted(keys) == list(range(120))


@pytest.mark.parametrize("stage", ["", "/prod", "/Dev", "/milestone5", "/0e3bbd435bfb-stage"])
@pytest.mark.parametrize("headers", [
    {"Content-Type": "application/vnd.kafka.json.v2+json", "Accept": "application/vnd.kafka.v2+json"},
    {"Content-Type": "application/json"},
    {"Content-Type": "application/vnd.kafka.json.v2+json; charset=utf-8", "Accept": "*/*"},
])  # fmt: skip
def test_any_stage_and_both_content_types(case_server, stage, headers):
    offsets = post(case_server.url, "pin", [{"index": 1}], stage=stage, headers=headers)
    again = post(case_server.url, "pin", [{"index": 1}], stage=stage, headers=headers)
    assert again == [offsets[0] + 1]


@pytest.fixture(scope="module")
def case_server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("stages") / "data") as server:
        yield server


# --- many rows, nine queries ------------------------------------------------------------------

ROWS = 2200


class Made:
    """Random records with every anomaly, some keys twice, some missing in one of the three."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.countries = [f"Country {n}" for n in range(40)] + ["Côte d'Ivoire", ""]
        self.posters = [f"Poster {n} \U0001f3a8" for n in range(150)]
        keys = list(range(ROWS))
        self.rows = {
            "pin": [self.pin(k) for k in keys if k % 97] + [self.pin(k) for k in keys[::111]],
            "geo": [self.geo(k) for k in keys if k % 89],
            "user": [self.user(k) for k in keys if k % 83],
        }

    def either(self, chance, rare, usual):
        return self.random.choice(rare) if self.random.random() < chance else usual

    def posted(self, key, usual, row):
        """With one of the key's names; a value that is `...` is a missing key."""
        name = self.either(0.1, ["index", "ind", "idx"], usual)
        return {name: key} | {name: value for name, value in row.items() if value is not ...}

    def pin(self, key):
        count = self.random.choice([
            f"{self.random.randint(1, 999)}k", f"{self.random.randint(1, 9)}M",
            f"{self.random.randint(0, 9)}.{self.random.randint(0, 9)}M",
            str(self.random.randint(0, 999)), f"{self.random.randint(1, 5)}k",
        ])  # fmt: skip
        none = ["", None, ...]
        return self.posted(key, "index", {
            "unique_id": f"id-{key}",
            "title": self.either(0.1, ["No Title Data Available", *none], f"Title\n\"{key}\" é"),
            "description": self.either(
                0.2, ["No description available", "No description available Story format", *none],
                "words " * self.random.randint(1, 40)),
            "poster_name": self.either(
                0.05, ["User Info Error", *none], self.random.choice(self.posters)),
            "follower_count": self.either(0.1, ["User Info Error", "lots", "1.2.3k", *none], count),
            "tag_list": self.either(0.1, ["N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e", *none], "a,b"),
            "is_image_or_video": self.random.choice(
                ["image", "video", "multi-video(story page format)"]),
            "image_src": self.either(
                0.1, ["Image src error.", "Image src error", *none], "https://i/x.jpg"),
            "downloaded": self.random.randint(0, 1),
            "save_location": self.either(0.1, ["nowhere", *none], "Local save in /data/x"),
            "category": self.either(
                0.05, none, self.random.choice(["art", "beauty", "diy-and-crafts", "travel"])),
        })  # fmt: skip

    def date(self, year, years):
        when = datetime(year, 1, 1) + timedelta(seconds=self.random.randrange(years * 31_536_000))
        form = self.random.choice(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y, %H:%M:%S",
                                   "%Y:%m:%d %H:%M:%S", "$date"])  # fmt: skip
        if form == "$date":
            return {"$date": when.strftime("%Y-%m-%dT%H:%M:%SZ")}
        return self.either(0.03, ["soon", "2019-02-30 00:00:00", "", None, ...], when.strftime(form))

    def geo(self, key):
        country = self.countries[min(int(self.random.expovariate(0.15)), len(self.countries) - 1)]
        return self.posted(key, "ind", {
            "timestamp": self.date(2017, 6),
            "latitude": self.either(0.02, [None, ..., 0, -90], self.random.uniform(-90, 90)),
            "longitude": self.either(0.02, [None, ..., 0, 180], self.random.uniform(-180, 180)),
            "country": self.either(0.03, [None, ...], country),
        })  # fmt: skip

    def user(self, key):
        first = self.random.choice(["Ana", "Björn", "Chloé", "Dan"])
        last = f"{self.random.choice('ABCDEFGHIJ')}{self.random.randint(0, 40)}"
        return self.posted(key, "ind", {
            "first_name": self.either(0.03, [None, ..., ""], first),
            "last_name": self.either(0.03, [None, ...], last),
            "age": self.either(0.05, [None, ..., 0, 17, 18, 24, 25, 35, 36, 50, 51, 120],
                               self.random.randint(15, 60)),
            "date_joined": self.date(2015, 3),
        })  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    data = tmp_path_factory.mktemp("made") / "data"
    made = Made(20261123)
    with Server(data, "--set", "sink.flush_size=500") as server:
        for kind, rows in made.rows.items():
            for start in range(0, len(rows), 100):
                post(server.url, kind, rows[start : start + 100])
        run_dag(data)
    made.data = data
    made.clean = {kind: [CLEAN[kind](row) for row in rows] for kind, rows in made.rows.items()}
    return made


def counted(rows):
    return Counter(json.dumps(row, sort_keys=True, default=str) for row in rows)


@pytest.mark.parametrize("kind", KINDS)
def test_many_rows_are_cleaned(made, kind):
    assert counted(delta(made.data, f"transformed/{kind}").to_pylist()) == counted(
        made.clean[kind]
    )
    assert delta(made.data, "dead_letters").num_rows == 0


@pytest.mark.parametrize("kind", KINDS)
def test_many_rows_are_loaded_as_they_are(made, kind):
    table = delta(made.data, f"raw/{kind}")
    key = "index" if kind == "pin" else "ind"

    def raw(row):
        values = {name: row.get(name) for name in table.column_names} | {key: key_of(row)}
        return {
            name: value["$date"] if isinstance(value, dict)
            else real(value) if name in ("latitude", "longitude")
            else value
            for name, value in values.items()
        }  # fmt: skip

    assert counted(table.to_pylist()) == counted(map(raw, made.rows[kind]))


def age_group(age):
    for name, least, most in (("18-24", 18, 24), ("25-35", 25, 35), ("36-50", 36, 50)):
        if age is not None and least <= age <= most:
            return name
    return "+50"


def year(when):
    return None if when is None else when.year


def grouped(pairs):
    groups = {}
    for group, value in pairs:
        groups.setdefault(group, []).append(value)
    return groups


def lower_median(values):
    return sorted(values)[(len(values) + 1) // 2 - 1]


class Answers:
    """The nine answers, from the clean rows, as sets of tuples."""

    def __init__(self, clean):
        places = grouped((row["ind"], row) for row in clean["geo"])
        people = grouped((row["ind"], row) for row in clean["user"])
        self.users = clean["user"]
        self.with_geo = [(p, g) for p in clean["pin"] for g in places.get(p["ind"], [])]
        self.with_user = [(p, u) for p in clean["pin"] for u in people.get(p["ind"], [])]

    def most(self, pairs, ties):
        answer = set()
        for group, values in grouped(pairs).items():
            counts = Counter(values)
            top = max(counts.values())
            best = [value for value, count in counts.items() if count == top]
            if not ties:
                best = [min(best, key=lambda value: (value is None, value or ""))]
            answer |= {(group, value, top) for value in best}
        return answer

    def medians(self, pairs):
        groups = grouped((group, value) for group, value in pairs if value is not None)
        return {(group, lower_median(values)) for group, values in groups.items()}

    def popular_category_by_country(self):
        return self.most(((g["country"], p["category"]) for p, g in self.with_geo), True)

    def popular_category_by_year(self):
        return self.most(((year(g["timestamp"]), p["category"]) for p, g in self.with_geo), True)

    def most_followed_user_by_country(self):
        def order(pin):
            count, name = pin["follower_count"], pin["poster_name"]
            return (count is None, -(count or 0), name is None, name or "")

        groups = grouped((g["country"], p) for p, g in self.with_geo)
        best = {country: min(pins, key=order) for country, pins in groups.items()}
        return {(country, p["poster_name"], p["follower_count"]) for country, p in best.items()}

    def country_with_most_followed_user(self):
        top = max(p["follower_count"] or 0 for p, _ in self.with_geo)
        countries = {g["country"] for p, g in self.with_geo if p["follower_count"] == top}
        return {(min(country for country in countries if country is not None), top)}

    def popular_category_by_age_group(self):
        return self.most(((age_group(u["age"]), p["category"]) for p, u in self.with_user), False)

    def median_followers_by_age_group(self):
        return self.medians((age_group(u["age"]), p["follower_count"]) for p, u in self.with_user)

    def users_joined_by_year(self):
        dates = grouped((u["user_name"], u["date_joined"]) for u in self.users)
        dates.pop(None, None)
        firsts = [min((d for d in found if d), default=None) for found in dates.values()]
        return set(Counter(map(year, firsts)).items())

    def median_followers_by_joining_year(self):
        return self.medians(
            (year(u["date_joined"]), p["follower_count"]) for p, u in self.with_user
        )

    def median_followers_by_joining_year_and_age_group(self):
        medians = self.medians(
            ((year(u["date_joined"]), age_group(u["age"])), p["follower_count"])
            for p, u in self.with_user
        )
        return {(joined, group, median) for (joined, group), median in medians}


COLUMNS = {
    "popular_category_by_country": ["country", "category", "category_count"],
    "popular_category_by_year": ["post_year", "category", "category_count"],
    "most_followed_user_by_country": ["country", "poster_name", "follower_count"],
    "country_with_most_followed_user": ["country", "follower_count"],
    "popular_category_by_age_group": ["age_group", "category", "category_count"],
    "median_followers_by_age_group": ["age_group", "median_follower_count"],
    "users_joined_by_year": ["post_year", "number_users_joined"],
    "median_followers_by_joining_year": ["post_year", "median_follower_count"],
    "median_followers_by_joining_year_and_age_group":
        ["post_year", "age_group", "median_follower_count"],
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_a_query_answers_what_plain_python_computes(made, name):
    rows = query(name, made.data)
    assert rows and all(list(row) == COLUMNS[name] for row in rows)
    answered = [tuple(row.values()) for row in rows]
    assert len(set(answered)) == len(answered)
    assert set(answered) == getattr(Answers(made.clean), name)()


def test_queries_are_listed_and_nothing_else(made):
    listed = json.loads(run("query", "--list", "--format", "json", data=made.data).stdout)
    assert {entry["query"] for entry in listed} == set(COLUMNS)
    shipped = Path(__file__).parents[2] / "pipelines/pinterest/queries"
    assert {path.stem for path in shipped.glob("*.sql")} == set(COLUMNS)


def test_ties_and_duplicates_are_among_the_rows(made):
    """The rows above hold what the rules are about; without it the tests would prove nothing."""
    answers = Answers(made.clean)
    countries = [row[0] for row in answers.popular_category_by_country()]
    assert len(countries) > len(set(countries)), "no tie"
    assert any(count > 1 for count in Counter(p["ind"] for p in made.clean["pin"]).values())
    for kind, column in (("pin", "follower_count"), ("geo", "timestamp"), ("user", "user_name")):
        values = [row[column] for row in made.clean[kind]]
        assert None in values and any(value is not None for value in values)
