"""/user, and tweets among the news: who wrote them, what they earned, where they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.features.intake import Intake
from bot.features.tweet_intake import TweetIntake
from bot.models.insight import Window
from bot.models.post import ParentKind, Post, PostKind
from bot.models.tweets import LinkKind, Tweet, Verified
from bot.sandbox.twitter_people import Person
from bot.sandbox.twitter_shelf import Held
from bot.sandbox.twitter_site import TwitterSite
from bot.services.twitter_prices import PRICES
from bot.storage.insights import TrendStore
from bot.storage.origins import OriginStore
from bot.storage.people import PeopleStore
from bot.utils.times import to_ms
from tests.chats_world import ADMIN, ALEX, SARA, World, buttons, risen, running
from tests.people_world import MINA, REZA, profile, tweet
from tests.people_world import SARA as AUTHOR
from tests.twitter_world import client

LANTERN = "فانوس دریایی"
TALKER = "lantern_keeper"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path) as here:
        yield here


def intake_of(world: World) -> TweetIntake:
    posts = world.hoshyar.posts
    intake = Intake(posts, OriginStore(world.parts.db))
    return TweetIntake(intake, PeopleStore(world.parts.db), world.hoshyar.clock)


async def take(world: World, *tweets: Tweet) -> list[Post]:
    """Store tweets as the searches do, and let them be found."""
    taken = await intake_of(world).take(tweets)
    await world.hoshyar.search.catch_up()
    return list(taken.new)


def said(now: datetime, number: int, author: int = AUTHOR, **more: object) -> Tweet:
    given: dict[str, object] = {
        "text": f"امشب {LANTERN} روشن شد و مردم در ساحل جمع شدند، بار {number}",
        "at": now - timedelta(minutes=number),
    }
    return tweet(number, author, **(given | more))  # type: ignore[arg-type]  # fields by their names


async def news_of(world: World) -> None:
    post = Post(
        kind=PostKind.NEWS,
        source_id=2,
        external_id="lantern",
        created_at=world.hoshyar.clock() - timedelta(minutes=9),
        title=f"{LANTERN} پس از سی سال روشن شد",
        text="چراغ آن از کیلومترها دورتر دیده می‌شود.",
        url="https://news.example/lantern",
        author="خبر ساحل",
    )
    await Intake(world.hoshyar.posts, OriginStore(world.parts.db)).take([post])
    await world.hoshyar.search.catch_up()


def links(message: dict[str, object]) -> list[str]:
    entities = message.get("entities", [])
    assert isinstance(entities, list)
    return [entity["url"] for entity in entities if entity["type"] == "text_link"]


async def test_a_search_mixes_tweets_and_news(world: World) -> None:
    """A tweet shows its author's name, mark and @name, its engagement in the reader's digits, and
    its link; the people of a page are read at once."""
    now = world.hoshyar.clock()
    person = profile(AUTHOR, name="سارا کوهی", verified=Verified.PERSON)
    first = said(now, 5, likes=1234, retweets=56, replies=1, views=2_500_000)
    await take(
        world,
        replace(first, author=person),
        said(now, 6, REZA, text=f"{LANTERN} را از نزدیک دیدم؛ بسیار زیبا بود و شلوغ"),
    )
    await news_of(world)

    persian = await world.say(SARA, f"/search {LANTERN}", "نتیجه")
    english = await world.say(ALEX, f"/search {LANTERN}", "results")

    assert "سارا کوهی ✔️ (\u2068@sara\u2069)" in persian["text"]
    assert "۱٫۲ هزار پسند · ۵۶ بازنشر · ۱ پاسخ · ۲٫۵ میلیون بازدید" in persian["text"]
    assert "\u2068@reza\u2069" in persian["text"]
    assert "سارا کوهی ✔️ (@sara)" in english["text"]
    assert "1.2K likes · 56 reposts · 1 reply · 2.5M views" in english["text"]
    for answer in (persian, english):
        assert f"{LANTERN} پس از سی سال روشن شد" in answer["text"]
        assert "https://x.com/sara/status/5" in links(answer)
        assert "https://news.example/lantern" in links(answer)


async def test_a_page_reads_its_people_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many posts and authors a page has."""
    now = world.hoshyar.clock()
    await take(world, *(said(now, n, (AUTHOR, REZA, MINA)[n % 3]) for n in range(1, 9)))
    asked: list[str] = []
    fetch = world.parts.db.fetch_all

    async def counted(sql: str, params: object = ()) -> object:
        asked.append(sql)
        return await fetch(sql, params)  # type: ignore[arg-type]  # as given

    monkeypatch.setattr(world.parts.db, "fetch_all", counted)
    await world.say(SARA, f"/search {LANTERN}", "نتیجه")

    assert len([sql for sql in asked if "x_people" in sql]) == 1


