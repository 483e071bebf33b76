"""/users and /related: who is heard most, who drives a term, what moves together with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.features.intake import Intake
from bot.features.tweet_intake import TweetIntake
from bot.models.insight import Window
from bot.models.people import Sums
from bot.models.post import TWITTER_SOURCE_ID, DropReason, Engagement, Post, PostKind
from bot.models.tweets import Tweet, Verified
from bot.ports import Database
from bot.storage.drivers import DriverStore
from bot.storage.origins import OriginStore
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore
from tests.chats_world import ALEX, GROUP, SARA, TERMS, World, buttons, data_of, running
from tests.people_world import MINA, REZA, START, profile, tweet
from tests.people_world import SARA as AUTHOR

LANTERN = "فانوس دریایی"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path) as here:
        yield here


async def take(world: World, *tweets: Tweet) -> None:
    intake = Intake(world.hoshyar.posts, OriginStore(world.parts.db))
    people = PeopleStore(world.parts.db)
    await TweetIntake(intake, people, world.hoshyar.clock).take(tweets)
    await world.hoshyar.search.catch_up()
    await world.hoshyar.analyse.catch_up()


def said(
    now: datetime, number: int, author: int = AUTHOR, *, more: str = "", likes: int = 0
) -> Tweet:
    text = f"امشب {LANTERN} روشن شد و مردم در ساحل جمع شدند، بار {number} {more}"
    return tweet(number, author, text, likes=likes, at=now - timedelta(minutes=number))


def stored(number: int, author: str, author_id: int = 0, **more: object) -> Post:
    post = Post(
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id=str(number),
        created_at=START + timedelta(minutes=number),
        text=f"نوشتهٔ {number}",
        author=author,
        author_id=author_id,
        engagement=Engagement(likes=number, retweets=1, replies=2, views=10),
    )
    return replace(post, **more)  # type: ignore[arg-type]  # fields by their names


async def test_posts_are_summed_by_who_wrote_them(db: Database) -> None:
    """One number under two names is one voice, names differ by no capitals, and neither news nor
    dropped posts count."""
    posts = PostStore(db)
    await posts.add_many(
        [
            stored(1, "sara", AUTHOR),
            stored(2, "sara_new", AUTHOR),
            stored(3, "Keeper"),
            stored(4, "keeper"),
            stored(5, "sara", AUTHOR, drop=DropReason.SPAM),
            stored(6, "outlet", kind=PostKind.NEWS, source_id=2),
            stored(7, ""),
        ]
    )
    ids = [post.id for post in await posts.after(0, 99, kept_only=False)]

    found = {voice.username.lower(): voice for voice in await DriverStore(db).of(ids)}

    assert len(found) == 2
    assert found["keeper"].sums == Sums(posts=2, likes=7, retweets=2, replies=4, views=20)
    (sara,) = (voice for voice in found.values() if voice.author_id)
    assert sara.author_id == AUTHOR
    assert sara.sums == Sums(posts=2, likes=3, retweets=2, replies=4, views=20)
    assert sara.heard == 3 + 2 * 2 + 4 + 2
    assert await DriverStore(db).of([]) == []


async def test_many_posts_of_one_are_summed_over_all_statements(db: Database) -> None:
    posts = PostStore(db)
    await posts.add_many([stored(n, "sara", AUTHOR) for n in range(1, 901)])
    ids = [post.id for post in await posts.after(0, 999)]

    (voice,) = await DriverStore(db).of(ids)

    assert (voice.sums.posts, voice.sums.likes) == (900, 900 * 901 // 2)


async def test_who_drives_a_term_is_listed_by_what_the_posts_earned(world: World) -> None:
    now = world.hoshyar.clock()
    person = profile(REZA, name="رضا", verified=Verified.PERSON, followers=1_300_000)
    await take(
        world,
        said(now, 1),
        said(now, 2),
        replace(said(now, 3, REZA, likes=900), author=person),
        said(now, 4, MINA, likes=5),
        tweet(9, person, "دربارهٔ چیز دیگری نوشته است", likes=10**6, at=now),
    )

    persian = await world.say(SARA, f"/users {LANTERN}", "پیش می‌برند")
    english = await world.say(ALEX, f"/users {LANTERN}", "drives")

    assert "۴ نوشته از ۳ نویسنده" in persian["text"]
    ranks = [persian["text"].index(name) for name in ("رضا ✔️", "@mina", "@sara")]
    assert ranks == sorted(ranks)
    assert "۱٫۳ میلیون دنبال‌کننده" in persian["text"]
    assert "1 post · 900 likes" in english["text"]
    assert [one for one in buttons(english) if one.startswith("@")] == ["@reza", "@mina", "@sara"]
    card = await world.press_for(ALEX, english, "@mina", "Influence")
    assert "@mina" in card["text"]


async def test_the_window_of_drivers_can_be_changed(world: World) -> None:
    now = world.hoshyar.clock()
    await take(world, said(now, 60 * 30, MINA))

    empty = await world.say(SARA, f"/users {LANTERN}", "توییتی دربارهٔ")
    week = await world.press_for(SARA, empty, "۷ روز", "پیش می‌برند")

    assert "@mina" in week["text"]


async def test_without_a_term_those_heard_most_are_listed(world: World) -> None:
    nobody = await world.say(SARA, "/users", "/users")
    now = world.hoshyar.clock()
    await take(
        world,
        replace(said(now, 1, MINA), author=profile(MINA, followers=9_000_000)),
        said(now, 2, REZA),
    )

    found = await world.say(SARA, "/users", "پرنفوذترین")

    assert "کسی را در ایکس نمی‌شناسم" in nobody["text"]
    assert found["text"].index("@mina") < found["text"].index("@reza")
    assert "۹ میلیون دنبال‌کننده" in found["text"]
    assert buttons(found) == ["@mina", "@reza"]


async def test_a_name_that_x_cannot_have_gets_no_button_and_no_link(world: World) -> None:
    now = world.hoshyar.clock()
    post = stored(1, "نگهبان فانوس", created_at=now, text=f"{LANTERN} خاموش ماند")
    await world.hoshyar.posts.add_many([post])
    await world.hoshyar.search.catch_up()

    found = await world.say(SARA, f"/users {LANTERN}", "پیش می‌برند")

    assert "@نگهبان فانوس" in found["text"]
    assert not [one for one in buttons(found) if one.startswith("@")]
    assert "text_link" not in [entity["type"] for entity in found.get("entities", [])]


async def test_terms_that_move_together_lead_to_their_cards(world: World) -> None:
    """Said with the term far more often than elsewhere: what everybody says does not count."""
    now = world.hoshyar.clock()
    await take(
        world,
        *(said(now, n, (AUTHOR, REZA, MINA)[n % 3], more="نهنگ آبی پیدا شد") for n in range(1, 7)),
    )

    found = await world.say(SARA, f"/related {LANTERN}", "همراه‌های")
    card = await world.press_for(SARA, found, "نهنگ", "🔎 نهنگ")

    assert "نهنگ* · ۶ نوشته".replace("*", "") in found["text"]
    assert LANTERN not in buttons(found)
    assert "۶ نوشته" in card["text"]


async def test_what_everybody_says_anyway_does_not_move_with_a_term(world: World) -> None:
    """Chance brings some words together a little more often than their shares would have it."""
    now = world.hoshyar.clock()
    around = [f"{place} هوا {weather}" for place in ("شمال", "جنوب") for weather in ("خوب", "سرد")]
    texts = [f"گزارش {n} از {around[n % 4]} بود" for n in range(80)]
    texts += [f"{LANTERN} با نهنگ در {around[n % 4]} بود" for n in range(8)]
    await world.hoshyar.posts.add_many(
        [
            stored(n, f"voice{n}", created_at=now - timedelta(minutes=n), text=text)
            for n, text in enumerate(texts, 1)
        ]
    )
    await take(world)

    found = await world.hoshyar.drivers.related(LANTERN, Window.H24)

    terms = {one.term for one in found}
    assert "نهنگ" in terms
    assert not terms & {"هوا", "شمال", "جنوب", "خوب", "سرد"}
    assert next(one.posts for one in found if one.term == "نهنگ") == 8


async def test_drivers_and_related_terms_lead_to_each_other(world: World) -> None:
    now = world.hoshyar.clock()
    await take(world, *(said(now, n, more="نهنگ آبی") for n in range(1, 4)))

    related = await world.say(ALEX, f"/related {LANTERN}", "moves together")
    drivers = await world.press_for(ALEX, related, "Who?", "drives")
    back = await world.press_for(ALEX, drivers, "Related", "moves together")

    assert "نهنگ" in back["text"]


async def test_nothing_related_is_said_so(world: World) -> None:
    found = await world.say(ALEX, "/related ناشنیده‌ترین", "found nothing")

    assert "“ناشنیده‌ترین”" in found["text"]
    assert "📈 Card" in buttons(found)


async def test_without_a_term_examples_are_offered(world: World) -> None:
    asked = await world.say(SARA, "/related", "پس از فرمان")

    answer = await world.press_for(SARA, asked, TERMS[0], "همراه")

    assert TERMS[0] in answer["text"]


async def test_what_is_no_term_is_refused(world: World) -> None:
    for command in ("users", "related"):
        answer = await world.say(ALEX, f"/{command} !!!", "nothing in this word")
        assert "100" in answer["text"]


async def test_in_a_group_the_buttons_are_the_askers(world: World) -> None:
    now = world.hoshyar.clock()
    await take(world, *(said(now, n, more="نهنگ آبی") for n in range(1, 4)))

    found = await world.say(SARA, f"/users {LANTERN}", "پیش می‌برند", chat=GROUP)

    refused = await world.press(ALEX, found, "@sara", chat=GROUP)
    assert "~" in data_of(found, "@sara")
    assert refused.get("show_alert")
