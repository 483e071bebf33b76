"""Accounts that seem to act together: hints with their evidence, never verdicts.

Two signs, both of which ordinary news lacks: it is passed on by many, but over hours, and by others
each time.

    together     one text of eight words or more, with small changes or none, from six accounts or
                 more within a quarter of an hour, who are half or more of all who ever said it, and
                 closer than chance would bring them within an hour. Of a link, or of a text that
                 came with a link or is a known headline, within a minute: those have a source that
                 everybody can copy.
    synchronous  three accounts or more who shared the same things within ten seconds of each other
                 at least three times, and so with half or more of all that both shared (the
                 co-sharing networks of Giglietto et al., "It takes a village to manipulate the
                 media", Information, Communication & Society 2020).

Retweets are no sign: one press of a button passes on what is shown to everybody at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, exp

from bot.analysis.entities import TextParts
from bot.analysis.near_duplicates import MatchKind, NearDuplicates, content_of
from bot.analysis.text import analyse
from bot.models.pattern import CoordinationHint, HintKind, Saying, SharedKind, SharedThing
from bot.utils.times import from_ms

TOGETHER_ACCOUNTS = 6
TOGETHER_S = 900
LINKED_TOGETHER_S = 60
CONCENTRATED = 0.5
LEAST_WORDS = 8  # fewer are said alike by chance: goals, greetings, cheers
SYNCHRONOUS_S = 10
SYNCHRONOUS_TIMES = 3
SYNCHRONOUS_SHARE = 0.5
SYNCHRONOUS_ACCOUNTS = 3
SYNCHRONOUS_WORDS = 5
ORDINARY_SPREAD_S = 3600  # within which two people who share a thing do so, at the most
MOST_EXPECTED = 0.05  # such groups that chance would bring about
SAME_GROUP = 0.5  # of the smaller one's accounts are in both

_MOST_POSTS = 50_000
_MOST_NEIGHBOURS = 40  # of one share, within seconds
_MOST_EVIDENCE = 10


@dataclass(slots=True)
class _Thing:
    """Something that was shared, with the first time of each account."""

    kind: SharedKind
    what: str
    has_source: bool  # a link, or a text that everybody may have copied from somewhere
    words: int
    first: dict[str, tuple[int, int]]  # account: (at_ms, post)

    def ordered(self) -> list[tuple[int, int, str]]:
        return sorted((at, post, account) for account, (at, post) in self.first.items())


def find_coordination(
    sayings: Iterable[Saying], headlines: Iterable[str] = (), exempt: Collection[str] = ()
) -> list[CoordinationHint]:
    """Groups in these posts (a few hours of them), the largest first.

    `headlines` are titles of news: whoever repeats one has it from there. `exempt` accounts are
    known to belong together, such as those of one newspaper.
    """
    things = _things(sayings, headlines, frozenset(exempt))
    found = [hint for thing in things if (hint := _together(thing)) is not None]
    return _merged([*found, *_synchronous(things)])


def _things(
    sayings: Iterable[Saying], headlines: Iterable[str], exempt: frozenset[str]
) -> list[_Thing]:
    """Every text and link that two accounts shared, in the order of coming up."""
    known = NearDuplicates(_MOST_POSTS)
    things: dict[tuple[SharedKind, object], _Thing] = {}
    for number, title in enumerate(dict.fromkeys(headlines), 1):
        if known.add(-number, title, 0.0) is None:
            things[SharedKind.TEXT, -number] = _Thing(SharedKind.TEXT, title, True, 0, {})
    ordered = sorted(sayings, key=lambda one: (one.at_ms, one.post_id))[-_MOST_POSTS:]
    for one in ordered:
        if not one.account or one.account in exempt:
            continue
        parts = analyse(one.text)
        for link in dict.fromkeys(map(link_key, parts.urls)):
            thing = things.setdefault(
                (SharedKind.LINK, link), _Thing(SharedKind.LINK, link, True, 0, {})
            )
            thing.first.setdefault(one.account, (one.at_ms, one.post_id))
        _add_text(one, parts, known, things)
    return [thing for thing in things.values() if len(thing.first) > 1]


def _add_text(
    one: Saying,
    parts: TextParts,
    known: NearDuplicates,
    things: dict[tuple[SharedKind, object], _Thing],
) -> None:
    content = content_of(one.text, parts)
    if len(content.words) < SYNCHRONOUS_WORDS:
        return
    # Times of their own, all alike: this memory is of one window, and headlines came before.
    match = known.add(one.post_id, content, 0.0)
    # Who says more than the text says something of their own.
    is_copy = match is not None and match.kind is not MatchKind.QUOTE
    root = match.of if match is not None and is_copy else one.post_id
    words = len(content.words)
    thing = things.setdefault(
        (SharedKind.TEXT, root), _Thing(SharedKind.TEXT, one.text, False, words, {})
    )
    thing.has_source = thing.has_source or bool(parts.urls)
    thing.words = max(thing.words, words)
    thing.first.setdefault(one.account, (one.at_ms, one.post_id))


def link_key(url: str) -> str:
    """A link without what differs between two who share it: scheme, www, tracking, fragment."""
    bare = url.split("#", 1)[0].rstrip(".,;:!?)»،؛")
    for scheme in ("https://", "http://"):
        bare = bare.removeprefix(scheme)
    place, _, query = bare.removeprefix("www.").removeprefix("m.").partition("?")
    host, slash, path = place.partition("/")
    kept = [
        part
        for part in query.split("&")
        if part and not part.startswith(("utm_", "fbclid", "gclid", "igsh", "ref=", "s=", "t="))
    ]
    place = f"{host.lower()}{slash}{path}".rstrip("/")
    return f"{place}?{'&'.join(sorted(kept))}" if kept else place


# --- one thing, many accounts


def _together(thing: _Thing) -> CoordinationHint | None:
    if len(thing.first) < TOGETHER_ACCOUNTS:
        return None
    if thing.kind is SharedKind.TEXT and thing.words < LEAST_WORDS:
        return None
    span_ms = 1000 * (LINKED_TOGETHER_S if thing.has_source else TOGETHER_S)
    shares = thing.ordered()
    first, last = _densest(shares, span_ms)
    count = last - first
    share = count / len(shares)
    if count < TOGETHER_ACCOUNTS or share < CONCENTRATED:
        return None
    evidence = _evidence(thing, shares[first:last])
    # By chance, each of them would come anywhere within the ordinary spread.
    mean = (len(shares) - 1) * min(1.0, max(evidence.span_s, 1.0) / ORDINARY_SPREAD_S)
    expected = len(shares) * _poisson_tail(mean, count - 1)
    if expected > MOST_EXPECTED:
        return None
    return CoordinationHint(
        kind=HintKind.TOGETHER,
        accounts=evidence.accounts,
        evidence=(evidence,),
        concentration=round(share, 3),
        expected=expected,
    )


def _densest(shares: Sequence[tuple[int, int, str]], span_ms: int) -> tuple[int, int]:
    """The bounds of the most shares within a span."""
    best, first = (0, 0), 0
    for last, (at, _, _) in enumerate(shares):
        while at - shares[first][0] > span_ms:
            first += 1
        if last + 1 - first > best[1] - best[0]:
            best = first, last + 1
    return best


def _evidence(thing: _Thing, shares: Sequence[tuple[int, int, str]]) -> SharedThing:
    return SharedThing(
        kind=thing.kind,
        what=thing.what,
        accounts=tuple(account for _, _, account in shares),
        post_ids=tuple(post for _, post, _ in shares),
        first_at=from_ms(shares[0][0]),
        last_at=from_ms(shares[-1][0]),
    )


def _poisson_tail(mean: float, least: int) -> float:
    """The chance of `least` or more."""
    term, below = exp(-mean), 0.0
    for number in range(least):
        below += term
        term *= mean / (number + 1)
    # Beyond what the difference can show, the first term of the tail is nearly all of it.
    return max(1.0 - below, term)


# --- the same accounts, many things


def _synchronous(things: Sequence[_Thing]) -> list[CoordinationHint]:
    close: dict[tuple[str, str], list[int]] = defaultdict(list)
    shared_by: dict[str, set[int]] = defaultdict(set)
    for number, thing in enumerate(things):
        shares = thing.ordered()
        for place, (at, _, account) in enumerate(shares):
            shared_by[account].add(number)
            for later, _, other in shares[place + 1 : place + 1 + _MOST_NEIGHBOURS]:
                if later - at > 1000 * SYNCHRONOUS_S:
                    break
                close[min(account, other), max(account, other)].append(number)
    ties: list[tuple[str, str]] = []
    by_chance: dict[tuple[str, str], float] = {}
    chance = 2 * SYNCHRONOUS_S / ORDINARY_SPREAD_S
    for pair, numbers in close.items():
        # A text and the link in it are one thing for two people.
        times = _distinct_moments(things, pair, numbers)
        if times < SYNCHRONOUS_TIMES:
            continue
        both = len(shared_by[pair[0]] & shared_by[pair[1]])
        expected = len(close) * comb(both, times) * chance**times
        if len(numbers) >= SYNCHRONOUS_SHARE * both and expected <= MOST_EXPECTED:
            ties.append(pair)
            by_chance[pair] = expected
    hints = []
    for group in _groups(ties):
        if len(group) < SYNCHRONOUS_ACCOUNTS:
            continue
        members = frozenset(group)
        inside = [pair for pair in ties if members.issuperset(pair)]
        numbers_of = sorted({number for pair in inside for number in close[pair]})
        expected = max(by_chance[pair] for pair in inside)
        hints.append(_synchronous_hint(things, members, numbers_of, expected))
    return hints


def _distinct_moments(
    things: Sequence[_Thing], pair: tuple[str, str], numbers: Iterable[int]
) -> int:
    return len({things[number].first[pair[0]][1] for number in numbers})


def _synchronous_hint(
    things: Sequence[_Thing], members: frozenset[str], numbers: Iterable[int], expected: float
) -> CoordinationHint:
    evidence, inside, whole = [], 0, 0
    for number in numbers:
        shares = things[number].ordered()
        ours = [share for share in shares if share[2] in members]
        inside, whole = inside + len(ours), whole + len(shares)
        evidence.append(_evidence(things[number], ours))
    evidence.sort(key=lambda one: (-len(one.accounts), one.span_s, one.first_at))
    return CoordinationHint(
        kind=HintKind.SYNCHRONOUS,
        accounts=tuple(sorted(members)),
        evidence=tuple(evidence[:_MOST_EVIDENCE]),
        concentration=round(inside / whole, 3),
        expected=expected,
    )


def _groups(ties: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Accounts that ties connect, in the order of their names."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for first, second in ties:
        a, b = sorted((root(first), root(second)))
        parent[b] = a
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(parent):
        groups[root(name)].append(name)
    return [groups[name] for name in sorted(groups)]


def _merged(hints: Sequence[CoordinationHint]) -> list[CoordinationHint]:
    """One hint for a group, whatever number of things it shared."""
    by_number = {str(number): hint for number, hint in enumerate(hints)}
    ties = [
        (first, second)
        for (first, one), (second, other) in combinations(by_number.items(), 2)
        if _is_same_group(one, other)
    ]
    joined = _groups(ties)
    alone = set(by_number) - {name for group in joined for name in group}
    merged = [_one_hint([by_number[name] for name in group]) for group in joined]
    merged += [by_number[name] for name in sorted(alone, key=int)]
    return sorted(merged, key=lambda hint: (-len(hint.accounts), hint.accounts))


def _is_same_group(one: CoordinationHint, other: CoordinationHint) -> bool:
    first, second = set(one.accounts), set(other.accounts)
    return len(first & second) >= SAME_GROUP * min(len(first), len(second))


def _one_hint(hints: Sequence[CoordinationHint]) -> CoordinationHint:
    evidence = {(one.kind, one.what): one for hint in hints for one in hint.evidence}
    strongest = sorted(evidence.values(), key=lambda one: (-len(one.accounts), one.first_at))
    is_synchronous = any(hint.kind is HintKind.SYNCHRONOUS for hint in hints)
    return CoordinationHint(
        kind=HintKind.SYNCHRONOUS if is_synchronous else HintKind.TOGETHER,
        accounts=tuple(sorted({name for hint in hints for name in hint.accounts})),
        evidence=tuple(strongest[:_MOST_EVIDENCE]),
        concentration=max(hint.concentration for hint in hints),
        expected=min(hint.expected for hint in hints),
    )
