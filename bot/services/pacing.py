"""How fast messages may go out: Telegram's limits as buckets and windows, in the caller's time.

Pure arithmetic; the clock (monotonic seconds) is passed in. The figures stay below what Telegram
is known to allow: about 30 messages a second overall, 1 a second in one chat with short bursts, 20
a minute in one group or channel (core.telegram.org/bots/faq, "My bot is hitting limits"). What a
person waits for has priority: it may use the room between our limits and Telegram's.

A `Pacer` knows what its own process sends. What the processes of one bot must know of each other
goes through the database (storage.send_pace); `news` and `hold` are the two ends of that here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

Monotonic = Callable[[], float]

IDLE_S = 120.0  # a chat without a message for this long is forgotten
EVERY_CHAT = 0  # where a wait concerns the bot as a whole
_MOST_NEWS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Messages per span; the `priority_` figures hold for answers that a person waits for."""

    overall_per_s: float = 25.0
    overall_burst: float = 2.0
    priority_overall_burst: float = 2.0  # an answer may run this far into debt before it waits
    chat_per_s: float = 1.0
    chat_burst: float = 2.0
    priority_chat_burst: float = 2.0
    group_per_span: int = 18
    priority_group_per_span: int = 19
    group_span_s: float = 61.0  # a second more than Telegram's minute, for uneven transport
    storm_chats: int = 3  # as many chats told to wait ...
    storm_span_s: float = 10.0  # ... within this time mean that the bot as a whole is too fast


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceNews:
    """What the other processes of this bot should know: an answer went out, or a 429 came."""

    chat_id: int
    ago_s: float
    retry_after_s: float = 0.0  # 0: an answer


class Bucket:
    """A token bucket that may be overdrawn: `level` tokens, filled at `rate` up to `burst`."""

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._at = now

    def wait_s(self, now: float, debt: float = 0.0) -> float:
        """Seconds until a token is there, or until one may be borrowed within `debt`."""
        self._fill(now)
        lack = 1.0 - self._level - debt
        return lack / self._rate if lack > 1e-9 else 0.0

    def take(self, now: float) -> None:
        self._fill(now)
        self._level -= 1.0

    def give_back(self) -> None:
        """The last one did not count after all."""
        self._level = min(self._burst, self._level + 1.0)

    def _fill(self, now: float) -> None:
        if now > self._at:
            self._level = min(self._burst, self._level + (now - self._at) * self._rate)
            self._at = now


class Window:
    """At most so many in any stretch of `span_s` seconds."""

    __slots__ = ("_span_s", "_times")

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._times: deque[float] = deque()

    def wait_s(self, now: float, limit: int) -> float:
        while self._times and self._times[0] <= now - self._span_s:
            self._times.popleft()
        if len(self._times) < limit:
            return 0.0
        return self._times[len(self._times) - limit] + self._span_s - now

    def take(self, now: float) -> None:
        self._times.append(now)

    def give_back(self) -> None:
        """The last one did not count after all."""
        if self._times:
            self._times.pop()


class _ChatPace:
    __slots__ = ("bucket", "held_until", "last", "window")

    def __init__(self, limits: Limits, now: float) -> None:
        self.bucket = Bucket(limits.chat_per_s, limits.chat_burst, now)
        self.window = Window(limits.group_span_s)
        self.held_until = 0.0
        self.last = now


