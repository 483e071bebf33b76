"""The commands: under which heading of /help each stands, and where it makes sense."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """The headings of /help."""

    DISCOVER = "discover"
    FOLLOW = "follow"
    YOURS = "yours"
    ADMINS = "admins"


class Place(StrEnum):
    """Where a command makes sense; a menu elsewhere leaves it out."""

    EVERYWHERE = "everywhere"
    PRIVATE = "private"
    MANAGED = "managed"  # private chats, and groups for their administrators


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    group: Group
    place: Place = Place.EVERYWHERE


COMMANDS = (
    Command("trends", Group.DISCOVER),
    Command("trend", Group.DISCOVER),
    Command("search", Group.DISCOVER),
    Command("news", Group.DISCOVER),
    Command("sentiment", Group.DISCOVER),
    Command("user", Group.DISCOVER),
    Command("users", Group.DISCOVER),
    Command("related", Group.DISCOVER),
    Command("ask", Group.DISCOVER),
    Command("watch", Group.FOLLOW, Place.MANAGED),
    Command("watches", Group.FOLLOW),
    Command("unwatch", Group.FOLLOW, Place.MANAGED),
    Command("digest", Group.FOLLOW, Place.MANAGED),
    Command("settings", Group.YOURS, Place.MANAGED),
    Command("lang", Group.YOURS, Place.MANAGED),
    Command("status", Group.YOURS),
    Command("privacy", Group.YOURS, Place.PRIVATE),
    Command("forgetme", Group.YOURS, Place.PRIVATE),
    Command("feedback", Group.YOURS, Place.PRIVATE),
    Command("help", Group.YOURS),
    Command("start", Group.YOURS, Place.PRIVATE),
)
ADMIN_COMMANDS = (
    Command("admin", Group.ADMINS),
    Command("sources", Group.ADMINS),
    Command("addsource", Group.ADMINS),
    Command("queries", Group.ADMINS),
    Command("addquery", Group.ADMINS),
    Command("budget", Group.ADMINS),
    Command("jobs", Group.ADMINS),
    Command("run", Group.ADMINS),
    Command("channels", Group.ADMINS),
    Command("cache", Group.ADMINS),
    Command("backup", Group.ADMINS),
)


def of_place(*places: Place) -> tuple[Command, ...]:
    return tuple(command for command in COMMANDS if command.place in places)
