"""The command line on a disk that is really full: a small one, mounted for the test alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_ALONE = ("unshare", "--user", "--map-root-user", "--mount")
# Everything up to the last byte is used; what reads is open, as it is while the bot runs.
_SCRIPT = """
mount -t tmpfs -o size=6m tmpfs "$1"
bot() { "$PYTHON" -c 'import sys; import bot.models.disk as disk; disk.LEAST_FREE = 0
from bot.main import main; raise SystemExit(main(sys.argv[1:]))' "$@"; }
bot import "$2"; echo "import $?"
dd if=/dev/zero of="$1/fill" bs=1k 2>/dev/null
bot search گزارش; echo "cold search $?"
rm "$1/fill"
bot migrate --status >/dev/null; bot search گزارش >/dev/null
"$PYTHON" -c 'import sqlite3, sys, time
held = [sqlite3.connect(path) for path in sys.argv[1:]]
for one in held:
    one.execute("SELECT COUNT(*) FROM sqlite_master").fetchall()
print("open", flush=True)
time.sleep(600)' "$1/h.db" "$1/h.search.db" > "$3" &
holder=$!
until grep -q open "$3"; do sleep 0.1; done
dd if=/dev/zero of="$1/fill" bs=1k 2>/dev/null
bot search گزارش --limit 1 --json; echo "warm search $?"
kill $holder
"""


def _can_mount() -> bool:
    try:
        done = subprocess.run([*_ALONE, "true"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


@pytest.mark.skipif(not _can_mount(), reason="this system lets nobody mount a small disk")
def test_the_command_line_on_a_full_disk(tmp_path: Path) -> None:
    """An import says how far it came; a search answers, or says why it cannot."""
    disk, posts = tmp_path / "disk", tmp_path / "posts.jsonl"
    disk.mkdir()
    with posts.open("w", encoding="utf-8") as file:
        for n in range(12_000):
            words = " ".join(f"ک{n * k}" for k in range(20))
            at = f"2026-11-20T{n % 24:02}:{n % 60:02}:00Z"
            file.write(json.dumps({"id": n, "created_at": at, "text": f"گزارش {n} {words}"}) + "\n")
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{disk}/h.db",
        "TELEGRAM_BOT_TOKEN": "",
        "LOG_LEVEL": "ERROR",
        "PYTHON": sys.executable,
    }

    done = subprocess.run(
        [*_ALONE, "bash", "-c", _SCRIPT, "-", str(disk), str(posts), str(tmp_path / "said")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )

    assert "import stopped after" in done.stderr
    assert "import 1" in done.stdout
    assert "the disk is full" in done.stderr  # with nothing open even a reader may lack room
    assert "warm search 0" in done.stdout, done.stderr
    assert "Traceback" not in done.stderr
