"""Choosing headlines: one a story, weighty first, from different outlets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.analysis.headlines import PER_SOURCE, choose, stories
from bot.models.post import Engagement, Post, PostKind

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def news(number: int, title: str, source: int = 1, hours_ago: float = 1, likes: int = 0) -> Post:
    return Post(
        id=number,
        kind=PostKind.NEWS,
        source_id=source,
        external_id=str(number),
        created_at=NOW - timedelta(hours=hours_ago),
        title=title,
        text="",
        engagement=Engagement(likes=likes),
    )


SNOW = (
    "بارش برف سنگین مدارس تهران را تعطیل کرد",
    "مدارس تهران به دلیل بارش برف سنگین تعطیل شد",
    "تعطیلی مدارس تهران در پی بارش سنگین برف",
)
OTHERS = (
    "بهای سکه در بازار رشت پایین آمد",
    "قطار تازهٔ مشهد به راه افتاد",
    "نمایشگاه کتاب شیراز فردا باز می‌شود",
    "تیم والیبال بانوان به نیمه‌نهایی رسید",
    "سد کرج نیمی از گنجایش خود را پر کرد",
    "دانشگاه اصفهان دو رشتهٔ نو می‌پذیرد",
)


def test_outlets_telling_the_same_are_one_story() -> None:
    """Their own words differ; what they have in common joins them, and nothing else joins."""
    posts = [news(n, title, n) for n, title in enumerate([*SNOW, *OTHERS], 1)]

    groups = stories(posts)

    assert [len(group) for group in groups] == [3, 1, 1, 1, 1, 1, 1]


def test_one_post_speaks_for_its_story_and_the_widest_comes_first() -> None:
    """Three outlets weigh more than one."""
    posts = [news(n, title, n) for n, title in enumerate([OTHERS[0], *SNOW, OTHERS[1]], 1)]

    chosen = choose(posts, [], {}, NOW, 8)

    assert len(chosen) == 3
    assert chosen[0].title in SNOW


def test_a_told_story_is_not_told_in_other_words() -> None:
    """Novelty is of stories, not of links."""
    told = [news(90, SNOW[0], 9)]

    chosen = choose([news(1, SNOW[1], 1), news(2, OTHERS[0], 2)], told, {}, NOW, 8)

    assert [post.id for post in chosen] == [2]


def test_no_outlet_fills_the_list_while_others_speak() -> None:
    """Two each at first; the rest only where there is room."""
    busy = [news(n, title, 1, likes=50) for n, title in enumerate(OTHERS[:4], 1)]
    other = [news(n, title, 2) for n, title in enumerate(OTHERS[4:], 10)]

    four, all_six = choose([*busy, *other], [], {}, NOW, 4), choose(busy + other, [], {}, NOW, 6)

    assert sum(post.source_id == 1 for post in four) == PER_SOURCE
    assert sorted(post.id for post in all_six) == [1, 2, 3, 4, 10, 11]


def test_the_new_and_the_cared_for_come_first() -> None:
    """Ten hours halve a weight; copies by others raise it."""
    old = news(1, OTHERS[0], 1, hours_ago=20)
    fresh = news(2, OTHERS[1], 2, hours_ago=1)
    copied = news(3, OTHERS[2], 3, hours_ago=1)

    assert [p.id for p in choose([old, fresh, copied], [], {3: 6}, NOW, 3)] == [3, 2, 1]


def test_nothing_gives_nothing() -> None:
    """Also posts without a single content word are no story of each other."""
    assert choose([], [], {}, NOW, 8) == []
    assert len(stories([news(1, "و از", 1), news(2, "و از", 2)])) == 2
