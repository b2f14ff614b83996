"""Messages over a pipe: a JSON head and a body of bytes, each with its length before it."""

from __future__ import annotations

import json
import struct
from typing import IO, Any

_LENGTH = struct.Struct(">Q")
_HEAD_LIMIT = 10_000


def send(pipe: IO[bytes], head: dict[str, Any], body: bytes | memoryview = b"") -> None:
    """Write one message. Raises OSError when the other side is gone."""
    encoded = json.dumps(head).encode()
    pipe.write(_LENGTH.pack(len(encoded)) + encoded + _LENGTH.pack(len(body)))
    pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes], limit: int) -> tuple[dict[str, Any], bytearray]:
    """Read one message whose body has at most ``limit`` bytes.

    Raises:
        EOFError: the other side is gone.
        ValueError: the message is longer, or no message at all.
    """
    return json.loads(_block(pipe, _HEAD_LIMIT)), _block(pipe, limit)


def _block(pipe: IO[bytes], limit: int) -> bytearray:
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    if length > limit:
        raise ValueError("block too long")
    return _exactly(pipe, length)


def _exactly(pipe: IO[bytes], length: int) -> bytearray:
    data = bytearray(length)
    if pipe.readinto(data) < length:  # type: ignore[attr-defined]  # of any buffered stream
        raise EOFError
    return data
