"""The shipped SQL means the same on both engines.

Every statement of clean/ and queries/ runs on DuckDB, through pinion, and on Spark, over the same
records, which have every anomaly in every column. Rows, values and their order must be equal.
"""

import datetime
import itertools
import json
import random

import pytest

from pinion import ROOT, query, run
from readers import spark_session

PIPELINE = ROOT / "pipelines/pinterest"
CLEAN = sorted((PIPELINE / "clean").glob("*.sql"))
QUERIES = sorted((PIPELINE / "queries").glob("*.sql"))

NOTHING = [
    "",
    "No Title Data Available",
    "No description available Story format",
    "No description available",
    "User Info Error",
    "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",
    "Image src error.",
    "Image src error",
]
# A follower count as producers write it, and the number that it is.
FOLLOWERS = {
    "0": 0,
    "873": 873,
    "124k": 124000,
    "5M": 5000000,
    "1.2M": 1200000,
    "1.25k": 1250,
    "0.5k": 500,
    "2.3M": 2300000,
    "1.2345k": 1234,
    "12.9": 12,
    "007": 7,
    "2147483647": 2147483647,
    "2147483648": None,
    "2147.483647M": 2147483647,
    "2147.483648M": None,
    "2148M": None,
    "99999999999999999999": None,
    "9" * 400: None,
    "User Info Error": None,
    "": None,
    "k": None,
    "M": None,
    "-5": None,
    "+5": None,
    "5K": None,
    "5m": None,
    "5 k": None,
    " 5k": None,
    "5k ": None,
    "5k\n": None,
    "5kk": None,
    "5kM": None,
    "1,000": None,
    "1_000": None,
    "1e3": None,
    ".5k": None,
    "5.k": None,
    "1.2.3k": None,
    "0x10": None,
    "NaN": None,
    "inf": None,
    "٣k": None,
}
# A time as producers write it, and the instant in UTC.
TIMES = {
    "2018-09-03T07:12:45": "2018-09-03T07:12:45Z",
    "2018-09-03 07:12:45": "2018-09-03T07:12:45Z",
    "2018-09-03T07:12:45Z": "2018-09-03T07:12:45Z",
    "2018-09-03T07:12:45.5": "2018-09-03T07:12:45.500000Z",
    "2018-09-03T07:12:45.123Z": "2018-09-03T07:12:45.123000Z",
    "2018-09-03 07:12:45.123456": "2018-09-03T07:12:45.123456Z",
    "2018-09-03T07:12:45.123456789": "2018-09-03T07:12:45.123456Z",
    "2018-09-03T07:12:45+02:00": "2018-09-03T05:12:45Z",
    "2018-09-03T07:12:45-0330": "2018-09-03T10:42:45Z",
    "2018-09-03 07:12:45.25+02": "2018-09-03T05:12:45.250000Z",
    "2018-12-31T23:59:59-01:00": "2019-01-01T00:59:59Z",
    "2018-09-03": "2018-09-03T00:00:00Z",
    "2018-09-03T07:12": "2018-09-03T07:12:00Z",
    "2018-09-03 07:12": "2018-09-03T07:12:00Z",
    "2018-09-03T07:12Z": "2018-09-03T07:12:00Z",
    "2018-09-03T07:12+02:00": "2018-09-03T05:12:00Z",
    "2018-09-03T07:12-0330": "2018-09-03T10:42:00Z",
    "2018-09-03T07:12+02": "2018-09-03T05:12:00Z",
    "2019-02-29T00:00": None,
    "2018-09-03T24:00": None,
    "2018-09-03T07:12+19:00": None,
    "2018-09-03T07:1": None,
    "09/03/2018, 07:12:45": "2018-09-03T07:12:45Z",
    "2018:09:03 07:12:45": "2018-09-03T07:12:45Z",
    "2020-02-29T00:00:00": "2020-02-29T00:00:00Z",
    "1969-12-31T23:59:59.999999": "1969-12-31T23:59:59.999999Z",
    "1582-10-10T00:00:00": "1582-10-10T00:00:00Z",
    "1000-01-01T00:00:00": "1000-01-01T00:00:00Z",
    "9999-12-31T23:59:59": "9999-12-31T23:59:59Z",
    "2019-02-29T00:00:00": None,
    "2018-13-01T00:00:00": None,
    "2018-00-01T00:00:00": None,
    "2018-09-31 00:00:00": None,
    "2018-09-03T24:00:00": None,
    "2018-09-03T07:60:00": None,
    "2018-09-03T07:12:60": None,
    "2018-09-03T07:12:45+19:00": None,
    "2018-09-03T07:12:45+02:60": None,
    "2018-09-03T07:12:45 Europe/Berlin": None,
    "2018-09-03T07:12:45Z ": None,
    " 2018-09-03T07:12:45": None,
    "2018-09-03T07:12:45\n": None,
    "2018-9-3 7:12:45": None,
    "0999-01-01T00:00:00": None,
    "0000-01-01T00:00:00": None,
    "12018-01-01T00:00:00": None,
    "-2018-01-01T00:00:00": None,
    "13/03/2018, 07:12:45": None,
    "02/30/2018, 07:12:45": None,
    "09/03/2018, 24:12:45": None,
    "09/03/2018 07:12:45": None,
    "2018:02:30 07:12:45": None,
    "2018:09:03T07:12:45": None,
    "1535958765": None,
    "epoch": None,
    "infinity": None,
    "now": None,
    "today": None,
    "": None,
}
PLACES = {
    "Local save in /data/mens-fashion": "/data/mens-fashion",
    "/data/art": "/data/art",
    "a/b/c": "/b/c",
    "über/ñ": "/ñ",
    "/": "/",
    "ends in /": "/",
    "no slash": None,
    "": None,
    "User Info Error": None,
}
TEXTS = ["plain", "café ✨", 'quo"te', "line\nbreak", "back\\slash", "'apostrophe'", " ", "null"]
COLUMNS = {
    "raw_geo": "ind BIGINT, timestamp STRING, latitude DOUBLE, longitude DOUBLE, country STRING",
    "raw_pin": "index BIGINT, unique_id STRING, title STRING, description STRING, "
    "poster_name STRING, follower_count STRING, tag_list STRING, is_image_or_video STRING, "
    "image_src STRING, downloaded BIGINT, save_location STRING, category STRING",
    "raw_user": "ind BIGINT, first_name STRING, last_name STRING, age BIGINT, date_joined STRING",
}
ABSENT = object()


