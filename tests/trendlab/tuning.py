"""Every method with its trials: the same number for each, judged on streams kept for that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bot.models.insight import Window
from tests.trendlab import offline, online, ours
from tests.trendlab.prepared import Prepared
from tests.trendlab.rounds import Round, Rule, alerts
from tests.trendlab.scoring import Result, score, total
from tests.trendlab.series import Series, runs, words, words_and_pairs

STRICT = Rule(voices=4)
_RULES = (STRICT, replace(STRICT, rounds=2))
Rounds = Callable[[Prepared], list[Round]]


@dataclass(frozen=True, slots=True)
class Method:
    """What is tried: settings, thresholds, and two rules; TRIALS combinations of them."""

    name: str
    settings: tuple[tuple[str, Rounds], ...]
    least: tuple[float, ...]

    def trials(self) -> Iterator[tuple[str, Rounds, Rule]]:
        for name, rounds in self.settings:
            for rule in _RULES:
                for least in self.least:
                    yield (
                        f"{name}, at least {least}, {rule.rounds} in a row",
                        rounds,
                        replace(rule, least=least),
                    )


@dataclass(frozen=True, slots=True)
class Tuned:
    method: Method
    setting: str
    rounds: Rounds
    rule: Rule


def ours_rounds(window: Window, prepared: Prepared) -> list[Round]:
    return ours.rounds(prepared, (window,))[window]


def _of(
    units: Callable[..., Iterable[str]], method: Callable[..., Iterator[Round]], **given: float
) -> Rounds:
    def rounds(prepared: Prepared) -> list[Round]:
        return list(method(Series(prepared, units), **given))

    return rounds


def methods() -> tuple[Method, ...]:
    """Two settings by eight thresholds by two rules each: 32 trials."""
    return (
        Method(
            "ours",
            (
                ("1h", partial(ours_rounds, Window.H1)),
                ("6h", partial(ours_rounds, Window.H6)),
            ),
            (2.0, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0),
        ),
        Method(
            "z-score",
            (
                ("15 min", _of(words, online.z_score)),
                ("30 min", _of(words, online.z_score, bins=6)),
            ),
            (5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 15.0),
        ),
        Method(
            "SigniTrend",
            (
                ("15 min", _of(words_and_pairs, online.signitrend)),
                ("30 min", _of(words_and_pairs, online.signitrend, bins=6)),
            ),
            (4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 16.0),
        ),
        Method(
            "BNgram",
            (("30 min", _of(runs, online.bngram)), ("15 min", _of(runs, online.bngram, bins=3))),
            (4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0),
        ),
        Method(
            "Kleinberg",
            (
                ("s=3", _of(words, offline.kleinberg)),
                ("s=6", _of(words, offline.kleinberg, ratio=6.0)),
            ),
            (8.0, 12.0, 16.0, 20.0, 24.0, 28.0, 34.0, 40.0),
        ),
        Method(
            "MABED",
            (
                ("60 events", _of(words, offline.mabed)),
                ("120 events", _of(words, offline.mabed, events=120, theta=0.5)),
            ),
            (8.0, 12.0, 16.0, 20.0, 25.0, 30.0, 40.0, 60.0),
        ),
    )


def tune(method: Method, streams: Sequence[Prepared]) -> Tuned:
    """The trial with the best F1 on the streams; of equals, the first."""
    best: tuple[float, Tuned] | None = None
    made: dict[str, list[list[Round]]] = {}
    for label, rounds, rule in method.trials():
        name = label.split(",")[0]
        if name not in made:
            made[name] = [rounds(stream) for stream in streams]
        result = judge(zip(streams, made[name], strict=True), rule)
        if best is None or result.f1 > best[0]:
            best = result.f1, Tuned(method, label, rounds, rule)
    if best is None:
        raise ValueError("a method without trials")
    return best[1]


def judge(rounds: Iterable[tuple[Prepared, list[Round]]], rule: Rule) -> Result:
    return total([score(stream, alerts(some, rule)) for stream, some in rounds])
