"""Analysis end to end on a real database: posts in, counters once, trends out."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.analysis.counting import HeardVoices
from bot.features import analyse as analyse_module
from bot.features.analyse import Analyser, keep_keys
from bot.models.insight import Trend, TrendState, Window
from bot.models.post import DropReason, Engagement, Mood, Post, PostKind, Source, SourceKind
from bot.ports import Database
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.storage.insights import TrendStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore
from tests.trend_streams import Talk

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
END = START + 4 * DAY
SUBJECT = "قندریزان"


def _analyser(db: Database, at: datetime = END, **given: int) -> Analyser:
    return Analyser(PostStore(db), TrendStore(db), SourceStore(db), clock=lambda: at, **given)


async def _counters(db: Database) -> list[object]:
    rows: list[object] = []
    for table in ("term_days", "term_slots", "term_sweeps"):
        rows += sorted(await db.fetch_all(f"SELECT * FROM {table}"))
    rows += await db.fetch_all("SELECT name, value FROM meta ORDER BY name")
    return rows


@pytest.fixture(scope="module")
def calm_and_burst() -> list[Post]:
    """Three calm days, and a fourth with a subject of its own from its middle on."""
    talk = Talk(3)
    posts = talk.posts(START, 3 * 24, 12)
    posts += talk.posts(START + 3 * DAY, 12, 12)
    posts += talk.posts(START + 3.5 * DAY, 12, 16, about=SUBJECT, share=0.25)
    return sorted(posts, key=lambda post: post.created_at)


async def test_a_burst_is_found_with_its_figures(db: Database, calm_and_burst: list[Post]) -> None:
    """Term, volume against baseline, voices, times, moods and posts of a trend."""
    posts = [replace(p, mood=Mood.NEGATIVE) if SUBJECT in p.text else p for p in calm_and_burst]
    told = [p for p in posts if SUBJECT in p.text]
    loud = max(told, key=lambda p: p.created_at)
    posts[posts.index(loud)] = replace(loud, engagement=Engagement(likes=5000, retweets=900))
    stored = {p.external_id: p for p in (await PostStore(db).add_many(posts)).new}
    analyser = _analyser(db)

    assert await analyser.catch_up() == len(posts)
    trend = (await analyser.trends(Window.H24, END))[0]

    assert (trend.key, trend.term, trend.spellings) == (SUBJECT, SUBJECT, (SUBJECT,))
    assert trend.volume == len(told)
    assert trend.baseline < 1
    assert trend.ratio > 10
    assert 10 < trend.voices == len({p.author for p in told}) <= trend.volume
    assert trend.mood.negative == trend.mood.total == trend.volume
    assert abs(trend.started_at - (START + 3.5 * DAY)) < timedelta(hours=2)
    assert trend.started_at < trend.peak_at <= END
    assert trend.post_ids[0] == stored[told[0].external_id].id
    assert stored[loud.external_id].id in trend.post_ids
    assert (trend.window, trend.at) == (Window.H24, END)
    assert not trend.coordinated


async def test_it_was_not_there_before_it_began(db: Database, calm_and_burst: list[Post]) -> None:
    """`at` looks back: at the end of the third day nothing of the fourth is known."""
    await PostStore(db).add_many(calm_and_burst)
    analyser = _analyser(db)
    await analyser.catch_up()

    for window in Window:
        before = await analyser.trends(window, START + 3 * DAY)
        assert SUBJECT not in {trend.key for trend in before}
    first_hours = START + 3.5 * DAY + timedelta(hours=1)
    assert (await analyser.trends(Window.H1, first_hours))[0].key == SUBJECT
    assert (await analyser.trends(Window.H6, END))[0].key == SUBJECT
    assert await analyser.trends(Window.H24, START - DAY) == []


async def _count_in_pieces(db: Database, posts: Sequence[Post], cuts: Sequence[int]) -> None:
    """Store and count piece by piece, each piece by a newly started analyser."""
    store, done = PostStore(db), 0
    for cut in [*cuts, len(posts)]:
        await store.add_many(posts[done:cut])
        await _analyser(db).catch_up()
        done = cut


async def test_a_restart_in_the_middle_changes_no_counter(
    tmp_path: Path, calm_and_burst: list[Post]
) -> None:
    """Counted at once, or by five processes one after the other: the same bytes."""
    posts = list(calm_and_burst)
    random.Random(4).shuffle(posts)  # late ones among them
    results = []
    for name, cuts in (("whole", []), ("pieces", [7, 300, 301, 900])):
        db = await open_database(f"sqlite:///{tmp_path}/{name}.db")
        await migrate(db)
        await _count_in_pieces(db, posts, cuts)
        results.append(await _counters(db))
        await db.close()

    assert results[0] == results[1]
    assert len(results[0]) > 1000


async def test_posts_in_no_order_are_counted_the_same_with_little_room(
    tmp_path: Path, calm_and_burst: list[Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours that were packed, or forgotten and read again, in between: the same bytes."""
    monkeypatch.setattr(analyse_module, "BATCH", 200)
    posts = list(calm_and_burst)
    random.Random(5).shuffle(posts)
    results = []
    for capacity, at_work in ((8_000_000, 100_000), (8_000_000, 20), (200, 20)):
        little = partial(HeardVoices, capacity, at_work)
        monkeypatch.setattr(analyse_module, "HeardVoices", little)
        db = await open_database(f"sqlite:///{tmp_path}/{capacity}-{at_work}.db")
        await migrate(db)
        await PostStore(db).add_many(posts)
        await _analyser(db).catch_up()
        results.append(await _counters(db))
        await db.close()

    assert results[0] == results[1] == results[2]


