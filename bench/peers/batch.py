"""What the batch peers share: the raw tables' schema, the pipeline's SQL, and their report.

Each peer is run as `PEER.py INPUT OUTPUT REPORT`: INPUT holds {pin,geo,user}.json (JSON lines),
tables go below OUTPUT, and REPORT becomes {"phases": {name: seconds}, "answers": {query: rows}}.
"""

import json
import sys
import time
from pathlib import Path

PIPELINE = Path(__file__).resolve().parents[2] / "pipelines/pinterest"

# The columns that the landed JSON is declared to have; no peer has to guess them.
RAW = {
    "geo": {
        "ind": "BIGINT",
        "timestamp": "STRING",
        "latitude": "DOUBLE",
        "longitude": "DOUBLE",
        "country": "STRING",
    },
    "pin": {
        "index": "BIGINT",
        "unique_id": "STRING",
        "title": "STRING",
        "description": "STRING",
        "poster_name": "STRING",
        "follower_count": "STRING",
        "tag_list": "STRING",
        "is_image_or_video": "STRING",
        "image_src": "STRING",
        "downloaded": "BIGINT",
        "save_location": "STRING",
        "category": "STRING",
    },
    "user": {
        "ind": "BIGINT",
        "first_name": "STRING",
        "last_name": "STRING",
        "age": "BIGINT",
        "date_joined": "STRING",
    },
}


def prelude(engine):
    """The statements that an engine is given before the pipeline's SQL."""
    text = (PIPELINE / "prelude" / f"{engine}.sql").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return [part for part in "\n".join(lines).split(";") if part.strip()]


def select(path):
    return path.read_text().strip().rstrip(";")


def clean(table):
    """The SELECT that makes a transformed table."""
    return select(PIPELINE / "clean" / f"{table}.sql")


def queries():
    """Name and SELECT of each of the pipeline's queries."""
    return {path.stem: select(path) for path in sorted((PIPELINE / "queries").glob("*.sql"))}


class Report:
    """Times the phases of a run and keeps its answers."""

    def __init__(self):
        self.source, self.target, self._path = sys.argv[1:4]
        self._phases, self._answers = {}, {}
        self._last = time.monotonic()

    def phase(self, name):
        """Ends a phase, which began where the one before ended."""
        now = time.monotonic()
        self._phases[name] = round(now - self._last, 3)
        self._last = now

    def answer(self, query, rows):
        self._answers[query] = [list(row) for row in rows]

    def write(self):
        with open(self._path, "w", encoding="utf-8") as file:
            json.dump({"phases": self._phases, "answers": self._answers}, file)
