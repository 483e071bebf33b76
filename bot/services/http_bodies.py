"""The bodies of answers: read to a limit, and decompressed to the same limit."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping

from bot.errors import SourceDown, SourceGarbled


async def read_body(
    chunks: AsyncIterator[bytes], headers: Mapping[str, str], max_bytes: int, url: str
) -> bytes:
    """The body, decompressed as it comes in, so that a bomb never unfolds beyond the limit."""
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise SourceGarbled(f"unasked-for content encoding {coding[:40]}", source=url)
    unpack = _Unpacker(max_bytes) if coding not in ("", "identity") else None
    body = bytearray()
    packed = 0
    async for chunk in chunks:
        packed += len(chunk)
        try:
            body += unpack.feed(chunk) if unpack else chunk
        except zlib.error as error:
            raise SourceGarbled(f"broken {coding} data", source=url) from error
        if len(body) > max_bytes or packed > max_bytes:
            raise SourceGarbled(f"larger than {max_bytes} bytes", source=url)
    if unpack is not None and packed and not unpack.is_whole:
        raise SourceDown(f"the {coding} data broke off", source=url)
    return bytes(body)


class _Unpacker:
    """gzip (of several members too), zlib, and raw deflate, which some servers call deflate."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes + 1  # one more, so that the reader sees the limit is passed
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._is_fresh = True

    @property
    def is_whole(self) -> bool:
        return self._stream.eof

    def feed(self, data: bytes) -> bytes:
        out = bytearray()
        while data and self._left > 0:
            if self._stream.eof:
                if data[:1] != b"\x1f":  # padding after the end
                    break
                self._stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
            try:
                part = self._stream.decompress(data, self._left)
            except zlib.error:
                if not self._is_fresh:
                    raise
                self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
                part = self._stream.decompress(data, self._left)
            self._is_fresh = False
            self._left -= len(part)
            out += part
            data = self._stream.unconsumed_tail or self._stream.unused_data
        return bytes(out)
