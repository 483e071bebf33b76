"""Patterns in words: always a hint with what it rests on, never a verdict."""

from __future__ import annotations

import re

from bot.handlers.buttons import NEW, Verb, pack
from bot.handlers.views.page import Reader, label, rows_of, shortened
from bot.models.findings import Finding, GroupFinding, SeriesFinding
from bot.models.messages import Button, OutMessage, RichText
from bot.models.pattern import Anomaly, CoordinationHint, LevelShift, Measure, SharedThing

THINGS = 3  # pieces of evidence shown
NAMED = 12  # accounts
OPENED = 6  # accounts with a button
NAME_LENGTH = 48
TEXT_LENGTH = 160
_USERNAME = re.compile(r"\w{1,50}", re.ASCII)


def pattern_notice(reader: Reader, finding: Finding) -> OutMessage:
    """What admins are told unasked."""
    if isinstance(finding, GroupFinding):
        return _group(reader, finding.hint)
    return _series(reader, finding)


def _series(reader: Reader, finding: SeriesFinding) -> OutMessage:
    what = finding.what
    name = reader.name(shortened(finding.source_name, NAME_LENGTH))
    series = reader.t(f"patterns.{finding.measure}", name=name)
    body = reader.lines(reader.rich("patterns.series", series=series), "")
    if isinstance(what, Anomaly):
        body.newline().add(_anomaly(reader, what, finding.measure))
    else:
        body.newline().add(_shift(reader, what, finding.measure))
    body.newline(2).italic(reader.t("patterns.caveat_series"))
    if finding.measure is not Measure.OUTPUT:
        return body.message()
    sources = Button(text=reader.t("admin_button.sources"), data=pack(Verb.SOURCES))
    return body.message(keyboard=((sources,),))


def _anomaly(reader: Reader, one: Anomaly, measure: Measure) -> RichText:
    return reader.lines(
        reader.rich(
            f"patterns.anomaly_{one.direction}",
            when=reader.when(one.at),
            value=_value(reader, one.value, measure),
            expected=_value(reader, one.expected, measure),
        ),
        reader.rich("patterns.score", score=reader.n(one.score, 1)),
    )


def _shift(reader: Reader, one: LevelShift, measure: Measure) -> RichText:
    return reader.lines(
        reader.rich(
            f"patterns.shift_{one.direction}",
            since=reader.when(one.since),
            before=_value(reader, one.before, measure),
            after=_value(reader, one.after, measure),
        ),
        reader.rich("patterns.shift_moods" if measure is Measure.MOOD else "patterns.shift_hours"),
    )


def _value(reader: Reader, value: float, measure: Measure) -> str:
    """A balance goes from -1 to 1; the others count posts of an hour."""
    if measure is Measure.MOOD:
        return reader.n(value, 2)
    return reader.count("posts", round(value)) if value >= 10 else reader.n(value, 1)


def _group(reader: Reader, hint: CoordinationHint) -> OutMessage:
    accounts = list(hint.accounts)
    body = reader.lines(
        reader.rich("patterns.group"),
        "",
        reader.rich(f"patterns.group_{hint.kind}", n=len(accounts)),
    )
    for thing in hint.evidence[:THINGS]:
        body.newline(2).add(_thing(reader, thing))
    if len(hint.evidence) > THINGS:
        body.newline().add(reader.rich("patterns.more", n=len(hint.evidence) - THINGS))
    body.newline(2).add(
        reader.rich(
            "patterns.chance",
            share=reader.percent(hint.concentration),
            expected=_rare(reader, hint.expected),
        )
    )
    names = [reader.name(f"@{shortened(name, NAME_LENGTH)}") for name in accounts[:NAMED]]
    body.newline().add(reader.rich("patterns.accounts", list=reader.listed(names)))
    if len(accounts) > NAMED:
        body.plain(" ").add(reader.rich("patterns.others", n=len(accounts) - NAMED))
    body.newline(2).italic(reader.t("patterns.caveat_group"))
    people = (
        Button(text=label(f"@{name}", 24), data=pack(Verb.PERSON, name, NEW))
        for name in [name for name in accounts if _USERNAME.fullmatch(name)][:OPENED]
    )
    return body.message(keyboard=rows_of(people, 3))


def _thing(reader: Reader, thing: SharedThing) -> RichText:
    seconds = round(thing.span_s)
    span = (
        reader.count("seconds", seconds)
        if seconds < 120
        else reader.count("minutes", round(seconds / 60))
    )
    return reader.lines(
        reader.rich(
            f"patterns.shared_{thing.kind}",
            n=len(thing.accounts),
            span=span,
            when=reader.when(thing.first_at),
        ),
        reader.text().plain(reader.name(shortened(thing.what, TEXT_LENGTH))),
    )


def _rare(reader: Reader, expected: float) -> str:
    return (
        reader.t("patterns.under", n=reader.n(0.01, 2))
        if expected < 0.01
        else reader.n(expected, 2)
    )
