"""Records that are hard to read, for tests that compare two readers: every column type with values
at its edges, with odd spellings and of wrong types, and the other forms that a record may have."""

import base64
import json
from pathlib import Path

COLUMNS = """
      id: {type: bigint, required: true, aliases: [ident, no]}
      s: string
      b: bigint
      i: int
      d: double
      f: boolean
      t: {type: timestamp, unwrap: $date}
      day: date
      sm: smallint
      ti: tinyint
      fl: float
      dec: decimal(10,2)
      big: decimal(38,18)
      bin: binary
      doc: json
      list: array<bigint>
      m: "map<string, decimal(10,2)>"
      deep: "array<struct<y int, more map<string, array<struct<z timestamp>>>>>"
      p: {type: "struct<x double, in struct<y int, z timestamp>>", aliases: [pos]}
"""
TABLES = {
    "keep": "unknown_keys: keep",
    "drop": "unknown_keys: drop",
    "reject": "unknown_keys: reject",
    "lenient": "unknown_keys: keep\n    coerce: lenient",
}
POLICIES = tuple(TABLES)
TOPIC = "odd"
OBJECT = f"topics/{TOPIC}/partition=3/{TOPIC}+3+0000000000.json"
PIPELINE = (
    "name: awkward\ntopics:\n  odd: {partitions: 1}\ntables:\n"
    + "".join(
        f"  {policy}:\n    path: tables/{policy}\n    from_topic: {TOPIC}\n"
        f"    {keys}\n    columns:{COLUMNS}"
        for policy, keys in TABLES.items()
    )
    + "dags:\n  all:\n    tasks:\n      load: {run: load, tables: [keep, drop, reject, lenient]}\n"
)

# JSON's own faults, which each parser says in its own words.
PARSERS = ("invalid JSON", "a string that is neither", "a string in base64 that", "JSON nested")
# What the reason says of the value.
NOTES = (" (the value is in base64)", " (only the beginning of the value is stored)")

