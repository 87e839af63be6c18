/* Every mistake in a pipeline.yml is reported with its file, its line and its key. */
#include "pipelines.h"

/* What most cases put their mistake into: lines 1 to 11 are right. */
#define HEAD                                                     \
    "name: test\n"                                               \
    "topics:\n"                                                  \
    "  t.a: {partitions: 2}\n"                                   \
    "  t.b:\n"                                                   \
    "tables:\n"                                                  \
    "  raw:\n"                                                   \
    "    path: tables/raw\n"                                     \
    "    from_topic: t.a\n"                                      \
    "    columns:\n"                                             \
    "      id: {type: bigint, required: true, aliases: [key]}\n" \
    "      name: string\n"
#define CLEAN                    \
    "  clean:\n"                 \
    "    path: tables/clean\n"   \
    "    sql: clean/clean.sql\n" \
    "    reads: [raw]\n"         \
    "    columns: {id: bigint}\n"
/* Lines 1 to 18. */
#define DAG              \
    HEAD CLEAN "dags:\n" \
               "  d:\n"

struct mistake {
    const char *yaml;
    const char *message;
};

#define NAME_OF_50 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwx"

static const struct mistake yaml_mistakes[] = {
    {"name: " NAME_OF_50 NAME_OF_50 NAME_OF_50 NAME_OF_50 "y\n",
     "pipeline.yml:1: name: must have at most 200 bytes, and has 201"},
    {"name: \" \\n\"\n", "pipeline.yml:1: name: is blank"},
    {"name: [a\n", "pipeline.yml:2: invalid YAML: flow sequence without a closing bracket"},
    {"name: x\nb: \"abc\n",
     "pipeline.yml:2: invalid YAML: double-quoted scalar without closing quote"},
    {"name: x\nb: [1,\nc: 2\n", "pipeline.yml:3: invalid YAML: wrongly indented flow sequence"},
    {"name: \xff\n", "pipeline.yml: is not UTF-8 text"},
    {"%YAML 0.1\n---\nname: x\n", "pipeline.yml:1: invalid YAML: unsupport version number 0.1"},
    {"", "pipeline.yml:1: must be a map, not nothing"},
    {"- a\n", "pipeline.yml:1: must be a map, not a list"},
    {"name: a\nname: b\n", "pipeline.yml:2: name: is given twice, first on line 1"},
    {"name: a\n--- \nname: b\n", "pipeline.yml:2: a second document (---) is not supported"},
    {"name: !!str a\n", "pipeline.yml:1: tags (!...) are not supported"},
    {"name: !x {a: b}\n", "pipeline.yml:1: tags (!...) are not supported"},
    {"name: \"a\\0b\"\n", "pipeline.yml:1: a string contains a NUL character"},
    {"name: *a\n", "pipeline.yml:1: *a is an alias of an unknown anchor: quote a text that begins "
                   "with *, as in \"*a\""},
    {"name: x\ntopics:\n  *.orders: {}\n",
     "pipeline.yml:3: *.orders is an alias of an unknown anchor: quote a text"},
    {"name\uff1ashop\ntables: {}\n", "pipeline.yml:1: invalid YAML: invalid multiline plain key "
                                     "(write : in place of the full-width \uff1a)"},
    {"name: a\ntopics: &x\n  a: *x\n", "pipeline.yml:3: an alias is inside its own anchor"},
    {"? [a]\n: b\n", "pipeline.yml:1: a key must be a string"},
    {"? {a: b}\n: b\n", "pipeline.yml:1: a key must be a string"},
    {"name: a\n~: b\n", "pipeline.yml:2: a key is empty"},
    {"name: a\n: b\n", "pipeline.yml:1: a key is empty"},
    {"a: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n", "pipeline.yml:1: nested too deeply"},
};

