"""Invented people of X: everything about a person follows from the username, in every process."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from random import Random
from typing import Any

from bot.sandbox.phrases import read_data, seeded

_KINDS = ("", "blue", "person", "Business", "Government")
_KIND_WEIGHTS = (74, 18, 3, 3, 2)
_LISTED_AT_MOST = 450  # followers that are listed one by one, whatever the profile counts
_FIRST_DAY_S = 1_240_000_000


def spice(number: int, salt: str) -> int:
    """Return 32 bits that follow from a number and a word."""
    return zlib.crc32(f"{salt}{number}".encode())


@lru_cache(maxsize=50_000)
def person_id(username: str) -> int:
    """Return the id of a username: always the same, 18 digits."""
    digest = hashlib.sha256(username.casefold().encode()).digest()
    return 10**17 + int.from_bytes(digest[:8], "big") % (9 * 10**17)


@dataclass(eq=False)
class Person:
    """Somebody with an account; the rest is made when it is first asked for."""

    username: str
    is_suspended: bool = False
    pinned_id: int = 0

    @cached_property
    def id(self) -> int:
        """The id that never changes."""
        return person_id(self.username)

    @cached_property
    def _rng(self) -> Random:
        return seeded("person", self.username.casefold())

    @cached_property
    def traits(self) -> dict[str, Any]:
        """Name, bio, counts and mark."""
        rng, data = self._rng, read_data("twitter.toml")
        is_robot = self.username.startswith("gift") or rng.random() < 0.03
        followers = 0 if rng.random() < 0.02 else min(int(rng.paretovariate(0.7) * 40), 3_000_000)
        return {
            "name": f"{rng.choice(data['names_first'])} {rng.choice(data['names_last'])}",
            "description": rng.choice(data["robot_bios"] if is_robot else data["bios"]),
            "location": rng.choice(data["places"]),
            "followers": followers,
            "following": rng.randrange(1, 2_500),
            "tweets": rng.randrange(20, 90_000),
            "liked": rng.randrange(0, 60_000),
            "media": rng.randrange(0, 3_000),
            "created_s": _FIRST_DAY_S + rng.randrange(480_000_000),
            "kind": rng.choices(_KINDS, _KIND_WEIGHTS)[0],
            "is_robot": is_robot,
            "is_protected": rng.random() < 0.03,
        }

    @property
    def is_verified(self) -> bool:
        """Whether any mark stands beside the name."""
        return bool(self.traits["kind"])


class Crowd:
    """Everybody the double has heard of, by username and by id."""

    def __init__(self) -> None:
        self._by_name: dict[str, Person] = {}
        self._by_id: dict[int, Person] = {}
        self._listed: dict[str, Person] = {}  # seen in a list of followers alone
        self._lists: dict[tuple[str, int], list[Person]] = {}

    def __len__(self) -> int:
        """Return how many people are known."""
        return len(self._by_name)

    def of(self, username: str) -> Person:
        """Return the person, making one when the name is new."""
        key = username.casefold()
        person = self._by_name.get(key)
        if person is None:
            person = self._by_name[key] = self._listed.get(key) or Person(username)
            self._by_id[person.id] = person
        return person

    def known(self, username: str) -> Person | None:
        """Return somebody who was seen, None for anybody else and for the suspended."""
        key = username.removeprefix("@").casefold()
        person = self._by_name.get(key) or self._listed.get(key)
        return None if person is None or person.is_suspended else person

    def is_suspended(self, username: str) -> bool:
        """Say whether somebody was seen here and is gone."""
        person = self._by_name.get(username.removeprefix("@").casefold())
        return person is not None and person.is_suspended

    def by_id(self, number: int) -> Person | None:
        """Return somebody by id."""
        person = self._by_id.get(number)
        return None if person is None or person.is_suspended else person

    def everybody(self) -> list[Person]:
        """Return all, in the order they were first seen."""
        return [person for person in self._by_name.values() if not person.is_suspended]

    def followers(self, person: Person) -> list[Person]:
        """Return who follows: newest first, always the same for the same crowd."""
        return self._around(person, "followers")

    def followings(self, person: Person) -> list[Person]:
        """Return whom the person follows."""
        return self._around(person, "following")

    def _around(self, person: Person, side: str) -> list[Person]:
        """Return a list that stays as it was first told: pages have to fit together."""
        key = (side, person.id)
        if key not in self._lists:
            self._lists[key] = [self._kept(each) for each in self._invented(person, side)]
        return self._lists[key]

    def _invented(self, person: Person, side: str) -> list[Person]:
        rng = seeded(side, person.username.casefold())
        wanted = min(int(person.traits[side]), _LISTED_AT_MOST)
        listed = [
            Person(f"{side[:6]}_{spice(person.id, f'{side}{nth}') % 10**8:08d}"[:15])
            for nth in range(wanted)
        ]
        known = sorted(self._by_name.values(), key=lambda other: other.id)[:400]
        for nth, other in enumerate(known):
            if listed and other is not person and rng.random() < 0.2:
                listed[(nth * 7) % len(listed)] = other
        return list({each.id: each for each in listed}.values())

    def _kept(self, person: Person) -> Person:
        """Who stands in a list can be asked for by id and name afterwards."""
        key = person.username.casefold()
        known = self._by_name.get(key) or self._listed.setdefault(key, person)
        self._by_id.setdefault(known.id, known)
        return known
