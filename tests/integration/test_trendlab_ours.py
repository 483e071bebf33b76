"""The laboratory drives our detector as the product does: same counters, same trends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.features.analyse import Analyser
from bot.models.insight import Window
from bot.models.post import Engagement
from bot.ports import Database
from bot.storage.insights import TrendStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore
from bot.utils.times import from_ms
from tests.trendlab import ours
from tests.trendlab.happenings import Kind
from tests.trendlab.prepared import made_post, prepare
from tests.trendlab.speech import HOUR_MS
from tests.trendlab.streams import Plan, make


@pytest.mark.parametrize("window", [Window.H1, Window.H6, Window.H24])
async def test_it_finds_what_the_product_finds(db: Database, window: Window) -> None:
    """The past of every term, and each trend with its figures, in the midst of a large event."""
    stream = make(Plan(seed=5, days=2.3, per_minute=1.5, events_a_day=6, people=200))
    prepared = prepare(stream.posts, stream.truth, stream.start_ms, stream.end_ms)
    kept = {post.id for post in prepared.posts}
    raw = [
        replace(made_post(made), external_id=f"x{number}", engagement=Engagement())
        for number, made in enumerate(stream.posts, 1)
        if number in kept
    ]
    await PostStore(db).add_many(raw)
    at_ms = next(one.start_ms for one in stream.truth if one.kind is Kind.MEGA) + 2 * HOUR_MS
    at = from_ms(at_ms)
    analyser = Analyser(PostStore(db), TrendStore(db), SourceStore(db), clock=lambda: at)
    await analyser.catch_up()

    counters = ours.Counters()
    counters.add(prepared.posts)
    span_ms = int(window.span.total_seconds() * 1000)
    posts = prepared.between(at_ms - span_ms, at_ms)
    found = ours.found(counters, posts, window, at_ms, {})
    terms = sorted({term for post in posts for term in post.terms})[:300]
    past = await TrendStore(db).history(terms, window, at)

    assert sorted(counters.history(terms, window, at)) == sorted(
        (term, day, bool(is_news), said, same) for term, day, is_news, said, same in past
    )
    trends = await analyser.trends(window, at, len(found))
    assert [(t.key, t.score, t.volume, t.voices) for t in trends] == [
        (f.key, round(f.score, 3), f.volume, f.voices) for f, _ in found
    ]
    assert found