class Pacer:
    """Says when a message may go to a chat, and counts those that went."""

    def __init__(self, clock: Monotonic, limits: Limits | None = None) -> None:
        self._clock = clock
        self._limits = limits or Limits()
        self._overall = Bucket(
            self._limits.overall_per_s, self._limits.overall_burst, self._clock()
        )
        self._chats: dict[int, _ChatPace] = {}
        self._held_until = 0.0
        self._floods: deque[tuple[float, int]] = deque()
        self._news: deque[tuple[float, int, float]] = deque(maxlen=_MOST_NEWS)
        self._swept_at = self._clock()

    def wait_s(self, chat_id: int, *, priority: bool = False) -> float:
        """Seconds until a message may go to this chat; 0.0 = now."""
        now, limits = self._clock(), self._limits
        chat = self._chats.get(chat_id)
        waits = [
            self._held_until - now,
            self._overall.wait_s(now, limits.priority_overall_burst if priority else 0.0),
        ]
        if chat is not None:
            waits.append(chat.held_until - now)
            waits.append(chat.bucket.wait_s(now, limits.priority_chat_burst if priority else 0.0))
            if chat_id < 0:
                per_span = limits.priority_group_per_span if priority else limits.group_per_span
                waits.append(chat.window.wait_s(now, per_span))
        return max(0.0, *waits)

    def is_held(self, chat_id: int) -> bool:
        """Was the bot told to leave this chat alone for now?"""
        now = self._clock()
        chat = self._chats.get(chat_id)
        return self._held_until > now or (chat is not None and chat.held_until > now)

    def overall_wait_s(self) -> float:
        """Seconds until any ordinary message may go anywhere."""
        now = self._clock()
        return max(0.0, self._held_until - now, self._overall.wait_s(now))

    def take(self, chat_id: int, *, is_claimed: bool = False) -> None:
        """Count a message that goes out now, allowed or not.

        `is_claimed`: of the outbox, where all processes see it; anything else is news to them.
        """
        now = self._clock()
        if not is_claimed:
            self._news.append((now, chat_id, 0.0))
        self._overall.take(now)
        chat = self._chat(chat_id, now)
        chat.bucket.take(now)
        chat.last = now
        if chat_id < 0:
            chat.window.take(now)
        if now - self._swept_at > IDLE_S:
            self._sweep(now)

    def give_back(self, chat_id: int) -> None:
        """The message last taken for this chat does not go out after all."""
        chat = self._chats.get(chat_id)
        self._overall.give_back()
        if chat is not None:
            chat.bucket.give_back()
            chat.window.give_back()

    def news(self) -> list[PaceNews]:
        """What happened here since the last call that the other processes cannot see."""
        now, told = self._clock(), list(self._news)
        self._news.clear()
        return [
            PaceNews(chat_id=chat_id, ago_s=now - at, retry_after_s=retry_after_s)
            for at, chat_id, retry_after_s in told
        ]

    def hold(self, chat_id: int, wait_s: float) -> None:
        """Another process was told to wait: so does this one, for this chat or EVERY_CHAT."""
        until = self._clock() + wait_s
        if chat_id == EVERY_CHAT:
            self._held_until = max(self._held_until, until)
            return
        chat = self._chat(chat_id, self._clock())
        chat.held_until = max(chat.held_until, until)

    def remember(self, chat_id: int, ago_s: float) -> None:
        """Count a message that another process sent, or this one before it was started."""
        then = self._clock() - ago_s
        chat = self._chat(chat_id, then)
        chat.bucket.take(then)
        chat.last = max(chat.last, then)
        if chat_id < 0:
            chat.window.take(then)

    def flood(self, chat_id: int, retry_after_s: float) -> None:
        """Obey a 429: this chat waits, and every chat when several were told so in a short time.

        The refused message leaves a group's minute again, or a storm would cost a quiet minute.
        """
        now, limits = self._clock(), self._limits
        self._news.append((now, chat_id, retry_after_s))
        chat = self._chat(chat_id, now)
        chat.window.give_back()
        chat.held_until = max(chat.held_until, now + retry_after_s)
        self._floods.append((now, chat_id))
        while self._floods[0][0] < now - limits.storm_span_s:
            self._floods.popleft()
        if len({chat_id for _, chat_id in self._floods}) >= limits.storm_chats:
            self._held_until = max(self._held_until, now + retry_after_s)

    def _chat(self, chat_id: int, now: float) -> _ChatPace:
        chat = self._chats.get(chat_id)
        if chat is None:
            chat = self._chats[chat_id] = _ChatPace(self._limits, now)
        return chat

    def _sweep(self, now: float) -> None:
        self._swept_at = now
        for chat_id, chat in list(self._chats.items()):
            if chat.last < now - IDLE_S and chat.held_until < now:
                del self._chats[chat_id]
