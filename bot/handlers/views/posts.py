"""Lists of posts: what a search found, and the latest news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.analysis.search_query import hint
from bot.handlers.buttons import Verb, pack
from bot.handlers.views.page import NOBODY, Reader, label, post_lines, rows_of, shortened
from bot.handlers.views.start import Example
from bot.handlers.views.trends import TERM_LENGTH, page_row
from bot.models.insight import Window
from bot.models.lookup import Found
from bot.models.messages import Button, Keyboard, OutMessage, RichText
from bot.models.post import Post
from bot.models.tweets import Profile

PER_PAGE = 5
LAST_PAGE = 199  # nobody reads on; deeper offsets only cost time
TELL_BEHIND = 500  # posts that cannot be found yet; fewer are on their way in a moment
BEST, NEWEST = "b", "n"


def search_message(
    reader: Reader,
    found: Found,
    ref: str,
    sources: Mapping[int, str],
    owner: int = 0,
    people: Mapping[int, Profile] = NOBODY,
) -> OutMessage:
    """One page of what a search found, with both orders and what else to do with the words."""
    t = reader.t
    query = reader.name(shortened(found.query, TERM_LENGTH))
    watch = Button(text=t("button.watch"), data=pack(Verb.WATCH_ADD, ref, owner=owner))
    if not found.posts and not found.page:
        why = hint(found.query)
        return reader.lines(
            reader.rich("search.none", query=query),
            *_limits(reader, found),
            "",
            reader.rich(why[0], word=reader.name(shortened(why[1], TERM_LENGTH)))
            if why
            else reader.rich("search.none_tip"),
        ).message(keyboard=() if found.is_narrowed else ((watch,),))
    order = t("search.order_newest" if found.newest_first else "search.order_best")
    hits = reader.count("hits", found.total)
    if found.total_is_estimate:
        hits = t("count.about", what=hits)
    body = reader.lines(
        reader.rich("search.title", query=query),
        reader.rich("search.found", hits=hits, order=order),
        *_limits(reader, found),
    )
    for post in found.posts:
        body.newline(2).add(post_lines(reader, post, sources, people))
    here = NEWEST if found.newest_first else BEST
    other = Button(
        text=t("button.best" if found.newest_first else "button.newest"),
        data=pack(Verb.SEARCH, ref, BEST if found.newest_first else NEWEST, 0, owner=owner),
    )
    card = Button(text=t("button.card"), data=pack(Verb.CARD, ref, Window.H24, 0, owner=owner))
    keyboard: Keyboard = ((other,),) if found.is_narrowed else ((other, card), (watch,))
    more = found.more and found.page < LAST_PAGE
    turning = page_row(reader, Verb.SEARCH, found.page, more, ref, here, owner=owner)
    return body.message(keyboard=(turning, *keyboard) if turning else keyboard)


def _limits(reader: Reader, found: Found) -> list[RichText]:
    """Why something may be missing, if it may."""
    said = []
    if found.back_to is not None:
        said.append(reader.rich("search.back_to", when=reader.when(found.back_to)))
    if found.kept_since is not None:
        said.append(reader.rich("search.not_kept", when=reader.when(found.kept_since)))
    if found.behind >= TELL_BEHIND:
        said.append(reader.rich("search.behind", n=found.behind))
    return said


def news_message(
    reader: Reader,
    news: Sequence[Post],
    sources: Mapping[int, str],
    topics: Sequence[Example],
    *,
    topic: Example | None = None,
    searched: bool = False,
    page: int = 0,
    more: bool = False,
    owner: int = 0,
) -> OutMessage:
    """The latest news, all or of one topic; `searched`: no source has that topic, so the words."""
    t = reader.t
    shown = reader.name(shortened(topic.term, TERM_LENGTH)) if topic else ""
    if topic is None:
        title = reader.rich("news.title")
    else:
        title = reader.rich("news.search_title" if searched else "news.title_topic", topic=shown)
    body = reader.lines(title)
    if not news:
        none = reader.rich("news.none_topic", topic=shown) if topic else reader.rich("news.none")
        body.newline(2).add(none)
    for post in news:
        body.newline(2).add(post_lines(reader, post, sources))
    here = topic.ref if topic else ""
    rows: list[tuple[Button, ...]] = []
    turning = page_row(reader, Verb.NEWS, page, more, here, owner=owner)
    if turning:
        rows.append(turning)
    chips = [
        Button(text=label(each.term, TERM_LENGTH), data=pack(Verb.NEWS, each.ref, 0, owner=owner))
        for each in topics
        if topic is None or each.ref != topic.ref
    ]
    rows += rows_of(chips, 3)
    if topic is not None:
        rows.append((Button(text=t("button.news"), data=pack(Verb.NEWS, "", 0, owner=owner)),))
    return body.message(keyboard=tuple(rows))
