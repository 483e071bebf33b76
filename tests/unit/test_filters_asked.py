"""Where the filters are asked: on a post's road, and by `try classify`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import pytest

from bot.analysis.entities import TextParts
from bot.analysis.sentiment import Feelings, Sentiment
from bot.commands.trying import classify_lines
from bot.features.intake import prepare
from bot.main import build_parser
from bot.models.post import TWITTER_SOURCE_ID, DropReason, Post, PostKind
from config.settings import load_settings

LINES = (
    "وزیر احمق است",
    "جاکش‌ها! کفش چرم با تخفیف ویژه، جهت خرید ۰۹۱۲۰۰۰۰۰۰۰",
    "امروز باران آمد و شهر نفس کشید",
)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("offensive", [("offensive", "abusive"), ("offensive", "abusive"), ("none", None)]),
        ("spam", [("none", "abusive"), ("spam", "advertisement"), ("none", None)]),
    ],
)
def test_lines_are_judged_strictly_for_what_is_asked(
    task: str,
    expected: list[tuple[str, str | None]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("".join(f"{line}\n" for line in LINES)))
    given = build_parser().parse_args(["try", "classify", "--task", task])

    asyncio.run(classify_lines(load_settings({}), given))
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [(answer["label"], answer["reason"]) for answer in answers] == expected
    assert [bool(answer["evidence"]) for answer in answers] == [True, True, False]


class Offended(Sentiment):
    """A model that finds everything nine parts in ten abusive."""

    def __init__(self) -> None:
        super().__init__(Sentiment.load()._weights)

    def feelings(
        self, text: str, *, parts: TextParts | None = None, kind: PostKind = PostKind.TWEET
    ) -> Feelings:
        return replace(super().feelings(text, parts=parts, kind=kind), abuse=0.9)


@pytest.mark.parametrize(
    ("kind", "reason", "evidence"),
    [
        (PostKind.TWEET, DropReason.ABUSIVE, "sounds abusive: 90%"),
        (PostKind.NEWS, None, ""),
    ],
)
def test_what_the_model_finds_abusive_is_dropped_with_its_share(
    kind: PostKind, reason: DropReason | None, evidence: str
) -> None:
    raw = Post(
        kind=kind,
        source_id=TWITTER_SOURCE_ID,
        external_id="1",
        created_at=datetime(2026, 3, 4, tzinfo=UTC),
        text="کاش دیگر هیچ‌وقت چشمم به تو نیفتد",
    )

    post = prepare(raw, Offended()).post

    assert (post.drop, post.drop_evidence) == (reason, evidence)