def pins(count, chance):
    texts = [*NOTHING, *TEXTS, None, ABSENT]
    turns = {
        name: itertools.cycle(values)
        for name, values in {
            "follower_count": [*FOLLOWERS, None, ABSENT],
            "save_location": [*PLACES, None, ABSENT],
            **{
                name: texts
                for name in ("unique_id", "title", "description", "tag_list", "image_src",
                             "is_image_or_video")
            },
            "poster_name": [*texts, *(f"poster {i}" for i in range(40))],
        }.items()
    }  # fmt: skip
    for i in range(count):
        # The rest have counts that make the ties and medians of the queries interesting.
        row = {"index": i if chance.random() < 0.95 else chance.randrange(count)}
        row.update({name: next(values) for name, values in turns.items()})
        if chance.random() < 0.8:
            row["follower_count"] = f"{chance.randrange(1, 30)}{chance.choice(['', 'k', 'M'])}"
        row["category"] = chance.choice(["art", "quotes", "travel", "finance", "", None])
        row["downloaded"] = chance.choice([0, 1])
        yield row


def geos(count, chance):
    times = itertools.cycle([*TIMES, None, ABSENT])
    for i in range(count):
        yield {
            "ind": i,
            "timestamp": next(times) if i % 3 == 0 else f"{2017 + i % 5}-0{1 + i % 9}-11 10:00:00",
            "latitude": chance.choice([None, ABSENT, 0, -12.5, 89.999999]),
            "longitude": chance.choice([None, ABSENT, 180, -0.25]),
            "country": chance.choice(["Albania", "Côte d'Ivoire", "Åland", "Zambia", "", None]),
        }


def users(count, chance):
    times = itertools.cycle([*TIMES, None, ABSENT])
    for i in range(count):
        yield {
            "ind": i,
            "first_name": chance.choice(["Ann", "Bob", "Çelik", "", None, ABSENT]),
            "last_name": chance.choice([f"Name{i % 50}", "", None, ABSENT]),
            "age": chance.choice([None, ABSENT, 0, 17, 18, 24, 25, 35, 36, 50, 51, 99, -1]),
            "date_joined": next(times) if i % 2 else f"201{5 + i % 3}-10-2{i % 10}T08:00:00",
        }


def write(path, rows):
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            kept = {key: value for key, value in row.items() if value is not ABSENT}
            file.write(json.dumps(kept, ensure_ascii=False) + "\n")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """A folder of records that have every anomaly."""
    folder = tmp_path_factory.mktemp("records")
    chance = random.Random(7)
    write(folder / "raw_pin.json", pins(1500, chance))
    write(folder / "raw_geo.json", geos(1500, chance))
    write(folder / "raw_user.json", users(1500, chance))
    return folder


@pytest.fixture(scope="module")
def data(records, tmp_path_factory):
    """A data folder whose tables pinion made of them."""
    folder = tmp_path_factory.mktemp("sql") / "data"
    run("batch", "--from", records, "--quiet", data=folder)
    return folder


def statements(text):
    """The statements of a prelude: each ends with a semicolon at the end of a line."""
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [statement for statement in code.split(";\n") if statement.strip()]


@pytest.fixture(scope="module")
def spark(records):
    """A Spark session with raw tables of the records, the prelude, and the clean tables."""
    with spark_session(zone="Pacific/Honolulu") as session:
        assert session.conf.get("spark.sql.ansi.enabled") == "true"
        for name, columns in COLUMNS.items():
            path = str(records / f"{name}.json")
            frame = session.read.schema(columns).json(path, mode="FAILFAST")
            frame.createOrReplaceTempView(name)
        for statement in statements((PIPELINE / "prelude/spark.sql").read_text()):
            session.sql(statement)
        for file in CLEAN:
            session.sql(file.read_text()).cache().createOrReplaceTempView(file.stem)
        yield session


