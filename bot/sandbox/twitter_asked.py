"""A request to the double, as an endpoint sees it, and what it may answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.sandbox.twitter_faults import TwitterFaultKind
from bot.sandbox.twitter_ledger import LEAST, Account
from bot.sandbox.twitter_pages import Cursor

if TYPE_CHECKING:
    from bot.sandbox.twitter_double import TwitterDouble

Json = dict[str, Any]
OK: Json = {"status": "success", "msg": "success"}


class Refused(Exception):
    """An answer that is no success; `body` as the service words it."""

    def __init__(self, status: int, body: Json, credits: int = LEAST) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.credits = credits


def wrong(detail: str) -> Refused:
    """Return what a wrong request gets."""
    return Refused(400, {"detail": detail})


def failed(message: str, **more: Any) -> Refused:
    """Return a failure that comes with HTTP 200."""
    return Refused(200, {**more, "status": "error", "msg": message})


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: what is told, how many things of value it holds, and their price."""

    body: Json
    n: int = 0
    credits: int = LEAST


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its parameters, and what was ordered to be untrue in its answer."""

    double: TwitterDouble
    account: Account
    query: Mapping[str, str]
    body: Json = field(default_factory=dict)
    lies: set[TwitterFaultKind] = field(default_factory=set)
    now_ms: int = 0
    rest: str = ""  # what follows in the path

    def need(self, name: str) -> str:
        """Return a parameter that must be there."""
        value = self.query.get(name, "").strip()
        if not value:
            raise wrong(f"{name} is required")
        return value

    def number(self, name: str, default: int = 0) -> int:
        """Return a parameter of digits."""
        value = self.query.get(name, "")
        if not value:
            return default
        if not value.isdecimal():
            raise wrong(f"{name} must be an integer")
        return int(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a parameter that is true or false."""
        value = self.query.get(name, "").casefold()
        return default if not value else value in {"true", "1"}

    def cursor(self) -> Cursor | None:
        """Return where to go on; None for the first page."""
        return read_cursor(self.query.get("cursor", ""))

    def given(self, name: str, kind: type, *, longest: int = 0) -> Any:
        """Return a field of the JSON body that must be there and of this type."""
        value = self.body.get(name)
        if value is None or (kind is str and not value):
            raise wrong(f"{name} is required")
        is_right = isinstance(value, kind) and not (kind is not bool and isinstance(value, bool))
        if not is_right and not (kind is float and type(value) is int):
            raise Refused(422, {"detail": f"{name}: wrong type"})
        if longest and len(value) > longest:
            raise wrong(f"{name} must be at most {longest} characters")
        return value


def read_cursor(text: str) -> Cursor | None:
    """Read a cursor; one that is not ours is refused."""
    if not text:
        return None
    cursor = Cursor.read(text)
    if cursor is None:
        raise wrong("cursor is invalid")
    return cursor
