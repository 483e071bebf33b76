"""`try series`: the anomalies of a file, one JSON object each."""

from __future__ import annotations

import argparse
import io
import json
import math
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.commands.series import watch_series
from bot.main import build_parser
from config.settings import load_settings

START = datetime(2026, 3, 1)  # noqa: DTZ001 - as most files have it
SPIKE = 900


def _lines(header: str = "timestamp,value") -> list[str]:
    rows = [
        f"{START + n * timedelta(minutes=5)},{20 + round(3 * math.sin(n / 7)) + n % 3}"
        for n in range(1200)
    ]
    rows[SPIKE] = rows[SPIKE].rsplit(",", 1)[0] + ",120"
    return [header, *rows] if header else rows


async def _run(text: str, tmp_path: Path) -> int:
    file = tmp_path / "series.csv"
    file.write_text(text, encoding="utf-8")
    return await watch_series(load_settings({}), argparse.Namespace(file=file))


async def test_each_anomaly_is_a_json_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the timestamp as the file has it."""
    code = await _run("\n".join(_lines()) + "\n", tmp_path)

    out, err = capsys.readouterr()
    entries = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert err == ""
    assert [entry["timestamp"] for entry in entries] == [str(START + SPIKE * timedelta(minutes=5))]
    assert entries[0]["value"] == 120
    assert entries[0]["direction"] == "up"
    assert 15 < entries[0]["expected"] < 27
    assert entries[0]["score"] > entries[0]["novelty"] > 0


async def test_other_ways_to_write_a_series_mean_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With no header, with zones, quotes, spaces, a byte order mark, or in seconds."""
    rows = [line.split(",") for line in _lines("")]
    seconds = [datetime.fromisoformat(f"{at}+00:00").timestamp() for at, _ in rows]
    texts = [
        "\r\n".join(f'"{at}Z" , {value}' for at, value in rows),
        "\ufeff" + "\n".join(_lines()),
        "\n".join(f"{at:.0f},{row[1]}" for at, row in zip(seconds, rows, strict=True)),
    ]

    for text in texts:
        assert await _run(text, tmp_path) == 0
        out, err = capsys.readouterr()
        assert [json.loads(line)["value"] for line in out.splitlines()] == [120]
        assert err == ""


async def test_gaps_are_passed_and_bad_lines_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A value that is left out is nothing; what is no line of a series is left out and said."""
    lines = _lines()
    lines[100:100] = [f"{START},", f"{START},NaN"]
    lines += ["nonsense", "x,y", "2026-03-09", ""]

    code = await _run("\n".join(lines), tmp_path)

    out, err = capsys.readouterr()
    assert code == 0
    assert len(out.splitlines()) == 1
    assert "3 lines left out" in err
    assert f"line {len(lines) - 3} is no" in err


async def test_a_file_without_a_series_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says so; an endless line is not held whole."""
    assert await _run("a,b\n" + "x" * 1_000_000, tmp_path) == 1
    assert "no line of" in capsys.readouterr().err


async def test_a_series_may_come_by_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dash stands for standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(_lines())))

    given = build_parser().parse_args(["try", "series", "-", "--json"])

    assert given.target == "series:watch_series"
    assert await watch_series(load_settings({}), given) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
