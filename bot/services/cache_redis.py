"""The cache's shared level in Redis, within a limit of its own whatever the server's is.

Redis itself knows one limit for all that it holds, and by default none. So what an entry takes and
when it was last used is kept beside the entries, and a script that runs on the server does what
must be done at once. `redis` is imported here alone, and this module only with REDIS_URL.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import redis.asyncio as redis
from redis.exceptions import RedisError

from bot.errors import StorageError
from bot.models.cache import CacheUsage

T = TypeVar("T")
LIMIT_BYTES = 256 * 2**20
ENTRY_BYTES = 600  # measured: what an entry costs beside its key and body
TIMEOUT_S = 1.0
_PACKET_BYTES = 4 * 2**20
_MOST_AT_ONCE = 1000  # entries: the server does nothing else meanwhile

# KEYS[1]: our prefix. The braces in it keep all keys on one node of a cluster.
_COMMON = """
local p = KEYS[1]
local used, sizes, ends, total = p..'used', p..'sizes', p..'ends', p..'bytes'
local function drop(k)
  local size = redis.call('HGET', sizes, k)
  redis.call('UNLINK', p..'e:'..k)
  redis.call('ZREM', used, k)
  redis.call('ZREM', ends, k)
  if size then
    redis.call('HDEL', sizes, k)
    redis.call('DECRBY', total, size)
  end
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for _, k in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 1000)) do drop(k) end
"""
# ARGV: limit, bytes an entry costs by itself, then key, body, milliseconds, …
_PUT = (
    _COMMON
    + """
for i = 3, #ARGV, 3 do
  local k, body, ttl = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  drop(k)
  local size = #body + #k + ARGV[2]
  redis.call('SET', p..'e:'..k, body, 'PX', ttl)
  redis.call('HSET', sizes, k, size)
  redis.call('ZADD', used, now, k)
  redis.call('ZADD', ends, now + ttl, k)
  redis.call('INCRBY', total, size)
end
while tonumber(redis.call('GET', total) or 0) > tonumber(ARGV[1]) do
  local oldest = redis.call('ZRANGE', used, 0, 0)
  if #oldest == 0 then redis.call('DEL', total) break end
  drop(oldest[1])
end
return 0
"""
)
_USED = (
    _COMMON
    + """
for i = 1, #ARGV do redis.call('ZADD', used, 'XX', now, ARGV[i]) end
return 0
"""
)
_FORGET = _COMMON + "drop(ARGV[1]) return 0"
_CLEAR = (
    _COMMON
    + """
local known = redis.call('ZRANGE', used, 0, -1)
for _, k in ipairs(known) do drop(k) end
redis.call('DEL', used, sizes, ends, total, p..'counts')
return #known
"""
)
_USAGE = _COMMON + "return {redis.call('ZCARD', used), tonumber(redis.call('GET', total) or 0)}"


class RedisCache:
    """A `SharedCache` in Redis; `database_id` keeps installations that share a server apart."""

    name = "redis"

    def __init__(self, url: str, database_id: str, limit_bytes: int = LIMIT_BYTES) -> None:
        self._client: Any = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, max_connections=16
        )
        self._where = urlsplit(url).hostname or "redis"
        self._prefix = f"{{hoshyar:{database_id}}}:"
        self._limit_bytes = limit_bytes
        self._scripts = {
            name: self._client.register_script(text)
            for name, text in (
                ("put", _PUT), ("used", _USED), ("forget", _FORGET), ("clear", _CLEAR),
                ("usage", _USAGE),
            )
        }  # fmt: skip

    async def get(self, key: str) -> tuple[bytes, int] | None:
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.get(f"{self._prefix}e:{key}")
            pipe.pttl(f"{self._prefix}e:{key}")
            body, left_ms = await self._answer(pipe.execute())
        return (body, int(left_ms)) if body is not None and left_ms > 0 else None

    async def put_many(
        self,
        entries: Sequence[tuple[str, bytes, int]],
        used: Sequence[str] = (),
        counts: Mapping[str, int] | None = None,
    ) -> None:
        for chunk in _packets(entries):
            values = [part for entry in chunk for part in entry]
            await self._run("put", self._limit_bytes, ENTRY_BYTES, *values)
        if used:
            await self._run("used", *used)
        if counts:
            async with self._client.pipeline(transaction=False) as pipe:
                for name, count in counts.items():
                    pipe.hincrby(f"{self._prefix}counts", name, count)
                await self._answer(pipe.execute())

    async def forget(self, key: str) -> None:
        await self._run("forget", key)

    async def clear(self) -> int:
        return int(await self._run("clear"))

    async def usage(self) -> CacheUsage:
        entries, size = await self._run("usage")
        counts = await self._answer(self._client.hgetall(f"{self._prefix}counts"))
        return CacheUsage(
            name=self.name,
            entries=int(entries),
            bytes=int(size),
            limit_bytes=self._limit_bytes,
            counts={name.decode(): int(count) for name, count in counts.items()},
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def _run(self, script: str, *values: bytes | str | int) -> Any:
        return await self._answer(self._scripts[script](keys=[self._prefix], args=values))

    async def _answer(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except (RedisError, OSError) as error:
            raise StorageError(f"Redis at {self._where} does not answer: {error}") from error


def _packets(
    entries: Sequence[tuple[str, bytes, int]],
) -> Iterator[list[tuple[str, bytes, int]]]:
    packet: list[tuple[str, bytes, int]] = []
    size = 0
    for entry in entries:
        if packet and (size + len(entry[1]) > _PACKET_BYTES or len(packet) == _MOST_AT_ONCE):
            yield packet
            packet, size = [], 0
        packet.append(entry)
        size += len(entry[1])
    if packet:
        yield packet
