"""Six hours of posts with everything that looks alike by itself, and with planted campaigns.

By itself: headlines passed on by up to two hundred people for hours, agencies that take over each
other's news, jokes that are copied, greetings, cheers at a goal, one link in many texts of one's
own.
Planted: one text with small changes from many accounts in minutes, one link within seconds, and a
ring that passes ordinary headlines on within seconds of each other.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from bot.models.pattern import Saying

HOURS = 6
_SPAN_MS = HOURS * 3_600_000
_LETTERS = "ابپتجچحخدرزسشعغفقکگلمنوهی"
_TAILS = ("", "", "!", " 🙏", " لطفا بازنشر", " ✌️✌️", " #مطالبه", ".")
_CHEERS = ("گل گل گل", "عجب گلی زد پسر", "گلللل", "چه بازی شد امشب")
_GREETINGS = ("صبح بخیر دوستان", "سلام صبح همگی بخیر", "شب همگی خوش")


@dataclass(frozen=True)
class Stream:
    """Posts in the order of time; who was planted, group by group; titles of the news."""

    sayings: tuple[Saying, ...]
    groups: tuple[frozenset[str], ...]
    headlines: tuple[str, ...]


def stream(seed: int, *, posts: int = 12_000, people: int = 4000, planted: bool = True) -> Stream:
    """One window, the same for the same seed."""
    return _Maker(seed, people).made(posts, planted=planted)


class _Maker:
    def __init__(self, seed: int, people: int) -> None:
        self._chance = random.Random(seed)
        self._words = ["".join(self._chance.choices(_LETTERS, k=k % 5 + 3)) for k in range(4000)]
        self._weights = [1 / (rank + 5) for rank in range(len(self._words))]
        self._people = [f"u{number}" for number in range(people)]
        self._busy = [1 / (rank + 20) for rank in range(people)]
        self._said: list[tuple[int, str, str]] = []
        self._groups: list[frozenset[str]] = []

    def made(self, posts: int, *, planted: bool) -> Stream:
        headlines = self._news()
        self._jokes()
        self._cheers()
        if planted:
            self._campaigns()
            self._links()
            self._rings(headlines)
        while len(self._said) < posts:
            self._say(self._any_time(), self._person(), self._text(4, 30))
        self._said.sort()
        sayings = tuple(Saying(i, who, at, text) for i, (at, who, text) in enumerate(self._said, 1))
        return Stream(sayings, tuple(self._groups), tuple(text for text, _ in headlines))

    # --- what happens by itself

    def _news(self) -> list[tuple[str, str]]:
        """Headlines with their links; agencies repeat them, people pass them on for hours."""
        chance, found = self._chance, []
        agencies = [f"agency{number}" for number in range(8)]
        for number in range(80):
            title, link = self._text(8, 14), f"https://news.example/{number}"
            found.append((title, link))
            start = chance.randrange(_SPAN_MS)
            for agency in chance.sample(agencies, chance.randint(1, 6)):
                own = f"{title} {link}" if chance.random() < 0.3 else self._changed(title)
                self._say(start + int(chance.expovariate(1 / 480_000)), agency, own)
            readers = min(200, int(chance.paretovariate(0.9)))
            for _ in range(readers):
                at = start + int(chance.lognormvariate(15.3, 0.9))  # median 73 minutes
                own = f"{title} {link}"
                if chance.random() < 0.3:
                    own = f"{self._text(3, 12)} {link}"
                elif chance.random() < 0.3:
                    own = title
                self._say(at, self._person(), own)
        return found

    def _jokes(self) -> None:
        for _ in range(12):
            text, start = self._text(10, 35), self._any_time()
            for _ in range(self._chance.randint(5, 60)):
                late = int(self._chance.gammavariate(2.0, 3_600_000))
                self._say(start + late, self._person(), self._changed(text))

    def _cheers(self) -> None:
        for _ in range(3):
            start = self._any_time()
            for _ in range(150):
                late = int(self._chance.expovariate(1 / 40_000))
                self._say(start + late, self._person(), self._chance.choice(_CHEERS))
        for _ in range(300):
            self._say(self._any_time(), self._person(), self._chance.choice(_GREETINGS))

    # --- what is planted

    def _campaigns(self) -> None:
        for size in (40, 25, 12, 8):
            members, text = self._group(size), self._text(12, 35)
            start = self._any_time(0.8)
            for member in members:
                at = start + self._chance.randrange(12 * 60_000)
                self._say(at, member, self._changed(text))

    def _links(self) -> None:
        for number, size in enumerate((20, 9)):
            link, start = f"https://push.example/a?id={number}", self._any_time(0.8)
            for place, member in enumerate(self._group(size)):
                own = f"{self._text(5, 12)} {link}&utm_source={place}"
                self._say(start + self._chance.randrange(30_000), member, own)

    def _rings(self, headlines: list[tuple[str, str]]) -> None:
        for size in (4, 7):
            members = self._group(size)
            for title, link in self._chance.sample(headlines, 5):
                start = self._any_time(0.9)
                for member in members:
                    if self._chance.random() < 0.9:
                        own = f"{title} {link}"
                        self._say(start + self._chance.randrange(7000), member, own)

    # --- pieces

    def _group(self, size: int) -> list[str]:
        """Accounts that also say things of their own."""
        members = self._chance.sample(self._people, size)
        self._groups.append(frozenset(members))
        for member in members:
            for _ in range(self._chance.randint(0, 4)):
                self._say(self._any_time(), member, self._text(4, 30))
        return members

    def _say(self, at: int, who: str, text: str) -> None:
        if at < _SPAN_MS:
            self._said.append((at, who, text))

    def _any_time(self, until: float = 1.0) -> int:
        return self._chance.randrange(int(until * _SPAN_MS))

    def _person(self) -> str:
        return self._chance.choices(self._people, self._busy)[0]

    def _text(self, least: int, most: int) -> str:
        count = self._chance.randint(least, most)
        return " ".join(self._chance.choices(self._words, self._weights, k=count))

    def _changed(self, text: str) -> str:
        """The text with a tail, and now and then a word left out or put in."""
        words = text.split()
        if self._chance.random() < 0.4:
            words[self._chance.randrange(len(words))] = self._chance.choice(self._words)
        return " ".join(words) + self._chance.choice(_TAILS)
