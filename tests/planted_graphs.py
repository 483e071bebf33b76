"""Graphs with communities that are known, and how alike two partitions are."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from math import comb, log


def planted(
    seed: int, people: int, groups: int, degree: float, mixing: float
) -> tuple[list[tuple[int, int, float]], dict[int, int]]:
    """Edges of people with `degree` links on average, `mixing` of which lead out of their group.

    Groups are of different sizes, and some people have many more links than others.
    """
    chance = random.Random(seed)
    sizes = [chance.uniform(0.4, 1.6) for _ in range(groups)]
    of = {1000 + i: chance.choices(range(groups), sizes)[0] for i in range(people)}
    members: dict[int, list[int]] = {group: [] for group in range(groups)}
    for person, group in of.items():
        members[group].append(person)
    everybody = list(of)
    heard = {person: chance.paretovariate(2.0) for person in everybody}
    everywhere = [heard[person] for person in everybody]
    inside = {group: [heard[person] for person in members[group]] for group in members}
    edges = []
    for person in everybody:
        for _ in range(max(1, round(chance.expovariate(2 / degree)))):
            if chance.random() < mixing:
                other = chance.choices(everybody, everywhere)[0]
            else:
                other = chance.choices(members[of[person]], inside[of[person]])[0]
            if other != person:
                edges.append((person, other, chance.choice((0.4, 0.8, 1.0, 2.0))))
    return edges, of


def likeness(first: Mapping[int, int], second: Mapping[int, int]) -> tuple[float, float]:
    """Normalised mutual information and the adjusted Rand index of two partitions, 1 when alike."""
    both = Counter((first[node], second.get(node, -node)) for node in first)
    ones: Counter[int] = Counter()
    others: Counter[int] = Counter()
    for (one, other), count in both.items():
        ones[one] += count
        others[other] += count
    whole = sum(both.values())
    shared = sum(
        count / whole * log(count * whole / (ones[one] * others[other]))
        for (one, other), count in both.items()
    )
    entropy = [-sum(c / whole * log(c / whole) for c in each.values()) for each in (ones, others)]
    pairs = sum(comb(count, 2) for count in both.values())
    of_one, of_other = (sum(comb(c, 2) for c in each.values()) for each in (ones, others))
    by_chance = of_one * of_other / comb(whole, 2)
    most = (of_one + of_other) / 2
    rand = (pairs - by_chance) / (most - by_chance) if most != by_chance else 1.0
    return (2 * shared / sum(entropy) if sum(entropy) else 1.0), rand