class _BreaksOnce(TrendStore):
    """A store whose second batch fails before, or after, it is written."""

    def __init__(self, db: Database, after_writing: bool) -> None:
        super().__init__(db)
        self.calls, self.after_writing = 0, after_writing

    async def add(self, *args: Any, **more: Any) -> bool:
        self.calls += 1
        if self.calls != 2:
            return await super().add(*args, **more)
        if self.after_writing:
            await super().add(*args, **more)
        raise OSError("disk full")


@pytest.mark.parametrize("after_writing", [False, True])
async def test_a_failure_while_counting_loses_and_doubles_nothing(
    tmp_path: Path,
    calm_and_burst: list[Post],
    monkeypatch: pytest.MonkeyPatch,
    after_writing: bool,
) -> None:
    """Whether the batch was written or not before the error: the next call goes on rightly."""
    monkeypatch.setattr(analyse_module, "BATCH", 200)
    results = []
    for name in ("whole", "broken"):
        db = await open_database(f"sqlite:///{tmp_path}/{name}.db")
        await migrate(db)
        await PostStore(db).add_many(calm_and_burst)
        store = _BreaksOnce(db, after_writing) if name == "broken" else TrendStore(db)
        analyser = Analyser(PostStore(db), store, SourceStore(db), clock=lambda: END)
        if name == "broken":
            with pytest.raises(OSError, match="disk full"):
                await analyser.catch_up()
        await analyser.catch_up()
        results.append(await _counters(db))
        await db.close()

    assert results[0] == results[1]


