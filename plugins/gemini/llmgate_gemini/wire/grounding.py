"""Convert what an answer is based on to annotations.

Pure. Google counts in bytes of UTF-8, and annotations in characters.

Source: Gemini API reference, `GroundingMetadata`, `GroundingSupport`, `Segment`; OpenAI API reference, `annotations`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmgate_core.plugin import JsonObject, string_of
from llmgate_gemini.wire.fields import count, objects, table

__all__ = ["annotations_of"]

KINDS = ("web", "retrievedContext", "maps", "image")
"""The fields of a `GroundingChunk`; each has `uri` and `title`."""


def annotations_of(metadata: Any, spoken: list[str]) -> list[JsonObject]:
    """Return a citation for each source of each supported segment.

    Args:
        metadata: the `groundingMetadata`.
        spoken: the text of each part of the content, in order; of a part without text "".
    """
    grounding = table(metadata)
    chunks = grounding.get("groundingChunks")
    sources = [_source_of(chunk) for chunk in chunks] if isinstance(chunks, list) else []
    made = []
    for support in objects(grounding.get("groundingSupports")):
        start, end = _characters(table(support.get("segment")), spoken)
        made += [
            {"type": "url_citation", "url_citation": {"start_index": start, "end_index": end, **sources[place]}}
            for place in _places(support.get("groundingChunkIndices"), len(sources))
            if sources[place].get("url")
        ]
    return made


def _source_of(chunk: Any) -> JsonObject:
    inside = next((table(table(chunk)[kind]) for kind in KINDS if table(chunk).get(kind)), {})
    url = string_of(inside.get("uri")) or string_of(inside.get("sourceUri"))
    return {"url": url, "title": string_of(inside.get("title"))}


def _places(indices: Any, length: int) -> Iterator[int]:
    for place in indices if isinstance(indices, list) else ():
        if type(place) is int and 0 <= place < length:
            yield place


def _characters(segment: JsonObject, spoken: list[str]) -> tuple[int, int]:
    """Return where a segment begins and ends in the whole content, in characters."""
    part = count(segment.get("partIndex")) or 0
    part = part if part < len(spoken) else 0
    before, content = sum(map(len, spoken[:part])), "".join(spoken)
    encoded = content[before:].encode("utf-8", "surrogatepass")
    start, end = (before + _length_of(encoded, count(segment.get(name)) or 0) for name in ("startIndex", "endIndex"))
    said = string_of(segment.get("text"))
    if said and content[start:end] != said and (found := content.find(said)) >= 0:  # counted in the parts of a stream
        return found, found + len(said)
    return start, end


def _length_of(encoded: bytes, size: int) -> int:
    """Return how many characters begin within the first `size` bytes."""
    return sum(byte & 0xC0 != 0x80 for byte in encoded[:size])  # not a byte that continues one