NUMBERS = [
    "0", "-0", "-0.0", "5", "5.0", "5e0", "50e-1", "0.5e1", "5.5", "1e3", "1E+3", "1e-3", "0e400",
    "0.0e-99999999999", "1e400", "-1e400", "1e-400", "1e99999999999999999999",
    "1e-99999999999999999999", "2147483647", "2147483648", "-2147483648", "-2147483649",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "9007199254740993", "9007199254740993.0", "9007199254740991.6", "0.9999999999999999999",
    "92233720368547758070e-1", "922337203685477580.7e1", "1.7976931348623157e308", "5e-324",
    "2.4703282292062327e-324", "123456789.123456789", "1" * 5000, "1" + "0" * 4999 + "e-4999",
    "0." + "0" * 400 + "1e401", "00", "01", "-", "+1", ".5", "5.", "1e", "0x10", "NaN", "Infinity",
    "-Infinity", "1_000", "127", "128", "-128", "-129", "32767", "32768", "-32768", "-32769",
    "1.005", "12.50000", "99999999.99", "100000000", "-99999999.995", "12345e-3", "0.01", "0.001",
    "99999999999999999999.999999999999999999", "100000000000000000000", "1e-18", "1e-19", "0.1",
    "16777217", "16777217.0000000001", "1.00000005960464477540", "1.00000005960464477539",
    "3.4028234e38", "340282356779733661637539395458142568447", "-3.4028236e38", "1e-45", "7e-46",
    "7.1e-46", "-1e-60", "340282356779733661637539395458142568448",
]  # fmt: skip
TIMES = [
    "2018-09-03", "2018-09-03T07:12", "2018-09-03 07:12:45", "2018-09-03t07:12:45z",
    "2018-09-03T07:12:45.123456789Z", "2018-09-03T07:12:45,5", "2018-09-03T07:12.5",
    "2018-09-03T07:12:45.", "2018-09-03T07:12:45+02:00", "2018-09-03T07:12:45-0330",
    "2018-09-03T07:12:45+02", "2018-09-03T07:12:45+2", "2018-09-03T07:12:45+18:30",
    "2018-09-03T07:12:45+23:59", "2018-09-03T07:12:45+24:00", "2018-09-03T07:12:45+02:60",
    "2018-09-03T07:12+01:00[Europe/Paris]", "2018-09-03T07:12Z[UTC][u-ca=iso]",
    "2018-09-03T07:12[UTC]", "2018-09-03T07:12Z[]", "2018-09-03T07", "20180903", "20180903T0712",
    "20180903T071245.5Z", "20180903 0712", "20180903T07:12", "2018-09-03T0712", "2018-0903",
    "2018-09-03T24:00", "2018-09-03T24:00:00Z", "2018-09-03T24:00:01", "2018-09-03T25:00",
    "2018-09-03T07:60", "2018-09-03T23:59:60", "2018-02-29", "2020-02-29", "1900-02-29",
    "2000-02-29", "2018-13-01", "2018-00-01", "2018-09-31", "2018-9-3", "2018-W05-5", "2018-031",
    "0001-01-01", "0001-01-01T00:00+00:01", "0001-01-01T00:00-00:01", "0000-12-31", "9999-12-31",
    "9999-12-31T23:59:59.999999", "9999-12-31T24:00", "9999-12-31T24:00+01:00", "10000-01-01",
    "1582-10-04", "1582-10-10T12:00", "1582-10-15", "1883-11-18T12:00", "1969-12-31T23:59:59.9",
    "1970-01-01", " 2018-09-03", "2018-09-03 ", "2018-09-03T00:00+05:00", "2018-09-03T00:00:00.1",
    "2018-09-03T00:00:00.0000001", "٢٠١٨-٠٩-٠٣", "２０１８-09-03", "today", "infinity", "",
    "1536000000",
]  # fmt: skip
# What only a lenient column takes, or does not.
MORE_TIMES = [
    "2020-W01-1", "2020W011", "2020-W53-5", "2019-W53-1", "2020-w05-5T07", "2020-W00-1",
    "2020-W05-0", "2020-W05-8", "2020-W05", "2020W05-1", "2020-W051", "0001-W01-1", "9999-W52-5",
    "9999-W52-6", "9999-W53-1", "2020-001", "2020-366", "2019-366", "2020-000", "2020001",
    "2020-031T07:12Z", "2020031T0712", "2020-31", "2020-1-31", "2020-01", "2020", "20200131",
    "20201301", "202001", "2020-01-31T07.5", "2020-01-31T07,25Z", "20200131T07", "20200131T07.5",
    "2020-01-31T07:30.25", "20200131T0730.1+01", "2020-01-31T07:30.123456789123456789123",
    "2020-01-31T07.", "2020-01-31T23:59:60", "2020-01-31T23:59:60.5Z", "2020-01-31T23:58:60",
    "2020-01-31T24", "2020-01-31T24,0", "2020-01-31T24.1", "2020-01-31T24:00:00.1",
    "2020-01-31T24:59:60", "9999-12-31T23:59:60", "9999-12-31T24:00+01:00", " 2020-01-31\n",
    "2020-01-31T07:12:45.5+05:30", "2020-01-31T07:12+01:00[Europe/Paris]", "1600000000",
    "-160000000", "16000000", "1600000000.5", "1600000000123", "1600000000.1234567", "+1600000000",
    "99999999999.999999", "100000000000", "253402300799999", "253402300800000", "-62135596800000",
    "1.6e9", "1600000000e0", "1600000000123456", "000000000001", "1_600_000_000", "٢٠٢٠-٠١-٣١",
]
MORE_NUMBERS = [
    "1600000000", "1600000000.123456789", "1.6e9", "99999999999", "99999999999.9999999",
    "100000000000", "100000000001.5", "-100000000000", "253402300799999", "253402300800000",
    "-62135596800000", "-62135596800001", "-0.0000015", "1e-400", "1e400", "1e18", "1e19", "-1e15",
]
MORE_TEXTS = [
    " 5", "5\n", "+5", "+-5", "--5", "007", "-007", ".5", "5.", ".", "-.5e1", "5e", "5e+", "1e+3",
    "1,000", "1_000", "0x10", "5 5", "NaN", "Infinity", "", " ", "٥", "5\x00", "1" * 400, "0" * 300,
    "TRUE", "False", "t", "F", "Yes", "no", "Y", "n", "on", "OFF", "1", "0", "01", "1.0", " true ",
    "truee", "2", "null", "ＴＲＵＥ",
]
# JSON texts of strings.
STRINGS = [
    '""', '"é✨\\n"', '"\\u0000"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00\\ud83d"',
    '"\\ud83d\\ud83d\\ude00"', '"\\/"', '"\\u0041"', '"\u2028\ufeff\U0010ffff"', '"a\tb"', '"\\x"',
    '"\\u12"', '"open', '"e\u0301"', '"\x7f\\u007f"', '"' + "long " * 40 + '"',
]  # fmt: skip
BASE64 = [
    '"AA=="', '"AA"', '"AAA="', '"AAA"', '"A"', '"AAAAA"', '"+/+/"', '"-_-_"', '" A A\\r\\n= ="',
    '"AA===="', '"AA=A"', '"=AAA"', '"/w=="', '"QUJD\\u0000"',
]  # fmt: skip
OTHERS = ["null", "true", "false", "[]", "{}", "[1]", '{"x":1}', '"7"', '"true"', "7"]


