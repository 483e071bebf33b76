"""What TwitterAPI.io charges, in credits: 100,000 are one US dollar.

Measured by its users in August 2026 where its own pages differ (followers are cheaper than they
say). Every request costs at least 15, also one that finds nothing or fails, except those that the
service turns away unheard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LEAST = 15
PAGE = 20  # tweets of a full page; nothing makes it larger
PEOPLE_PAGE = 200  # followers of a page: a page of 20 costs three times as much for each
IDS_AT_ONCE = 100  # tweets or people asked for by their ids
SEARCHES_AT_ONCE = 20  # in one request; each costs what it would cost alone
REPLIES_PAGE = 40  # 31 to 38 were seen

_UNHEARD = {401, 402, 403, 429}  # turned away before anything was done: free
_UNKNOWN = {408, 502, 504, *range(520, 531)}  # a gateway's word: what stands behind it may have run


@dataclass(frozen=True, slots=True)
class Price:
    """Credits for an answer with so many tweets or people in it.

    `most` is what one answer holds at the most, `many` the price of each when there are a hundred
    or more, and `worst_each` what each may cost if the service counts in another way.
    """

    each: int = 0
    most: int = 0
    least: int = LEAST
    many: int | None = None
    worst_each: int | None = None

    def of(self, count: int) -> int:
        """The price of what came."""
        each = self.many if self.many is not None and count >= 100 else self.each
        return max(self.least, each * count)

    def worst(self, most: int | None = None) -> int:
        """What it can cost before it is known what comes."""
        each = self.each if self.worst_each is None else self.worst_each
        return max(self.least, each * (self.most if most is None else most))


TWEET = 15
_TWEETS = Price(TWEET, PAGE)
_FOLLOWERS = Price(1, PEOPLE_PAGE, worst_each=3)
_FLAT = Price()

# By the names under which the ledger books them.
PRICES: Mapping[str, Price] = {
    "search": _TWEETS,
    "bulk": _TWEETS,
    "timeline": Price(TWEET, PAGE + 1),  # and the pinned one
    "tweets": Price(TWEET, IDS_AT_ONCE),
    "replies": Price(TWEET, REPLIES_PAGE),
    "quotes": _TWEETS,
    "mentions": _TWEETS,
    "user": Price(18, 1),
    "users": Price(18, IDS_AT_ONCE, many=10),
    "followers": _FOLLOWERS,
    "followings": _FOLLOWERS,
    "trends": _FLAT,
    "balance": Price(least=0),
    "rules": _FLAT,
    "add_rule": _FLAT,
    "update_rule": _FLAT,
    "delete_rule": _FLAT,
}


def failed(status: int) -> int | None:
    """What an answer that is an error costs; None: nobody can tell.

    200 stands for the errors that come as good answers.
    """
    if status in _UNHEARD:
        return 0
    return None if status in _UNKNOWN else LEAST
