"""Dead letters of tables that Spark and pinion make in turn: a letter has one id, so what was
dropped stays away; those of the sink; loads at once."""

import base64
import json
import os

import pytest

import test_dead_letters_drop as letters
import test_incremental as grow
from readers import rows_by_delta_rs
from spark import job_library
from test_spark_incremental import MERGE, VALUES, Shop

pytestmark = pytest.mark.timeout(3000)

BAD = ["no json\n", "{\"id\": \n", "\x00\n", {"seq": 1}, {"id": "x"}, {"id": 2**63}]
MIB = 1 << 20


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    with job_library(tmp_path_factory.mktemp("library")) as perform:
        yield perform


def listed(shop):
    return letters.listed(shop.data, shop.folder)


def place(letter):
    return letter["object"], letter["line"], letter["position"] if not letter["object"] else None


def land(shop, number, values):
    """With the offsets that the sink notes."""
    path = grow.land(shop.data, "shop.orders", 0, number, values)
    os.setxattr(path, "user.pinion.offsets", f"{number}-{number + len(values)}".encode())
    return path


def sink(shop, number, *records):
    """Records, as (value, key), that the sink could not land."""
    grow.sunk(shop.data, "shop.orders", 0, number, 1)
    folder = shop.data / "store/dead_letters/shop.orders/partition=0"
    path = folder / f"shop.orders+0+{number:010}.json"
    one = json.loads(path.read_text())
    lines = []
    for at, (value, key) in enumerate(records):
        is_text = isinstance(value, str)
        lines.append({
            **one, "offset": number + at, "encoding": "text" if is_text else "base64",
            "reason": f"invalid JSON at byte {at}: something", "key": key, "key_encoding": "text",
            "value": value if is_text else base64.b64encode(value).decode(),
        })  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize("raw", ["mode: overwrite", "mode: append", MERGE])
def test_a_drop_holds_with_either_engine(library, tmp_path, raw):
    shop = Shop(library, tmp_path, raw, "mode: overwrite")
    land(shop, 41, [*BAD, *VALUES])
    sink(shop, 90, ("{", "k"), ("[1,", None))
    shop.run("load", "pinion")
    ours = {place(one): one["id"] for one in listed(shop)}
    assert len(ours) == len(BAD) + 2
    offsets = {one["position"] for one in listed(shop)}
    assert offsets == {str(41 + at) for at in range(len(BAD))} | {"90", "91"}
    # Spark makes the same letters, with the same ids, when it loads all there is.
    library.spark.sql(f"DELETE FROM delta.`{shop.data}/store/grow/dead_letters`")
    done = shop.spark("load", full_refresh=True)
    assert done["state"] == "done", done
    assert {place(one): one["id"] for one in listed(shop)} == ours
    gone = [one["id"] for one in listed(shop)][::2]
    assert letters.drop(shop.data, shop.folder, *gone, "--yes")["letters"] == len(gone)
    left = sorted(set(ours.values()) - set(gone))
    number = 100
    for engine, refresh in (("spark", True), ("pinion", True), ("spark", False)):
        land(shop, number, [{**VALUES[0], "id": number}])
        number += 1
        if engine == "spark":
            done = shop.spark("load", full_refresh=refresh)
            assert done["state"] == "done", done
        else:
            grow.task("load", shop.data, shop.folder, "--full-refresh")
        assert sorted(one["id"] for one in listed(shop)) == left, engine
    # New letters come, and one that is dropped before an incremental load that finds it again.
    land(shop, number, ["worse\n"])
    assert shop.spark("load")["tables"][0]["dead_letters"] >= 1
    assert len(listed(shop)) == len(left) + 1


def test_both_know_each_id(library, tmp_path):
    """Spark's expression of the ids gives pinion's, old ones too."""
    import pinion_letters

    shop = Shop(library, tmp_path, "mode: overwrite", "mode: overwrite")
    land(shop, 41, [*BAD, {"id": [1]}, "é" * 100 + "\n", '{"id": "invalid JSON: x"}\n'])
    sink(shop, 90, ("{", "k"), (b"\xff", None), ("x" * 2 * MIB, "k"))
    shop.run("load", "pinion")
    frame = library.spark.read.format("delta").load(f"{shop.data}/store/grow/dead_letters")
    now, old = pinion_letters.ids()
    rows = frame.select(now.alias("id"), old.alias("old")).collect()
    assert sorted(row.id for row in rows) == sorted(one["id"] for one in listed(shop))
    assert len({row.id for row in rows}) == 12
    for row in rows:  # a letter is found under its old id, too
        found = letters.drop(shop.data, shop.folder, row.old, "--dry-run")
        assert found["letters"] == 1


