"""The endpoint families: what each is called with and what comes back. Data.

A family says what the caller called; a `mode` of the catalogue says which endpoint serves a
model. To add a family: a row here, a module in `types/`, a function in `client.py` and `api.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

__all__ = ["FAMILIES", "RESERVED_FAMILIES", "Family"]

RESERVED_FAMILIES = frozenset({"batch", "file", "realtime", "rerank"})


@dataclass(frozen=True, slots=True)
class Family:
    """One endpoint family.

    Attributes:
        modes: the catalogue's modes whose models this family may call.
        result, chunk: `module:class` of the typed whole answer and of a streamed piece.
    """

    name: str
    modes: frozenset[str]
    result: str | None = None
    chunk: str | None = None

    def result_type(self) -> Any:
        """Return the class of a whole answer, importing its module on first use."""
        return _load(self.result)

    def chunk_type(self) -> Any:
        """Return the class of a streamed piece."""
        return _load(self.chunk)


@cache
def _load(path: str | None) -> Any:
    if path is None:
        raise LookupError("this family has no typed result yet")
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(f"llmgate_core.types.{module}"), name)


def _table(*families: Family) -> Mapping[str, Family]:
    return MappingProxyType({family.name: family for family in families})


FAMILIES = _table(
    Family("chat", frozenset({"chat", "responses", "completion"}), "chat:ChatCompletion", "chat:ChatCompletionChunk"),
    Family("responses", frozenset({"chat", "responses"})),
    Family(
        "text_completion",
        frozenset({"completion"}),
        "text_completion:TextCompletion",
        "text_completion:TextCompletionChunk",
    ),
    Family("embedding", frozenset({"embedding"}), "embedding:EmbeddingResponse"),
    Family("transcription", frozenset({"audio_transcription"})),
    Family("translation", frozenset({"audio_transcription"})),
    Family("speech", frozenset({"audio_speech"})),
    Family("image", frozenset({"image_generation"})),
    Family("video", frozenset({"video_generation"})),
    Family("moderation", frozenset({"moderation"})),
)
