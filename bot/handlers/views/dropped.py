"""What the filters left out, with the reason and what was seen; and the fate of one post."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.analysis.filters import BY_ADMIN
from bot.handlers.buttons import Verb, pack
from bot.handlers.views.admin import back_row
from bot.handlers.views.page import NOBODY, Reader, post_lines, rows_of, shortened
from bot.handlers.views.trends import page_row
from bot.models.messages import Button, OutMessage, RichText
from bot.models.post import DropReason, Post
from bot.models.tweets import Profile

PER_PAGE = 5
EVIDENCE_LENGTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedPage:
    """Where in the list an admin is: of one reason or of all (None)."""

    reason: DropReason | None = None
    page: int = 0
    sources: Mapping[int, str] = field(default_factory=dict)
    people: Mapping[int, Profile] = field(default_factory=lambda: NOBODY)

    @property
    def words(self) -> tuple[str, int]:
        """What a button carries to come back here."""
        return (self.reason or "", self.page)


def dropped_message(
    reader: Reader,
    posts: Sequence[Post],
    counts: Mapping[DropReason, int],
    here: DroppedPage,
    *,
    more: bool,
    looked_at: int,
) -> OutMessage:
    """One page of what was left out of the newest `looked_at` posts, newest first."""
    body = reader.lines(
        reader.rich("dropped.title"),
        reader.rich("dropped.of", n=sum(counts.values()), posts=reader.n(looked_at)),
    )
    if not posts:
        body.newline(2).add(reader.rich("dropped.none"))
    backs = []
    for number, post in enumerate(posts, here.page * PER_PAGE + 1):
        body.newline(2).add(_why(reader, post, number))
        body.newline().add(post_lines(reader, post, here.sources, here.people))
        backs.append(
            Button(
                text=reader.t("dropped.back_one", n=number),
                data=pack(Verb.DROPPED_BACK, post.id, *here.words),
            )
        )
    filters = [_filter(reader, None, sum(counts.values()), here.reason)]
    filters += [_filter(reader, reason, n, here.reason) for reason, n in counts.items()]
    turning = page_row(reader, Verb.DROPPED, here.page, more, here.reason or "")
    rows = (tuple(backs), *rows_of(filters, 2), turning, back_row(reader))
    return body.message(keyboard=tuple(row for row in rows if row))


def _why(reader: Reader, post: Post, number: int) -> RichText:
    head = reader.rich("dropped.item", rank=number, reason=_reason(reader, post.drop))
    if post.drop_evidence == BY_ADMIN:
        return head.plain(f" · {reader.t('dropped.by_admin')}")
    evidence = shortened(post.drop_evidence, EVIDENCE_LENGTH)
    return head.plain(" · ").code(evidence) if evidence else head


def _reason(reader: Reader, reason: DropReason | None) -> str:
    return reader.t(f"dropped.{reason or 'all'}")


def _filter(
    reader: Reader, reason: DropReason | None, posts: int, chosen: DropReason | None
) -> Button:
    text = reader.t("dropped.filter", reason=_reason(reader, reason), n=posts)
    return Button(
        text=f"• {text} •" if reason is chosen else text,
        data=pack(Verb.DROPPED, reason or "", 0),
    )


def fate_message(reader: Reader, post: Post, reason: DropReason, here: DroppedPage) -> OutMessage:
    """One post as it is now, and the way back; `reason` is for leaving it out again."""
    if post.drop is None:
        head = reader.rich("dropped.is_back")
        undo = Button(
            text=reader.t("dropped.leave_out"),
            data=pack(Verb.DROPPED_OUT, post.id, *here.words, reason),
        )
    else:
        head = reader.rich("dropped.is_out", reason=_reason(reader, post.drop))
        undo = Button(
            text=reader.t("dropped.bring_back"),
            data=pack(Verb.DROPPED_BACK, post.id, *here.words),
        )
    to_list = Button(text=reader.t("dropped.to_list"), data=pack(Verb.DROPPED, *here.words))
    body = reader.lines(head, "", post_lines(reader, post, here.sources, here.people))
    return body.message(keyboard=((undo,), (to_list,)))
