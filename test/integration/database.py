"""A MariaDB server of the tests' own, with the three tables of the pipeline in it."""

import getpass
import json
import socket
import subprocess
import time

import pytest
from pinion import run

KINDS = ("pin", "geo", "user")
TABLES = {"pin": "pinterest_data", "geo": "geolocation_data", "user": "user_data"}
PASSWORD = "s3cret word"
DATABASE_SECONDS_MAX = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def lines(folder, kind):
    return (folder / f"{kind}.json").read_text(encoding="utf-8").splitlines()


class Database:
    """A MariaDB server of the tests' own, on a private folder, port and socket."""

    def __init__(self, folder):
        self.folder = folder
        self.socket = f"{folder}/s"
        self.port = free_port()

    def start(self, tls=True):
        user = f"--user={getpass.getuser()}"
        self.certificate = f"{self.folder}/certificate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-keyout", f"{self.folder}/key.pem", "-out", self.certificate,
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
            check=True, capture_output=True,
        )  # fmt: skip
        keys = [f"--ssl-cert={self.certificate}", f"--ssl-key={self.folder}/key.pem"]
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/data", user,
             "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True, capture_output=True,
        )  # fmt: skip
        self.output = open(f"{self.folder}/log", "ab")
        self.process = subprocess.Popen(
            ["mariadbd", "--no-defaults", f"--datadir={self.folder}/data", user,
             f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1",
             f"--pid-file={self.folder}/pid", "--innodb-buffer-pool-size=32M",
             "--max-allowed-packet=64M", "--skip-name-resolve", *(keys if tls else [])],
            stdout=self.output, stderr=self.output,
        )  # fmt: skip
        deadline = time.monotonic() + DATABASE_SECONDS_MAX
        while self.sql("SELECT 1", check=False) != 0:
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        self.sql(
            f"CREATE USER 'me'@'%' IDENTIFIED BY '{PASSWORD}';"
            "CREATE DATABASE pinterest_data CHARACTER SET utf8mb4;"
            "GRANT ALL ON pinterest_data.* TO 'me'@'%'"
        )
        return self

    def sql(self, text, check=True):
        done = subprocess.run(
            ["mariadb", "--no-defaults", "-uroot", f"--socket={self.socket}",
             "--default-character-set=utf8mb4", "--max-allowed-packet=64M"],
            input=text.encode(), capture_output=True,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done.returncode

    def stop(self):
        self.process.terminate()
        self.process.wait(DATABASE_SECONDS_MAX)
        self.output.close()

    def url(self, database="pinterest_data", user="me"):
        return f"mysql://{user}@127.0.0.1:{self.port}/{database}"


COLUMNS = {
    "pin": "`index` INT PRIMARY KEY, unique_id TEXT, title TEXT, description TEXT, "
    "poster_name TEXT, follower_count TEXT, tag_list TEXT, is_image_or_video TEXT, image_src TEXT, "
    "downloaded INT, save_location TEXT, category TEXT",
    "geo": "ind INT PRIMARY KEY, timestamp DATETIME, latitude FLOAT, longitude DOUBLE, "
    "country TEXT",
    "user": "ind INT PRIMARY KEY, first_name TEXT, last_name TEXT, age INT, date_joined DATETIME",
}


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return repr(value)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """The three tables with 300 generated rows each; `database.records` are these rows."""
    folder = tmp_path_factory.mktemp("db")
    made = Database(folder).start()
    run("emulate", "--to", "jsonl", folder / "rows", "--rows", 300, "--seed", 5)
    made.records = {}
    for kind, table in TABLES.items():
        names = [part.split()[0] for part in COLUMNS[kind].split(", ")]
        records = [json.loads(line) for line in lines(folder / "rows", kind)]
        keys = [name.strip("`") for name in names]
        made.records[kind] = [{key: record.get(key) for key in keys} for record in records]
        rows = ",".join(
            "(" + ",".join(literal(record[key]) for key in keys) + ")"
            for record in made.records[kind]
        )
        made.sql(
            f"USE pinterest_data; CREATE TABLE {table} ({COLUMNS[kind]});"
            f"INSERT INTO {table} VALUES {rows}"
        )
    yield made
    made.stop()
