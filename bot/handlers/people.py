"""/user: what is stored of somebody on X; admins may buy more, at the price on the button."""

from __future__ import annotations

from bot.errors import NotFound, SourceError, SourceGone
from bot.features.people import Bought, read_username
from bot.handlers.asked import Asked, Commands, Presses
from bot.handlers.buttons import Verb, pack
from bot.handlers.views.budget import trouble_message, usd
from bot.handlers.views.people import (
    POSTS,
    gone_message,
    person_message,
    top_message,
    unknown_message,
)
from bot.models.messages import RichText
from bot.services.twitter_prices import LEAST, PRICES

TOP = 6
PROFILE, TIMELINE, FOLLOWS = "profile", "posts", "follows"


async def user(asked: Asked) -> None:
    """/user <name>"""
    if not asked.text.strip():
        people = await asked.hoshyar.people.top(TOP)
        await asked.show(top_message(asked.reader, people, asked.owner))
        return
    await _show(asked, read_username(asked.text))


async def pressed(asked: Asked) -> None:
    """Somebody's button."""
    await _show(asked, asked.arg(0))


async def _show(asked: Asked, username: str, note: RichText | None = None) -> None:
    people = asked.hoshyar.people
    person = await people.find(username)
    prices = _prices(asked, is_known=person is not None)
    if person is None:
        named = await people.named(username, POSTS)
        await asked.show(unknown_message(asked.reader, username, prices, named))
        return
    facts = await people.facts(person, POSTS)
    await asked.show(person_message(asked.reader, facts, prices, owner=asked.owner, note=note))


def _prices(asked: Asked, *, is_known: bool) -> dict[str, int]:
    """What this reader may buy, and what it costs at the most."""
    if not asked.is_admin or not asked.hoshyar.people.can_buy:
        return {}
    most = {PROFILE: PRICES["user"].worst(), TIMELINE: PRICES["timeline"].worst()}
    return most | ({FOLLOWS: PRICES["followings"].worst()} if is_known else {})


async def buy(asked: Asked) -> None:
    """A button of an admin that costs what stands on it."""
    what, username = asked.arg(0), asked.arg(1)
    await asked.note(asked.t("person.buying"))
    try:
        async with asked.telegram.typing(asked.chat.id):
            bought = await _bought(asked, what, username)
    except SourceGone:
        await asked.show(gone_message(asked.reader, username, LEAST))
        return
    except SourceError as error:
        back = pack(Verb.PERSON, username)
        has_key = asked.hoshyar.people.can_buy
        await asked.show(trouble_message(asked.reader, error, back, has_key=has_key))
        return
    price = usd(asked.reader, bought.credits)
    note = asked.reader.rich(f"person.bought_{what}", **_brought(what, bought, price))
    await _show(asked, username, note)


def _brought(what: str, bought: Bought, price: str) -> dict[str, object]:
    if what == TIMELINE:
        return {"new": bought.new, "read": bought.read, "price": price}
    return {"n": bought.read, "price": price} if what == FOLLOWS else {"price": price}


async def _bought(asked: Asked, what: str, username: str) -> Bought:
    people = asked.hoshyar.people
    if what == PROFILE:
        return await people.buy_profile(username)
    if what == TIMELINE:
        return await people.buy_posts(username)
    if what == FOLLOWS:
        return await people.buy_follows(username)
    raise NotFound("error.stale_button")


COMMANDS: Commands = {"user": user}
PRESSES: Presses = {Verb.PERSON: pressed, Verb.PERSON_BUY: buy}