def field(name, text):
    return f'{{"id":1,"{name}":{text}}}'


def in_base64(text):
    return base64.b64encode(text.encode()).decode()


def nested(levels):
    """A record whose unknown member makes it so many levels deep."""
    return '{"id":1,"w":' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


def lines():
    """The lines, as bytes, each of which is different."""
    made = []
    for name in ("b", "i", "d", "w", "id", "sm", "ti", "fl", "dec", "big"):
        made += [f'{{"{name}":{text},"no":8}}' for text in NUMBERS]
    for name in ("t", "day"):
        made += [field(name, json.dumps(time, ensure_ascii=False)) for time in TIMES]
        made += [field(name, json.dumps(time, ensure_ascii=False)) for time in MORE_TIMES]
        made += [field(name, text) for text in MORE_NUMBERS]
    made += [field("t", json.dumps({"$date": time})) for time in TIMES[:4]]
    for name in ("s", "b", "d", "f", "fl", "dec"):
        made += [field(name, json.dumps(text, ensure_ascii=False)) for text in MORE_TEXTS]
        made += [field(name, json.dumps(text)) for text in NUMBERS]
    made += [field(name, text) for name in ("s", "f") for text in NUMBERS]
    made += [
        '{"id":"7"}', '{"id":"x"}', '{"id":"7","list":["1",null,"2.5"]}', '{"id":1,"list":["07"]}',
        '{"id":1,"m":{"a":"1.50","b":" 2"}}',
        '{"id":1,"p":{"x":"1","in":{"y":"2","z":1600000000}}}',
        '{"id":1,"deep":[{"y":"1","more":{"k":[{"z":"2020-W01-1"}]}}]}',
        '{"id":1,"p":{"in":{"y":"x"}}}', '{"id":1,"s":true}', '{"id":1,"s":[true]}',
        '{"id":1,"s":1.50,"doc":"1"}',
    ]
    made += [field("p", json.dumps({"in": {"z": time}})) for time in TIMES[:4]]
    made += [field(name, text) for name in ("s", "w") for text in STRINGS]
    made += [field("bin", text) for text in BASE64]
    made += [field(name, text) for name in ("s", "b", "i", "d", "f", "t", "day", "p", "w", "id",
                                            "sm", "ti", "fl", "dec", "big", "bin")
             for text in OTHERS]  # fmt: skip
    made += [
        # parts
        *(field("list", f"[{text},null]") for text in NUMBERS[:40]),
        *(field("m", f'{{"k":{text}}}') for text in NUMBERS[:40]),
        *(field("doc", text) for text in NUMBERS[:40] + STRINGS[:5]),
        *(field(name, f"[{text}]") for name in ("list", "deep", "m") for text in OTHERS),
        *(field("m", f'{{"k":{text}}}') for text in OTHERS),
        '{"id":1,"m":{"a":1,"b":2,"a":3}}', '{"id":1,"m":{"a":1,"a":null}}', '{"id":1,"m":{"":1}}',
        '{"id":1,"m":{"a":"x","a":1}}', '{"id":1,"m":{"\\u0061":1,"a":2}}',
        '{"id":1,"m":{"' + "k" * 200 + '":"x"}}',
        '{"id":1,"deep":[{"y":1,"w":2},null,{"more":{"k":[{"z":"2018-09-03"},{"v":1}],"l":null}}]}',
        '{"id":1,"deep":[{"y":1,"y":2},{"w":1,"w":2},{}],"v":1}', '{"id":1,"deep":[{"more":[]}]}',
        '{"id":1,"deep":[{"more":{"k":[{"z":"x"}]}}]}', '{"id":1,"deep":[[{"w":1}]]}',
        '{"id":1,"deep":[{"more":{"k":[{"w":1}]}},5]}', '{"id":1,"deep":{"more":{"w":1}}}',
        # names
        '{"id":1,"ident":2}', '{"ident":2,"id":1}', '{"no":3,"ident":2}', '{"id":null,"no":3}',
        '{"id":1,"id":2}', '{"id":1,"id":null,"no":4}', '{"id":1,"no":4,"id":null}', '{"ID":1}',
        '{"id":1,"w":1,"w":2}', '{"\\u0069d":1}', '{"id":1,"\\ud83d":1}', '{"id":1,"":1}', "{}",
        '{"id":1,"p":{"x":1},"pos":{"x":2}}', '{"id":1,"pos":{"x":2},"p":{"x":1,"q":{"z":[]}}}',
        '{"id":1,"p":{"x":1,"x":2,"in":{"y":3,"y":null,"v":"\\ud800"},"w":1e5}}',
        '{"id":1,"p":{"in":5}}', '{"id":1,"p":{"in":{"y":"5"}}}', '{"id":1,"p":{"x":null}}',
        '{"id":1,"t":{"$date":"2018-09-03","more":1}}', '{"id":1,"t":{"$date":null}}',
        '{"id":1,"t":{"\\u0024date":"2018-09-03"}}', '{"w":1,"id":"x","v":2}',
        '{"id":1,"w":{"a":[1.50,-0,1e5,"\\u00e9\\"\\\\\\b"],"b":{"c":null}}, "v" : [ ] }',
        # other forms
        '{"value":{"id":1}}', '{"value":{"id":1},"w":1}', '{"value":5}', '{"value":{}}',
        '{"v\\u0061lue":{"id":2}}', '[{"id":1},{"value":{"id":2}},3,{"id":"x"},null,[]]', "[]",
        "[[]]", "[{}]", '"' + '{\\"id\\":1}' + '"', f'"{in_base64("{}")}"', '""', '"x"', '" "',
        f'"{in_base64(field("s", STRINGS[1]))}"', in_base64('{"id":5}'), in_base64("[{}]"),
        in_base64('{"id":5}').rstrip("="), in_base64('{"id":51}') + "=",
        in_base64('{"id":5}') + "===",
        in_base64("7"), in_base64('"x"'), in_base64(f'"{in_base64(field("s", "null"))}"'),
        f'"{in_base64("7")}"', f'"{in_base64("nothing")}"', '"7"', '"[{\\"id\\":1},2]"',
        '"{\\"id\\":1,\\"s\\":\\"\\ud83d\\"}"', f' {in_base64(field("s", "7"))[:8]} \\n',
        f'{in_base64(field("b", "7"))[:8]} {in_base64(field("b", "7"))[8:]}', "ｅyJ9", "e30-", "e30",
        '"\\"{}\\""', '\t{"id":1} ', '{"id":1}\r', '{"id":1}x', "{'id':1}", '{"id":1,}', "null",
        "true", "5", "nothing", '{"id":1} {"id":2}', "// no", '{"id":1,"s":"x"', "\x00", "[1e400]",
        " \t", "\r", "", "\ufeff", '\ufeff{"id":1}', '\ufeff\ufeff{"id":1}', "\ufeff ", "{",
        "[" + ",".join(['{"id":1}'] * 101) + "]", "[" + ",".join(["{}"] * 10001) + "]",
        # depth
        nested(64), nested(900), nested(1000), nested(1001), nested(5000), "[" * 5000,
        '{"id":1,"s":"' + "[" * 2000 + '"}', '{"id":1,"p":' + '{"in":' * 500 + "5" + "}" * 501,
    ]  # fmt: skip
    data = [line.encode() for line in dict.fromkeys(made)]
    return data + [
        b'{"id":1,"s":"\xff"}', b"\xff", b'{"id":1,"s":"\xed\xa0\x80"}', b'{"id":1,"\xc3\x28":1}',
        b'{"id":1,"s":"\xf4\x90\x80\x80"}', b'{"id":1,"s":"\xc0\xaf"}', b"\x1f\x8b\x08",
        b'{"id":1,"s":"' + b"x" * (1 << 20) + b'","b":true}',
        b'{"id":1,"s":"' + "é".encode() * (1 << 20) + b'","b":true}',
        b'{"id":1,"s":"' + b"\xff" * (1 << 20) + b'"}',
        b'{"id":1,"s":"' + b"x" * (16 << 20) + b'"}',
    ]  # fmt: skip