async def test_two_analysers_at_once_count_every_post_once(
    tmp_path: Path, calm_and_burst: list[Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job in the bot and a command in a shell meet on one database."""
    monkeypatch.setattr(analyse_module, "BATCH", 100)
    counters, counted = [], 0
    for name in ("alone", "both"):
        db = await open_database(f"sqlite:///{tmp_path}/{name}.db")
        await migrate(db)
        await PostStore(db).add_many(calm_and_burst)
        if name == "both":
            both = (_analyser(db), _analyser(db))
            counted = sum(await asyncio.gather(*(one.catch_up() for one in both)))
        else:
            await _analyser(db).catch_up()
        counters.append(await _counters(db))
        await db.close()

    assert counters[0] == counters[1]
    assert counted == len(calm_and_burst)


async def test_late_posts_are_counted_where_they_were_written(db: Database) -> None:
    """An import of last month's posts does not look like news of today."""
    talk = Talk(5)
    await PostStore(db).add_many(talk.posts(END - DAY, 24, 10))
    analyser = _analyser(db)
    await analyser.catch_up()
    await PostStore(db).add_many(talk.posts(START - 30 * DAY, 24, 10, about=SUBJECT, share=0.5))

    assert await analyser.catch_up() == 240
    assert SUBJECT not in {trend.key for trend in await analyser.trends(Window.H24, END)}
    then = await analyser.trends(Window.H24, START - 29 * DAY)
    assert then[0].key == SUBJECT


async def test_copies_do_not_make_a_trend_but_are_told(
    db: Database, calm_and_burst: list[Post]
) -> None:
    """A campaign of one text is one post; the copies of a real story are counted beside it."""
    store = PostStore(db)
    campaign = replace(
        calm_and_burst[-1], external_id="c0", text="هشتگ‌سازان زرنقاش بخرید", author="boss"
    )
    stored = await store.add_many([*calm_and_burst, campaign])
    by_text = {p.text: p.id for p in stored.new}
    told = next(p for p in stored.new if SUBJECT in p.text)
    copies = [
        replace(
            campaign if n < 60 else told,
            id=0,
            external_id=f"c{n}",
            author=f"bot{n}",
            drop=DropReason.NEAR_DUPLICATE,
            duplicate_of=by_text[campaign.text] if n < 60 else told.id,
        )
        for n in range(1, 70)
    ]
    await store.add_many(copies)
    analyser = _analyser(db)
    await analyser.catch_up()

    found = await analyser.trends(Window.H24, END)

    assert all("زرنقاش" not in trend.member_keys for trend in found)
    assert found[0].key == SUBJECT
    assert found[0].copies == 10


async def test_a_greeting_of_every_morning_is_no_trend_in_the_morning(db: Database) -> None:
    """Six days of it at eight o'clock are enough to expect it on the seventh."""
    talk = Talk(6)
    posts: list[Post] = []
    for day in range(7):
        start = START + day * DAY
        posts += talk.posts(start, 8, 6) + talk.posts(start + 9 * DAY / 24, 15, 6)
        posts += talk.posts(start + 8 * DAY / 24, 1, 60, about="بامدادخوش", share=0.5)
    await PostStore(db).add_many(posts)
    analyser = _analyser(db)
    await analyser.catch_up()

    at_nine = START + 6 * DAY + timedelta(hours=9)
    assert [t.key for t in await analyser.trends(Window.H1, at_nine)] == []
    at_nine_of_the_first = START + timedelta(hours=9)
    assert (await analyser.trends(Window.H1, at_nine_of_the_first))[0].key == "بامدادخوش"


async def test_spellings_become_one_trend(db: Database) -> None:
    """Hashtag, words, half-space, Arabic letters: one line, the usual spelling shown."""
    talk = Talk(8)
    posts = talk.posts(START, 3 * 24, 8)
    forms = ["#برف_ژرفکوه", "برف ژرفکوه", "برف‌ژرفكوه", "#برفژرفکوه", "#برف_ژرفکوه"]
    posts += [
        replace(p, text=f"{p.text} {forms[n % 5]}")
        for n, p in enumerate(talk.posts(START + 3 * DAY, 20, 2))
    ]
    posts += talk.posts(START + 3 * DAY, 24, 8)
    await PostStore(db).add_many(posts)
    analyser = _analyser(db)
    await analyser.catch_up()

    found = await analyser.trends(Window.H24, END)

    assert len(found) == 1
    assert found[0].term == "برف_ژرفکوه"
    assert found[0].is_hashtag
    assert {"#برف_ژرفکوه", "برف ژرفکوه", "#برفژرفکوه"} <= set(found[0].spellings)


async def test_a_round_stores_trends_that_are_read_in_one_go(
    db: Database, calm_and_burst: list[Post]
) -> None:
    """`run` counts, renews each window when due, and `current` reads the result."""
    now = [END]
    analyser = Analyser(PostStore(db), TrendStore(db), SourceStore(db), clock=lambda: now[0])
    await PostStore(db).add_many(calm_and_burst)

    first = await analyser.run()
    again = await analyser.run()
    now[0] += timedelta(minutes=2)
    later = await analyser.run()

    assert (first.counted, again.counted) == (len(calm_and_burst), 0)
    assert first.windows == tuple(Window)
    assert again.windows == (Window.H1,)
    assert later.windows == (Window.H1, Window.H6)
    stored = await analyser.current(Window.H24, 3)
    assert stored == (await analyser.trends(Window.H24, END, 3))
    assert stored[0].key == SUBJECT


async def test_before_the_first_round_trends_are_found_on_the_spot(
    db: Database, calm_and_burst: list[Post]
) -> None:
    """A command given right after the start has an answer."""
    await PostStore(db).add_many(calm_and_burst)
    analyser = _analyser(db)
    await analyser.catch_up()

    assert (await analyser.current(Window.H24))[0].key == SUBJECT


async def test_memory_and_store_tell_the_same(db: Database, calm_and_burst: list[Post]) -> None:
    """Once live, windows come from memory, new and late posts included, dropped ones not."""
    store = PostStore(db)
    await store.add_many(calm_and_burst[:500])
    live = _analyser(db)
    await live.run()
    stored = await store.add_many(calm_and_burst[500:])
    await live.catch_up()

    fresh = _analyser(db)
    for window in Window:
        assert await live.trends(window, END) == await fresh.trends(window, END)

    told = [post.id for post in stored.new if SUBJECT in post.text]
    for post_id in told:
        await PostStore(db).set_drop(post_id, DropReason.SPAM)
    assert SUBJECT not in {trend.key for trend in await live.trends(Window.H24, END)}


async def test_a_crowded_window_is_sampled_and_its_figures_scaled(
    db: Database, calm_and_burst: list[Post]
) -> None:
    """With room for 200 posts only, the burst of a larger day is still found."""
    await PostStore(db).add_many(calm_and_burst)
    analyser = _analyser(db, capacity=200)
    await analyser.catch_up()
    told = sum(SUBJECT in post.text for post in calm_and_burst)

    trend = (await analyser.trends(Window.H24, END))[0]

    assert trend.key == SUBJECT
    assert told / 2 < trend.volume < told * 2


async def test_posts_of_one_moment_are_all_read(db: Database) -> None:
    """Dates without a time put a thousand posts at midnight."""
    talk = Talk(9)
    posts = [replace(p, created_at=START) for p in talk.posts(START, 1, 1000)]
    posts += [replace(p, created_at=START + timedelta(hours=1)) for p in talk.posts(START, 1, 3)]
    await PostStore(db).add_many(posts)

    explained = await _analyser(db).why(talk.words[0], Window.H24, START + timedelta(hours=2))

    said = sum(talk.words[0] in post.text.split() for post in posts)
    assert explained.volume == said


async def test_why_gives_the_numbers(db: Database, calm_and_burst: list[Post]) -> None:
    """Who began, who is loudest, how much more than usual."""
    sources = SourceStore(db)
    outlet = await sources.add(
        Source(kind=SourceKind.FEED, name="خبر نمونه", url="https://news.example/feed")
    )
    news = Post(
        kind=PostKind.NEWS,
        source_id=outlet.id,
        external_id="n1",
        created_at=START + 3.4 * DAY,
        title=f"{SUBJECT} آغاز شد",
        text="",
    )
    stored = await PostStore(db).add_many([*calm_and_burst, news])
    analyser = _analyser(db)
    await analyser.catch_up()

    why = await analyser.why(f"#{SUBJECT}", Window.H24, END)

    said = [p for p in stored.new if SUBJECT in p.full_text]
    assert (why.key, why.term, why.volume) == (SUBJECT, SUBJECT, len(said))
    assert why.first_post_id == stored.new[-1].id
    assert why.starters[0] == "خبر نمونه"
    assert len(why.loudest) == 5
    assert why.loudest[0][1] >= why.loudest[-1][1] >= 1
    assert why.ratio == why.volume / max(why.baseline, 0.5)
    assert why.score > 5
    assert why.started_at is not None
    assert why.state in TrendState


async def test_why_works_for_phrases_and_for_what_nobody_says(
    db: Database, calm_and_burst: list[Post]
) -> None:
    """A phrase is judged by its rarest word; silence has an answer too."""
    posts = [replace(p, text=p.text.replace(SUBJECT, f"{SUBJECT} زردکلاه")) for p in calm_and_burst]
    await PostStore(db).add_many(posts)
    analyser = _analyser(db)
    await analyser.catch_up()

    phrase = await analyser.why(f"{SUBJECT} زردکلاه", Window.H24, END)
    reversed_phrase = await analyser.why(f"زردکلاه {SUBJECT}", Window.H24, END)
    nothing = await analyser.why("نگفته", Window.H1, END)

    assert phrase.volume == sum(SUBJECT in post.text for post in posts)
    assert phrase.score > 5
    assert reversed_phrase.volume == 0
    assert (nothing.volume, nothing.score, nothing.first_post_id) == (0, 0.0, None)
    assert nothing.started_at is None


async def test_related_terms_are_said_together(db: Database, calm_and_burst: list[Post]) -> None:
    """What the posts of a term speak of far more than others do."""
    posts = [
        replace(p, text=f"{p.text} #سرخ_کوچه") if SUBJECT in p.text else p for p in calm_and_burst
    ]
    await PostStore(db).add_many(posts)
    analyser = _analyser(db)
    await analyser.catch_up()

    related = await analyser.related(SUBJECT, Window.H24, END, limit=2)

    assert related[0] == "#سرخ_کوچه"
    assert len(related) == 2


async def test_a_series_counts_a_day_by_posts_and_longer_by_the_counters(
    db: Database, calm_and_burst: list[Post]
) -> None:
    """Both roads give the same sums; only the first knows moods."""
    posts = [replace(p, mood=Mood.POSITIVE) for p in calm_and_burst]
    await PostStore(db).add_many(posts)
    analyser = _analyser(db)
    await analyser.catch_up()
    told = sum(SUBJECT in post.text for post in posts)

    day = await analyser.series(SUBJECT, END - DAY, END, 3600)
    days = await analyser.series(SUBJECT, START, END, 6 * 3600)

    assert (len(day), len(days)) == (24, 16)
    assert sum(point.posts for point in day) == told
    assert sum(point.mood.positive for point in day) == told
    assert sum(point.posts for point in days) <= told  # a voice once an hour
    assert sum(point.posts for point in days) > 0.9 * told
    assert [point.at for point in days[:2]] == [START, START + timedelta(hours=6)]
    assert [point.posts for point in days[:13]] == [0] * 13


async def test_the_counters_hold_each_voice_once_an_hour(db: Database) -> None:
    """Also when the process was restarted between two posts of one author."""
    when = START + timedelta(minutes=5)
    post = Post(
        kind=PostKind.TWEET, source_id=1, external_id="1", created_at=when, text="برف", author="ali"
    )
    others = [
        replace(post, external_id="2", created_at=when + timedelta(minutes=9)),
        replace(post, external_id="3", created_at=when + timedelta(minutes=70)),
        replace(post, external_id="4", author="sara"),
    ]
    store = PostStore(db)
    await store.add_many([post])
    await _analyser(db).catch_up()
    await store.add_many(others)

    await _analyser(db).catch_up()

    rows = await db.fetch_all("SELECT posts, voices, h00, h01 FROM term_days WHERE term='برف'")
    assert rows == [(4, 3, 2, 1)]


def _bare(key: str, *members: str) -> Trend:
    return Trend(
        key=key,
        term=key,
        spellings=(key,),
        score=5.0,
        volume=9,
        baseline=1.0,
        voices=9,
        window=Window.H1,
        at=END,
        started_at=END,
        peak_at=END,
        member_keys=(key, *members),
    )


def test_a_trend_keeps_its_key_while_its_story_goes_on() -> None:
    """Mutes and «already told» hold when another word of the story comes to lead."""
    before = [_bare("زلزله", "لرزه"), _bare("برف")]
    now = [_bare("لرزه", "زلزله"), _bare("باد"), _bare("برف", "زلزله")]

    kept = keep_keys(now, before)

    assert [trend.key for trend in kept] == ["زلزله", "باد", "برف"]
    assert [trend.term for trend in kept] == ["لرزه", "باد", "برف"]


async def test_snapshots_are_plain_json(db: Database, calm_and_burst: list[Post]) -> None:
    """Whoever reads the table by hand understands it."""
    await PostStore(db).add_many(calm_and_burst)
    await _analyser(db).run()

    row = await db.fetch_one("SELECT body FROM trend_snapshots WHERE span='24h'")

    assert row is not None
    assert json.loads(row[0])[0]["term"] == SUBJECT


async def test_the_first_minutes_are_not_left_to_an_empty_list(
    db: Database, calm_and_burst: list[Post]
) -> None:
    """A list made when there was hardly anything is renewed as soon as there is much more."""
    posts = PostStore(db)
    clock = [END]
    analyser = Analyser(posts, TrendStore(db), SourceStore(db), clock=lambda: clock[0])
    await posts.add_many(calm_and_burst[:50])
    first = await analyser.run()
    clock[0] += timedelta(seconds=10)
    quiet = await analyser.run()
    await posts.add_many(calm_and_burst[50:])
    grown = await analyser.run()

    assert Window.D7 in first.windows
    assert Window.D7 not in quiet.windows
    assert Window.D7 in grown.windows