static const struct mistake top_mistakes[] = {
    {"description: x\n", "pipeline.yml:1: the key \"name\" is missing"},
    {"name:\n", "pipeline.yml:1: the key \"name\" is missing"},
    {"name: ''\n", "pipeline.yml:1: name: is empty"},
    {"name: [x]\n", "pipeline.yml:1: name: must be a value, not a list"},
    {"name: x\ntables: 5\n", "pipeline.yml:2: tables: must be a map, not a value"},
    {"name: x\ntopic: {}\n",
     "pipeline.yml:2: topic: unknown key \"topic\"; did you mean \"topics\"? (one of name, "},
    {"name: x\nzzzzzz: {}\n", "pipeline.yml:2: zzzzzz: unknown key \"zzzzzz\" (one of name, "},
    {"name: x\nsink:\n  topicsdir: a\n",
     "pipeline.yml:3: sink.topicsdir: unknown key \"topicsdir\"; did you mean \"topics_dir\"?"},
    {"name: x\nsink:\n  topics_dir: ../a\n", "pipeline.yml:3: sink.topics_dir: the key '../a'"},
    {"name: x\nsink:\n  dead_letters_dir: /a\n", "pipeline.yml:3: sink.dead_letters_dir: the key"},
    {"name: x\ndead_letters: a//b\n", "pipeline.yml:2: dead_letters: the key 'a//b'"},
    {"name: x\ndead_letters: topics/x\n",
     "pipeline.yml:1: sink.topics_dir (topics) and dead_letters (topics/x) overlap"},
    {"name: x\ntopics:\n  a/b: {}\n", "pipeline.yml:3: topics.a/b: the topic name has a byte 0x2f"},
    {"name: x\ntopics:\n  ..: {}\n", "pipeline.yml:3: topics...: a topic cannot be named"},
    {"name: x\ntopics:\n  a: 5\n", "pipeline.yml:3: topics.a: must be a map, not a value"},
    {"name: x\ntopics:\n  a: {partitions: 0}\n",
     "pipeline.yml:3: topics.a.partitions: must be 1 to 1024, not 0"},
    {"name: x\ntopics:\n  a: {partitions: two}\n",
     "pipeline.yml:3: topics.a.partitions: \"two\" is not a whole number"},
    {"name: x\ntopics:\n  a: {partitions: 99999999999999999999}\n",
     "pipeline.yml:3: topics.a.partitions: \"99999999999999999999\" does not fit 64 bits"},
    {"name: x\ntopics:\n  a:\n    retention: 5 days\n",
     "pipeline.yml:4: topics.a.retention: invalid duration \"5 days\""},
    {"name: x\ntopics:\n  a: {retention: 0s}\n",
     "pipeline.yml:3: topics.a.retention: must be more than 0, or \"forever\""},
    {"name: x\ntopics:\n  a: {retention_bytes: lots}\n",
     "pipeline.yml:3: topics.a.retention_bytes: invalid size \"lots\""},
};

