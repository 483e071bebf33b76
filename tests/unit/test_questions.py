"""Questions in plain words are taken apart: what about, when, what for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.analysis.questions import question_intent, question_span, read_question
from bot.models.ai import Intent, SpanName

TEHRAN = "Asia/Tehran"
NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)  # Saturday 30 Aban 1405, 17:30 in Tehran
MIDNIGHT = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)  # of that day, in Tehran
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

ODD_WORDS = """
امروز دیروز ۳ 99999999 ساعت روز هفته ماه پیش اخیر گذشته آبان ۳۱ اسفند ۳۰ جمعه در یا و
last 3 days ago week on friday february 30 1405 13 40
"""

SPANS = [
    ("امروز چه خبر؟", SpanName.TODAY, MIDNIGHT, NOW),
    ("what is new today?", SpanName.TODAY, MIDNIGHT, NOW),
    ("دیروز درباره سیل چه گفتند", SpanName.YESTERDAY, MIDNIGHT - DAY, MIDNIGHT),
    ("yesterday's news about bread", SpanName.YESTERDAY, MIDNIGHT - DAY, MIDNIGHT),
    ("پریروز چه شد", SpanName.DAY, MIDNIGHT - 2 * DAY, MIDNIGHT - DAY),
    (
        "دیشب زلزله آمد؟",
        SpanName.LAST_NIGHT,
        MIDNIGHT - 4 * HOUR,
        MIDNIGHT + 6 * HOUR,
    ),
    ("این هفته درباره نان", SpanName.THIS_WEEK, MIDNIGHT, NOW),
    ("هفتهٔ گذشته درباره نان", SpanName.LAST_WEEK, MIDNIGHT - 7 * DAY, MIDNIGHT),
    ("last week in Shiraz", SpanName.LAST_WEEK, MIDNIGHT - 7 * DAY, MIDNIGHT),
    ("سه ساعت اخیر", SpanName.HOURS, NOW - 3 * HOUR, NOW),
    ("در ۱۲ ساعت گذشته", SpanName.HOURS, NOW - 12 * HOUR, NOW),
    ("the past 45 minutes", SpanName.MINUTES, NOW - timedelta(minutes=45), NOW),
    ("last hour", SpanName.HOURS, NOW - HOUR, NOW),
    ("٥ روز اخير", SpanName.DAYS, NOW - 5 * DAY, NOW),
    ("دو هفته اخیر", SpanName.DAYS, NOW - 14 * DAY, NOW),
    ("دو روز پیش چه شد", SpanName.DAY, MIDNIGHT - 2 * DAY, MIDNIGHT - DAY),
    ("what happened 3 days ago", SpanName.DAY, MIDNIGHT - 3 * DAY, MIDNIGHT - 2 * DAY),
    ("روز جمعه در شیراز", SpanName.DAY, MIDNIGHT - DAY, MIDNIGHT),
    ("سه‌شنبه چه شد", SpanName.DAY, MIDNIGHT - 4 * DAY, MIDNIGHT - 3 * DAY),
    ("سه شنبه چه شد", SpanName.DAY, MIDNIGHT - 4 * DAY, MIDNIGHT - 3 * DAY),
    ("on Wednesday", SpanName.DAY, MIDNIGHT - 3 * DAY, MIDNIGHT - 2 * DAY),
    ("شنبه گذشته", SpanName.DAY, MIDNIGHT - 7 * DAY, MIDNIGHT - 6 * DAY),
    ("۲۸ آبان چه شد", SpanName.DAY, MIDNIGHT - 2 * DAY, MIDNIGHT - DAY),
    ("۲۸ آبان ۱۴۰۵ چه شد", SpanName.DAY, MIDNIGHT - 2 * DAY, MIDNIGHT - DAY),
    ("۱۴۰۵/۰۸/۲۸", SpanName.DAY, MIDNIGHT - 2 * DAY, MIDNIGHT - DAY),
    ("November 19 in Tehran", SpanName.DAY, MIDNIGHT - 2 * DAY, MIDNIGHT - DAY),
    ("on 2026-11-19", SpanName.DAY, MIDNIGHT - 2 * DAY, MIDNIGHT - DAY),
    ("این روزها چه خبر", SpanName.DAYS, NOW - 7 * DAY, NOW),
    (
        "این ماه",  # 1 Aban 1405
        SpanName.THIS_MONTH,
        datetime(2026, 10, 22, 20, 30, tzinfo=UTC),
        NOW,
    ),
    (
        "this month",
        SpanName.THIS_MONTH,
        datetime(2026, 10, 31, 20, 30, tzinfo=UTC),
        NOW,
    ),
    (
        "last month",
        SpanName.LAST_MONTH,
        datetime(2026, 9, 30, 20, 30, tzinfo=UTC),
        datetime(2026, 10, 31, 20, 30, tzinfo=UTC),
    ),
    ("همین الان چه خبره", SpanName.HOURS, NOW - 6 * HOUR, NOW),
]


@pytest.mark.parametrize(("text", "name", "start", "end"), SPANS)
def test_a_named_span_is_understood(
    text: str, name: SpanName, start: datetime, end: datetime
) -> None:
    """Days are those of the asker's zone, weeks begin on Saturday."""
    span = question_span(text, NOW, TEHRAN)

    assert (span.name, span.start, span.end) == (name, start, end)
    assert span.is_given


