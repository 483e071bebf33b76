"""What admins are asked before a search is made live."""

from __future__ import annotations

from bot.handlers.buttons import Verb, pack
from bot.handlers.views.budget import usd
from bot.handlers.views.page import Reader, shortened
from bot.handlers.views.query_drafts import TEXT_LENGTH
from bot.models.live import LivePrice
from bot.models.messages import Button, OutMessage
from bot.models.tweets import TweetQuery
from bot.services.twitter_prices import TWEET


def live_question(reader: Reader, query: TweetQuery, price: LivePrice, page: int) -> OutMessage:
    """Asks before what is pushed costs without our asking."""
    yes = Button(
        text=reader.t("admin_button.live_yes"), data=pack(Verb.QUERY_LIVE, query.id, 1, page, "yes")
    )
    no = Button(text=reader.t("button.no"), data=pack(Verb.QUERY, query.id, page))
    if price.tweets is None:
        cost = reader.rich("query.live_price_unknown", price=usd(reader, TWEET))
    else:
        cost = reader.rich(
            "query.live_price",
            tweets=reader.count("tweets", price.tweets),
            price=usd(reader, price.credits),
            limit=usd(reader, price.limit),
        )
    too_dear = None if price.fits else reader.rich("query.live_dear")
    return reader.lines(
        reader.rich("query.live_ask"),
        reader.text().code(shortened(query.text, TEXT_LENGTH)),
        "",
        cost,
        too_dear,
    ).message(keyboard=((yes, no) if price.fits else (no,),))
