"""What the batch path promises, said once more in plain Python: the second opinion of the tests.

Nothing of it is shared with the program: the rules are the contract's, not the SQL's.
"""

import json
import re
from datetime import datetime, timezone

import pyarrow as pa
import requests
from deltalake import DeltaTable

from pinion import run

UID = "0e3bbd435bfb"
KINDS = ("pin", "geo", "user")
JSON_V2 = {"Content-Type": "application/vnd.kafka.json.v2+json"}


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
