"""What a button carries: a verb, a few short words and, in a group, whose it is. At most 64 bytes.

`tr:24h:1~k7q2` is page 1 of the trends of 24 hours, for the person whose id is k7q2 in base 36.
Long names (terms, queries) travel as refs, see storage.talks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from bot.models.messages import CALLBACK_BYTES

_WORD = re.compile(r"[A-Za-z0-9_-]*")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
NOTHING = "-"  # an argument that is not given
NEW = "n"  # a last word: answer with a new message, the one with the button stays


class Verb(StrEnum):
    """Every kind of press; the values are kept short and never change their meaning."""

    HOME = "h"
    HELP = "hp"
    TRENDS = "tr"
    CARD = "tc"
    WHY = "tw"
    CARD_NEWS = "tn"
    MOOD = "tm"
    SEARCH = "se"
    NEWS = "nw"
    PERSON = "pe"
    USERS = "us"
    RELATED = "re"
    WATCH_ADD = "wa"
    WATCH_LIST = "wl"
    WATCH_REMOVE = "wr"
    WATCH_NEW = "wn"
    MUTE_ASK = "ma"
    MUTE = "mu"
    UNMUTE = "un"
    ALERT_WHY = "aw"
    ASK = "as"
    STOP = "stop"  # begins so because such a press must not wait in line: see telegram_lines
    DIGEST = "dg"
    DIGEST_TIME = "dt"
    DIGEST_ADD = "da"
    DIGEST_OTHER = "do"
    DIGEST_NOW = "dn"
    DIGEST_PLACES = "dp"
    PLAN = "pl"
    PLAN_STATE = "ps"
    PLAN_TOPIC = "pt"
    PLAN_DAYS = "pd"
    PLAN_REMOVE = "pr"
    PLACE_LANG = "pg"
    PLACE_ZONE = "pz"
    SETTINGS = "st"
    SET_LANG = "sl"
    SET_ZONE = "sz"
    SET_QUIET = "sq"
    FORGET = "fm"
    CANCEL = "x"
    ADMIN = "A"
    SOURCES = "As"
    SOURCE = "Ao"
    SOURCE_ADD = "Aa"
    SOURCE_SAVE = "Av"
    SOURCE_STATE = "Ap"
    SOURCE_TEST = "At"
    SOURCE_REMOVE = "Ar"
    OPML = "Aq"
    JOBS = "Aj"
    JOB = "Ab"
    JOB_RUN = "Au"
    JOB_STATE = "Ae"
    DELIVERY = "Ad"
    OUTBOX = "Ax"
    RESEND = "Ay"
    DROP = "Az"
    BAD_UPDATES = "Ai"
    ADMIN_STATUS = "Am"
    CHANNELS = "Ac"
    CACHE = "Ah"
    CACHE_CLEAR = "Ak"
    BACKUP = "Al"
    DROPPED = "AD"
    DROPPED_BACK = "ADb"
    DROPPED_OUT = "ADl"
    PERSON_BUY = "APb"
    QUERIES = "AQ"
    QUERY = "AQo"
    QUERY_ADD = "AQa"
    QUERY_DRAFT = "AQd"
    QUERY_TRY = "AQy"
    QUERY_SAVE = "AQv"
    QUERY_STATE = "AQp"
    QUERY_LIVE = "AQl"
    QUERY_TEST = "AQt"
    QUERY_EDIT = "AQe"
    QUERY_REMOVE = "AQr"
    QUERY_HINTS = "AQs"
    BUDGET = "AB"
    BUDGET_SPENT = "ABs"
    BUDGET_LIMIT = "ABl"
    BUDGET_BALANCE = "ABb"


# What only an admin may press; for anybody else such a button does not exist.
ADMIN_VERBS = frozenset(verb for verb in Verb if verb.value.startswith("A"))


STOP = Verb.STOP.value


@dataclass(frozen=True, slots=True)
class Press:
    """A button as it came back."""

    verb: Verb
    args: tuple[str, ...] = ()
    owner: int = 0  # 0: anybody's

    def arg(self, index: int, default: str = "") -> str:
        """An argument, or the default where it is missing or not given."""
        if index >= len(self.args) or self.args[index] in ("", NOTHING):
            return default
        return self.args[index]

    def number(self, index: int, default: int = 0) -> int:
        """A whole number (chat ids are negative), or the default."""
        text = self.arg(index)
        return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else default


def pack(verb: Verb, *args: str | int, owner: int = 0) -> str:
    """The button's data; ValueError when it does not fit or could not be read back."""
    words = [str(arg) or NOTHING for arg in args]
    if not all(_WORD.fullmatch(word) for word in words):
        raise ValueError(f"a button's words are plain: {words!r}")
    data = ":".join([verb.value, *words]) + (f"~{_base36(owner)}" if owner else "")
    if len(data.encode()) > CALLBACK_BYTES:
        raise ValueError(f"does not fit a button: {data!r}")
    return data


def unpack(data: str) -> Press | None:
    """What a button says; None for one that this version never made."""
    body, _, owner = data.partition("~")
    head, *args = body.split(":")
    try:
        verb = Verb(head)
        owner_id = int(owner, 36) if owner else 0
    except ValueError:
        return None
    if not all(_WORD.fullmatch(arg) for arg in args):
        return None
    return Press(verb, tuple(args), owner_id)


def _base36(value: int) -> str:
    digits = ""
    while value:
        value, rest = divmod(value, 36)
        digits = _DIGITS[rest] + digits
    return digits