static const struct mistake table_mistakes[] = {
    {HEAD "  9x: {}\n", "pipeline.yml:12: tables.9x: a table's name must consist of letters"},
    {HEAD "  a-b: {}\n", "pipeline.yml:12: tables.a-b: a table's name must consist of letters"},
    {HEAD "  x: 1\n", "pipeline.yml:12: tables.x: must be a map, not a value"},
    {HEAD "  x:\n    colums: {}\n",
     "pipeline.yml:13: tables.x.colums: unknown key \"colums\"; did you mean \"columns\"?"},
    {HEAD "  x:\n    from_topic: t.a\n    columns: {a: int}\n",
     "pipeline.yml:12: tables.x: the key \"path\" is missing"},
    {HEAD "  x:\n    from_topic: t.a\n    path: x\n",
     "pipeline.yml:12: tables.x: the key \"columns\" is missing (or \"like\", when a stream"},
    {HEAD "  x:\n    path: x\n    checkpoints: c\n",
     "pipeline.yml:12: tables.x: the key \"like\" is missing: a table that a stream fills"},
    {HEAD "  x:\n    path: x/../y\n    from_topic: t.a\n    columns: {a: int}\n",
     "pipeline.yml:13: tables.x.path: the key 'x/../y' has the part '..'"},
    {HEAD "  x:\n    path: x\n    columns: {a: int}\n",
     "pipeline.yml:12: tables.x: one of the keys \"from_topic\" or \"from_files\" (a raw table), "
     "\"sql\" (a transformed"},
    {HEAD "  x:\n    path: x\n    from_topic: t.a\n    sql: a.sql\n    columns: {a: int}\n",
     "pipeline.yml:15: tables.x.sql: a table must have either from_topic or sql, not both"},
    {HEAD "  x:\n    path: x\n    from_topic: t.a\n    reads: [raw]\n    columns: {a: int}\n",
     "pipeline.yml:15: tables.x.reads: a table with from_topic must not read other tables"},
    {HEAD "  x:\n    path: x\n    from_topic: t.c\n    columns: {a: int}\n",
     "pipeline.yml:14: tables.x.from_topic: unknown topic \"t.c\"; did you mean \"t.a\"? (one of "
     "t.a, t.b)"},
    {HEAD "  x:\n    path: x\n    sql: a.sql\n    columns: {a: int}\n",
     "pipeline.yml:12: tables.x: the key \"reads\" is missing: the tables that a.sql reads"},
    {HEAD "  x:\n    path: x\n    sql: ../a.sql\n    reads: [raw]\n    columns: {a: int}\n",
     "pipeline.yml:14: tables.x.sql: must be the path of a .sql file below the pipeline's folder"},
    {HEAD "  x:\n    path: x\n    sql: a.txt\n    reads: [raw]\n    columns: {a: int}\n",
     "pipeline.yml:14: tables.x.sql: must be the path of a .sql file"},
    {HEAD "  x:\n    path: x\n    sql: not/there.sql\n    reads: [raw]\n    columns: {a: int}\n",
     "pipeline.yml:14: tables.x.sql: "},
    {HEAD "  x:\n    path: x\n    sql: empty.sql\n    reads: [raw]\n    columns: {a: int}\n",
     "pipeline.yml:14: tables.x.sql: "},
    {HEAD "  x:\n    path: x\n    sql: clean/clean.sql\n    reads: [rau]\n    columns: {a: int}\n",
     "pipeline.yml:15: tables.x.reads[0]: unknown table \"rau\"; did you mean \"raw\"?"},
    {HEAD "  x:\n    path: x\n    sql: clean/clean.sql\n    reads: [raw, raw]\n"
          "    columns: {a: int}\n",
     "pipeline.yml:15: tables.x.reads[1]: the table \"raw\" appears twice"},
    {HEAD
     "  x:\n    path: x\n    sql: clean/clean.sql\n    reads: [[raw]]\n    columns: {a: int}\n",
     "pipeline.yml:15: tables.x.reads[0]: must be the name of a table"},
    {HEAD "  x:\n    path: x\n    sql: clean/clean.sql\n    reads: [x]\n    columns: {a: int}\n",
     "pipeline.yml:12: tables.x: needs itself: x -> x"},
    {HEAD
     "  x:\n    path: x\n    sql: clean/clean.sql\n    reads: [raw, y]\n    columns: {a: int}\n"
     "  y:\n    path: y\n    sql: clean/clean.sql\n    reads: [z]\n    columns: {a: int}\n"
     "  z:\n    path: z\n    sql: clean/clean.sql\n    reads: [y]\n    columns: {a: int}\n",
     "pipeline.yml:17: tables.y: needs itself: y -> z -> y"},
    {HEAD "  RAW:\n    path: x\n    from_topic: t.a\n    columns: {a: int}\n",
     "pipeline.yml:12: tables.RAW: differs from \"raw\" on line 6 only in its case"},
    {HEAD "  x:\n    path: tables/raw\n    from_topic: t.a\n    columns: {a: int}\n",
     "pipeline.yml:13: tables.x.path: \"tables/raw\" overlaps the path of raw (tables/raw)"},
    {HEAD "  x:\n    path: tables/raw/x\n    from_topic: t.a\n    columns: {a: int}\n",
     "pipeline.yml:13: tables.x.path: \"tables/raw/x\" overlaps the path of raw (tables/raw)"},
    {HEAD "  x:\n    path: tables\n    from_topic: t.a\n    columns: {a: int}\n",
     "pipeline.yml:13: tables.x.path: \"tables\" overlaps the path of raw (tables/raw)"},
    {HEAD "  x:\n    path: .tmp/b\n    from_topic: t.a\n    columns: {a: int}\n",
     "pipeline.yml:13: tables.x.path: the path of x may not be in \".tmp/b\": \".tmp\" is reserved "
     "(names that start with a dot or an underscore)"},
    {HEAD "  x:\n    path: a/.b\n    from_topic: t.a\n    columns: {a: int}\n",
     "pipeline.yml:13: tables.x.path: the path of x may not be in \"a/.b\": \".b\" is reserved"},
    {HEAD "  x:\n    path: a/_delta_log/b\n    from_topic: t.a\n    columns: {a: int}\n",
     "pipeline.yml:13: tables.x.path: the path of x may not be in \"a/_delta_log/b\": "
     "\"_delta_log\" "
     "is reserved"},
    {HEAD "  x:\n    path: _x\n    from_topic: t.a\n    columns: {a: int}\n",
     "pipeline.yml:13: tables.x.path: the path of x may not be in \"_x\": \"_x\" is reserved"},
    {"name: x\nsink:\n  topics_dir: .tmp\n",
     "pipeline.yml:1: sink.topics_dir may not be in \".tmp\": \".tmp\" is reserved (names that "
     "start with a dot, and _delta_log)"},
    {"name: x\ndead_letters: _x/y\n",
     "pipeline.yml:1: dead_letters may not be in \"_x/y\": \"_x\" is reserved"},
    {HEAD "  x:\n    path: topics/x\n    from_topic: t.a\n    columns: {a: int}\n",
     "pipeline.yml:13: tables.x.path: \"topics/x\" overlaps sink.topics_dir (topics)"},
    {HEAD "    unknown_keys: dorp\n",
     "pipeline.yml:12: tables.raw.unknown_keys: unknown word \"dorp\"; did you mean \"drop\"? "
     "(one of drop, keep, reject)"},
    {HEAD "    coerce: lenent\n",
     "pipeline.yml:12: tables.raw.coerce: unknown word \"lenent\"; did you mean \"lenient\"? "
     "(one of strict, lenient)"},
    {HEAD "      x: {type: int, coerce: yes}\n",
     "pipeline.yml:12: tables.raw.columns.x.coerce: unknown word \"yes\" (one of strict, lenient)"},
    {HEAD CLEAN "    coerce: lenient\n",
     "pipeline.yml:17: tables.clean.coerce: is only allowed for a raw table"},
    {HEAD CLEAN "  live: {path: tables/live, like: clean, checkpoints: c, coerce: lenient}\n",
     "pipeline.yml:17: tables.live.coerce: a table with like takes its columns and its SQL from "
     "the table that like names"},
    {HEAD CLEAN "    unknown_keys: drop\n",
     "pipeline.yml:17: tables.clean.unknown_keys: is only allowed for a raw table"},
    {HEAD "    key: idd\n",
     "pipeline.yml:12: tables.raw.key: unknown column \"idd\"; did you mean \"id\"? (one of id, "
     "name)"},
};

