"""Pictures and files of waiting messages, by the hash of their bytes: the sender may be elsewhere.

Stored in the transaction that queues the message, so that neither is there without the other.
What is larger than `MOST_BYTES` is not stored: Telegram takes no larger picture, and MariaDB no
statement above its max_allowed_packet (16 MB unless it was changed).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Collection
from datetime import datetime

from bot.ports import Database, Transaction
from bot.utils.times import to_ms

MOST_BYTES = 10_000_000
_KEPT_BYTES = 8_000_000  # in memory: one picture often goes to many chats, and its hash never lies


def hash_of(content: bytes) -> str:
    """The name under which these bytes are stored."""
    return hashlib.sha256(content).hexdigest()


async def put_attachment(tx: Transaction, content: bytes) -> None:
    """Store bytes, or note that they are wanted again."""
    name, now = hash_of(content), tx.dialect.now_ms
    there = await tx.execute(
        f"UPDATE attachments SET used_ms={now} WHERE content_hash=?",
        (name,),
    )
    if not there:
        columns = ["content_hash", "body", "used_ms"]
        add = tx.dialect.insert_new("attachments", columns, ["content_hash"])
        await tx.execute(add, (name, content, 0))
        await tx.execute(
            f"UPDATE attachments SET used_ms={now} WHERE content_hash=?",
            (name,),
        )


class AttachmentStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    async def get(self, content_hash: str) -> bytes | None:
        if content_hash in self._kept:
            self._kept.move_to_end(content_hash)
            return self._kept[content_hash]
        row = await self._db.fetch_one(
            "SELECT body FROM attachments WHERE content_hash=?", (content_hash,)
        )
        if row is None:
            return None
        self._kept[content_hash] = bytes(row[0])
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _KEPT_BYTES:
            self._kept.popitem(last=False)
        return self._kept[content_hash]

    async def unused_since(self, before: datetime) -> list[str]:
        """The hashes of what was last wanted before a moment."""
        rows = await self._db.fetch_all(
            "SELECT content_hash FROM attachments WHERE used_ms<?", (to_ms(before),)
        )
        return [str(row[0]) for row in rows]

    async def forget(self, hashes: Collection[str], before: datetime) -> int:
        """Delete those of `hashes` that were not wanted again since; how many went."""

        async def unit(tx: Transaction) -> int:
            return sum(
                [
                    await tx.execute(
                        "DELETE FROM attachments WHERE content_hash=? AND used_ms<?",
                        (name, to_ms(before)),
                    )
                    for name in hashes
                ]
            )

        return await self._db.write(unit)
