"""The walk through time: every tweet of a span found, hardly one bought twice."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.errors import SourceDown, SourceGarbled
from bot.models.tweets import Tweet, TweetPage
from bot.services.twitter_answers import Habits
from bot.services.twitter_walk import Walk
from tests.scripted_tweets import PRICE, START, Lies, ScriptedSearch, follow, poisson, tweet

DENSITIES = (0.01, 0.1, 0.5, 2.0, 5.0)
ORDINARY = Lies(more=0.1, no_more=0.1, short=0.03, empty=0.01, stale=0.01, error=0.01)
# How dear each kind of untruth may be, over all densities together.
WORLDS = {
    "honest": (Lies(), 1.08),
    "ordinary": (replace(ORDINARY, no_more=0.0), 1.12),
    "says more in a tenth of the answers": (Lies(more=0.1), 1.12),
    "says more in every answer": (Lies(more=1.0), 1.20),
    "never says more": (Lies(no_more=1.0), 1.08),
    "pages are short": (Lies(short=0.2), 1.10),
    "pages are short, and cursors lead in circles": (Lies(short=0.1, loops=True), 1.15),
    "pages are short, and no cursor comes": (Lies(short=0.1, no_cursor=True), 1.15),
    "until_time is inclusive": (Lies(inclusive=True), 1.10),
    "no answer now and then": (Lies(error=0.05), 1.12),
    "answers come a second time": (Lies(stale=0.03), 1.15),
    "answers are empty now and then": (Lies(empty=0.02), 1.10),
}


async def _walked(search: ScriptedSearch, span_s: int) -> list[Tweet]:
    """All that one walk brings, however long."""
    walk = Walk(
        search.ask, Habits(), START, START + timedelta(seconds=span_s), most_requests=10_000
    )
    found: list[Tweet] = []
    while (step := await walk.step()) is not None:
        found += step.tweets
    return found


@pytest.mark.parametrize("bursts", [False, True])
@pytest.mark.parametrize("world", WORLDS)
async def test_every_tweet_is_found_and_hardly_one_bought_twice(world: str, bursts: bool) -> None:
    """From a tweet in two minutes to five a second, poll by poll."""
    lies, most = WORLDS[world]
    spent = wanted = 0
    for number, rate in enumerate(DENSITIES):
        chance = random.Random(number)
        span_s = max(900, int(700 / rate))
        tweets = poisson(chance, rate / 2 if bursts else rate, span_s, bursts=bursts)
        search = ScriptedSearch(tweets, lies, chance)

        found = await follow(search, span_s)

        if not found.crowded:
            assert {t.post.external_id for t in tweets} <= found.ids, (rate, world)
        spent += search.spent
        wanted += PRICE * len(tweets)
    assert spent / wanted <= most + (0.05 if bursts else 0.0)


@settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes and tells little
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    seconds=st.lists(st.integers(0, 299), max_size=150),
    crowds=st.lists(st.tuples(st.integers(0, 299), st.integers(15, 70)), max_size=3),
    more=st.sampled_from([0.0, 0.3, 1.0]),
    short=st.sampled_from([0.0, 0.2]),
    inclusive=st.booleans(),
    error=st.sampled_from([0.0, 0.1]),
    seed=st.integers(0, 999),
)
async def test_whatever_the_times_nothing_is_missed(
    seconds: list[int],
    crowds: list[tuple[int, int]],
    more: float,
    short: float,
    inclusive: bool,
    error: float,
    seed: int,
) -> None:
    """Seconds that hold more than an answer too, while cursors lead on."""
    times = seconds + [second for second, count in crowds for _ in range(count)]
    tweets = [tweet(number, second) for number, second in enumerate(times, 1)]
    lies = Lies(more=more, short=short, inclusive=inclusive, error=error)
    search = ScriptedSearch(tweets, lies, random.Random(seed))

    found = await follow(search, 300, poll_s=60)

    assert found.ids >= {t.post.external_id for t in tweets}


async def test_a_span_of_one_page_costs_one_answer() -> None:
    """Nothing known of the rate: the whole span is asked about at once."""
    search = ScriptedSearch([tweet(number, number * 10) for number in range(1, 20)])

    found = await _walked(search, 3600)

    assert len(found) == 19
    assert search.asked[0] == (0, 3600, "")
    assert search.spent == 19 * PRICE


async def test_the_oldest_slice_comes_first() -> None:
    """So that a watermark can follow."""
    search = ScriptedSearch(poisson(random.Random(3), 1.0, 600))
    walk = Walk(search.ask, Habits(), START, START + timedelta(seconds=600), rate=1.0)
    marks, times = [], []

    while (step := await walk.step()) is not None:
        marks.append(step.covered_to)
        times += [max(t.post.created_at for t in step.tweets)] if step.tweets else []

    assert marks == sorted(marks)
    assert times[:40] == sorted(times[:40])
    assert marks[-1] >= START + timedelta(seconds=590)  # the last seconds may be empty


async def test_tweets_before_the_watermark_have_all_been_brought() -> None:
    """At every step, in a world of untruths: who is killed goes on from there."""
    for seed in range(30):
        chance = random.Random(seed)
        lies = replace(ORDINARY, empty=0.05, error=0.0, no_more=0.0)
        search = ScriptedSearch(poisson(chance, 1.5, 300, bursts=True), lies, chance)
        walk = Walk(search.ask, Habits(), START, START + timedelta(seconds=300))
        brought: set[str] = set()
        try:
            while (step := await walk.step()) is not None:
                brought.update(t.post.external_id for t in step.tweets)
                missing = [
                    t
                    for t in search.tweets
                    if t.post.created_at < step.covered_to and t.post.external_id not in brought
                ]
                assert missing == []
        except SourceGarbled:
            continue


async def test_an_empty_answer_moves_nothing() -> None:
    """The next slice begins at the same place and reaches further."""
    late = [tweet(number, 500 + number) for number in range(5)]
    search = ScriptedSearch(late)
    walk = Walk(search.ask, Habits(), START, START + timedelta(seconds=600), rate=0.5)

    steps = []
    while (step := await walk.step()) is not None:
        steps.append(step)

    begins = [since for since, _, _ in search.asked]
    ends = [until for _, until, _ in search.asked]
    first = next(place for place, step in enumerate(steps) if step.tweets)
    assert set(begins[: first + 1]) == {0}
    assert ends[: first + 1] == sorted(ends[: first + 1])
    assert len(ends) <= 5
    assert steps[0].covered_to == START


async def test_a_walk_that_ends_in_nothing_keeps_its_place() -> None:
    """It costs nothing to ask about the same time once more, with the next poll."""
    search = ScriptedSearch([])
    walk = Walk(search.ask, Habits(), START, START + timedelta(seconds=600), rate=0.01)

    step = await walk.step()

    assert step is not None
    assert step.tweets == ()
    assert await walk.step() is None
    assert walk.covered_to == START
    assert not walk.is_cut_short


async def test_a_crowded_second_is_walked_by_cursors() -> None:
    """Sixty tweets of one second, three pages."""
    search = ScriptedSearch([tweet(number, 50) for number in range(1, 61)])

    found = await _walked(search, 100)

    assert len({t.post.external_id for t in found}) == 60
    assert search.spent <= 66 * PRICE  # and a look at what is before it, and after it


async def test_cursors_in_a_circle_end_the_second_not_the_walk() -> None:
    """What cannot be had is left, and what is older is still found."""
    crowd = [tweet(number, 50) for number in range(100, 160)]
    older = [tweet(number, number) for number in range(1, 40)]
    search = ScriptedSearch([*crowd, *older], Lies(loops=True))
    walk = Walk(search.ask, Habits(), START, START + timedelta(seconds=100))
    found: set[str] = set()

    while (step := await walk.step()) is not None:
        found.update(t.post.external_id for t in step.tweets)

    assert {t.post.external_id for t in older} <= found
    assert walk.crowded == 1
    assert search.requests < 20


async def test_no_more_than_so_many_requests() -> None:
    """Other queries want their turn; the next walk goes on from there."""
    search = ScriptedSearch(poisson(random.Random(5), 2.0, 3600))
    walk = Walk(
        search.ask, Habits(), START, START + timedelta(seconds=3600), rate=2.0, most_requests=7
    )

    while await walk.step() is not None:
        pass

    assert search.requests == 7
    assert walk.is_cut_short
    assert START < walk.covered_to < START + timedelta(seconds=3600)


async def test_answers_from_another_time_are_an_error() -> None:
    """A service that does not keep to the bounds must not move them."""
    page = TweetPage(tweets=(tweet(1, -500), tweet(2, -400)), count=2)
    asked = 0

    async def ask(*_: object) -> TweetPage:
        nonlocal asked
        asked += 1
        return page

    walk = Walk(ask, Habits(), START, START + timedelta(seconds=60))

    first = await walk.step()
    with pytest.raises(SourceGarbled):
        await walk.step()

    assert first is not None
    assert len(first.tweets) == 2
    assert (asked, walk.covered_to) == (2, START)


async def test_a_failure_leaves_the_place_where_it_was() -> None:
    """The error is the caller's to tell."""
    search = ScriptedSearch([tweet(1, 10)], Lies(error=1.0))
    walk = Walk(search.ask, Habits(), START, START + timedelta(seconds=60))

    with pytest.raises(SourceDown):
        await walk.step()

    assert walk.covered_to == START


