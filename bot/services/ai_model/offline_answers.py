"""What the embedded model answers, as one pure function of the prompt.

It makes nothing up. Numbers are the facts of the prompt, quotations are sentences of the evidence
chosen by how much of the talk they hold, and the rest are fixed sentences.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.analysis.extracts import (
    best_sentence,
    common_words,
    gives_cause,
    keys_of,
    tidy,
    tidy_name,
)
from bot.models.ai import Evidence, Facts, Intent, Level, Prompt, SpanName
from bot.models.post import Mood
from bot.services.ai_model.offline_words import Words

QUOTES = {Level.QUICK: 2, Level.NORMAL: 3, Level.DEEP: 5}
RISING_SHOWN = 5
FEW_POSTS = 5  # below this, the answer warns
USUAL = (0.7, 1.5)  # times the baseline that still count as usual
_MANNERS = (Intent.GREETING, Intent.THANKS)
CLEAR_MOOD = 0.1  # difference of balances from which one side is called darker


def compose(prompt: Prompt) -> str:
    """The whole answer."""
    return _Answer(prompt).text()


class _Answer:
    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._question = prompt.question
        self._words = Words(prompt.language, prompt.timezone, prompt.now)
        self._common = common_words([keys_of(one.full_text) for one in prompt.context])

    def text(self) -> str:
        parts = ["\n".join(part) for part in self._parts() if part]
        return self._words.lines("\n\n".join(parts).split("\n"))

    def _parts(self) -> list[list[str]]:
        facts = self._prompt.facts
        if self._question.intent in _MANNERS and not self._question.terms and not facts:
            return [[self._words.say(f"manners.{self._question.intent}")], self._advice()]
        if not any(one.volume for one in facts):
            return [self._nothing(), self._advice()]
        if self._question.intent is Intent.COMPARE and len(facts) == 2:
            return self._comparison(facts[0], facts[1])
        if not self._question.terms:
            return self._rising()
        return self._about(facts[0])

    # One subject.

    def _about(self, facts: Facts) -> list[list[str]]:
        """All that is known, what was asked for first."""
        say = self._words.say
        head = [
            say(
                "head.subject",
                subject=self._foreign(tidy(facts.subject)),
                span=self._words.span(facts.span),
            )
        ]
        if facts.unsaid:
            missing = self._foreign(tidy(say("said.separator").join(facts.unsaid)))
            head.insert(0, say("head.unsaid", missing=missing))
        if self._prompt.is_widened:
            asked = self._words.span(self._question.span)
            wider = self._words.span(facts.span)
            head.insert(0, say("head.widened", span=asked, wider=wider))
        made: dict[str, Callable[[], list[str]]] = {
            "said": lambda: self._said(),
            "volume": lambda: self._volume(facts),
            "since": lambda: self._since(facts),
            "mood": lambda: self._mood(facts),
            "who": lambda: self._who(facts),
        }
        first = {
            Intent.WHEN: ["since"],
            Intent.WHO: ["who"],
            Intent.HOW_MUCH: ["volume"],
            Intent.FEELING: ["mood"],
        }.get(self._question.intent, [])
        order = [
            *first,
            *(name for name in ("said", "volume", "since", "mood") if name not in first),
        ]
        if self._question.intent is Intent.FEELING:
            order.remove("said")  # the mood comes with quotations of its own
        parts = {name: made[name]() for name in order}
        counted = [line for name in order if name not in ("said", *first) for line in parts[name]]
        shown = [line for name in first for line in parts[name]]
        return [head, shown, parts.get("said", []), counted]

    def _said(self) -> list[str]:
        quotes = self._quotes(QUOTES[self._prompt.level])
        lines = [self._quoted("said.bullet", quote, one) for one, quote in quotes]
        if self._question.intent is Intent.WHY and lines:
            has_cause = any(gives_cause(quote) for _, quote in quotes)
            lines.insert(0, self._words.say("said.causes" if has_cause else "said.no_causes"))
        return lines

    def _quotes(self, count: int) -> list[tuple[Evidence, str]]:
        """The most telling sentence of each of the first pieces of evidence."""
        why = self._question.intent is Intent.WHY
        found = []
        for one in self._prompt.context:
            quote = best_sentence(one.full_text, self._common, wants_cause=why)
            if quote:
                found.append((one, quote))
            if len(found) == count:
                break
        return found

    def _volume(self, facts: Facts) -> list[str]:
        say = self._words.say
        posts, usual = (
            self._words.posts(facts.volume, is_estimate=facts.is_estimate),
            self._usual(facts),
        )
        if not facts.voices:
            lines = [say("volume.line_nameless", posts=posts, usual=usual)]
            return [*lines, say("volume.few")] if facts.volume < FEW_POSTS else lines
        if facts.voices_at_least:
            voices = say("volume.voices_least", n=self._words.count(facts.voices))
        elif facts.voices == 1:
            voices = say("volume.voices_one")
        else:
            voices = say("volume.voices_many", n=self._words.count(facts.voices))
        lines = [say("volume.line", posts=posts, voices=voices, usual=usual)]
        if facts.volume < FEW_POSTS:
            lines.append(say("volume.few"))
        return lines

    def _usual(self, facts: Facts) -> str:
        """How the volume compares with the past; "" when there is none to compare with."""
        if facts.baseline is None:
            return ""
        if facts.baseline == 0:
            return self._words.say("volume.usual_new")
        ratio = facts.volume / facts.baseline
        low, high = USUAL
        name = "less" if ratio < low else "more" if ratio > high else "same"
        return self._words.say(
            f"volume.usual_{name}",
            ratio=self._words.measure(ratio),
            baseline=self._words.measure(facts.baseline),
        )

    def _since(self, facts: Facts) -> list[str]:
        if facts.started_at is None:
            return []
        start = self._words.moment(facts.started_at)
        if facts.peak_at is None or facts.peak_at <= facts.started_at:
            return [self._words.say("since.line", start=start)]
        peak = self._words.moment(facts.peak_at)
        return [self._words.say("since.peak", start=start, peak=peak)]

    def _mood(self, facts: Facts) -> list[str]:
        say = self._words.say
        if not facts.mood.total:
            return [say("mood.unknown")]
        lines = [say("mood.line", **self._words.shares(facts.mood))]
        if self._question.intent is not Intent.FEELING:
            return lines
        lines.append(say(f"mood.verdict_{facts.mood.prevailing}"))
        context = self._prompt.context
        of_mood = (
            next((one for one in context if one.mood is mood), None)
            for mood in (Mood.NEGATIVE, Mood.POSITIVE)
        )
        telling = dict.fromkeys(one for one in (*of_mood, *context) if one)
        for one in list(telling)[: QUOTES[self._prompt.level]]:
            if quote := best_sentence(one.full_text, self._common):
                is_neutral = one.mood in (None, Mood.NEUTRAL)
                key = "said.bullet" if is_neutral else f"mood.{one.mood}"
                lines.append(self._quoted(key, quote, one))
        return lines

    def _who(self, facts: Facts) -> list[str]:
        if not facts.loudest:
            return []
        say = self._words.say
        names = [
            say(
                "said.loudest_one",
                name=self._words.foreign(tidy_name(name)) or say("said.nameless"),
                n=self._words.count(n),
            )
            for name, n in facts.loudest
        ]
        return [say("said.loudest", list=say("said.separator").join(names))]

    # Several subjects.

    def _rising(self) -> list[list[str]]:
        say = self._words.say
        everything, *rising = self._prompt.facts
        head = [say("head.open", span=self._words.span(everything.span))]
        lines: list[str] = []
        for place, facts in enumerate(rising[:RISING_SHOWN], 1):
            start = self._words.moment(facts.started_at) if facts.started_at else ""
            lines.append(
                say(
                    "said.ranked",
                    place=self._words.count(place),
                    subject=self._foreign(tidy(facts.subject)),
                    posts=self._words.posts(facts.volume, is_estimate=facts.is_estimate),
                    usual=self._usual(facts),
                    start=say("said.ranked_start", start=start) if start else "",
                )
            )
            lines += self._side_quote(facts)
        if not rising:
            head = [say("nothing.open", span=self._words.span(everything.span))]
            lines = self._said()
        counted = [*self._volume(everything), *self._mood_line(everything)]
        if self._question.intent is Intent.FEELING and everything.mood.total:
            verdict = say(f"mood.verdict_{everything.mood.prevailing}")
            return [[counted.pop(), verdict], head, lines, counted]
        return [head, lines, counted]

    def _side_quote(self, facts: Facts) -> list[str]:
        for number in facts.numbers:
            one = self._prompt.evidence(number)
            quote = best_sentence(one.full_text, self._common) if one else ""
            if one and quote:
                return [
                    self._words.say(
                        "said.ranked_quote", quote=self._foreign(quote), number=str(number)
                    )
                ]
        return []

    def _mood_line(self, facts: Facts) -> list[str]:
        if not facts.mood.total:
            return []
        return [self._words.say("mood.line", **self._words.shares(facts.mood))]

    def _comparison(self, one: Facts, other: Facts) -> list[list[str]]:
        say = self._words.say
        by_time = len(self._question.spans) > 1
        if by_time:
            names = self._words.span(one.span), self._words.span(other.span)
            key = "compare_time" if self._question.terms else "compare_all"
            head = say(
                f"head.{key}",
                subject=self._foreign(tidy(one.subject)),
                first=names[0],
                second=names[1],
            )
        else:
            names = self._foreign(tidy(one.subject)), self._foreign(tidy(other.subject))
            span = self._words.span(one.span)
            head = say("head.compare", first=names[0], second=names[1], span=span)
        lines: list[str] = []
        for name, facts in zip(names, (one, other), strict=True):
            shares = self._words.shares(facts.mood)
            moods = (
                say("compare.moods", **shares) if facts.mood.total else say("compare.moods_none")
            )
            lines.append(
                say(
                    "compare.side_time" if by_time else "compare.side",
                    subject=name,
                    posts=self._words.posts(facts.volume, is_estimate=facts.is_estimate),
                    usual=self._usual(facts),
                    moods=moods,
                )
            )
            lines += self._side_quote(facts)
        return [[head], lines, self._verdict(one, other, names, "_time" if by_time else "")]

    def _verdict(self, one: Facts, other: Facts, names: tuple[str, str], by: str) -> list[str]:
        say = self._words.say
        first, second = names
        if not one.volume or not other.volume:
            return [say(f"compare.only{by}", second=first if not one.volume else second)]
        more, less = one.volume, other.volume
        if more < less:
            more, less, first, second = less, more, second, first
        ratio = more / less
        lines = (
            [say("compare.same")]
            if ratio < 1.15
            else [
                say(
                    f"compare.more{by}",
                    first=first,
                    second=second,
                    ratio=self._words.measure(ratio),
                )
            ]
        )
        difference = one.mood.balance - other.mood.balance
        if one.mood.total and other.mood.total and abs(difference) >= CLEAR_MOOD:
            lower, higher = names if difference < 0 else names[::-1]
            if max(one.mood.balance, other.mood.balance) < 0:
                lines.append(say(f"compare.darker{by}", first=lower))
            else:
                lines.append(say(f"compare.brighter{by}", first=higher))
        return lines

    # No evidence.

    def _nothing(self) -> list[str]:
        say = self._words.say
        if not self._prompt.stored:
            return [say("nothing.empty")]
        if not self._question.terms and not self._question.is_open:
            return [say("nothing.no_subject")]
        span = self._words.span(self._question.span)
        if not self._question.terms:
            return [say("nothing.open", span=span)]
        stored = self._words.count(self._prompt.stored)
        key = "ever" if self._question.span.name is SpanName.EVER else "subject"
        return [say(f"nothing.{key}", stored=stored, span=span, subject=self._subject())]

    def _advice(self) -> list[str]:
        """What to try instead."""
        say = self._words.say
        lines = []
        if self._prompt.stored and self._question.terms:
            lines = [say("nothing.try"), say("nothing.try_word")]
            if self._question.span.name is not SpanName.EVER:
                lines.append(say("nothing.try_span", subject=self._subject()))
            lines.append(say("nothing.try_watch", subject=self._subject()))
        if self._prompt.rising:
            names = [self._foreign(tidy(name)) for name in self._prompt.rising]
            if self._words.lang == "fa":
                names = [f"«{name}»" for name in names]
            shown = say("said.separator").join(names)
            lines.append(say("nothing.rising", list=shown))
        return lines

    def _subject(self) -> str:
        return self._foreign(tidy(" ".join(self._question.terms)))

    def _foreign(self, text: str) -> str:
        """For inside quotation marks: no such marks of its own, which would end the quotation."""
        return self._words.foreign(text.translate(_INNER_MARKS).strip())

    def _quoted(self, key: str, quote: str, one: Evidence) -> str:
        return self._words.say(key, quote=self._foreign(quote), number=str(one.number))


_INNER_MARKS = str.maketrans({"«": "‹", "»": "›", "“": "‘", "”": "’", "\n": " "})