def test_letters_of_the_sink(library, tmp_path):
    """They come while a topic only fails, each once; the largest are cut as pinion cuts them."""
    shop = Shop(library, tmp_path, "mode: append", "mode: overwrite")
    whole = Shop(library, tmp_path, "mode: append", "mode: overwrite", name="whole")
    land(shop, 0, VALUES)
    assert shop.run("load", "spark")["rows"] == len(VALUES)
    large = bytes(16 * MIB)
    sink(shop, 10, ("{", "k"), (large, None), ("é" * MIB, "x" * 2 * MIB), ("é" * (MIB + 1), None))
    sink(shop, 20, (large[: MIB - 1], "k"), (large[:MIB], "k"), (large[: MIB + 1], "k"))
    for letters_now in (7, 0):
        done = shop.run("load", "spark")
        assert done["is_unchanged"] and done["dead_letters"] == letters_now
    whole.run("load", "pinion")
    made = ("made_by", "after_version")
    ours, theirs = (
        [{column: row[column] for column in row if column not in made} for row in sorted(
            rows_by_delta_rs(shop.data / "store" / name / "dead_letters"),
            key=lambda row: row["offset"])] for name in ("whole", "grow")
    )  # fmt: skip
    assert len(ours) == 7 and theirs == ours
    assert "only the beginning of the value" in theirs[1]["reason"]


def test_a_refresh_keeps_the_letters_of_a_faster_load(library, tmp_path, monkeypatch):
    import pinion_letters

    shop = Shop(library, tmp_path, "mode: append", "mode: overwrite")
    gone = land(shop, 0, [*VALUES, "bad\n"])
    land(shop, 10, ["bad, too\n"])
    shop.run("load", "spark")
    gone.unlink()
    find = pinion_letters.sunk

    def faster(lake, name):
        monkeypatch.undo()
        land(shop, 20, [VALUES[0], "worse\n"])
        grow.task("load", shop.data, shop.folder)
        return find(lake, name)

    monkeypatch.setattr(pinion_letters, "sunk", faster)
    failed = shop.spark("load", full_refresh=True)
    assert failed["state"] == "failed" and failed["class"] == "retry", failed
    assert [one["value"] for one in sorted(listed(shop), key=place)] == ["bad, too", "worse"]


@pytest.mark.parametrize("raw", ["mode: overwrite", "mode: append"])
def test_a_drop_during_a_load(library, tmp_path, monkeypatch, raw):
    """Between the reading of what was dropped and the letters' commit."""
    import pinion_letters

    shop = Shop(library, tmp_path, raw, "mode: overwrite")
    land(shop, 0, ["bad\n"])
    shop.run("load", "spark")
    [bad] = [one["id"] for one in listed(shop)]
    sign = pinion_letters.signed

    def drop(lake, found, name):
        monkeypatch.undo()
        assert letters.drop(shop.data, shop.folder, bad, "--yes")["letters"] == 1
        return sign(lake, found, name)

    monkeypatch.setattr(pinion_letters, "signed", drop)
    land(shop, 10, ["worse\n"])
    shop.run("load", "spark")
    assert [one["value"] for one in listed(shop)] == ["worse"]


def test_two_jobs_make_the_table_at_once(library, tmp_path, monkeypatch):
    import pinion_letters

    shop = Shop(library, tmp_path, "mode: append", "mode: overwrite")
    land(shop, 0, ["bad\n"])
    grow.land(shop.data, "shop.countries", 0, 0, ["bad, too\n"])
    sign = pinion_letters.signed

    def other(lake, found, name):
        monkeypatch.undo()
        assert shop.spark("countries")["state"] == "done"
        return sign(lake, found, name)

    monkeypatch.setattr(pinion_letters, "signed", other)
    shop.run("load", "spark")
    assert sorted(one["value"] for one in listed(shop)) == ["bad", "bad, too"]
