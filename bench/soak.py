#!/usr/bin/env python3
"""Does a server stay as it is under a steady load? Not part of `make bench`, nor of the tests.

usage: bench/soak.py [--minutes 10] [--rate 5000]

Puts records into the three streams of the shipped pipeline at a steady rate, while their
processors fill the tables, and looks at the server's memory, the number of files in its data
folder and the mean time of a stream table's commit. It stops by itself. The exit status is 1 if
one of them was higher in the last fifth of the time than in the middle one, by more than it wavers;
or if a record did not become a row. Compacted files and old commits are kept for 10 seconds, not
for 10 minutes, so that the number of files settles within a minute, and can be seen to stay.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True

import harness
import stream

SAMPLES = 50
KEEP = "stream.keep_ms=10s"
# What may be in the last fifth of the time: so many times the middle one's, and so much more.
MAY_BE = {"memory": (1.2, 16), "files": (1.2, 50), "commit": (1.5, 10)}
UNITS = {"memory": "MiB", "files": "files", "commit": "ms a commit"}


def metrics(port):
    """The server's counters, those of one name added up."""
    _, body = harness.get(port, "/metrics")
    sums = {}
    for line in body.decode().splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            name = name.split("{")[0]
            sums[name] = sums.get(name, 0) + float(value)
    return sums


def look(process, port, data, before):
    """One sample, and the counters it was made with."""
    now = metrics(port)

    def more(name):
        return now[name] - before.get(name, 0)

    commits = more("pinion_stream_commit_seconds_count")
    sample = {
        "memory": harness.rss_mib(process.pid),
        "files": sum(path.is_file() for path in data.rglob("*")),
        "commit": 1000 * more("pinion_stream_commit_seconds_sum") / max(commits, 1),
        "rows": more("pinion_stream_rows_total"),
        "lag": now["pinion_stream_lag_records"],
    }
    return sample, now


def line(seconds, sample):
    return (
        f"{seconds:6.0f} s  {sample['memory']:5.0f} MiB  {sample['files']:6} files  "
        f"{sample['commit']:6.1f} ms a commit  {sample['rows']:8,.0f} rows  "
        f"{sample['lag']:7,.0f} behind"
    )


def load(port, rate, seconds):
    command = [harness.PINION, "emulate", "stream", "--to", "kinesis", "--batch", 50]
    command += ["--rate", rate, "--connections", 8, "--rows", rate * seconds // 3, "-q"]
    command += ["--url", f"http://127.0.0.1:{port}", "--format", "json"]
    return subprocess.Popen(
        [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )


def watch(process, port, data, producer, seconds):
    """A sample after each part of the time, until the producer ends."""
    samples, counters = [], metrics(port)
    began = time.monotonic()
    while producer.poll() is None:
        due = began + (len(samples) + 1) * seconds / SAMPLES
        time.sleep(max(due - time.monotonic(), 0))
        sample, counters = look(process, port, data, counters)
        samples.append(sample)
        print(line(time.monotonic() - began, sample), flush=True)
        if time.monotonic() - began > 1.2 * seconds + 30:
            raise harness.BenchError("the records cannot be put at this rate")
    return samples[:-1]  # the last one was cut off


def compare(samples):
    """Says what grew; true if nothing did."""
    fifth, flat = len(samples) // 5, True
    for what, (times, more) in MAY_BE.items():
        early = statistics.median(sample[what] for sample in samples[2 * fifth : 3 * fifth])
        late = statistics.median(sample[what] for sample in samples[-fifth:])
        good = late <= early * times + more
        flat = flat and good
        print(f"{what}: {early:,.1f}, then {late:,.1f} {UNITS[what]}{'' if good else ': GREW'}")
    return flat


def soak(scratch, options):
    seconds, port, data = round(options.minutes * 60), harness.free_port(), scratch / "data"
    with harness.pinion_serve(data, port, scratch / "pinion.log", "--set", KEEP) as process:
        stream.wait_for_positions(port)
        producer = load(port, options.rate, seconds)
        try:
            samples = watch(process, port, data, producer, seconds)
            result = json.loads(producer.stdout.read())[0]
        finally:
            harness.stop(producer)
        if producer.returncode != 0 or result["failed"] or result["maybe_twice"]:
            raise harness.BenchError(f"not every record was put once: {result}")
        stream.wait_for_rows(port, result["acknowledged"])
    rate = result["acknowledged"] / result["seconds"]
    print(f"{result['acknowledged']:,} records, {rate:,.0f} a second, each became a row")
    return compare(samples)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=5000)
    options = parser.parse_args()
    build = harness.ROOT / "build"
    if not harness.PINION.exists():
        print("soak: build pinion first (make build)", file=sys.stderr)
        return 2
    scratch = Path(tempfile.mkdtemp(prefix="soak-", dir=build))
    try:
        return 0 if soak(scratch, options) else 1
    except harness.BenchError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


sys.exit(main())
