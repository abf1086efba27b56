"""Whole bodies: sent in slices, each byte copied once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from llmgate_gateway.http.responses import SLICE_BYTES, send_body


class CountedBytes(bytes):
    """Bytes that count how many of them are copied."""

    copied = 0

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        CountedBytes.copied += len(part)
        return CountedBytes(part)


@pytest.mark.parametrize("size", [0, 1, SLICE_BYTES, SLICE_BYTES + 1, 20 * SLICE_BYTES])
def test_a_body_is_sent_whole_in_slices_and_copied_once(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CountedBytes, "copied", 0)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(send_body(send, CountedBytes(b"x" * size)))
    assert b"".join(message["body"] for message in sent) == b"x" * size
    assert [message["more_body"] for message in sent] == [True] * (len(sent) - 1) + [False]
    assert len(sent) == max(1, -(-size // SLICE_BYTES))
    assert CountedBytes.copied == size
