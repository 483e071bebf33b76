"""Telegram's limits as all sending processes share them: one row that every claim goes through.

Whoever is about to send locks the row, so claims are taken one after the other on every host, and
leaves with a place in the common row of departures. Times are the database's, so no two hosts need
agree on one. What is kept is small: the next free departure, who was told to wait (429), and the
answers to people, which do not pass through the outbox.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bot.ports import Database, Transaction

EVERY_CHAT = 0
_LATELY_MS = 1500  # answers longer ago no longer count for the bot as a whole
_MOST_BOOKED_MS = 60_000  # a next departure beyond this: the clock was set back
_NAME = "send.pace"


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLimits:
    """For all processes together; each also keeps limits of its own (services.pacing)."""

    between_ms: int = 42  # 24 a second: Telegram's 30, with room for what is handed over in bunches
    ahead: int = 2  # departures that may go at once after a pause
    longest_wait_ms: int = 500  # a departure later than this is not booked
    chat_ms: int = 1000
    chat_burst: int = 2
    group_most: int = 18
    group_span_ms: int = 61_000
    storm_chats: int = 3  # as many chats told to wait ...
    storm_span_ms: int = 10_000  # ... within this time mean that the bot as a whole is too fast

    def span_ms(self, chat_id: int) -> int:
        """How far back the messages to a chat matter."""
        return self.group_span_ms if chat_id < 0 else self.chat_ms * (self.chat_burst + 3)


@dataclass(slots=True)
class SendPace:
    """The row, as read in a transaction that holds it."""

    now_ms: int
    limits: SharedLimits
    free_ms: int = 0  # the next departure
    held: dict[int, int] = field(default_factory=dict)  # until when, by chat or EVERY_CHAT
    floods: list[tuple[int, int]] = field(default_factory=list)  # (when, chat)
    answers: dict[int, list[int]] = field(default_factory=dict)  # when, by chat

    def wait_ms(self, chat_id: int, sent_ms: Iterable[int]) -> int:
        """How long until the chat may get a message; `sent_ms` are the times of its last ones."""
        limits, now = self.limits, self.now_ms
        known = [*sent_ms, *self.answers.get(chat_id, ())]
        times = sorted(at for at in known if at <= now)  # a clock may have been set back
        wait = self.held.get(chat_id, 0) - now
        if times:
            wait = max(wait, _bucket_wait_ms(times, now, limits))
        if chat_id < 0 and len(times) >= limits.group_most:
            wait = max(wait, times[-limits.group_most] + limits.group_span_ms - now)
        return max(0, wait)

    def departure_ms(self) -> int:
        """How long until the next free departure."""
        ahead_ms = (self.limits.ahead - 1) * self.limits.between_ms
        return max(
            0,
            self.held.get(EVERY_CHAT, 0) - self.now_ms,
            self.free_ms - ahead_ms - self.now_ms,
        )

    def depart(self, count: int = 1) -> None:
        """Take departures."""
        self.free_ms = max(self.free_ms, self.now_ms) + count * self.limits.between_ms

    def answered(self, chat_id: int, ago_ms: int) -> None:
        """An answer to a person went out beside the outbox: it takes a departure too."""
        self.answers.setdefault(chat_id, []).append(self.now_ms - ago_ms)
        if ago_ms < _LATELY_MS:
            self.depart()

    def flooded(self, chat_id: int, ago_ms: int, retry_after_ms: int) -> None:
        """A 429: the chat waits, and every chat when several were told so in a short time."""
        until = self.now_ms - ago_ms + retry_after_ms
        self.held[chat_id] = max(self.held.get(chat_id, 0), until)
        self.floods.append((self.now_ms - ago_ms, chat_id))
        lately = {chat for at, chat in self.floods if at >= self.now_ms - self.limits.storm_span_ms}
        if len(lately) >= self.limits.storm_chats:
            self.held[EVERY_CHAT] = max(self.held.get(EVERY_CHAT, 0), until)

    def to_json(self) -> str:
        """What of it still matters."""
        now, limits = self.now_ms, self.limits
        answers = {
            str(chat): kept
            for chat, times in self.answers.items()
            if (kept := [at for at in times if at > now - limits.span_ms(chat)])
        }
        return json.dumps(
            {
                "free": self.free_ms,
                "held": {str(chat): until for chat, until in self.held.items() if until > now},
                "floods": [one for one in self.floods if one[0] > now - limits.storm_span_ms],
                "answers": answers,
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str, now_ms: int, limits: SharedLimits) -> SendPace:
        data = json.loads(text) if text else {}
        free_ms = data.get("free", 0)
        return cls(
            now_ms=now_ms,
            limits=limits,
            free_ms=free_ms if free_ms < now_ms + _MOST_BOOKED_MS else 0,
            held={int(chat): until for chat, until in data.get("held", {}).items()},
            floods=[(at, chat) for at, chat in data.get("floods", ())],
            answers={int(chat): times for chat, times in data.get("answers", {}).items()},
        )


def _bucket_wait_ms(times: Sequence[int], now: int, limits: SharedLimits) -> int:
    """A bucket of `chat_burst` tokens, one more every `chat_ms`, after messages at `times`."""
    level, at = float(limits.chat_burst), times[0]
    for moment in (*times, now):
        level = min(limits.chat_burst, level + max(0, moment - at) / limits.chat_ms)
        at = max(at, moment)
        level -= 1.0
    return round(-level * limits.chat_ms) if level < 0 else 0


async def hold_pace(tx: Transaction, limits: SharedLimits) -> SendPace:
    """Read the row and keep all others from it until the transaction ends."""
    lock = "UPDATE meta SET value=value WHERE name=?"
    if not await tx.execute(lock, (_NAME,)):
        await tx.execute(tx.dialect.insert_new("meta", ["name", "value"], ["name"]), (_NAME, ""))
        await tx.execute(lock, (_NAME,))
    row = await tx.fetch_one(
        f"SELECT {tx.dialect.now_ms}, value FROM meta WHERE name=?",
        (_NAME,),
    )
    assert row is not None  # noqa: S101 - made or found in this very transaction
    return SendPace.from_json(str(row[1]), int(row[0]), limits)


async def keep_pace(tx: Transaction, pace: SendPace) -> None:
    """Write the row back."""
    await tx.execute("UPDATE meta SET value=? WHERE name=?", (pace.to_json(), _NAME))


class SendPaceStore:
    """The same for those who send nothing of the outbox, or want to know of the others."""

    def __init__(self, db: Database, limits: SharedLimits | None = None) -> None:
        self._db = db
        self._limits = limits or SharedLimits()

    async def tell(
        self, answers: Sequence[tuple[int, int]], floods: Sequence[tuple[int, int, int]]
    ) -> None:
        """Note answers as (chat, ms ago), and 429s as (chat, ms ago, ms to wait)."""

        async def unit(tx: Transaction) -> None:
            pace = await hold_pace(tx, self._limits)
            for chat_id, ago_ms in answers:
                pace.answered(chat_id, ago_ms)
            for chat_id, ago_ms, retry_after_ms in floods:
                pace.flooded(chat_id, ago_ms, retry_after_ms)
            await keep_pace(tx, pace)

        await self._db.write(unit)

    async def held(self) -> dict[int, int]:
        """Who is to be left alone, by chat or EVERY_CHAT: for how many ms more."""
        row = await self._db.fetch_one(
            f"SELECT {self._db.dialect.now_ms}, value FROM meta WHERE name=?",
            (_NAME,),
        )
        if row is None:
            return {}
        now_ms = int(row[0])
        pace = SendPace.from_json(str(row[1]), now_ms, self._limits)
        return {chat: until - now_ms for chat, until in pace.held.items() if until > now_ms}
