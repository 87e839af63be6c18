"""The batch path, from JSON files to the last query's answer: one command, from its start to its
exit, that writes the raw and the clean Delta tables. The peers do the same work; the floor does
less (bench/peers says what). The answers of all must agree, and their clean rows too, which is
looked at once, at the smallest size.
"""

import json
import shutil

import harness

SEED = 1
TIMEOUT_S = 900
PEERS = ["polars_delta", "duckdb_delta", "duckdb_floor"]
SLOW_PEER = "spark_delta"  # runs once, the others in every round

# rows of each type: rounds, and goals for the time, ours / peer (without one: for information)
SIZES = {
    11_154: (5, {"spark_delta": 1 / 200, "polars_delta": 1 / 3}),
    100_000: (3, {}),
    1_000_000: (
        3,
        {
            "spark_delta": 1 / 10,
            "polars_delta": 1 / 1.4,
            "duckdb_delta": 1 / 1.4,
            "duckdb_floor": 1.15,
        },
    ),
}
RSS_GOAL_MIB = 800  # at the largest size
SCALING_GOAL = 1.15  # time a row at the largest size over that at a tenth of it


def names(options):
    return [f"batch.{rows}" for rows in SIZES if not options.quick or rows < 1_000_000]


def make_input(scratch, rows):
    folder = scratch / f"input-{rows}"
    command = [harness.PINION, "emulate", "--to", "jsonl", folder, "--rows", rows, "--seed", SEED]
    harness.measure(command, TIMEOUT_S)
    return folder


def run_ours(source, target):
    """One run of ours: its answers, its Usage, and where its clean tables are."""
    command = [harness.PINION, "batch", "--from", source, "--data", target, "--format", "json"]
    out, usage = harness.measure([*command, "--quiet"], TIMEOUT_S)
    answers = {
        query: [list(row.values()) for row in rows] for query, rows in json.loads(out).items()
    }
    return answers, usage, target / "store/delta_tables/transformed"


def run_peer(peer, source, target):
    """One run of a peer: as run_ours()."""
    target.mkdir()
    report = target / "report.json"
    script = harness.ROOT / "bench/peers" / f"{peer}.py"
    _, usage = harness.measure([harness.PYTHON, script, source, target, report], TIMEOUT_S)
    clean = target if peer == "duckdb_floor" else target / "transformed"
    return json.loads(report.read_text())["answers"], usage, clean


def check_answers(engine, answers, expected):
    """The same rows in each answer; their order is not compared."""
    for query, rows in expected.items():
        ours, theirs = (sorted(map(json.dumps, one)) for one in (rows, answers.get(query, [])))
        if ours != theirs:
            different = sorted(set(ours) ^ set(theirs))[:4]
            raise harness.BenchError(f"{engine} answers {query} differently: {different}")


def check_rows(folders):
    """The same rows in each engine's clean tables."""
    script = harness.ROOT / "bench/peers/table_sums.py"
    out, _ = harness.measure([harness.PYTHON, script, *folders.values()], TIMEOUT_S)
    sums = json.loads(out)
    expected = sums[str(folders["pinion"])]
    for engine, folder in folders.items():
        if sums[str(folder)] != expected:
            raise harness.BenchError(
                f"{engine} made other rows than pinion: {sums[str(folder)]}, not {expected}"
            )


def run_rounds(scratch, source, rounds, with_slow, say):
    """Runs all engines in turn, round by round; the usages of each, and where the first round left
    its clean tables."""
    usages, folders, expected = {}, {}, None
    for number in range(rounds):
        engines = ["pinion", *PEERS]
        if number == 0 and with_slow:
            engines.append(SLOW_PEER)
        for engine in engines:
            target = scratch / f"{engine}-{number}"
            if engine == "pinion":
                answers, usage, clean = run_ours(source, target)
                expected = answers
            else:
                answers, usage, clean = run_peer(engine, source, target)
                check_answers(engine, answers, expected)
            usages.setdefault(engine, []).append(usage)
            if number == 0:
                folders[engine] = clean
            else:
                shutil.rmtree(target)
    for engine, runs in usages.items():
        say(f"{engine}: " + ", ".join(
            f"{one.seconds:.2f} s ({one.cpu_seconds:.2f} s CPU, {one.rss_mib:.0f} MiB)"
            for one in runs))  # fmt: skip
    return usages, folders


def scaling(scratch, source, rows, rounds):
    """Time a row at `rows`, beside that at a tenth of it."""
    fewer = rows // 10
    small = make_input(scratch, fewer)
    ours, theirs = [], []
    for _ in range(rounds):
        for folder, count, per_row in (small, fewer, theirs), (source, rows, ours):
            target = scratch / "scaling"
            _, usage, _ = run_ours(folder, target)
            per_row.append(usage.seconds / count * 1e6)
            shutil.rmtree(target)
    return harness.compare(f"batch.{rows}.scaling.us_per_row", ours, theirs, SCALING_GOAL)


def run(name, scratch, options, say):
    rows = next(rows for rows in SIZES if name == f"batch.{rows}")
    rounds, goals = SIZES[rows]
    rounds = 1 if options.quick else rounds
    source = make_input(scratch, rows)
    usages, folders = run_rounds(scratch, source, rounds, options.spark, say)
    if rows == min(SIZES):
        check_rows(folders)
    results = []
    ours = usages.pop("pinion")
    for engine, theirs in usages.items():
        pairs = list(zip(ours, theirs))
        results.append(
            harness.compare(
                f"{name}.{engine}.s",
                [a.seconds for a, _ in pairs],
                [b.seconds for _, b in pairs],
                goals.get(engine),
            )
        )
    if rows == max(SIZES):
        peak = max(one.rss_mib for one in ours)
        theirs = max(one.rss_mib for one in usages["polars_delta"])
        results.append(harness.Result(f"{name}.rss_of_goal.mib", peak, RSS_GOAL_MIB, 1.0))
        results.append(harness.Result(f"{name}.polars_delta.rss.mib", peak, theirs))
        results.append(scaling(scratch, source, rows, rounds))
    return results