/* Lines 1 to 20. */
#define LIVE                       \
    HEAD CLEAN "  live:\n"         \
               "    path: live\n"  \
               "    like: clean\n" \
               "    checkpoints: marks\n"

static const struct mistake stream_mistakes[] = {
    {HEAD CLEAN "  x:\n    path: x\n    like: clean\n",
     "pipeline.yml:17: tables.x: the key \"checkpoints\" is missing"},
    {HEAD CLEAN "  x:\n    path: x\n    like: cleen\n    checkpoints: c\n",
     "pipeline.yml:19: tables.x.like: unknown table \"cleen\"; did you mean \"clean\"?"},
    {HEAD CLEAN "  x:\n    path: x\n    like: raw\n    checkpoints: c\n",
     "pipeline.yml:19: tables.x.like: must be a transformed table that reads a raw table"},
    {LIVE "  x:\n    path: x\n    like: live\n    checkpoints: c\n",
     "pipeline.yml:23: tables.x.like: must be a transformed table that reads a raw table"},
    {HEAD CLEAN "  x:\n    path: x\n    like: clean\n    checkpoints: c\n    key: id\n",
     "pipeline.yml:21: tables.x.key: a table with like takes its columns"},
    {HEAD CLEAN "  x:\n    path: x\n    like: clean\n    checkpoints: /c\n",
     "pipeline.yml:20: tables.x.checkpoints: the key '/c'"},
    {LIVE "  x:\n    path: marks/x\n    like: clean\n    checkpoints: c\n",
     "pipeline.yml:22: tables.x.path: \"marks/x\" overlaps the checkpoints of live (marks)"},
    {LIVE "  x:\n    path: x\n    like: clean\n    checkpoints: tables\n",
     "pipeline.yml:24: tables.x.checkpoints: \"tables\" overlaps the path of raw (tables/raw)"},
    {HEAD "    checkpoints: c\n",
     "pipeline.yml:12: tables.raw.checkpoints: is only allowed for a table with like"},
    {"name: x\nstream_dead_letters: topics\n",
     "pipeline.yml:1: sink.topics_dir (topics) and stream_dead_letters (topics) overlap"},
    {LIVE "streams:\n  a b: {}\n",
     "pipeline.yml:22: streams.a b: a stream's name must consist of letters"},
    {LIVE "streams:\n  s: 5\n", "pipeline.yml:22: streams.s: must be a map, not a value"},
    {LIVE "streams:\n  s: {shard: 2}\n",
     "pipeline.yml:22: streams.s.shard: unknown key \"shard\"; did you mean \"shards\"?"},
    {LIVE "streams:\n  s: {shards: 501}\n",
     "pipeline.yml:22: streams.s.shards: must be 1 to 500, not 501"},
    {LIVE "streams:\n  s: {retention: 1h}\n",
     "pipeline.yml:22: streams.s.retention: must be whole hours from 24h to 8760h, not 1h"},
    {LIVE "streams:\n  s: {retention: 9000h}\n", "pipeline.yml:22: streams.s.retention: "},
    {LIVE "streams:\n  s: {start: now}\n",
     "pipeline.yml:22: streams.s.start: must be latest, trim_horizon or a time such as"},
    {LIVE "streams:\n  s: {table: live, tables: {a: live}}\n",
     "pipeline.yml:22: streams.s.table: a stream must have either table or tables, not both"},
    {LIVE "streams:\n  s: {table: clean}\n",
     "pipeline.yml:22: streams.s.table: unknown table with like \"clean\" (one of live)"},
    {LIVE "streams:\n  s: {tables: {a: [live]}}\n",
     "pipeline.yml:22: streams.s.tables.a: must be the name of a table"},
    {LIVE "streams:\n  a*b*: {}\n",
     "pipeline.yml:22: streams.a*b*: a stream's name must consist of letters"},
    {LIVE "streams:\n  a*: {table: live}\n",
     "pipeline.yml:22: streams.a*.table: unknown table with like and a * in its name \"live\""},
    {LIVE "streams:\n  a-*:\n  b-*:\n  \"*-b\":\n",
     "pipeline.yml:24: streams.*-b: matches names that \"a-*\" on line 22 also matches, such as "
     "\"a-x-b\": make one of the patterns narrower"},
    {LIVE "  l_*: {path: x/l, like: clean, checkpoints: y/*}\n",
     "pipeline.yml:21: tables.l_*.path: must have one *, like the table's name"},
    {LIVE "  l_*: {path: x/*, like: clean, checkpoints: y/z}\n",
     "pipeline.yml:21: tables.l_*.checkpoints: must have one *"},
    {LIVE "  l_*: {path: x/*, sql: a.sql, columns: {a: int}}\n",
     "pipeline.yml:21: tables.l_*: only a table with like can have a * in its name"},
    {LIVE "  l_*_*: {path: x/*, like: clean, checkpoints: y/*}\n",
     "pipeline.yml:21: tables.l_*_*: a table's name must consist of letters"},
    {LIVE "  l_*: {path: x/*_l, like: clean, checkpoints: y/*}\n"
          "  m_*: {path: x/m_*, like: clean, checkpoints: z/*}\n",
     "pipeline.yml:22: tables.m_*.path: \"x/m_*\" overlaps the path of l_* (x/*_l)"},
    {LIVE "  l_*: {path: tables/raw/*, like: clean, checkpoints: y/*}\n",
     "pipeline.yml:21: tables.l_*.path: \"tables/raw/*\" overlaps the path of raw (tables/raw)"},
    {LIVE "  l_*: {path: x/*, like: clean, checkpoints: y/*}\n"
          "  z: {path: z, sql: clean/clean.sql, reads: [l_*], columns: {id: bigint}}\n",
     "pipeline.yml:22: tables.z.reads: \"l_*\" stands for many tables, which cannot be read"},
    {"name: x\ntopics:\n  a.*:\n  \"*.b\":\n",
     "pipeline.yml:4: topics.*.b: matches names that \"a.*\" on line 3 also matches, such as "
     "\"a.x.b\""},
    {"name: x\ntopics:\n  a*b*:\n",
     "pipeline.yml:3: topics.a*b*: a pattern must have exactly one *"},
    {"name: x\ntopics:\n  a b*:\n", "pipeline.yml:3: topics.a b*: "},
    {"name: x\nid: a.b\n",
     "pipeline.yml:2: id: an ID must consist of letters, digits, _ and -, and have at most 64"},
    {LIVE "streams:\n  s: {table: live}\n  t: {table: live}\n",
     "pipeline.yml:23: streams.t.table: \"live\" is already filled by the stream \"s\""},
    {LIVE "dags:\n  d:\n    tasks:\n      t: {run: transform, tables: [live]}\n",
     "pipeline.yml:24: dags.d.tasks.t.tables[0]: \"live\" is filled by a stream, not by a DAG"},
};

