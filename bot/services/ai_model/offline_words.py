"""The sentences of the embedded model, in the language of the question, with numbers and dates."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files

from bot.models.ai import AskedSpan, SpanName
from bot.models.insight import MoodSplit
from bot.utils.times import fa_digits, format_date, format_moment, format_time, zone

RLM = "\u200f"
FSI, PDI = "\u2068", "\u2069"
LANGUAGES = ("fa", "en")

_LATIN = re.compile("[A-Za-z]")
_MARKUP = re.compile(r"[\\`*_\[\]|~]")
_PERSIAN_START = re.compile("[\u0621-\u06d3\ufb50-\ufdff]")
_COUNTED = (SpanName.MINUTES, SpanName.HOURS, SpanName.DAYS)


class Words:
    """Fills sentences for one answer."""

    def __init__(self, lang: str, timezone: str, now: datetime) -> None:
        self.lang = lang if lang in LANGUAGES else "en"
        self._timezone = timezone
        self._now = now
        self._texts = _texts(self.lang)

    def say(self, key: str, **fields: str) -> str:
        """The sentence of that key, e.g. "mood.line"; numbers come already written."""
        return self._texts[key].format(**fields)

    def count(self, number: int) -> str:
        shown = f"{number:,}"
        return fa_digits(shown.replace(",", "٬")) if self.lang == "fa" else shown

    def posts(self, number: int, *, is_estimate: bool = False) -> str:
        if is_estimate:
            return self.say("count.posts_about", n=self.count(number))
        return self.say(f"count.posts_{'one' if number == 1 else 'many'}", n=self.count(number))

    def foreign(self, text: str) -> str:
        """Words of others in a sentence: no markup, and no Latin that turns a Persian line."""
        plain = _MARKUP.sub(r"\\\g<0>", text)
        return f"{FSI}{plain}{PDI}" if self.lang == "fa" and _LATIN.search(text) else plain

    def measure(self, number: float) -> str:
        """A number of which only the size matters: 2.5, 12."""
        shown = f"{number:.1f}".removesuffix(".0") if number < 10 else f"{number:.0f}"
        return fa_digits(shown.replace(".", "٫")) if self.lang == "fa" else shown

    def moment(self, moment: datetime) -> str:
        """A date and time; today's only by its time."""
        place = zone(self._timezone)
        if moment.astimezone(place).date() == self._now.astimezone(place).date():
            time = format_time(moment, self._timezone, self.lang)
            return f"{self.say('span.today')} {time}"
        return format_moment(moment, self._timezone, self.lang, year=self._is_other_year(moment))

    def span(self, span: AskedSpan) -> str:
        if span.name is SpanName.DAY:
            day = format_date(
                span.start,
                self._timezone,
                self.lang,
                weekday=True,
                year=self._is_other_year(span.start),
            )
            return self.say("span.day", date=day)
        if span.name in _COUNTED:
            one = "_one" if span.amount == 1 else ""
            return self.say(f"span.{span.name}{one}", n=self.count(span.amount))
        return self.say(f"span.{span.name}")

    def shares(self, mood: MoodSplit) -> dict[str, str]:
        """Per cent of each mood, which add up to 100 (largest remainders)."""
        counts = {
            "negative": mood.negative,
            "neutral": mood.neutral,
            "positive": mood.positive,
        }
        total = max(1, mood.total)
        whole = {name: 100 * number // total for name, number in counts.items()}
        by_rest = sorted(counts, key=lambda name: -(100 * counts[name] % total))
        for name in by_rest[: 100 - sum(whole.values()) if mood.total else 0]:
            whole[name] += 1
        return {name: self.say("mood.share", n=self.count(n)) for name, n in whole.items()}

    def lines(self, lines: list[str]) -> str:
        """The lines as one text; in Persian none may turn left to right by how it begins."""
        if self.lang != "fa":
            return "\n".join(lines)
        return "\n".join(
            line if not line.strip() or _PERSIAN_START.match(line) else RLM + line for line in lines
        )

    def _is_other_year(self, moment: datetime) -> bool:
        return abs((self._now - moment).days) > 180


@cache
def _texts(lang: str) -> Mapping[str, str]:
    path = files("bot.services.ai_model").joinpath("offline_texts", f"{lang}.toml")
    tables = tomllib.loads(path.read_text("utf-8"))
    return {
        f"{section}.{key}": text for section, table in tables.items() for key, text in table.items()
    }
