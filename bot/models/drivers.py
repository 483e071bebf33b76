"""Who drives a term, and which terms move together with it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.models.insight import Window
from bot.models.people import Person, Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What somebody's posts on a term have earned; no number for who came from a file."""

    author_id: int
    username: str
    sums: Sums

    @property
    def heard(self) -> int:
        """Reactions as trends weigh them, and a post for one more."""
        earned = self.sums.likes + 2 * self.sums.retweets + self.sums.replies
        return earned + self.sums.posts


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """A voice, with who it is as far as that is stored."""

    voice: Voice
    person: Person | None = None

    @property
    def username(self) -> str:
        """The name that they bear now."""
        known = self.person.profile.username if self.person else ""
        return known or self.voice.username


@dataclass(frozen=True, slots=True, kw_only=True)
class Drivers:
    """The loudest of those whose kept tweets of a window speak of a term."""

    term: str
    window: Window
    posts: int  # that were looked at
    is_part: bool  # there are more, older ones
    voices: int
    top: tuple[Driver, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """A term said in the posts of another one far more than elsewhere."""

    key: str
    term: str
    posts: int  # that say both
    is_estimate: bool = False
