"""How much a person of X is heard, and how close two people are.

Influence, 0 to 100, is the sum of four parts, each a share of its own most:

    followers   40   log10(1 + f) / 7, f = followers² / (followers + following): ten million is all,
                     and who follows back everybody counts half
    engagement  30   log10(1 + e) / 4, e = (likes + 2 retweets + replies) / (posts + 3)
    reach       20   log10(1 + v) / 6, v = views / (posts + 3)
    standing    10   a government, a business or a person verified in the old way: all;
                     a paid mark: a quarter

and a declared robot has 0.6 of it. Logarithms, because audiences differ by powers of ten. Followers
are not even half, because who has most of them is seldom who is repeated and talked to most (Cha et
al., "Measuring user influence in Twitter: the million follower fallacy", ICWSM 2010). A retweet
counts double, since it shows the post to others. Three silent posts are added to everybody's, so
that one lucky post makes nobody influential.

Closeness fades: every turn to somebody adds its kind's weight, which halves every 30 days. It is
stored as it would weigh at one fixed moment for all (`LANDMARK_MS`), so that adding needs no
reading, the order of coming does not matter, and stored values compare without being faded first
(Cormode et al., "Forward decay", ICDE 2009). A double holds this until the year 2104.
"""

from __future__ import annotations

from math import exp2, log10

from bot.models.people import Influence, Sums, Turn
from bot.models.post import ParentKind
from bot.models.tweets import LinkKind, Profile, Tweet, Verified

DAY_MS = 86_400_000
HALF_LIFE_MS = 30 * DAY_MS
LANDMARK_MS = 1_577_836_800_000  # 2020-01-01; changing it makes what is stored wrong
MOST_HALVINGS = 1000  # a double ends at 2 to the power of 1024

FOLLOWERS, ENGAGEMENT, REACH, STANDING = 40, 30, 20, 10
SILENT_POSTS = 3
ROBOT = 0.6
PAID_MARK = 0.25
_STANDINGS = {
    Verified.NO: 0.0,
    Verified.BLUE: PAID_MARK,
    Verified.PERSON: 1.0,
    Verified.BUSINESS: 1.0,
    Verified.GOVERNMENT: 1.0,
}

# To answer takes words of one's own; to name somebody may be no more than a copy in passing.
WEIGHTS = {
    LinkKind.FOLLOW: 2.0,
    LinkKind.REPLY: 1.0,
    LinkKind.QUOTE: 1.0,
    LinkKind.RETWEET: 0.8,
    LinkKind.MENTION: 0.4,
}


def influence(profile: Profile, sums: Sums) -> float:
    """How much a person is heard, 0 to 100, to one decimal."""
    return _total(_parts(profile, sums), profile.is_automated)


def influence_parts(profile: Profile, sums: Sums) -> Influence:
    """Why it is what it is."""
    parts = _parts(profile, sums)
    return Influence(
        followers=parts[0],
        engagement=parts[1],
        reach=parts[2],
        standing=parts[3],
        is_robot=profile.is_automated,
        discount=ROBOT,
        total=_total(parts, profile.is_automated),
    )


def _parts(profile: Profile, sums: Sums) -> tuple[float, float, float, float]:
    followers, posts = profile.followers, sums.posts + SILENT_POSTS
    own = followers * followers / (followers + profile.following or 1)
    earned = (sums.likes + 2 * sums.retweets + sums.replies) / posts
    return (
        FOLLOWERS * min(1.0, log10(1 + own) / 7),
        ENGAGEMENT * min(1.0, log10(1 + earned) / 4),
        REACH * min(1.0, log10(1 + sums.views / posts) / 6),
        STANDING * _STANDINGS[profile.verified],
    )


def _total(parts: tuple[float, float, float, float], is_robot: bool) -> float:
    return round(sum(parts) * ROBOT if is_robot else sum(parts), 1)


def decay(strength: float, from_ms: int, to_ms: int) -> float:
    """What a strength of one moment weighs at another one, later or earlier."""
    halvings = (to_ms - from_ms) / HALF_LIFE_MS
    return strength * exp2(-min(max(halvings, -MOST_HALVINGS), MOST_HALVINGS))


def turn(from_id: int, kind: LinkKind, to_id: int, at_ms: int) -> Turn:
    """One time that somebody turned to somebody else."""
    return Turn(from_id, kind, to_id, at_ms, decay(WEIGHTS[kind], at_ms, LANDMARK_MS))


def strength_at(stored: float, at_ms: int) -> float:
    """What a stored strength weighs at a moment."""
    return decay(stored, LANDMARK_MS, at_ms)


def turns_of(tweet: Tweet, author_id: int, at_ms: int) -> list[Turn]:
    """Whom a tweet turns to, each once, in the heaviest way.

    An answer names whom it answers too; and whom the original of a retweet names was not named by
    who passes it on.
    """
    parent = tweet.post.parent
    is_retweet = parent is not None and parent.kind is ParentKind.RETWEET
    kinds: dict[int, LinkKind] = {}
    for link in tweet.links:
        if link.to_id <= 0 or link.to_id == author_id:
            continue
        if is_retweet and link.kind is not LinkKind.RETWEET:
            continue
        known = kinds.get(link.to_id)
        if known is None or WEIGHTS[link.kind] > WEIGHTS[known]:
            kinds[link.to_id] = link.kind
    return [turn(author_id, kind, to_id, at_ms) for to_id, kind in kinds.items()]