static const struct mistake column_mistakes[] = {
    {HEAD "      ind: bigintt\n",
     "pipeline.yml:12: tables.raw.columns.ind: unknown type \"bigintt\"; did you mean \"bigint\"? "
     "(one of string, bigint, int, "},
    {HEAD "      ind: {type: varchar}\n",
     "pipeline.yml:12: tables.raw.columns.ind.type: unknown type \"varchar\": use string"},
    {HEAD "      ind: Int64\n",
     "pipeline.yml:12: tables.raw.columns.ind: unknown type \"Int64\": use bigint"},
    {HEAD "      ind: BIGINT\n",
     "pipeline.yml:12: tables.raw.columns.ind: unknown type \"BIGINT\": use bigint"},
    {HEAD "      ind: number\n", "pipeline.yml:12: tables.raw.columns.ind: unknown type "
                                 "\"number\": use decimal(p,s), double or bigint"},
    {HEAD "      ind: text[]\n",
     "pipeline.yml:12: tables.raw.columns.ind: unknown type \"text[]\": use array<string>"},
    {HEAD "      ind: array<list<int>>\n",
     "pipeline.yml:12: tables.raw.columns.ind: unknown type \"list\": use array<type>"},
    {HEAD "      ind: {type: decimal(6,3), coerce: lenient}\n",
     "pipeline.yml:12: tables.raw.columns.ind.type: the comma of \"decimal(6, ...3)\" ends the "
     "value: inside { } quote a type with a comma"},
    {HEAD "      ind: {type: struct<a int, b int, c int>}\n",
     "pipeline.yml:12: tables.raw.columns.ind.type: the comma of \"struct<a int, ...c int>\" ends"},
    {HEAD "      ind: {}\n",
     "pipeline.yml:12: tables.raw.columns.ind: the key \"type\" is missing"},
    {HEAD "      ind:\n", "pipeline.yml:12: tables.raw.columns.ind: must be a type such as bigint"},
    {HEAD "      ind: [int]\n",
     "pipeline.yml:12: tables.raw.columns.ind: must be a type such as bigint"},
    {HEAD "      a b: int\n",
     "pipeline.yml:12: tables.raw.columns.a b: a column's name must consist of letters"},
    {HEAD "      \xc3\xa9: int\n",
     "pipeline.yml:12: tables.raw.columns.\xc3\xa9: a column's name must consist of letters"},
    {HEAD "      ID: int\n",
     "pipeline.yml:12: tables.raw.columns.ID: differs from \"id\" on line 10 only in its case"},
    {HEAD "      _unknown: int\n",
     "pipeline.yml:12: tables.raw.columns._unknown: the name is reserved"},
    {HEAD "      x: {type: int, required: yes}\n",
     "pipeline.yml:12: tables.raw.columns.x.required: unknown word \"yes\""},
    {HEAD "      x: {type: int, aliases: [y, y]}\n",
     "pipeline.yml:12: tables.raw.columns.x.aliases: \"y\" is already a name of the column \"x\""},
    {HEAD "      x: {type: int, aliases: [id]}\n", "pipeline.yml:12: tables.raw.columns.x.aliases: "
                                                   "\"id\" is already a name of the column \"id\""},
    {HEAD "      key: int\n", "pipeline.yml:10: tables.raw.columns.id.aliases: \"key\" is already "
                              "a name of the column \"key\""},
    {HEAD "      x: {type: int, aliases: ['']}\n",
     "pipeline.yml:12: tables.raw.columns.x.aliases[0]: is empty"},
    {HEAD "      x: {type: int, unwrap: ''}\n",
     "pipeline.yml:12: tables.raw.columns.x.unwrap: is empty"},
    {HEAD "      x: struct\n", "pipeline.yml:12: tables.raw.columns.x: a struct needs its fields"},
    {HEAD "      x: struct<a>\n", "pipeline.yml:12: tables.raw.columns.x: unknown type \"\""},
    {HEAD "      x: struct<a int\n",
     "pipeline.yml:12: tables.raw.columns.x: a struct's > is missing at the end; inside { } quote"},
    {HEAD "      x: struct<a struct<b int> ; c int>\n",
     "pipeline.yml:12: tables.raw.columns.x: a struct's > is missing at \"; c int>\""},
    {HEAD "      x: struct<a int, A int>\n",
     "pipeline.yml:12: tables.raw.columns.x: the field \"A\" appears twice"},
    {HEAD "      x: decimal\n",
     "pipeline.yml:12: tables.raw.columns.x: a decimal needs its digits, and how many of them are "
     "after the point: decimal(10,2), not \"decimal\""},
    {HEAD "      x: decimal(10)\n",
     "pipeline.yml:12: tables.raw.columns.x: a decimal needs its digits, and how many of them are "
     "after the point: decimal(10,2), not \"decimal(10)\""},
    {HEAD "      x: decimal(39,2)\n",
     "pipeline.yml:12: tables.raw.columns.x: decimal(39,2): a decimal has from 1 to 38 digits"},
    {HEAD "      x: decimal(0,0)\n",
     "pipeline.yml:12: tables.raw.columns.x: decimal(0,0): a decimal has from 1 to 38 digits"},
    {HEAD "      x: decimal(4,5)\n",
     "pipeline.yml:12: tables.raw.columns.x: decimal(4,5): a decimal has from 1 to 38 digits, and "
     "no more of them after the point"},
    {HEAD "      x: array\n",
     "pipeline.yml:12: tables.raw.columns.x: an array needs the type of its items: array<type>"},
    {HEAD "      x: array<int\n",
     "pipeline.yml:12: tables.raw.columns.x: an array's > is missing at the end"},
    {HEAD "      x: array<int, int>\n",
     "pipeline.yml:12: tables.raw.columns.x: an array's > is missing at \", int>\""},
    {HEAD "      x: map\n", "pipeline.yml:12: tables.raw.columns.x: a map needs the type of its "
                            "values, and its keys are strings: map<string, type>"},
    {HEAD "      x: map<string>\n",
     "pipeline.yml:12: tables.raw.columns.x: a map needs the type of its values"},
    {HEAD "      x: map<int, string>\n",
     "pipeline.yml:12: tables.raw.columns.x: a map needs the type of its values, and its keys"},
    {HEAD "      x: map<string, int\n",
     "pipeline.yml:12: tables.raw.columns.x: a map's > is missing at the end"},
    {HEAD "      x: array<array<array<array<array<array<array<array<array<int>>>>>>>>>\n",
     "pipeline.yml:12: tables.raw.columns.x: types are nested more than 8 levels deep"},
    {HEAD "      x: smallnt\n", "pipeline.yml:12: tables.raw.columns.x: unknown type \"smallnt\"; "
                                "did you mean \"smallint\"?"},
    {HEAD "      x: int int\n",
     "pipeline.yml:12: tables.raw.columns.x: unexpected \"int\" after the type"},
    {HEAD "  y:\n    path: y\n    from_topic: t.a\n    columns: {}\n",
     "pipeline.yml:15: tables.y.columns: there are no columns"},
    {HEAD CLEAN "    key: nope\n", "pipeline.yml:17: tables.clean.key: unknown column \"nope\""},
    {HEAD "  y:\n    path: y\n    sql: clean/clean.sql\n    reads: [raw]\n"
          "    columns: {a: {type: int, required: true}}\n",
     "pipeline.yml:16: tables.y.columns.a.required: is only allowed for columns of a raw "
     "table"},
};

