"""The manual page and the completions, read by the programs they are made for."""

import os
import pty
import re
import select
import subprocess
import time

import pytest

from pinion import PINION, run


def completed(shell, text):
    """What a shell runs `text` to print, with the completions sourced."""
    script = run("completion", shell).stdout
    assert script
    done = subprocess.run(
        [shell, "-c", text], input=script, capture_output=True, text=True, check=True,
        env={**os.environ, "PATH": f"{os.path.dirname(PINION)}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


def bash(*words):
    typed = " ".join(f"'{word}'" for word in words)
    return completed(
        "bash",
        f"source /dev/stdin; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _pinion;"
        'printf "%s\\n" "${COMPREPLY[@]}"',
    )


def fish(*words):
    lines = completed("fish", f"source; complete -C '{' '.join(words)}'")
    return sorted(line.split("\t")[0] for line in lines)


@pytest.mark.parametrize("complete", [bash, fish])
def test_commands_options_and_values_are_completed(complete, tmp_path):
    assert complete("pinion", "que") == ["query"]
    assert complete("pinion", "dag", "tr") == ["trigger"]
    assert complete("pinion", "dag", "trigger", "--wa") == ["--wait"]
    assert sorted(complete("pinion", "topic", "list", "--format", "")) == [
        "csv", "json", "jsonl", "table"]  # fmt: skip
    (tmp_path / "folder").mkdir()
    folders = complete("pinion", "dag", "list", "--data", f"{tmp_path}/fo")
    assert [path.rstrip("/") for path in folders] == [f"{tmp_path}/folder"]
    # The value of an option is not taken for a command.
    assert complete("pinion", "--data", "query", "dag", "tr") == ["trigger"]


def test_bash_offers_every_command():
    listed = re.findall(r"^  ([a-z-]+) ", run("--help").stdout, re.MULTILINE)
    offered = [word for word in bash("pinion", "") if not word.startswith("-")]
    assert offered == listed


def test_zsh_completes_what_is_typed(tmp_path):
    script = tmp_path / "_pinion"
    script.write_text(run("completion", "zsh").stdout)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("zsh", ["zsh", "-f", "-i"])
    try:
        # A function stands for the program, to see the line as it was completed.
        setup = f"autoload -U compinit; compinit -u -D; source {script}; bindkey -e"
        os.write(terminal, f"{setup}; pinion() {{ print ran: $* }}; print se''t up\n".encode())
        assert read_until(terminal, "set up")
        os.write(terminal, b"pinion dag trig\t--wai\t\n")
        assert read_until(terminal, "ran: dag trigger --wait")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def read_until(terminal, text):
    """Reads what a terminal shows until it shows `text`; False when it does not come."""
    shown, deadline = "", time.monotonic() + 30
    while text not in shown and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 4096).decode(errors="replace")
    return text in shown


def test_the_manual_page_has_every_command_and_no_fault():
    page = run("man").stdout
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww"], input=page, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    text = re.sub(r".\x08", "", done.stdout)
    for command in ("pinion serve", "pinion dag trigger DAG", "pinion stream reshard"):
        assert command in text
    assert "--wait" in text and "PINION_DATA" in text
