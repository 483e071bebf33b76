"""Copies among the posts that come in: what was said lately is remembered, by post ids.

So is who repeated it: an author who posts the same again and again is a bot or behaves like one,
and those posts count for nobody. That memory lives in the process only: after a restart, or with
another worker, an author begins with a clean sheet.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from bot.analysis.filters import SAME_BY_AUTHOR, judge
from bot.analysis.near_duplicates import Content, MatchKind, NearDuplicates
from bot.models.post import DropReason, ParentKind, Post, PostKind
from bot.storage.posts import Said

MOST_REMEMBERED = 20_000  # posts of each kind: about 35 MB when full
MOST_REPEATERS = 20_000  # authors with what each repeated: about 5 MB when full

_REASONS = {MatchKind.EXACT: DropReason.DUPLICATE, MatchKind.NEAR: DropReason.NEAR_DUPLICATE}

_Repeat = tuple[int | str, int]  # an author and the post that was repeated


class Repeaters:
    """How often each author repeated each post; who repeated longest ago is forgotten first."""

    def __init__(self, most: int = MOST_REPEATERS) -> None:
        self._most = most
        self._times: OrderedDict[_Repeat, int] = OrderedDict()
        self._noted: list[_Repeat] = []  # since `settle`

    def __len__(self) -> int:
        return len(self._times)

    def settle(self) -> None:
        """What was noted so far is stored: it is not taken back any more."""
        self._noted = []

    def note(self, post: Post, original: int) -> int:
        """Count one more copy of `original`; returns how many its author has posted now.

        A retweet is a copy by nature, and news agencies repeat what they sell: 0.
        """
        author = post.author_id or post.author.casefold()
        if not author or post.kind is PostKind.NEWS or _is_retweet(post):
            return 0
        repeat = author, original
        times = self._times[repeat] = self._times.get(repeat, 0) + 1
        self._times.move_to_end(repeat)
        if len(self._times) > self._most:
            self._times.popitem(last=False)
        self._noted.append(repeat)
        return times

    def take_back(self) -> None:
        """Forget what was noted since `settle`: those posts were not stored."""
        for repeat in self._noted:
            times = self._times.get(repeat, 0) - 1
            if times > 0:
                self._times[repeat] = times
            else:
                self._times.pop(repeat, None)
        self._noted = []


class Copies:
    """Remembers recent posts, each kind apart: a tweet that repeats a headline is no copy."""

    def __init__(self, within: timedelta) -> None:
        self._recent = {
            kind: NearDuplicates(MOST_REMEMBERED, within.total_seconds()) for kind in PostKind
        }
        self._repeaters = Repeaters()

    def load(self, said: Iterable[Said]) -> None:
        """Remember stored posts that are kept, in the order they were stored."""
        for one in said:
            self._recent[one.kind].add(one.id, one.text, one.at_s)

    def mark(
        self, posts: Sequence[Post], contents: Sequence[Content], stored: Mapping[int, int]
    ) -> list[Post]:
        """The posts, the copies among them dropped; each is remembered under the id it bears.

        `contents` is what they say; `stored` has, by content key, the ids of stored posts that say
        the same.
        """
        self._repeaters.settle()
        return [
            self._marked(post, content, stored)
            for post, content in zip(posts, contents, strict=True)
        ]

    def forget(self, posts: Iterable[Post]) -> None:
        """Take posts out that were marked last but not stored."""
        self._repeaters.take_back()
        for post in posts:
            self._recent[post.kind].remove(post.id)

    def _marked(self, post: Post, content: Content, stored: Mapping[int, int]) -> Post:
        if post.drop is not None:
            return post
        original = stored.get(post.content_key) if post.content_key else None
        if original is not None:
            copy = replace(post, drop=DropReason.DUPLICATE, duplicate_of=original)
            return self._repeated(post, original) or copy
        match = self._recent[post.kind].add(post.id, content, post.created_at.timestamp())
        if match is None or match.kind is MatchKind.QUOTE:
            return post
        copy = replace(
            post,
            drop=_REASONS[match.kind],
            drop_evidence=f"{match.score:.2f}",
            duplicate_of=match.of,
        )
        return self._repeated(post, match.of) or copy

    def _repeated(self, post: Post, original: int) -> Post | None:
        """The post dropped for what its author does, if so; then it is nobody's copy."""
        times = self._repeaters.note(post, original)
        if times < SAME_BY_AUTHOR:
            return None
        verdict = judge(post, copies_by_author=times)
        return replace(
            post, drop=verdict.reason, drop_evidence=f"{verdict.evidence}, of post {original}"
        )


def _is_retweet(post: Post) -> bool:
    if post.parent is not None:
        return post.parent.kind is ParentKind.RETWEET
    return post.text.startswith("RT @")