async def test_trends_and_cards_mix_tweets_and_news(world: World) -> None:
    """What both wrote rises as one; its card shows posts of both."""
    now = world.hoshyar.clock()
    stored = await take(world, said(now, 1, likes=9), said(now, 2, REZA))
    await news_of(world)
    hits = await world.hoshyar.search.search(f'"{LANTERN}"', 9)
    assert len(hits.ids) == 3
    trend = risen(LANTERN, 0, (stored[0].id, *sorted(hits.ids)[-1:]), now)
    await TrendStore(world.parts.db).save(Window.H24, now + timedelta(seconds=1), [trend])

    listed = await world.say(SARA, "/trends", LANTERN)
    card = await world.press_for(SARA, listed, LANTERN, "رتبهٔ ۱")

    assert "\u2068@sara\u2069 · " in card["text"]  # the shown name says no more than that
    assert "۹ پسند" in card["text"]
    assert "https://x.com/sara/status/1" in links(card)
    assert "https://news.example/lantern" in links(card)


async def test_what_is_known_of_somebody_is_shown(world: World) -> None:
    """Profile, influence with its parts, mood, ties both ways with buttons, and latest posts."""
    now = world.hoshyar.clock()
    person = profile(
        AUTHOR, name="سارا کوهی", followers=13_400, verified=Verified.BLUE,
        description="از دریا می‌نویسم", location="انزلی",
    )  # fmt: skip
    await take(
        world,
        replace(said(now, 5, likes=40, views=900), author=person),
        replace(said(now, 4, links=((LinkKind.REPLY, REZA),)), author=person),
        said(now, 3, MINA, links=((LinkKind.MENTION, AUTHOR),)),
    )

    card = await world.say(SARA, "/user @Sara", "سارا کوهی")
    english = await world.say(ALEX, "/user https://x.com/sara?s=20", "Influence")

    for part in (
        "نشان خریده‌شده", "از دریا می‌نویسم", "انزلی", "۱۳ هزار دنبال‌کننده", "نفوذ: ", "از ۱۰۰",
        "به‌طور میانگین: ۲۰ پسند", "رو می‌کند به: \u2068@reza\u2069 (پاسخ)",
        "به او رو می‌کنند: \u2068@mina\u2069 (نام‌بردن)", "حال‌وهوای ۲ نوشته",
    ):  # fmt: skip
        assert part in card["text"]
    assert "https://x.com/sara" in links(card)
    assert "https://x.com/sara/status/4" in links(card)
    assert buttons(card) == ["@reza", "@mina"]
    assert "13K followers" in english["text"]
    mina = await world.press_for(SARA, card, "@mina", "👤 \u2068@mina")
    assert "رو می‌کند به: \u2068@sara\u2069" in mina["text"]
    reza = await world.press_for(SARA, mina, "@sara", "سارا کوهی")
    reza = await world.press_for(SARA, reza, "@reza", "تنها نامش")
    assert "هنوز نوشته‌ای از او ندارم" in reza["text"]


