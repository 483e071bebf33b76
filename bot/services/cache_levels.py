"""What the levels of the cache share: keys, envelopes, and the level in this process's memory."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cachetools import TLRUCache

_NAMESPACE = re.compile(r"[a-z][a-z0-9_.-]{0,31}")
_MAGIC = b"H1"
_HEADER_BYTES = len(_MAGIC) + 4 + 4
ENTRY_BYTES = 500  # measured: what an entry in memory costs beside its key and body


def key_of(name: str) -> str:
    """`namespace:rest` with the rest as a hash, since it may be long, or hold what people wrote."""
    namespace, colon, rest = name.partition(":")
    if not colon or not _NAMESPACE.fullmatch(namespace):
        raise ValueError(f"a cached thing is named `namespace:what`, not {name[:40]!r}")
    return f"{namespace}:{hashlib.blake2b(rest.encode(), digest_size=16).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A value; what it cost to make decides how early it is made again. Times are monotonic."""

    body: bytes
    cost_s: float
    expires_at: float
    seen_at: float  # when the shared level was last asked


def seal(key: str, body: bytes, cost_s: float) -> bytes:
    """A body as the shared level keeps it: a mark, a checksum that covers the key, the cost."""
    cost = min(int(cost_s * 1000), 2**32 - 1).to_bytes(4, "big")
    check = zlib.crc32(body, zlib.crc32(key.encode() + cost))
    return _MAGIC + check.to_bytes(4, "big") + cost + body


def unseal(key: str, sealed: bytes) -> tuple[bytes, float] | None:
    """The body and its cost in seconds; None for what is cut, garbled or another key's."""
    if len(sealed) < _HEADER_BYTES or not sealed.startswith(_MAGIC):
        return None
    check, cost, body = sealed[2:6], sealed[6:_HEADER_BYTES], sealed[_HEADER_BYTES:]
    if zlib.crc32(body, zlib.crc32(key.encode() + cost)) != int.from_bytes(check, "big"):
        return None
    return body, int.from_bytes(cost, "big") / 1000


class MemoryLevel:
    """Entries of this process, limited in bytes; the least recently used go first."""

    def __init__(self, limit_bytes: int, monotonic: Callable[[], float]) -> None:
        self.limit_bytes = limit_bytes
        self._entries: Any = TLRUCache(
            limit_bytes, lambda key, entry, now: entry.expires_at, monotonic, _size
        )

    def get(self, key: str) -> Entry | None:
        found: Entry | None = self._entries.get(key)
        return found

    def put(self, key: str, entry: Entry) -> None:
        """Keep it, unless it alone is an eighth of all the room."""
        if len(entry.body) * 8 <= self.limit_bytes:
            self._entries[key] = entry
        else:
            self._entries.pop(key, None)

    def forget(self, key: str) -> None:
        self._entries.pop(key, None)

    def clear(self) -> int:
        count = len(self._entries)
        self._entries.clear()
        return count

    def size(self) -> tuple[int, int]:
        """How many entries there are, and their bytes; expired ones are dropped first."""
        self._entries.expire()
        return len(self._entries), int(self._entries.currsize)


def _size(entry: Entry) -> int:
    return len(entry.body) + ENTRY_BYTES
