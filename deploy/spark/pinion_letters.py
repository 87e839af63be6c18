"""Dead letters on Spark: those that a load replaces and those that it adds, without those that
people have dropped. src/engine/duckdb/dead_letters_table.c does the same."""

import fnmatch
import json

from pinion_delta import Moved, Transaction, has_classes
from pyspark.sql import functions

ATTEMPTS_MAX = 8
VALUE_MAX = 1 << 20  # characters of a value, or of a key, that are kept
# Of a value in base64: the longest that is stored whole, and how much of a longer one is.
BASE64_WHOLE_MAX, BASE64_STORED = (VALUE_MAX + 2) // 3 * 4, VALUE_MAX // 3 * 4
COLUMNS = {
    "table": "string", "topic": "string", "partition": "int", "offset": "bigint",
    "object": "string", "line": "bigint", "reason": "string", "value": "string",
    "timestamp": "timestamp", "key": "string",
}  # fmt: skip
DIVIDED = {"partitions": []}  # by nothing
# Of a letter's id (src/engine/letter_id.h): notes in a reason, and where a parser's words begin.
NOTES = r" \((only the beginning of the (value|data|key) is stored|the (value|data) is in base64)\)"
WORDS = r"(?s)(invalid JSON|a string that is neither|a string in base64 that|JSON nested).*"


def letters_of(frame, values):
    """Dead letters with the values of the frame's rows; null where there is none."""
    return frame.select([
        (functions.lit(None) if values.get(column) is None else values[column])
        .cast(kind).alias(column) for column, kind in COLUMNS.items()
    ])  # fmt: skip


# --- of the sink --------------------------------------------------------------------------------


def owner_of(lake, topic):
    """Of the tables that a topic's records could have gone to, the first."""
    sources = ((name, of["from_topic"]) for name, of in lake.pipeline.TABLES.items())
    fits = (name for name, of in sources if of is not None and fnmatch.fnmatchcase(topic, of))
    return next(fits, None)


def sunk(lake, name):
    """The records that pinion's sink could not land, as dead letters; None: there are none."""
    root = lake.pipeline.DEAD_LETTERS_DIR
    topics = lake.folders(root) if lake.has_folder(root) else []
    topics = [topic for topic in topics if owner_of(lake, topic) == name]
    if not topics:
        return None
    reader = lake.objects("json").option("maxStringLen", str(2**31 - 1)).schema(
        "topic string, partition int, offset bigint, timestamp timestamp, reason string, "
        "value string, encoding string, key string, key_encoding string"
    )
    frame = lake.load_of(reader, [f"{root}/{topic}" for topic in topics])
    kept = f"CASE WHEN encoding = 'base64' THEN {BASE64_WHOLE_MAX} ELSE {VALUE_MAX} END"
    notes = (
        f"CASE WHEN key_encoding = 'text' AND length(key) > {VALUE_MAX} THEN ' (only the beginning "
        "of the key is stored)' ELSE '' END",
        f"CASE WHEN length(value) > {kept} THEN ' (only the beginning of the value is stored)' "
        "ELSE '' END",
        "CASE WHEN encoding = 'base64' THEN ' (the value is in base64)' ELSE '' END",
    )
    stored = (f"CASE WHEN encoding <> 'base64' THEN {VALUE_MAX} WHEN length(value) <= "
              f"{BASE64_WHOLE_MAX} THEN {BASE64_WHOLE_MAX} ELSE {BASE64_STORED} END")  # fmt: skip
    values = {column: functions.col(column) for column in ("topic", "partition", "offset")}
    values |= {
        "table": functions.lit(name), "timestamp": functions.col("timestamp"),
        "reason": functions.expr(f"concat(reason, {', '.join(notes)})"),
        "value": functions.expr(f"left(value, {stored})"),
        "key": functions.expr(f"CASE WHEN key_encoding = 'text' THEN left(key, {VALUE_MAX}) END"),
    }  # fmt: skip
    return letters_of(frame.where("topic IS NOT NULL"), values)


# --- which were dropped, and what made them -----------------------------------------------------


def id_of(offset, reason):
    parts = [functions.lit("load"), *map(functions.col, ("table", "topic", "partition")), offset,
             *map(functions.col, ("object", "line")), reason, functions.col("value")]  # fmt: skip
    texts = [functions.coalesce(part.cast("string"), functions.lit("")) for part in parts]
    return functions.substring(functions.sha2(functions.concat_ws("\x1f", *texts), 256), 1, 32)


def ids():
    """The id of a dead letter, and its old one: src/engine/letter_id.h."""
    told = functions.regexp_replace("reason", NOTES, "")
    told = functions.regexp_replace(told, WORDS, "$1")
    offset = functions.when(functions.col("line").isNull(), functions.col("offset"))
    return id_of(offset, told), id_of(functions.col("offset"), functions.col("reason"))


