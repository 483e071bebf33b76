"""What was left out, for an admin who looks why; a press brings a post back, or leaves it out."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from bot.errors import NotFound
from bot.features.dropped import LOOKED_AT
from bot.handlers.asked import Asked, Presses
from bot.handlers.buttons import Verb
from bot.handlers.views.dropped import PER_PAGE, DroppedPage, dropped_message, fate_message
from bot.models.post import DropReason, Post

log = logging.getLogger(__name__)


async def dropped(asked: Asked) -> None:
    """The list: of a reason or of all, a page of it."""
    reason = _reason(asked.arg(0))
    every = await asked.hoshyar.dropped.newest(LOOKED_AT)
    counts = Counter(post.drop for post in every if post.drop is not None)
    wanted = [post for post in every if reason is None or post.drop is reason]
    page = min(max(asked.number(1), 0), max(0, len(wanted) - 1) // PER_PAGE)
    shown = wanted[page * PER_PAGE : (page + 1) * PER_PAGE]
    message = dropped_message(
        asked.reader,
        shown,
        dict(counts.most_common()),
        await _here(asked, reason, page, shown),
        more=len(wanted) > (page + 1) * PER_PAGE,
        looked_at=min(LOOKED_AT, await asked.hoshyar.posts.head()),
    )
    await asked.show(message)


async def bring_back(asked: Asked) -> None:
    """The post counts again; how it was left out is kept in the button that undoes this."""
    before = await asked.hoshyar.posts.get(asked.number(0))
    if before is None:
        raise NotFound("error.stale_button")
    post = await asked.hoshyar.dropped.bring_back(before.id)
    log.info("a dropped post was brought back", extra={"post": post.id, "by": asked.user.id})
    await _show_fate(asked, post, before.drop or DropReason.SPAM)


async def leave_out(asked: Asked) -> None:
    """Against the filters, or back to what they said."""
    reason = _reason(asked.arg(3)) or DropReason.SPAM
    post = await asked.hoshyar.dropped.leave_out(asked.number(0), reason)
    log.info("a post was left out", extra={"post": post.id, "by": asked.user.id})
    await _show_fate(asked, post, post.drop or reason)


async def _show_fate(asked: Asked, post: Post, reason: DropReason) -> None:
    here = await _here(asked, _reason(asked.arg(1)), asked.number(2), [post])
    await asked.show(fate_message(asked.reader, post, reason, here))


async def _here(
    asked: Asked, reason: DropReason | None, page: int, posts: Sequence[Post]
) -> DroppedPage:
    return DroppedPage(
        reason=reason,
        page=page,
        sources=await asked.hoshyar.lookup.source_names(),
        people=await asked.hoshyar.people.authors_of(posts),
    )


def _reason(word: str) -> DropReason | None:
    return DropReason(word) if word in list(DropReason) else None


PRESSES: Presses = {
    Verb.DROPPED: dropped,
    Verb.DROPPED_BACK: bring_back,
    Verb.DROPPED_OUT: leave_out,
}
