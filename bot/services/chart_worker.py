"""The process that draws charts: `python -m bot.services.chart_worker`.

It reads frames from standard input and answers on standard output until the input ends. A frame
is a kind (one byte), a length (four bytes, big-endian) and a body. `R` asks for a ChartSpec in JSON
to be drawn; `P` answers with the PNG, or `E` with the reason why there is none. matplotlib and its
memory live and die in this process.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import BinaryIO

HEADER_BYTES = 5
MAX_FRAME_BYTES = 8 * 1024 * 1024


def pack(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "big") + body


def unpack_header(header: bytes) -> tuple[bytes, int]:
    """The kind and the body's length; ValueError when the length is beyond reason."""
    length = int.from_bytes(header[1:HEADER_BYTES], "big")
    if length > MAX_FRAME_BYTES:
        raise ValueError(f"a frame of {length} bytes")
    return header[:1], length


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer every frame of `requests`; a drawing that fails does not end the process."""
    from bot.models.chart import ChartSpec
    from bot.services.chart_drawing import draw

    while len(header := requests.read(HEADER_BYTES)) == HEADER_BYTES:
        _, length = unpack_header(header)
        body = requests.read(length)
        try:
            answer = pack(b"P", draw(ChartSpec.from_json(body.decode())))
        except Exception:  # told to the asking process, which logs it
            answer = pack(b"E", traceback.format_exc(limit=-4).encode())
        answers.write(answer)
        answers.flush()


def main() -> None:
    # Whatever a library prints must not end up between the frames.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