async def imported(world: World, number: int) -> Post:
    """A tweet of a file, which says whose it is by name alone."""
    bare = said(world.hoshyar.clock(), number, text=f"{LANTERN} را دیدم، از پروندهٔ کهنه {number}")
    post = replace(bare.post, author_id=0)
    intake = Intake(world.hoshyar.posts, OriginStore(world.parts.db))
    taken = await intake.take([post])
    await world.hoshyar.search.catch_up()
    return taken.new[0]


async def test_posts_of_a_file_are_found_by_name(world: World) -> None:
    """As a search for from:NAME finds them; with and without a profile of who wrote them."""
    await imported(world, 11)
    unknown = await world.say(SARA, "/user sara", "از خود")
    now = world.hoshyar.clock()
    await take(world, replace(said(now, 5, likes=40), author=profile(AUTHOR, name="سارا کوهی")))
    await imported(world, 3)

    card = await world.say(SARA, "/user sara", "سارا کوهی")

    assert "https://x.com/sara/status/11" in links(unknown)
    shown = [link for link in links(card) if "/status/" in link]
    assert shown == [f"https://x.com/sara/status/{n}" for n in (3, 5, 11)]


async def test_who_has_only_posts_that_were_not_kept_is_told_so(world: World) -> None:
    """Rather than that there were none."""
    now = world.hoshyar.clock()
    person = profile(AUTHOR, name="سارا کوهی")
    (post,) = await take(world, replace(said(now, 5, likes=40), author=person))
    await world.parts.db.execute("UPDATE posts SET drop_reason='duplicate' WHERE id=?", (post.id,))

    card = await world.say(SARA, "/user sara", "سارا کوهی")

    assert "از ۱ نوشته که دیده‌ام" in card["text"]
    assert "نگه نداشتم" in card["text"]
    assert "هنوز نوشته‌ای از او ندارم" not in card["text"]


async def test_nobody_is_named_those_heard_most_are_shown(world: World) -> None:
    empty = await world.say(SARA, "/user", "هنوز کسی را")
    now = world.hoshyar.clock()
    await take(
        world,
        replace(said(now, 1), author=profile(AUTHOR, followers=50)),
        replace(said(now, 2, REZA), author=profile(REZA, followers=5_000_000)),
    )

    top = await world.say(SARA, "/user", "پرنفوذترین‌ها")

    assert buttons(empty) == []
    assert buttons(top) == ["@reza", "@sara"]
    card = await world.press_for(SARA, top, "@reza", "از ۱۰۰")
    assert "۵ میلیون" in card["text"]


async def test_a_reader_is_told_that_somebody_is_unknown_and_can_buy_nothing(world: World) -> None:
    unknown = await world.say(ALEX, "/user nobody_here", "nobody_here")

    assert buttons(unknown) == []


async def test_no_name_is_explained(world: World) -> None:
    answer = await world.say(ALEX, "/user what is this?", "15 Latin")

    assert "/user zoomit" in answer["text"]


async def test_who_is_closed_or_a_robot_is_said_so(world: World) -> None:
    now = world.hoshyar.clock()
    robot = profile(AUTHOR, is_automated=True, is_protected=True, verified=Verified.GOVERNMENT)
    await take(world, replace(said(now, 1), author=robot))

    card = await world.say(ALEX, "/user sara", "robot")

    assert "60%" in card["text"]
    assert "account is closed" in card["text"]
    assert "a government's account" in card["text"]


async def test_a_retweet_shows_who_passed_it_on(world: World) -> None:
    """And does not count as theirs."""
    now = world.hoshyar.clock()
    original = said(now, 9, REZA, likes=70)
    await take(
        world,
        said(now, 2, text=f"RT @reza: {original.post.text}", parent=(ParentKind.RETWEET, 9),
             links=((LinkKind.RETWEET, REZA),), around=(original,)),
    )  # fmt: skip

    card = await world.say(ALEX, "/user sara", "Turns to")
    reza = await world.say(ALEX, "/user reza", "Who turns to them")

    assert "@reza (reposts)" in card["text"]
    assert "Of 1 post that I have seen" in reza["text"]
    assert "Of" not in card["text"].split("Turns to")[0].replace("Of 0", "")