def undropped(lake, letters):
    """Those dead letters that nobody has dropped (engine/duckdb/dropped.h)."""
    folder = f"{lake.pipeline.DEAD_LETTERS}/_dropped"
    if not lake.has_folder(folder):
        return letters
    dropped = lake.load_of(lake.spark.read.format("json").schema("ids array<string>"), [folder])
    dropped = dropped.select(functions.explode("ids").alias("_id")).distinct()
    for place, id_ in enumerate(ids()):
        named = letters.withColumn("_id", id_)
        letters = named.join(dropped.alias(f"d{place}"), "_id", "left_anti").drop("_id")
    return letters


def signed(lake, letters, name):
    """Dead letters with what made them, and the version that their table has now: made_by and
    after_version (engine/duckdb/letter_maker.h). They are of no batch (letter_batch.h)."""
    key = lake.pipeline.TABLES[name]["path"]
    made_by = None if lake.made_by is None else json.dumps(lake.made_by, ensure_ascii=False)
    version = lake.version(key) if lake.has_table(lake.path(key)) else None
    return letters.withColumns({
        "made_by": functions.lit(made_by).cast("string"),
        "after_version": functions.lit(version).cast("bigint"),
        "batch": functions.lit(None).cast("bigint"),
    })  # fmt: skip


def again(try_once):
    """What another commit was faster than is done again."""
    for _ in range(ATTEMPTS_MAX - 1):
        try:
            return try_once()
        except Moved:
            continue
    return try_once()


# --- replaced -----------------------------------------------------------------------------------


def elsewhere(lake, name, known, listed):
    """Of the letters that there are, those of objects that the load did not list and that are in
    the store: a faster load has read them."""
    root, topics = f"{lake.pipeline.TOPICS_DIR}/", lake.pipeline.TABLES[name]["from_topic"]

    def is_elsewhere(key):
        topic = key.removeprefix(root).partition("/")[0] if key.startswith(root) else ""
        return key not in listed and fnmatch.fnmatchcase(topic, topics) and lake.has_object(key)

    rows = known.where("object IS NOT NULL").select("object").distinct().collect()
    keys = [row.object for row in rows if is_elsewhere(row.object)]
    return known.where(functions.col("object").isin(keys))


def replace(lake, name, letters, count, listed=None):
    """Replaces the letters of a table by `count` others. `listed` has the objects that the load of
    an incremental table listed; None: the table is another one."""
    if has_classes(lake.spark):
        again(lambda: replace_once(lake, name, letters, count, listed))
        return
    letters, key = signed(lake, undropped(lake, letters), name), lake.pipeline.DEAD_LETTERS
    where = f"`table` = '{name}'"
    if not lake.has_table(lake.path(key)):
        letters.write.format("delta").save(lake.path(key))
    elif count > 0 or not lake.spark.read.format("delta").load(lake.path(key)).where(
            where).isEmpty():  # fmt: skip
        lake.overwrite(letters, key, where)


def replace_once(lake, name, letters, count, listed):
    key, where = lake.pipeline.DEAD_LETTERS, f"`table` = '{name}'"
    transaction = Transaction(lake, key)
    # After the transaction has begun: a letter that is dropped from here on makes it fail as Moved.
    letters = signed(lake, undropped(lake, letters), name)
    if not transaction.exists():
        transaction.commit(letters, DIVIDED, {}, afresh=False)
        return
    known = lake.at_version(key, transaction.version).where(where)
    if listed is not None:
        kept = elsewhere(lake, name, known, listed)
        letters = letters.unionByName(kept, allowMissingColumns=True)
    if count > 0 or not known.isEmpty():
        transaction.commit(letters, DIVIDED, {}, afresh=False, where=where)


# --- added --------------------------------------------------------------------------------------


def add(lake, name, letters):
    """Adds the letters of a load to those that there are, each once: those of an object that the
    table has already came with a load that ended before its own commit. Gives how many."""
    return again(lambda: add_once(lake, name, letters))


def add_once(lake, name, letters):
    key = lake.pipeline.DEAD_LETTERS
    transaction = Transaction(lake, key)
    letters = undropped(lake, letters)
    if transaction.exists():
        known = lake.at_version(key, transaction.version).where(functions.col("table") == name)
        objects = known.where("object IS NOT NULL").select("object").distinct()
        places = known.where("object IS NULL").select("topic", "partition", "offset", "timestamp")
        found = letters.where("object IS NOT NULL").join(objects, "object", "left_anti")
        missing, seen = letters.where("object IS NULL").alias("s"), places.distinct().alias("k")
        same = " AND ".join(f"s.`{column}` <=> k.`{column}`" for column in places.columns)
        missing = missing.join(seen, functions.expr(same), "left_anti").select("s.*")
        letters = found.select(letters.columns).union(missing)
    count = letters.count()
    if count > 0:
        app = f"pinion/dead_letters/{name}"
        txns = {app: max(transaction.txn(app), 0) + 1}
        transaction.commit(signed(lake, letters, name), DIVIDED, txns, afresh=False)
    return count