@pytest.mark.parametrize(
    "text", ["قیمت نان", "نماز جمعه تهران", "چهارشنبه‌سوری", "bread", "۳۵ آبان", "5 روز"]
)
def test_without_a_span_the_last_day_is_meant(text: str) -> None:
    """And it is known not to be named; festivals and impossible days are no dates."""
    span = question_span(text, NOW, TEHRAN)

    assert (span.start, span.end, span.is_given) == (NOW - DAY, NOW, False)


def test_a_date_still_to_come_means_last_year() -> None:
    """In November «۵ اسفند» was in February."""
    span = question_span("۵ اسفند چه شد", NOW, TEHRAN)

    assert span.start == datetime(2026, 2, 23, 20, 30, tzinfo=UTC)


INTENTS = [
    ("چرا دلار گران شد؟", Intent.WHY),
    ("علت قطعی برق چیست", Intent.WHY),
    ("why is bread short?", Intent.WHY),
    ("از کی برق قطع است", Intent.WHEN),
    ("بازی کی شروع شد", Intent.WHEN),
    ("when did it start", Intent.WHEN),
    ("کی درباره برق نوشته", Intent.WHO),
    ("چه کسانی از آن حرف زدند", Intent.WHO),
    ("who talks about it", Intent.WHO),
    ("نظر مردم درباره بازی چیه", Intent.FEELING),
    ("حال و هوای مردم درباره کنکور", Intent.FEELING),
    ("how do people feel about it", Intent.FEELING),
    ("چند نفر درباره برق نوشتند", Intent.HOW_MUCH),
    ("how many posts about bread", Intent.HOW_MUCH),
    ("مقایسه نان و برنج", Intent.COMPARE),
    ("bread versus rice", Intent.COMPARE),
    ("درباره سیل چه می‌گویند", Intent.FEELING),
    ("سیل شیراز", Intent.WHAT),
    ("what about the flood", Intent.WHAT),
]


@pytest.mark.parametrize(("text", "intent"), INTENTS)
def test_what_a_question_is_after(text: str, intent: Intent) -> None:
    """By its words of asking."""
    assert question_intent(text) is intent


TERMS = [
    ("چرا دلار امروز گران شد؟", ("دلار", "گران")),
    ("دیروز درباره سیل شیراز چی گفتن؟", ("سیل", "شیراز")),
    ("چند نفر درباره #برف_تهران نوشتند", ("برف", "تهران")),
    ("what happened with the power cuts yesterday?", ("power", "cuts")),
    ("قيمت كتاب چقدر شد", ("قیمت", "کتاب")),
    ("چه خبر؟", ()),
    ("what's trending?", ()),
    ("چهارشنبه‌سوری کی بود", ("چهارشنبه‌سوری",)),
    ("", ()),
]


@pytest.mark.parametrize(("text", "terms"), TERMS)
def test_what_a_question_is_about(text: str, terms: tuple[str, ...]) -> None:
    """Neither grammar, nor words of asking, nor the time."""
    assert read_question(text, NOW, TEHRAN, "fa").terms == terms


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("مقایسه نان و برنج", (("نان",), ("برنج",))),
        ("تیم سپاهان یا تیم فولاد؟", (("تیم", "سپاهان"), ("فولاد",))),
        ("نان نسبت به برنج", (("نان",), ("برنج",))),
        ("bread vs rice", (("bread",), ("rice",))),
        ("سیل و زلزله شیراز", ()),
        ("مقایسه نان", ()),
    ],
)
def test_the_sides_of_a_comparison(text: str, sides: tuple[tuple[str, ...], ...]) -> None:
    """Two things, however they are set against each other."""
    assert read_question(text, NOW, TEHRAN, "fa").sides == sides


def test_two_spans_are_a_comparison_by_time() -> None:
    """«امروز نسبت به دیروز»: the later span first."""
    asked = read_question("برف تهران دیروز بیشتر بود یا امروز", NOW, TEHRAN, "fa")

    assert asked.intent is Intent.COMPARE
    assert [span.name for span in asked.spans] == [SpanName.TODAY, SpanName.YESTERDAY]
    assert asked.terms == ("برف", "تهران")
    assert asked.sides == ()


@pytest.mark.parametrize(
    ("text", "default", "lang"),
    [("سیل", "en", "fa"), ("flood in Shiraz", "fa", "en"), ("؟", "fa", "fa"), ("?", "en", "en")],
)
def test_the_answer_is_in_the_language_of_the_question(text: str, default: str, lang: str) -> None:
    """The chat's language counts only where the question does not tell."""
    assert read_question(text, NOW, TEHRAN, default).lang == lang


@pytest.mark.parametrize(
    ("text", "is_open"),
    [("چه خبر؟", True), ("what is happening?", True), ("", True), ("چرا؟", False), ("سیل", False)],
)
def test_an_open_question_asks_for_whatever_there_is(text: str, is_open: bool) -> None:
    """Unlike «چرا؟», which goes on from something."""
    assert read_question(text, NOW, TEHRAN, "fa").is_open is is_open


@settings(max_examples=200, deadline=None)
@example("1:FEBRUARY:1001")
@given(
    text=st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(ODD_WORDS.split()),
            max_size=8,
        ).map(" ".join),
    )
)
def test_no_question_is_too_odd(text: str) -> None:
    """Whatever is typed, each span is in order and does not reach into the future."""
    asked = read_question(text, NOW, TEHRAN, "fa")

    assert 1 <= len(asked.spans) <= 2
    for span in asked.spans:
        assert span.start <= span.end <= NOW
        assert span.start > NOW - timedelta(days=5000)
