"""Which landed objects an incremental raw table has taken, as the transactions of its commits have
it: the same as pinion's, so either engine continues with the other's table.
src/engine/duckdb/taken.h has what the transactions mean."""

import re

from pinion_delta import DEFINITION, MARK, SINCE

PREFIX = "pinion/landed/"
GAPS_MAX, CLOCKS_MS, NUMBER_MAX = 100, 60000, 2**53 - 1
OPEN, CLOSED = 1, 2
DIGITS = r"([0-9]{1,18})"
NAME = re.compile(rf"\+{DIGITS}\+{DIGITS}\.json(?:\.gz)?")
TXN = re.compile(rf"([^/]+)/{DIGITS}(?:/(objects)|/gap/{DIGITS}-{DIGITS})?")


def number_of(topic, key):
    """Partition and first number of an object's name; None when it is not of that form."""
    name = key.rpartition("/")[2]
    found = NAME.fullmatch(name[len(topic):]) if name.startswith(topic) else None
    numbers = (int(found[1]), int(found[2])) if found else None
    return numbers if numbers and numbers[0] < 2**31 and numbers[1] <= NUMBER_MAX else None


class Number:
    """A number of a transaction: as the table has it (-1: not at all), and as it will be."""

    def __init__(self, before=-1, now=0):
        self.before, self.now = before, now


class Part:
    """What was taken of a partition of a topic."""

    def __init__(self):
        self.next, self.objects, self.gaps = Number(), Number(), {}
        self.loaded_ms = 0
        self.below, self.younger, self.items = [], [], []

    def gap_of(self, number):
        for (start, end), state in self.gaps.items():
            if state.now == OPEN and start <= number < end:
                return start, end
        return None

    def open_gap(self, start, end, explain):
        """Numbers that no object of the listing has. `explain` says how many of them, from the
        first one on, hold nothing to wait for."""
        count = 1
        while start < end and count > 0:
            count = explain(start)
            start += count
        if start < end and sum(of.now == OPEN for of in self.gaps.values()) < GAPS_MAX:
            self.gaps.setdefault((start, end), Number()).now = OPEN

    def settle(self, explain):
        for first, end in sorted(self.items):
            gap = self.gap_of(first)
            if first > self.next.now:
                self.open_gap(self.next.now, first, explain)
            elif gap is not None:
                self.gaps[gap].now = CLOSED
                if first > gap[0]:
                    self.open_gap(gap[0], first, explain)
                if end < gap[1]:
                    self.open_gap(end, gap[1], explain)
            self.next.now = max(self.next.now, end)


class Taken:
    """Of a table's newest version (a Transaction); with `afresh`, nothing counts as taken."""

    def __init__(self, transaction, afresh, definition):
        self.parts = {}
        self.head = {MARK: 1, DEFINITION: definition, SINCE: transaction.version + 1}
        for app in transaction.txns:
            found = TXN.fullmatch(app.removeprefix(PREFIX)) if app.startswith(PREFIX) else None
            if found is None:
                continue
            topic, partition, objects, start, end = found.groups()
            part = self.part(topic, int(partition))
            value = Number(transaction.txn(app), 0 if afresh else transaction.txn(app))
            if start is not None:
                value.now = CLOSED if afresh else value.now
                part.gaps[int(start), int(end)] = value
            elif objects is not None:
                part.objects = value
            else:
                part.next, part.loaded_ms = value, transaction.updated(app)

    def part(self, topic, partition):
        return self.parts.setdefault((topic, partition), Part())

    def wants(self, topic, key, modified_ms):
        """Is the object still to be taken? Each of a listing is to be asked for once."""
        numbers = number_of(topic, key)
        if numbers is None:
            raise ValueError(
                f"the name of {key} does not end in {topic}+<partition>+<offset>.json, so an "
                "incremental table cannot remember that it has read it: move the object away, or "
                "use `mode: overwrite`"
            )
        part = self.part(topic, numbers[0])
        if numbers[1] >= part.next.now or part.gap_of(numbers[1]) is not None:
            return True
        part.below.append(key)
        if part.loaded_ms > 0 and modified_ms > part.loaded_ms + CLOCKS_MS:
            part.younger.append(key)
        return False

    def check(self, table):
        """After the listing: ValueError when there are objects that the table may not have."""
        for (topic, partition), part in self.parts.items():
            below, younger = len(part.below), len(part.younger)
            where = f"partition {partition} of topic {topic} has"
            until = f"below offset {part.next.now}"
            if below > part.objects.now:
                raise ValueError(
                    f"{where} {below} object{'s' * (below > 1)} {until} (the first: "
                    f"{part.below[0]}), but table '{table}' has read only {part.objects.now} "
                    "there: records came late under offsets that were read already; run it with "
                    "--full-refresh"
                )
            if 0 < younger < below:
                raise ValueError(
                    f"{where} {younger} object{'s' * (younger > 1)} {until} (the first: "
                    f"{part.younger[0]}) that came after table '{table}' had read up to there: the "
                    "table may lack their records; run it with --full-refresh, or remove them"
                )

    def add(self, topic, key, count):
        """An object that was wanted, and read: it holds so many numbers."""
        partition, number = number_of(topic, key)
        part = self.part(topic, partition)
        part.items.append((number, number + max(count, 1)))
        part.objects.now += 1

    def settle(self, explain):
        """After all were added: finds the gaps. `explain` takes topic, partition and number."""
        for (topic, partition), part in self.parts.items():
            part.settle(lambda number, at=(topic, partition): explain(*at, number))

    def txns(self):
        """The transactions that say so."""
        made = dict(self.head)
        for (topic, partition), part in self.parts.items():
            base = f"{PREFIX}{topic}/{partition}"
            if part.next.before != part.next.now or part.items:
                made |= {base: part.next.now, f"{base}/objects": part.objects.now}
            for (start, end), state in part.gaps.items():
                if state.before != state.now and (state.before >= 0 or state.now == OPEN):
                    made[f"{base}/gap/{start}-{end}"] = state.now
        return made