@pytest.fixture
async def paid(world: World) -> AsyncIterator[tuple[World, TwitterSite]]:
    """An admin whose bot has a key: the service is the sandbox's."""
    author, now_ms = Person(TALKER), to_ms(world.hoshyar.clock())
    tweets = [
        Held(id=7_000 + n, at_ms=now_ms - n * 60_000, text=f"شب {n} در ساحل", author=author)
        for n in range(3)
    ]
    async with (
        TwitterSite(tweets=tweets) as site,
        client(world.parts.db, site.url, key=site.key) as service,
    ):
        site.twitter.crowd.of(TALKER)
        people = world.hoshyar.people
        people._api = service.api
        yield world, site


async def test_an_admin_buys_at_the_price_on_the_button(
    paid: tuple[World, TwitterSite],
) -> None:
    """Somebody unknown: the profile, the latest posts, whom they follow; all of it stays."""
    world, site = paid
    people = PeopleStore(world.parts.db)
    name = TALKER

    unknown = await world.say(ADMIN, f"/user {name}", "دکمه‌های زیر")
    assert len(buttons(unknown)) == 2
    assert "۰٫۰۰۰۱۸" in buttons(unknown)[0]
    assert "۰٫۰۰۳" in buttons(unknown)[1]
    card = await world.press_for(ADMIN, unknown, "مشخصات تازه", "✅ مشخصات تازه شد")
    assert site.twitter.accounts[site.key].credits_spent == PRICES["user"].of(1)
    card = await world.press_for(ADMIN, card, "نوشته‌های تازه", "نوشته تازه بود")
    follows = await world.press_for(ADMIN, card, "دنبال‌شده‌هایش", "دنبال‌شده ذخیره شد")

    person = await people.by_username(name)
    assert person is not None
    assert person.sums.posts > 0
    followed = await people.relations_of(person.id, kind=LinkKind.FOLLOW)
    assert followed
    assert "(دنبال‌کردن)" in follows["text"]
    again = await world.say(ALEX, f"/user {name}", "Latest posts")
    assert not [text for text in buttons(again) if "$" in text]


async def test_buying_shows_that_it_is_under_way(paid: tuple[World, TwitterSite]) -> None:
    """The button says so at once, and the bot types until the answer is there."""
    world, _ = paid
    unknown = await world.say(ADMIN, f"/user {TALKER}", "دکمه‌های زیر")
    before = len(world.box.calls)
    await world.press_for(ADMIN, unknown, "مشخصات تازه", "✅ مشخصات تازه شد")
    calls = world.box.calls[before:]

    told = [call.method for call in calls]
    noted = [call.params for call in calls if call.method == "answerCallbackQuery"]
    assert [params["text"] for params in noted] == ["می‌پرسم…"]
    assert told.index("answerCallbackQuery") < told.index("editMessageText")
    assert told.index("sendChatAction") < told.index("editMessageText")


async def test_who_does_not_exist_is_told_with_what_asking_cost(
    paid: tuple[World, TwitterSite],
) -> None:
    world, site = paid

    unknown = await world.say(ADMIN, "/user no_such_one_9", "دکمه‌های زیر")
    gone = await world.press_for(ADMIN, unknown, "مشخصات تازه", "شاید نامش عوض شده باشد")

    assert "۰٫۰۰۰۱۵" in gone["text"]
    assert site.twitter.accounts[site.key].credits_spent == 15


async def test_an_empty_account_is_told_with_what_helps(paid: tuple[World, TwitterSite]) -> None:
    world, site = paid
    name = TALKER
    account = site.twitter.accounts[site.key]
    account.recharge(-account.credits)

    unknown = await world.say(ADMIN, f"/user {name}", "دکمه‌های زیر")
    empty = await world.press_for(ADMIN, unknown, "نوشته‌های تازه", "twitterapi.io")

    assert account.credits_spent == 0
    assert len(buttons(empty)) == 2