def shown(value):
    """A value of Spark's as `pinion query` shows it: 180.0 is 180 in JSON."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, datetime.datetime):
        utc = value.astimezone(datetime.timezone.utc)
        fraction = f".{utc.microsecond:06}" if utc.microsecond else ""
        return f"{utc.year:04}{utc:-%m-%dT%H:%M:%S}{fraction}Z"
    if hasattr(value, "asDict"):
        return {name: shown(part) for name, part in value.asDict().items()}
    return value


def spark_rows(session, sql):
    return [
        {name: shown(value) for name, value in row.asDict().items()}
        for row in session.sql(sql).collect()
    ]


def in_some_order(rows):
    return sorted(json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows)


@pytest.mark.parametrize("file", CLEAN, ids=lambda file: file.stem)
def test_clean(file, data, spark):
    ours = query(f"SELECT * FROM {file.stem}", data)
    theirs = spark_rows(spark, f"SELECT * FROM {file.stem}")
    assert len(ours) == 1500
    assert list(ours[0]) == list(theirs[0])
    assert in_some_order(ours) == in_some_order(theirs)


@pytest.mark.parametrize("file", QUERIES, ids=lambda file: file.stem)
def test_query(file, data, spark):
    ours = query(file.stem, data)
    theirs = spark_rows(spark, file.read_text())
    assert ours
    assert list(ours[0]) == list(theirs[0])
    assert ours == theirs


@pytest.mark.parametrize("threads", [1, 5])
def test_results_do_not_depend_on_threads(threads, records, data, tmp_path):
    run("batch", "--from", records, "--quiet", "--set", f"engine.threads={threads}",
        data=tmp_path / "data")  # fmt: skip
    for file in QUERIES:
        assert query(file.stem, tmp_path / "data") == query(file.stem, data)
    for table in ("pin", "geo", "user"):
        sql = f"SELECT * FROM {table}"
        assert in_some_order(query(sql, tmp_path / "data")) == in_some_order(query(sql, data))


def test_there_are_nine_queries_each_described():
    assert len(QUERIES) == 9
    for file in QUERIES:
        assert file.read_text().startswith("-- ")


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory):
    """Tables of one record for each follower count, place and time, in the order they are above."""
    folder = tmp_path_factory.mktemp("one")
    write(
        folder / "pin.json",
        [{"index": i, "follower_count": text} for i, text in enumerate(FOLLOWERS)]
        + [{"index": 1000 + i, "save_location": text} for i, text in enumerate(PLACES)]
        + [{"index": 2000 + i, "title": text, "category": text} for i, text in enumerate(NOTHING)],
    )
    write(folder / "geo.json", [{"ind": i, "timestamp": text} for i, text in enumerate(TIMES)])
    write(folder / "user.json", [{"ind": i, "date_joined": text} for i, text in enumerate(TIMES)])
    data = tmp_path_factory.mktemp("one-data") / "data"
    run("batch", "--from", folder, "--quiet", data=data)
    return data


def column(data, sql):
    return [next(iter(row.values())) for row in query(sql, data)]


def test_follower_counts(one_by_one):
    found = column(one_by_one, "SELECT follower_count FROM pin WHERE ind < 1000 ORDER BY ind")
    assert dict(zip(FOLLOWERS, found, strict=True)) == FOLLOWERS


def test_save_locations(one_by_one):
    found = column(
        one_by_one, "SELECT save_location FROM pin WHERE ind BETWEEN 1000 AND 1999 ORDER BY ind"
    )
    assert dict(zip(PLACES, found, strict=True)) == PLACES


def test_anomalies_are_null(one_by_one):
    rows = query("SELECT title, category FROM pin WHERE ind >= 2000", one_by_one)
    assert rows == [{"title": None, "category": None}] * len(NOTHING)


@pytest.mark.parametrize("sql", ["SELECT timestamp FROM geo", "SELECT date_joined FROM user"])
def test_times(one_by_one, sql):
    found = column(one_by_one, f"{sql} ORDER BY ind")
    assert dict(zip(TIMES, found, strict=True)) == TIMES


def test_names(tmp_path):
    (tmp_path / "pin.json").write_text("")
    (tmp_path / "geo.json").write_text("")
    write(
        tmp_path / "user.json",
        [
            {"ind": 1, "first_name": "Ann", "last_name": "Lee"},
            {"ind": 2, "first_name": "Ann"},
            {"ind": 3, "first_name": None, "last_name": "Lee"},
            {"ind": 4, "first_name": "", "last_name": "Lee"},
        ],
    )
    run("batch", "--from", tmp_path, "--quiet", data=tmp_path / "data")
    found = column(tmp_path / "data", "SELECT user_name FROM user ORDER BY ind")
    assert found == ["AnnLee", None, None, "Lee"]
    assert query("users_joined_by_year", tmp_path / "data") == [
        {"post_year": None, "number_users_joined": 2}
    ]
    assert query("popular_category_by_year", tmp_path / "data") == []
