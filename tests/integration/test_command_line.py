"""What the command line tells the shell: exit codes, and silence where nobody listens."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


async def shell(folder: Path, command: str) -> tuple[int, str, str]:
    """Run `command` with $BOT as the program on a database of its own: code, output, errors."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-o",
        "pipefail",
        "-c",
        command,
        cwd=folder,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "BOT": f"{sys.executable} -m bot",
            "DATABASE_URL": f"sqlite:///{folder}/hoshyar.db",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_reader_that_had_enough_is_no_failure(tmp_path: Path) -> None:
    """`| head -1` ends the program in silence, with a small output and with a large one."""
    (tmp_path / "lines").write_text("برف\n" * 20_000)
    for command in (
        "$BOT migrate --json | true",
        "$BOT try normalise < lines | head -1 >lines.out",
        "head -1 lines >line; $BOT try normalise <line | true",
    ):
        code, _, err = await shell(tmp_path, f"export LOG_LEVEL=ERROR; {command}")

        assert (code, err) == (0, "")


async def test_a_file_without_a_usable_line_is_a_failure(tmp_path: Path) -> None:
    """One usable line makes it a success."""
    (tmp_path / "bad.jsonl").write_text("nonsense\n")
    (tmp_path / "good.jsonl").write_text(
        'nonsense\n{"id": 1, "created_at": "2026-01-01", "text": "برف در تهران"}\n'
    )

    bad, _, said = await shell(tmp_path, "$BOT import bad.jsonl")
    good, _, _ = await shell(tmp_path, "$BOT import good.jsonl")

    assert (bad, good) == (1, 0)
    assert "no line of bad.jsonl can be used" in said


async def test_an_unknown_job_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    """Also before the bot ever ran."""
    code, _, said = await shell(tmp_path, "$BOT jobs run nope")

    assert code == 1
    assert "no job named “nope”" in said
    assert "analyse · backup · collect" in said


async def test_jobs_are_listed_in_words(tmp_path: Path) -> None:
    """A database where the bot never ran says so; what ran is no JSON to a person."""
    _, none, said = await shell(tmp_path, "$BOT jobs list")
    _, ran, _ = await shell(tmp_path, "$BOT jobs run backup; $BOT jobs run analyse")
    _, lines, _ = await shell(tmp_path, "$BOT jobs list")
    _, body, _ = await shell(tmp_path, "$BOT jobs list --json")

    assert none == ""
    assert "the bot has never run on this database" in said
    assert "analyse: ok: " in ran
    assert "{" not in ran + lines
    assert all(isinstance(job["last_result"], dict | str) for job in json.loads(body))