static const struct mistake dag_mistakes[] = {
    {DAG "    x: 1\n", "pipeline.yml:19: dags.d.x: unknown key \"x\""},
    {DAG "    retries: 1\n", "pipeline.yml:18: dags.d: the key \"tasks\" is missing"},
    {DAG "    tasks: {}\n", "pipeline.yml:19: dags.d.tasks: there are no tasks"},
    {DAG "    retries: -1\n    tasks: {a: {run: check_store}}\n",
     "pipeline.yml:19: dags.d.retries: must be 0 to 1000, not -1"},
    {DAG "    retry_delay: 60\n    tasks: {a: {run: check_store}}\n",
     "pipeline.yml:19: dags.d.retry_delay: invalid duration \"60\": give a number with a unit"},
    {DAG "    timeout: 10y\n    tasks: {a: {run: check_store}}\n",
     "pipeline.yml:19: dags.d.timeout: invalid duration \"10y\""},
    {DAG "    timeout: 999d\n    tasks: {a: {run: check_store}}\n",
     "pipeline.yml:19: dags.d.timeout: 999d is longer than 365d"},
    {DAG "    parallelism: 0\n    tasks: {a: {run: check_store}}\n",
     "pipeline.yml:19: dags.d.parallelism: must be 1 to 256, not 0"},
    {DAG "    active_runs_max: 0\n    tasks: {a: {run: check_store}}\n",
     "pipeline.yml:19: dags.d.active_runs_max: must be 1 to 100, not 0"},
    {DAG "    tasks:\n      a b: {run: check_store}\n",
     "pipeline.yml:20: dags.d.tasks.a b: a name of a DAG, a task or a pool must consist of "
     "letters"},
    {DAG "    tasks:\n      a: {}\n",
     "pipeline.yml:20: dags.d.tasks.a: the key \"run\" is missing"},
    {DAG "    tasks:\n      a: {run: laod}\n",
     "pipeline.yml:20: dags.d.tasks.a.run: unknown word \"laod\"; did you mean \"load\"? (one of "
     "check_store, load, transform, command)"},
    {DAG "    tasks:\n      a: {run: load}\n",
     "pipeline.yml:20: dags.d.tasks.a: the key \"tables\" is missing: the tables to load"},
    {DAG "    tasks:\n      a: {run: load, tables: [clean]}\n",
     "pipeline.yml:20: dags.d.tasks.a.tables[0]: \"clean\" is made by SQL, not loaded"},
    {DAG "    tasks:\n      a: {run: transform, tables: [raw]}\n",
     "pipeline.yml:20: dags.d.tasks.a.tables[0]: \"raw\" is a raw table: it is loaded, not "
     "transformed"},
    {DAG "    tasks:\n      a: {run: load, tables: [rwa]}\n",
     "pipeline.yml:20: dags.d.tasks.a.tables[0]: unknown table \"rwa\"; did you mean \"raw\"?"},
    {DAG "    tasks:\n      a: {run: load, tables: [raw, raw]}\n",
     "pipeline.yml:20: dags.d.tasks.a.tables[1]: the table \"raw\" appears twice"},
    {DAG "    tasks:\n      a: {run: check_store, tables: [raw]}\n",
     "pipeline.yml:20: dags.d.tasks.a.tables: is only allowed with run: load and run: transform"},
    {DAG "    tasks:\n      a: {run: command}\n",
     "pipeline.yml:20: dags.d.tasks.a: the key \"command\" is missing"},
    {DAG "    tasks:\n      a: {run: check_store, command: ls}\n",
     "pipeline.yml:20: dags.d.tasks.a.command: is only allowed with run: command"},
    {DAG "    tasks:\n      a: {run: check_store, after: [b]}\n",
     "pipeline.yml:20: dags.d.tasks.a.after[0]: unknown task \"b\""},
    {DAG "    tasks:\n      a: {run: check_store, after: a}\n",
     "pipeline.yml:20: dags.d.tasks.a.after: must be a list, not a value"},
    {DAG "    tasks:\n"
         "      a: {run: check_store, after: [c]}\n"
         "      b: {run: check_store, after: [a]}\n"
         "      c: {run: check_store, after: [b]}\n",
     "pipeline.yml:20: dags.d.tasks.a: needs itself: a -> c -> b -> a"},
    {DAG "    tasks:\n      a: {run: check_store, retries: 9999}\n",
     "pipeline.yml:20: dags.d.tasks.a.retries: must be 0 to 1000, not 9999"},
    {HEAD "dags:\n  a/b:\n    tasks: {}\n",
     "pipeline.yml:13: dags.a/b: a name of a DAG, a task or a pool"},
};

