"""Collect prompts and answers for the log, where `general_settings.log_content` is set.

They are cut to a length; a file is shown by its name and size only, and content that repeats a key is left out.

Source: docs/gateway/operate.md, "The log"; row S15 of docs/reliability.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmgate_core.serving import MASK, FilePart
from llmgate_gateway.telemetry.key_leaks import KeyLeakDetector
from llmgate_gateway.telemetry.record import RequestRecord

__all__ = ["ContentLog"]

MAX_BYTES = 32 * 1024
"""Of a request, and of its answer."""


class ContentLog:
    """The content of one request and its answer; `end` puts it into the request's record."""

    def __init__(self, record: RequestRecord, body: Mapping[str, Any], key_leaks: KeyLeakDetector) -> None:
        self._record = record
        self._key_leaks = key_leaks
        self._answer = bytearray()
        self._is_cut = False
        content = json.dumps(body, ensure_ascii=False, default=_description)
        record.extra["request"] = self._shown(content[:MAX_BYTES], is_cut=len(content) > MAX_BYTES)

    def add(self, block: bytes) -> None:
        """Add a piece of the answer, as long as there is room."""
        room = MAX_BYTES - len(self._answer)
        self._is_cut = self._is_cut or len(block) > room
        self._answer += block[:room]

    def end(self, *, is_text: bool) -> None:
        """Record the answer so far, or its size if it is binary."""
        if not self._answer:
            return
        if is_text:
            shown = self._shown(self._answer.decode("utf-8", "replace"), is_cut=self._is_cut)
        else:
            shown = f"({'more than ' if self._is_cut else ''}{len(self._answer)} bytes)"
        self._record.extra["response"] = shown

    def _shown(self, content: str, *, is_cut: bool) -> str:
        if self._key_leaks.matches(content):
            return MASK
        return content + "..." if is_cut else content


def _description(value: object) -> str:
    if isinstance(value, FilePart):
        return f"({value.filename[:80]}: {value.size} bytes)"
    return f"({type(value).__name__})"
