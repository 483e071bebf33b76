"""`try normalise`: an object for each line, with every form of it."""

from __future__ import annotations

import argparse
import io
import json

import pytest

from bot.commands.trying import normalise_lines
from config.settings import load_settings


async def test_each_line_has_its_forms_words_language_and_subject(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "ميخوام برم جمهوری اسلامی #قطعی_برق https://t.co/a @Ali 😂\nSnow closed the schools\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))

    code = await normalise_lines(load_settings({}), argparse.Namespace())

    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert code == 0
    assert first == {
        "input": "ميخوام برم جمهوری اسلامی #قطعی_برق https://t.co/a @Ali 😂",
        "text": "میخوام برم جمهوری اسلامی #قطعی_برق https://t.co/a @Ali 😂",
        "key": "میخوام برم جمهوری اسلامی قطعی برق https t co a ali",
        "words": ["میخوام", "برم", "جمهوری", "اسلامی", "قطعی", "برق"],
        "hashtags": ["قطعیبرق"],
        "mentions": ["ali"],
        "urls": ["https://t.co/a"],
        "emoji": ["😂"],
        "language": "fa",
        "formal": "می‌خواهم بروم جمهوری اسلامی #قطعی_برق https://t.co/a @Ali 😂",
        "informal": {"میخوام": "می‌خواهم", "برم": "بروم"},
        "hashtag_words": [["قطعی", "برق"]],
        "phrases": ["جمهوری اسلامی"],
        "keywords": ["#قطعی_برق", "جمهوری اسلامی"],
    }
    assert second["language"] == "en"
    assert second["informal"] == {}