static void check_all(const struct mistake *mistakes, size_t count)
{
    write_text("clean/clean.sql", "SELECT id FROM raw");
    write_text("empty.sql", "-- nothing but\n/* comments */ ;\n");
    for (size_t i = 0; i < count; i++) {
        load_fails(mistakes[i].yaml, mistakes[i].message);
    }
}
#define CHECK_ALL(list) check_all(list, sizeof(list) / sizeof *(list))

static void test_yaml(void **state)
{
    (void)state;
    CHECK_ALL(yaml_mistakes);
}

static void test_top(void **state)
{
    (void)state;
    CHECK_ALL(top_mistakes);
}

static void test_tables(void **state)
{
    (void)state;
    CHECK_ALL(table_mistakes);
}

static void test_streams(void **state)
{
    (void)state;
    CHECK_ALL(stream_mistakes);
}

static void test_columns(void **state)
{
    (void)state;
    CHECK_ALL(column_mistakes);
}

static void test_dags(void **state)
{
    (void)state;
    CHECK_ALL(dag_mistakes);
}

static void test_the_frame_of_the_cases_is_right(void **state)
{
    (void)state;
    write_text("clean/clean.sql", "SELECT id FROM raw");
    struct pn_pipeline *pipeline = load(DAG "    tasks: {a: {run: check_store}}\n");
    assert_int_equal(pipeline->table_count, 2);
    pn_pipeline_destroy(&pipeline);
}

