"""Keep what was asked and answered for the log, where the operator has said `general_settings.log_content`.

Cut to a length; a file is told by its name and size only, and a text that repeats a key of ours is left out.

Source: DESIGN section 8: content is logged by an explicit choice only; row S15 of docs/reliability.md.
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
    """What one request said and was answered; `end` puts it into the request's record."""

    def __init__(self, record: RequestRecord, body: Mapping[str, Any], secrets: KeyLeakDetector) -> None:
        self._record = record
        self._secrets = secrets
        self._answer = bytearray()
        self._is_cut = False
        text = json.dumps(body, ensure_ascii=False, default=_told)
        record.extra["request"] = self._shown(text[:MAX_BYTES], is_cut=len(text) > MAX_BYTES)

    def add(self, block: bytes) -> None:
        """Keep a piece of the answer, as long as there is room."""
        room = MAX_BYTES - len(self._answer)
        self._is_cut = self._is_cut or len(block) > room
        self._answer += block[:room]

    def end(self, *, is_text: bool) -> None:
        """Note the answer so far; of one that is no text, its size."""
        if not self._answer:
            return
        if is_text:
            shown = self._shown(self._answer.decode("utf-8", "replace"), is_cut=self._is_cut)
        else:
            shown = f"({'more than ' if self._is_cut else ''}{len(self._answer)} bytes)"
        self._record.extra["response"] = shown

    def _shown(self, text: str, *, is_cut: bool) -> str:
        if self._secrets.matches(text):
            return MASK
        return text + "..." if is_cut else text


def _told(value: object) -> str:
    if isinstance(value, FilePart):
        return f"({value.filename[:80]}: {value.size} bytes)"
    return f"({type(value).__name__})"
