"""The laboratory of trends: its streams, its scorer, and the published methods in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.utils.times import from_ms
from tests.trendlab import offline, online, real
from tests.trendlab.happenings import Kind
from tests.trendlab.prepared import Prepared, load, prepare
from tests.trendlab.rounds import Alert, Rise, Round, Rule, alerts
from tests.trendlab.scoring import score, subject
from tests.trendlab.series import Series, runs, words, words_and_pairs
from tests.trendlab.streams import START_MS, Happening, MadePost, Plan, make
from tests.trendlab.tuning import Method, judge, methods, tune

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
SMALL = Plan(seed=3, days=2.2, per_minute=2, events_a_day=3, people=300)


def _rise(key: str, score: float = 5.0, posts: frozenset[int] = frozenset(), *more: str) -> Rise:
    return Rise(key, frozenset({key, *more}), score, posts, voices=9)


def _rounds(*rises: tuple[int, Rise]) -> list[Round]:
    return [Round(START_MS + minute * MINUTE_MS, (rise,)) for minute, rise in rises]


@pytest.fixture(scope="module")
def loud() -> Prepared:
    """A day and a half of small talk with one name on everybody's lips for an hour."""
    made = make(replace(SMALL, days=1.5, events_a_day=0))
    begin = START_MS + 28 * HOUR_MS
    posts = [
        MadePost(begin + n * 40_000, f"v{n}", f"خجسترود {a} {b} آمد", False, 1)
        for n, (a, b) in enumerate(
            (post.text.split()[0], post.text.split()[1]) for post in made.posts[:90]
        )
    ]
    calm = [post for post in made.posts if not post.happening]
    truth = [Happening(1, Kind.SPIKE, begin, begin + HOUR_MS, 90)]
    everything = sorted([*calm, *posts], key=lambda post: post.at_ms)
    return prepare(everything, truth, made.start_ms, made.end_ms)


def test_a_plan_makes_one_stream() -> None:
    """The same seed the same posts, another seed others."""
    assert make(SMALL) == make(SMALL)
    assert make(SMALL).posts != make(replace(SMALL, seed=4)).posts


def test_the_truth_counts_the_posts_that_are_there() -> None:
    """Gaps swallow posts of happenings too."""
    made = make(SMALL)
    counts = Counter(post.happening for post in made.posts)

    assert {one.id: one.posts for one in made.truth} == {n: c for n, c in counts.items() if n}
    assert {Kind.MEGA, Kind.SLOW, Kind.CAMPAIGN, Kind.DAILY} <= {one.kind for one in made.truth}


def test_gaps_are_nearly_empty() -> None:
    """A black-out leaves one post in thirty, and outlets are silent in theirs."""
    made = make(replace(SMALL, per_minute=6))
    blackout, silence = made.gaps
    inside = [p for p in made.posts if blackout[0] <= p.at_ms < blackout[1]]

    assert len(inside) < 0.1 * len(made.posts) * (blackout[1] - blackout[0]) / (
        made.end_ms - START_MS
    )
    assert not [p for p in made.posts if p.is_news and silence[0] <= p.at_ms < silence[1]]


def test_copies_are_left_out_but_known() -> None:
    """A passed-on joke stays once, and the posts of its happening are all in the truth."""
    prepared = load(SMALL)
    cascades = {one.id: one for one in prepared.truth if one.kind is Kind.CASCADE}
    kept = Counter(
        prepared.happening_of[p.id] for p in prepared.posts if p.id in prepared.happening_of
    )

    assert all(kept[happening] <= 2 for happening in cascades)
    assert all(len(prepared.times_of[n]) == one.posts for n, one in cascades.items())
    assert sum(prepared.copies_until(prepared.end_ms).values()) == len(prepared.copies)


