"""The batch path from the HTTP request to the column, case by case.

Records are posted one by one as the real producers do; what each must become is written beside it.
"""

import base64
import json
from datetime import datetime, timezone

import pytest

from contract import KINDS, SCHEMAS, UID, clean_pin, delta, post, run_dag
from pinion import Server, query


def by_key(table, key="ind"):
    rows = table.to_pylist()
    keyed = {row[key]: row for row in rows}
    assert len(keyed) == len(rows), "a key is there twice"
    return keyed


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


PICTURES = "Décor \U0001f384\U0001f469\u200d\U0001f3a8 日本語 עברית"
MARKS = 'line\nbreak\r\n\t"quoted" \\ \'it\'s\' / <b>'

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
    ({"title": PICTURES, "description": MARKS}, {"title": PICTURES, "description": MARKS}),
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

# How producers wrap the row of a user, as the record's value.
WRAPPINGS = [
    lambda row: [row],
    lambda row: {"value": row},
    lambda row: [{"value": row}],
    lambda row: json.dumps(row),
    lambda row: json.dumps([row], indent=2),
    lambda row: base64.b64encode(json.dumps(row).encode()).decode(),
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
    ("pin", [[{"index": 1}]], "array"),
    ("pin", {"value": {"index": "12"}}, "'index'"),
    ("pin", json.dumps({"title": "no key"}), "'index'"),
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
        self.wrapped_from = 2000
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
            for index, wrap in enumerate(WRAPPINGS):
                row = {"ind": self.wrapped_from + index, "first_name": "Zoë", "last_name": "B"}
                post(server.url, "user", [wrap(row)])
            many = [{"ind": 3000 + i, "first_name": "C", "last_name": "D"} for i in range(50)]
            post(server.url, "user", [many])
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


def test_wrapped_rows_are_rows(case):
    for index in range(len(WRAPPINGS)):
        assert case.clean["user"][case.wrapped_from + index]["user_name"] == "ZoëB", index
    assert all(case.clean["user"][3000 + index]["user_name"] == "CD" for index in range(50))


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
    assert len(case.clean["user"]) == (
        len(DATES) + 2 * len(NAMES) + len(WRAPPINGS) + 50 + more
    )


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