async def test_once_something_was_hidden_every_answer_is_looked_into() -> None:
    """A short answer that says that it is all, and is not: the odd one is found, then more."""
    chance = random.Random(2)
    search = ScriptedSearch(poisson(chance, 1.0, 7200), Lies(hidden=0.3), chance)
    honest = ScriptedSearch(poisson(random.Random(2), 1.0, 7200))

    found = await _walked(search, 7200)
    await _walked(honest, 7200)

    assert len(found) >= 0.97 * len(search.tweets)
    assert search.requests > 1.3 * honest.requests


async def test_an_empty_span_asks_nothing() -> None:
    """Nor does one that ends before it begins."""
    search = ScriptedSearch([tweet(1, 0)])

    for end in (START, START - timedelta(seconds=5)):
        assert await Walk(search.ask, Habits(), START, end).step() is None

    assert search.requests == 0


async def test_a_silence_is_crossed_in_leaps_and_what_follows_is_not_bought_twice() -> None:
    """Twenty minutes of nothing between two dense times: the end of it is leapt over a bit."""
    chance = random.Random(4)
    early = poisson(chance, 3.0, 300)
    late = [
        replace(one, post=replace(one.post, external_id=f"99{one.post.external_id:0>6}",
                                  created_at=one.post.created_at + timedelta(seconds=1500)))
        for one in poisson(chance, 3.0, 300)
    ]  # fmt: skip
    search = ScriptedSearch([*early, *late])

    found = await _walked(search, 1800)

    assert len({t.post.external_id for t in found}) == len(early) + len(late)
    assert search.spent <= 1.06 * PRICE * len(search.tweets)
