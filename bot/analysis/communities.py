"""Communities of people who turn to each other, and those who hold several of them together.

Modularity is raised by moving people one by one to the community of their neighbours that gains
most, then whole communities likewise, until nothing gains (Blondel et al., "Fast unfolding of
communities in large networks", J. Stat. Mech. 2008). A community that fell apart on the way is
split and everybody may move once more (the defect that Traag et al. mend in "From Louvain to
Leiden", Sci. Rep. 2019). The order is that of the numbers of people: the same graph gives the same
communities, in whatever order it comes. Label propagation is faster and was left: on loosely parted
graphs it finds one community or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log2

from bot.models.pattern import Bridge, Community, CommunityMap

LEAST_MEMBERS = 3
BRIDGE_SHARE = 0.15  # of somebody's strength that leads out, at least
LEAST_OUT = 2.0  # strength: one answer and one mention are no bridge
_LEAST_GAIN = 1e-9
_MOST_ROUNDS = 30
_MOST_LEVELS = 20

Edge = tuple[int, int, float]  # from, to, strength
_Links = list[dict[int, float]]  # of each node to others, both ways


def communities(
    edges: Iterable[Edge], *, resolution: float = 1.0, bridges: int = 20
) -> CommunityMap:
    """Part a graph; strengths of the same two people, whichever way they lead, add up.

    With a higher resolution there are more and smaller communities. Those of fewer than three
    people are left out of the list, and their people out of `of`.
    """
    people, links = _graph(edges)
    parts = _parted(links, resolution)
    by_part: dict[int, list[int]] = {}
    for node, part in enumerate(parts):
        by_part.setdefault(part, []).append(node)
    listed = sorted(
        (nodes for nodes in by_part.values() if len(nodes) >= LEAST_MEMBERS),
        key=lambda nodes: (-len(nodes), nodes[0]),
    )
    place = {parts[nodes[0]]: index for index, nodes in enumerate(listed)}
    found = [_community(nodes, parts, links, people) for nodes in listed]
    return CommunityMap(
        communities=tuple(found),
        bridges=tuple(_bridges(parts, place, links, people)[:bridges]),
        modularity=round(_modularity(parts, links), 4),
        of={people[node]: place[parts[node]] for nodes in listed for node in nodes},
    )


def _graph(edges: Iterable[Edge]) -> tuple[list[int], _Links]:
    """Who there is, in the order of their numbers, and their links."""
    kept = [edge for edge in edges if edge[0] != edge[1] and edge[2] > 0]
    # In one order, so that sums of strengths are the same to the last bit.
    kept.sort()
    people = sorted({one for a, b, _ in kept for one in (a, b)})
    node_of = {person: node for node, person in enumerate(people)}
    links: _Links = [{} for _ in people]
    for a, b, strength in kept:
        first, second = node_of[a], node_of[b]
        links[first][second] = links[first].get(second, 0.0) + strength
        links[second][first] = links[second].get(first, 0.0) + strength
    return people, links


def _parted(links: _Links, resolution: float) -> list[int]:
    """The community of each node."""
    parts = list(range(len(links)))
    level, loops = links, [0.0] * len(links)
    for _ in range(_MOST_LEVELS):
        moved, has_moved = _moved(level, loops, list(range(len(level))), resolution)
        if not has_moved:
            break
        parts = [moved[part] for part in parts]
        level, loops, names = _merged(level, loops, moved)
        parts = [names[part] for part in parts]
    parts = _connected(links, parts)
    return _connected(links, _moved(links, [0.0] * len(links), parts, resolution)[0])


def _moved(
    links: _Links, loops: Sequence[float], start: Sequence[int], resolution: float
) -> tuple[list[int], bool]:
    """Let each node go where it gains most, until none moves; `loops` are strengths inside."""
    parts = list(start)
    weights = [sum(out.values()) + 2 * loop for out, loop in zip(links, loops, strict=True)]
    whole = sum(weights)
    if not whole:
        return parts, False
    totals: dict[int, float] = {}
    for node, part in enumerate(parts):
        totals[part] = totals.get(part, 0.0) + weights[node]
    scale = resolution / whole
    has_moved = False
    waiting, queued = list(range(len(links))), [True] * len(links)
    for _ in range(_MOST_ROUNDS):
        again: list[int] = []
        for node in waiting:
            queued[node] = False
            own, weight = parts[node], weights[node]
            to: dict[int, float] = {own: 0.0}
            for other, strength in links[node].items():
                part = parts[other]
                to[part] = to.get(part, 0.0) + strength
            totals[own] -= weight
            pull = weight * scale
            best, most = own, to[own] - totals[own] * pull
            for part, strength in to.items():
                gain = strength - totals.get(part, 0.0) * pull
                if gain > most + _LEAST_GAIN or (gain > most - _LEAST_GAIN and part < best != own):
                    best, most = part, gain
            totals[best] = totals.get(best, 0.0) + weight
            if best != own:
                parts[node], has_moved = best, True
                for other in links[node]:
                    # Who is already where it went has no new reason to move.
                    if not queued[other] and parts[other] != best:
                        queued[other] = True
                        again.append(other)
        if not again:
            break
        waiting = sorted(again)
    return parts, has_moved


def _merged(
    links: _Links, loops: Sequence[float], parts: Sequence[int]
) -> tuple[_Links, list[float], dict[int, int]]:
    """The graph of the communities: each is a node, named in order."""
    names = {part: name for name, part in enumerate(sorted(set(parts)))}
    merged: _Links = [{} for _ in names]
    inside = [0.0] * len(names)
    for node, out in enumerate(links):
        own = names[parts[node]]
        inside[own] += loops[node]
        target = merged[own]
        for other, strength in out.items():
            name = names[parts[other]]
            if name == own:
                inside[own] += strength / 2
            else:
                target[name] = target.get(name, 0.0) + strength
    return merged, inside, names


def _connected(links: _Links, parts: Sequence[int]) -> list[int]:
    """The same communities, but pieces that do not hang together apart."""
    found, named = [-1] * len(links), 0
    for first in range(len(links)):
        if found[first] >= 0:
            continue
        found[first], stack = named, [first]
        while stack:
            node = stack.pop()
            for other in links[node]:
                if found[other] < 0 and parts[other] == parts[first]:
                    found[other] = named
                    stack.append(other)
        named += 1
    return found


def _community(
    nodes: Sequence[int], parts: Sequence[int], links: _Links, people: Sequence[int]
) -> Community:
    inner, outer, central = 0.0, 0.0, []
    for node in nodes:
        within = sum(s for other, s in links[node].items() if parts[other] == parts[node])
        inner += within / 2
        outer += sum(links[node].values()) - within
        central.append((-within, people[node]))
    central.sort()
    return Community(
        members=tuple(person for _, person in central), inner=round(inner, 6), outer=round(outer, 6)
    )


def _bridges(
    parts: Sequence[int], place: dict[int, int], links: _Links, people: Sequence[int]
) -> list[Bridge]:
    """Who leads out of their community most, and how evenly (the participation coefficient)."""
    found: list[Bridge] = []
    for node, out in enumerate(links):
        own = parts[node]
        if own not in place:
            continue
        to: dict[int, float] = {}
        for other, strength in out.items():
            to[parts[other]] = to.get(parts[other], 0.0) + strength
        whole = sum(to.values())
        away = {part: strength for part, strength in to.items() if part != own and part in place}
        outward = sum(away.values())
        if outward < LEAST_OUT or outward < BRIDGE_SHARE * whole:
            continue
        spread = 1 - sum((strength / whole) ** 2 for strength in to.values())
        found.append(
            Bridge(
                person_id=people[node],
                community=place[own],
                reaches=tuple(place[part] for part in sorted(away, key=lambda p: (-away[p], p))),
                share_out=round(outward / whole, 3),
                score=round(spread * log2(1 + outward), 3),
            )
        )
    found.sort(key=lambda bridge: (-bridge.score, bridge.person_id))
    return found


def _modularity(parts: Sequence[int], links: _Links) -> float:
    inside: dict[int, float] = {}
    totals: dict[int, float] = {}
    for node, out in enumerate(links):
        part = parts[node]
        within = sum(strength for other, strength in out.items() if parts[other] == part)
        inside[part] = inside.get(part, 0.0) + within
        totals[part] = totals.get(part, 0.0) + sum(out.values())
    whole = sum(totals.values())
    if not whole:
        return 0.0
    return sum(inside[part] / whole - (totals[part] / whole) ** 2 for part in totals)