# What differs between the letters of two runs, and the key, which a load by Spark does not read.
UNSIGNED = {"made_by": None, "after_version": None, "batch": None, "key": None}


def told(reason):
    """What every reader says of a dead letter in the same words."""
    note = ""
    for words in NOTES:
        if words in reason:
            reason, note = reason.replace(words, ""), note + words
    return next((words for words in PARSERS if reason.startswith(words)), reason) + note


def with_dicts(row):
    """The row with its maps as dicts, which pyarrow gives as lists of pairs."""

    def as_dict(pairs):
        return None if pairs is None else dict(pairs)

    deep = row["deep"] and [
        item and {**item, "more": as_dict(item["more"])} for item in row["deep"]
    ]
    return {**row, "m": as_dict(row["m"]), "deep": deep}


def one_zero(rows):
    """DuckDB writes 0 and -0 of a column as the same value, whichever comes first."""
    rows = [with_dicts(row) for row in rows]
    return [
        {**row, **{name: 0.0 for name in ("d", "fl") if row[name] == 0 and row[name] is not None}}
        for row in rows
    ]


def write_pipeline(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.yml").write_text(PIPELINE, encoding="utf-8")
    return folder


def land(store):
    """The lines as a landed object of a store in a folder."""
    file = Path(store) / OBJECT
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\n".join(lines()) + b"\n")
