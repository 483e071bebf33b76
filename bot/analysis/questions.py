"""A question in plain Persian or English, taken apart: what about, when, and what for.

By rules, so that it needs no model and can be predicted: words of time and of asking are taken
out, and what is left that carries a subject is what is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from bot.analysis.asked_spans import AskedTime, find_times, recent_days
from bot.analysis.keys import fold
from bot.analysis.language import language_hint
from bot.analysis.stopwords import STOPWORDS
from bot.analysis.surfaces import surfaces
from bot.analysis.words import word_set
from bot.models.ai import AskedSpan, Intent, Question

MOST_TERMS = 8

# Each list in key form: a word, or words in a row. The first intent that is found counts.
_CUES: tuple[tuple[Intent, tuple[str, ...]], ...] = (
    (
        Intent.COMPARE,
        (
            "مقایسه", "در مقایسه", "نسبت به", "تفاوت", "فرق", "در برابر", "بیشتر است یا",
            "compare", "compared", "comparison", "versus", "vs", "difference between",
        ),
    ),
    (Intent.WHY, ("چرا", "علت", "دلیل", "به چه دلیل", "واسه چی", "برای چی", "why", "reason")),
    (
        Intent.WHEN,
        (
            "از کی", "تا کی", "کی شروع", "کی اتفاق", "کی بود", "کی برگزار", "چه وقت", "چه زمانی",
            "چه موقع", "چه ساعتی", "چه روزی", "since when", "when", "what time",
        ),
    ),
    (
        Intent.FEELING,
        (
            "احساس", "حس مردم", "حس", "نظر مردم", "نظر کاربران", "نظرها", "واکنش", "واکنشها",
            "حال و هوا", "حال و هوای", "حال وهوا", "چه میگویند", "چی میگن", "چی میگویند",
            "راضی", "راضین", "راضیاند", "ناراضی", "عصبانی", "ناراحت", "خوشحال", "موافق",
            "مخالف", "خوششون",
            "دوست دارن", "استقبال", "feel", "feeling", "feelings", "sentiment", "mood", "opinion",
            "opinions", "reaction", "reactions", "react", "think of", "think about", "happy",
            "angry", "upset",
        ),
    ),
    (
        Intent.WHO,
        (
            "چه کسی", "چه کسانی", "چه کسایی", "کدام رسانه", "کدام کاربر", "کیا", "کیه", "کی گفته",
            "کی گفت", "کی میگه", "کی نوشته", "کی", "who", "whose", "which accounts",
            "which outlets",
        ),
    ),
    (
        Intent.HOW_MUCH,
        (
            "چند", "چندتا", "چند تا", "چقدر", "چه قدر", "چه تعداد", "تعداد", "آمار", "how many",
            "how much", "how often", "number of",
        ),
    ),
    (
        Intent.GREETING,
        ("سلام", "درود", "خوبی", "چطوری", "hi", "hello", "hey"),
    ),
    (
        Intent.THANKS,
        (
            "ممنون", "ممنونم", "مرسی", "تشکر", "متشکرم", "سپاس", "دمت گرم", "thanks", "thank you",
        ),
    ),
)  # fmt: skip

_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")  # where something is, not what it is about
_ASKING = frozenset(map(fold, word_set("asking_words")))
# Asked without a subject, these are after whatever there is: «چه خبر؟», "what is trending?"
_OPEN = frozenset(
    map(
        fold,
        (
            "خبر", "خبرا", "اخبار", "خبری", "خبرها", "خبرهای", "خبرهایی", "ترند",
            "ترندها", "ترنده", "داغ", "داغه",
            "داغترین", "اتفاق", "اتفاقی", "اتفاقات", "مهمترین", "خلاصه", "اوضاع",
            "news", "trend", "trends", "trending", "hot", "happening", "happened", "up", "summary",
        ),
    )
)  # fmt: skip


def question_span(question: str, now: datetime, tz: str) -> AskedSpan:
    """The span of time that a question means; the last day when it names none."""
    times = find_times(_keys(question), now, tz)
    return times[0].span if times else recent_days(1, now)


def question_intent(question: str) -> Intent:
    """What the question is after."""
    said = f" {' '.join(_keys(question))} "
    for intent, cues in _CUES:
        if any(f" {fold(cue)} " in said for cue in cues):
            return intent
    return Intent.WHAT


def read_question(text: str, now: datetime, tz: str, lang: str) -> Question:
    """Take a question apart; `lang` is the chat's, for a text that does not show its own."""
    keys = _keys(text)
    times = find_times(keys, now, tz)
    of_time = {place for time in times for place in range(time.first, time.last)}
    shown = _written(text)
    terms: list[str] = []
    places: list[int] = []
    for place, key in enumerate(keys):
        if place in of_time or not _is_subject(key):
            continue
        if key not in (fold(term) for term in terms):
            terms.append(shown.get(key, key))
            places.append(place)
    spans = _spans(times, now)
    intent = question_intent(text)
    sides: tuple[tuple[str, ...], ...] = ()
    if len(spans) > 1:
        intent = Intent.COMPARE
    elif intent is Intent.COMPARE or _joins_alternatives(keys):
        sides = _sides(keys, places, terms)
        intent = Intent.COMPARE if sides else intent
    return Question(
        text=text,
        lang=_language(text, lang),
        intent=intent,
        terms=tuple(terms[:MOST_TERMS]),
        spans=spans,
        sides=sides,
        is_open=not terms and (not _OPEN.isdisjoint(keys) or not keys),
    )


def _keys(text: str) -> list[str]:
    return fold(_ADDRESS.sub(" ", text)).split()


def _written(text: str) -> dict[str, str]:
    """How each key was written; a hashtag also for the words it is made of."""
    shown: dict[str, str] = {}
    for key, surface in surfaces(text):
        shown.setdefault(key, surface)
        for part in surface.lstrip("#＃").replace("_", " ").split():
            shown.setdefault(fold(part), part)
    return shown


def _is_subject(key: str) -> bool:
    return len(key) > 1 and not (key in STOPWORDS or key in _ASKING or key.isdigit())


def _spans(times: Sequence[AskedTime], now: datetime) -> tuple[AskedSpan, ...]:
    """The spans named, the later first; two at most, and never the same one twice."""
    if not times:
        return (recent_days(1, now),)
    spans = list(dict.fromkeys(time.span for time in times))[:2]
    return tuple(sorted(spans, key=lambda span: span.start, reverse=True))


def _joins_alternatives(keys: Sequence[str]) -> bool:
    """«استقلال یا پرسپولیس»"""
    return any(key in ("یا", "or", "vs", "versus") for key in keys[1:-1])


def _sides(
    keys: Sequence[str], places: Sequence[int], terms: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """The terms before and after the word that parts them; () when one side would be empty."""
    for joins in (("vs", "versus", "یا", "or"), ("با", "than", "به", "with", "to"), ("و", "and")):
        for place, key in enumerate(keys):
            if key in joins:
                before = tuple(t for p, t in zip(places, terms, strict=True) if p < place)
                after = tuple(t for p, t in zip(places, terms, strict=True) if p > place)
                if before and after:
                    return before, after
    return ()


def _language(text: str, default: str) -> str:
    hint = language_hint(text)
    if hint == "en":
        return "en"
    return "fa" if hint in ("fa", "ar", "ckb", "ur", "ps", "ug") else default
