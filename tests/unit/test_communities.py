"""Communities of planted graphs, and who bridges them."""

from __future__ import annotations

import random
import time
from itertools import combinations

import pytest

from bot.analysis.communities import communities
from tests.planted_graphs import likeness, planted


@pytest.mark.parametrize(("mixing", "least"), [(0.1, 0.97), (0.2, 0.9), (0.35, 0.75)])
def test_planted_communities_are_recovered(mixing: float, least: float) -> None:
    """With up to a third of all links leading out."""
    edges, of = planted(7, 1000, 8, 12, mixing)

    found = communities(edges)
    mutual, rand = likeness(of, found.of)

    assert len(found.communities) == 8
    assert mutual >= least
    assert rand >= least


def test_the_order_of_edges_makes_no_difference() -> None:
    """The same graph gives the same communities, bridges and sums."""
    edges, _ = planted(8, 400, 5, 10, 0.3)
    shuffled = edges[:]
    random.Random(1).shuffle(shuffled)

    assert communities(shuffled) == communities(edges)


def test_fifty_thousand_links_take_seconds_at_most() -> None:
    """As the people of a day may have."""
    edges, of = planted(9, 8000, 30, 14, 0.3)
    began = time.process_time()

    found = communities(edges)

    assert len(edges) > 50_000
    assert time.process_time() - began < 5
    assert likeness(of, found.of)[0] > 0.9


def _clique(first: int, size: int = 6) -> list[tuple[int, int, float]]:
    return [(a, b, 1.0) for a, b in combinations(range(first, first + size), 2)]


def test_who_leads_to_others_is_a_bridge() -> None:
    """Of two circles, one person of each turns to the other circle."""
    edges = [*_clique(10), *_clique(20), *((10, other, 0.8) for other in (20, 21, 22, 23))]

    found = communities(edges)

    assert [set(group.members) for group in found.communities] == [
        set(range(10, 16)),
        set(range(20, 26)),
    ]
    assert [bridge.person_id for bridge in found.bridges] == [10]
    bridge = found.bridges[0]
    assert bridge.community == found.of[10] == 0
    assert bridge.reaches == (1,)
    assert bridge.share_out == pytest.approx(3.2 / 8.2, abs=0.001)
    assert found.communities[0].inner == 15
    assert found.communities[0].outer == pytest.approx(3.2)


def test_the_most_central_comes_first() -> None:
    """By the strength that stays inside."""
    edges = [(1, other, 2.0) for other in (2, 3, 4, 5)] + [(2, 3, 1.0), (4, 5, 1.0)]

    [group] = communities(edges).communities

    assert group.members[0] == 1


def test_both_ways_and_several_kinds_add_up() -> None:
    """Two weak links are a strong one."""
    once = communities([(1, 2, 2.0), (2, 3, 2.0), (1, 3, 2.0)])
    apart = [(1, 2, 1.0), (2, 1, 1.0), (2, 3, 1.5), (3, 2, 0.5), (1, 3, 2.0)]

    assert communities(apart) == once
    assert once.communities[0].inner == 6


def test_pairs_strangers_and_oneself_are_no_community() -> None:
    """Nor is a graph of nothing."""
    found = communities([(1, 2, 1.0), (3, 3, 9.0), (4, 5, 0.0)])

    assert found.communities == ()
    assert found.of == {}
    assert communities([]).modularity == 0.0


def test_a_community_hangs_together() -> None:
    """Nobody is put with people whom no path of its members leads to."""
    edges, _ = planted(10, 600, 20, 4, 0.4)
    links: dict[int, set[int]] = {}
    for a, b, _strength in edges:
        links.setdefault(a, set()).add(b)
        links.setdefault(b, set()).add(a)

    for group in communities(edges).communities:
        members = set(group.members)
        reached, stack = {group.members[0]}, [group.members[0]]
        while stack:
            new = (links[stack.pop()] & members) - reached
            reached |= new
            stack += new
        assert reached == members


def test_a_higher_resolution_gives_smaller_communities() -> None:
    """As many as the caller likes."""
    edges, _ = planted(11, 600, 6, 10, 0.3)

    few, many = (len(communities(edges, resolution=r).communities) for r in (0.5, 4.0))

    assert few < many
