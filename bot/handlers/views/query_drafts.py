"""A search on X before it is added: put together by buttons, and tried out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.analysis.tweet_query import CheckedQuery, check
from bot.features.queries import QueryTest
from bot.handlers.buttons import Verb, pack
from bot.handlers.views.budget import usd
from bot.handlers.views.page import Reader, post_lines, rows_of, shortened
from bot.models.messages import Button, OutMessage, RichText
from bot.services.twitter_prices import PRICES

TEXT_LENGTH = 480
LIKES = (0, 5, 20, 100, 500)
TEST_PRICE = PRICES["search"].worst()  # a test buys one page


def test_message(reader: Reader, tested: QueryTest, *rows: tuple[Button, ...]) -> OutMessage:
    """What a search finds now, what that cost, and what it would cost by day."""
    price = usd(reader, tested.credits)
    body = reader.lines(
        reader.rich("query.test_title"),
        reader.text().code(shortened(tested.text, TEXT_LENGTH)),
        reader.rich("query.test_found", tweets=reader.count("tweets", tested.found), price=price)
        if tested.found
        else reader.rich("query.test_none", price=price),
        reader.rich(
            "query.test_pace",
            tweets=reader.count("tweets", tested.per_day),
            price=usd(reader, tested.credits_per_day),
        )
        if tested.per_day is not None and tested.credits_per_day is not None
        else None,
        *_problems(reader, tested.problems),
    )
    if tested.tweets:
        body.newline(2).add(reader.rich("query.test_more"))
    people = {tweet.author.id: tweet.author for tweet in tested.tweets if tweet.author}
    for tweet in tested.tweets:
        body.newline(2).add(post_lines(reader, tweet.post, {}, people))
    return body.message(keyboard=rows)


def _problems(reader: Reader, problems: Sequence[str]) -> list[RichText]:
    return [reader.rich("query.draft_problem", problem=reader.t(key)) for key in problems]


@dataclass(frozen=True, slots=True)
class Draft:
    """A search that is being put together: what was written, and what buttons add to it."""

    text: str
    only_persian: bool = False
    no_replies: bool = False
    no_retweets: bool = False
    min_likes: int = 0

    @classmethod
    def begun(cls, text: str) -> Draft:
        """With only words, Persian ones are meant; who writes operators says it all."""
        return cls(text, only_persian=not check(text).operators)

    @classmethod
    def of(cls, text: str, code: str) -> Draft:
        """As a button carries it."""
        flags, likes = re.sub(r"\d", "", code), re.sub(r"\D", "", code)[:6]
        return cls(text, "f" in flags, "r" in flags, "t" in flags, int(likes or 0))

    @property
    def code(self) -> str:
        flags = {"f": self.only_persian, "r": self.no_replies, "t": self.no_retweets}
        letters = "".join(letter for letter, is_on in flags.items() if is_on)
        return f"{letters}{self.min_likes or ''}"

    @property
    def checked(self) -> CheckedQuery:
        """The whole search; what holds an OR is put into brackets before anything is added."""
        added = [
            "-filter:replies" if self.no_replies else "",
            "-filter:nativeretweets" if self.no_retweets else "",
            f"min_faves:{self.min_likes}" if self.min_likes else "",
            "lang:fa" if self.only_persian else "",
        ]
        added = [piece for piece in added if piece]
        text = check(self.text).text
        if added and re.search(r"(?:^|\s)OR(?:\s|$)", text):
            text = f"({text})"
        return check(" ".join([text, *added]))


def draft_message(reader: Reader, draft: Draft, ref: str, *, has_key: bool) -> OutMessage:
    """The search as it stands, with what may be added; `ref` is the short name of its text."""
    checked = draft.checked
    written = check(draft.text)

    def switch(key: str, is_on: bool, changed: Draft) -> Button:
        text = reader.t(f"query.{key}")
        return Button(
            text=f"✓ {text}" if is_on else text, data=pack(Verb.QUERY_DRAFT, ref, changed.code)
        )

    switches = []
    if "lang" not in written.operators:
        other = replace(draft, only_persian=not draft.only_persian)
        switches.append(switch("only_persian", draft.only_persian, other))
    if "filter" not in written.operators:
        other = replace(draft, no_replies=not draft.no_replies)
        switches.append(switch("no_replies", draft.no_replies, other))
        other = replace(draft, no_retweets=not draft.no_retweets)
        switches.append(switch("no_retweets", draft.no_retweets, other))
    if "min_faves" not in written.operators:
        switches.append(_likes_button(reader, draft, ref))
    test = Button(
        text=reader.t("admin_button.query_test", price=usd(reader, TEST_PRICE)),
        data=pack(Verb.QUERY_TRY, ref, draft.code),
    )
    cancel = Button(text=reader.t("button.cancel"), data=pack(Verb.QUERIES, 0))
    rows = (*rows_of(switches, 2), (test,), (save_button(reader, draft, ref),), (cancel,))
    return reader.lines(
        reader.rich("query.draft"),
        reader.text().code(shortened(checked.text, TEXT_LENGTH)),
        *_problems(reader, checked.problems),
        "",
        reader.rich("query.draft_about", price=usd(reader, TEST_PRICE)),
        reader.rich("twitter.no_key") if not has_key else None,
    ).message(keyboard=rows)


def _likes_button(reader: Reader, draft: Draft, ref: str) -> Button:
    """Each press asks for more likes; after the most comes none again."""
    more = next((n for n in LIKES if n > draft.min_likes), 0)
    text = (
        f"✓ {reader.t('query.min_likes', n=draft.min_likes)}"
        if draft.min_likes
        else reader.t("query.min_likes_none")
    )
    changed = replace(draft, min_likes=more)
    return Button(text=text, data=pack(Verb.QUERY_DRAFT, ref, changed.code))


def save_button(reader: Reader, draft: Draft, ref: str) -> Button:
    return Button(
        text=reader.t("admin_button.save"),
        data=pack(Verb.QUERY_SAVE, ref, draft.code),
        style="success",
    )


def draft_back(reader: Reader, draft: Draft, ref: str) -> tuple[tuple[Button, ...], ...]:
    """Below a test of a search that is not added yet."""
    back = Button(text=reader.t("button.back"), data=pack(Verb.QUERY_DRAFT, ref, draft.code))
    return ((save_button(reader, draft, ref),), (back,))


def words_question(reader: Reader) -> OutMessage:
    """Asks what to look for, with an example to be copied."""
    cancel = Button(text=reader.t("button.cancel"), data=pack(Verb.QUERIES, 0))
    return reader.lines(
        reader.rich("query.ask_words"), reader.text().code(reader.t("query.ask_words_example"))
    ).message(keyboard=((cancel,),))