static void test_files(void **state)
{
    (void)state;
    struct pn_pipeline *pipeline = NULL;
    assert_int_not_equal(pn_pipeline_load(folder, pn_io_system(), &pipeline, &err), 0);
    assert_int_equal(err.class_, PN_CLASS_MISSING);
    assert_non_null(strstr(err.msg, "/pipeline.yml: file not found (give a pipeline's"));
    write_text("queries/a b.sql", "SELECT 1");
    load_fails("name: x\n",
               "queries/a b.sql: a query's name must consist of letters, digits, _ and -");
    assert_int_equal(pn_io_remove_tree(pn_io_system(), folder, NULL), 0);
    write_text("queries/a.sql", "-- nothing\n");
    load_fails("name: x\n", "queries/a.sql: contains no statement");
    write_text("queries/a.sql", "SELECT '\xff'");
    load_fails("name: x\n", "queries/a.sql: is not UTF-8 text");
    write_bytes("queries/a.sql", "SELECT\0 1", 9);
    load_fails("name: x\n", "queries/a.sql: is not UTF-8 text");
    write_text("queries/a.sql", "SELECT 1");
    write_text("prelude/duckdb.sql", "\xff");
    load_fails("name: x\n", "prelude/duckdb.sql: is not UTF-8 text");
}

/* Nine levels of nine aliases stand for 387,420,489 values. */
static void test_alias_bombs_are_refused(void **state)
{
    (void)state;
    load_fails("a: &a [x,x,x,x,x,x,x,x,x]\n"
               "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
               "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
               "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
               "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
               "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
               "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n",
               "pipeline.yml:6: too many values (aliases count as what they name)");
}

static void test_large_files_are_refused(void **state)
{
    (void)state;
    size_t len = (1 << 20) + 1;
    char *text = test_malloc(len + 1);
    memset(text, '#', len);
    text[len] = '\0';
    struct pn_pipeline *pipeline = NULL;
    write_text("pipeline.yml", text);
    assert_int_not_equal(pn_pipeline_load(folder, pn_io_system(), &pipeline, &err), 0);
    assert_int_equal(err.class_, PN_CLASS_INPUT);
    assert_non_null(strstr(err.msg, "pipeline.yml"));
    assert_non_null(strstr(err.msg, "1048576"));
    /* Many keys in one map, too. */
    size_t at = (size_t)snprintf(text, len, "name: x\ntopics:\n");
    for (int i = 0; i < 6000; i++) {
        at += (size_t)snprintf(text + at, len - at, "  t%d: {}\n", i);
    }
    load_fails(text, "pipeline.yml:5003: topics.t5000: exceeds the maximum of 5000 keys");
    at = (size_t)snprintf(text, len, "name: x\ntopics:\n");
    for (int i = 0; i < 1001; i++) {
        at += (size_t)snprintf(text + at, len - at, "  t%d: {}\n", i);
    }
    load_fails(text, "pipeline.yml:2: topics: has 1001 entries; 1000 are allowed");
    test_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_yaml, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_top, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_tables, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_streams, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_columns, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_dags, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_the_frame_of_the_cases_is_right, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(test_files, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_alias_bombs_are_refused, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(test_large_files_are_refused, folder_setup,
                                        folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
