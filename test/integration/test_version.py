"""What the program says of itself, and how the build finds the commit."""

import json
import re
import subprocess

import pytest
from pinion import ROOT, run


def git(folder, *args):
    return subprocess.run(
        ["git", "-C", folder, "-c", "safe.directory=*", "-c", "user.name=t", "-c",
         "user.email=t@localhost", *args], check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip


def test_version_says_how_it_was_built():
    rows = json.loads(run("version", "--format", "json").stdout)
    assert rows[0]["kind"] == "program" and re.fullmatch(r"\d+\.\d+\.\d+", rows[0]["version"])
    build = {row["name"]: row["version"] for row in rows if row["kind"] == "build"}
    assert list(build) == ["commit", "modified", "compiler", "type", "target", "instrumentation"]
    assert re.fullmatch(r"(GCC|Clang) \d+\..*", build["compiler"])
    assert build["type"] in ("Release", "Debug") and build["target"]
    if build["commit"] is None:
        assert build["modified"] is None
    else:
        assert re.fullmatch("[0-9a-f]{40,64}", build["commit"])
        assert build["modified"] in ("true", "false")
    libraries = {row["name"]: row["version"] for row in rows if row["kind"] == "library"}
    assert {"DuckDB", "SQLite", "libmicrohttpd", "GnuTLS", "libcurl", "simdjson"} <= set(libraries)
    assert all(re.match(r"v?\d+\.\d+", version) for version in libraries.values()), libraries
    text = run("version").stdout
    assert text.startswith(f"pinion {rows[0]['version']}\ncommit: ")
    assert (build["commit"] or "unknown")[:12] in text
    assert max(map(len, text.splitlines())) <= 80


def built_from(sources, out, commit=""):
    """What a build of the sources would say: the commit, and whether files differ from it."""
    subprocess.run(
        ["cmake", "-DGIT=git", f"-DSOURCE={sources}", f"-DCOMMIT={commit}", f"-DOUT={out}", "-P",
         ROOT / "cmake/BuildInfo.cmake"], check=True, capture_output=True,
    )  # fmt: skip
    found = re.fullmatch(
        r'#define PINION_COMMIT "(.*)"\n#define PINION_MODIFIED ([01])\n', out.read_text()
    )
    return found[1], found[2] == "1"


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "file").write_text("one\n")
    git(folder, "init", "-q")
    git(folder, "add", "file")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def test_the_commit_is_of_the_sources(repository, tmp_path):
    out = tmp_path / "build_commit.h"
    head = git(repository, "rev-parse", "HEAD")
    assert built_from(repository, out) == (head, False)
    before = out.stat().st_mtime_ns
    assert built_from(repository, out) == (head, False)
    assert out.stat().st_mtime_ns == before  # or each build would link again
    (repository / "untracked").touch()
    assert built_from(repository, out) == (head, False)
    (repository / "file").write_text("two\n")
    assert built_from(repository, out) == (head, True)


def test_without_a_repository_the_commit_is_unknown_or_given(repository, tmp_path):
    out = tmp_path / "build_commit.h"
    unpacked = repository / "unpacked"  # within another project's repository
    unpacked.mkdir()
    assert built_from(unpacked, out) == ("", False)
    assert built_from(unpacked, out, "0123abc") == ("0123abc", False)
    assert built_from(tmp_path, out) == ("", False)