def test_a_story_is_told_once_until_it_was_quiet() -> None:
    """Six quiet hours make it news again."""
    rounds = _rounds((0, _rise("a")), (5, _rise("a")), (300, _rise("a")), (700, _rise("a")))

    assert [(a.at_ms - START_MS) // MINUTE_MS for a in alerts(rounds, Rule())] == [0, 700]


def test_a_rule_may_ask_for_two_rounds_unless_the_score_is_sure() -> None:
    """A rise that is gone in the next round is not told."""
    rule = Rule(least=4, rounds=2, sure=9)
    rounds = _rounds((0, _rise("a")), (5, _rise("b")), (10, _rise("b")), (15, _rise("c", 9.5)))

    assert [alert.rise.key for alert in alerts(rounds, rule)] == ["b", "c"]


@pytest.mark.parametrize(
    "again",
    [_rise("b", 5.0, frozenset({1, 2, 9})), _rise("b", 5.0, frozenset(), "x", "y")],
    ids=["posts", "terms"],
)
def test_another_name_of_a_told_story_is_not_told(again: Rise) -> None:
    """It shares posts, or two terms; without joining it would be a second alert."""
    rounds = _rounds((0, _rise("a", 5.0, frozenset({1, 2, 3}), "x", "y")), (5, again))

    assert len(alerts(rounds, Rule())) == 1
    assert len(alerts(rounds, Rule(joins=False))) == 2


def test_the_scorer_counts_what_was_found_late_twice_and_for_nothing(loud: Prepared) -> None:
    """Two alerts about the event, one about ordinary talk."""
    event = list(loud.happening_of)[:20]
    calm = [post.id for post in loud.posts if post.id not in loud.happening_of][:20]
    begin = loud.truth[0].start_ms
    told = [
        Alert(begin + 10 * MINUTE_MS, _rise("a", 5.0, frozenset(event))),
        Alert(begin + 20 * MINUTE_MS, _rise("b", 5.0, frozenset(event))),
        Alert(begin, _rise("c", 5.0, frozenset(calm))),
    ]

    result = score(loud, told)

    assert subject(loud, [*event[:2], *calm[:3]]) == 0
    assert (result.recall, result.redundancy, result.crowded) == (1.0, 0.5, 2)
    assert result.precision == pytest.approx(2 / 3)
    assert (result.posts, result.minutes) == ((16,), (10.0,))
    assert result.noise == ("c",)


@pytest.mark.parametrize(
    ("units", "method", "least"),
    [
        (words, online.z_score, 6.0),
        (words_and_pairs, online.signitrend, 4.0),
        (runs, online.bngram, 4.0),
        (words, offline.kleinberg, 20.0),
        (words, offline.mabed, 10.0),
    ],
    ids=["z", "SigniTrend", "BNgram", "Kleinberg", "MABED"],
)
def test_each_published_method_finds_what_nobody_can_miss(
    loud: Prepared,
    units: Callable[..., object],
    method: Callable[..., Iterator[Round]],
    least: float,
) -> None:
    """The name on everybody's lips is told within the hour."""
    found = alerts(method(Series(loud, units)), Rule(least=least))  # type: ignore[arg-type]
    about = [alert for alert in found if subject(loud, alert.rise.posts) == 1]

    assert about
    assert min(a.at_ms for a in about) <= loud.truth[0].start_ms + HOUR_MS


def test_viterbi_goes_up_for_what_lasts_only() -> None:
    """A state that saves less than the way up costs is not entered."""
    saved = np.array([[-1.0, 0.5, -1.0, -1.0], [-1.0, 2.0, 2.0, -1.0]])

    assert offline._two_states(saved, 1.0).tolist() == [
        [False, False, False, False],
        [False, True, True, False],
    ]


def test_the_best_span_is_the_greatest_sum() -> None:
    """Kadane: a dip inside is bridged when it pays."""
    assert offline._best_span(np.array([-1.0, 3.0, -1.0, 4.0, -9.0, 2.0])) == (6.0, 1, 4)


def test_all_methods_have_as_many_trials_and_the_best_is_taken(loud: Prepared) -> None:
    """Tuning keeps the rule that tells the event and nothing else."""
    assert len({len(list(method.trials())) for method in methods()}) == 1
    event = frozenset(loud.happening_of)
    rounds = [Round(loud.truth[0].start_ms, (_rise("a", 8.0, event), _rise("b", 5.0)))]
    method = Method("two scores", (("only", lambda _: rounds),), (4.0, 7.0))

    tuned = tune(method, [loud])

    assert tuned.rule.least == 7.0
    assert judge([(loud, rounds)], tuned.rule).f1 == 1.0


def test_known_bursts_are_looked_for_in_their_days(tmp_path: Path) -> None:
    """A burst that is there has a place; one that is not has none."""
    talk = make(replace(SMALL, days=3, events_a_day=0)).posts
    rows = [(post.at_ms, post.text) for post in talk if not post.happening]
    begin = START_MS + 56 * HOUR_MS
    rows += [(begin + n * 60_000, f"{talk[n].text} #خجسترود") for n in range(60)]
    tweets = tmp_path / "set" / "tweets.tsv"
    tweets.parent.mkdir()
    tweets.write_text(
        "id\tcreated_at_utc\thashtags\ttext\n"
        + "".join(
            f"{n}\t{from_ms(at).isoformat()}\t\t{text}\n" for n, (at, text) in enumerate(rows)
        ),
        encoding="utf-8",
    )
    day = from_ms(begin).date()
    truth = tmp_path / "truth.tsv"
    truth.write_text(
        "set\tfrom_utc\tto_utc\tsurface_forms\tevent\tbasis\n"
        f"set\t{day}\t{day}\tخجسته / خجسترود\tthere\t\n"
        f"set\t{day}\t{day}\tنبوده\tmissing\t\n"
        f"other\t{day}\t{day}\tنبوده\tof another set\t\n",
        encoding="utf-8",
    )

    found = real.lines(tweets, truth)

    assert [line.split(" | ")[2] for line in found[2:4]] == ["1", "-"]
    assert found[-1].startswith("1 of 2 known bursts")
