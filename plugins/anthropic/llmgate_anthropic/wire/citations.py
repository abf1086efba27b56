"""Convert citations of a message to annotations of a chat completion.

Pure. A citation of a web page becomes OpenAI's `url_citation`, with the place of the cited text in the whole content;
those of documents have no URL, and stay in `provider_specific_fields`, with all others.

Source: Anthropic API reference, `TextCitation`; OpenAI API reference, `annotations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_anthropic.wire.fields import objects
from llmgate_core.plugin import JsonObject, string_of

__all__ = ["annotations_of"]

URL_OF: Mapping[str, str] = MappingProxyType({"web_search_result_location": "url", "search_result_location": "source"})
"""Type of a citation -> its field with a URL."""


def annotations_of(block: Mapping[str, Any], start: int) -> list[JsonObject]:
    """Return the annotations of one text block, which begins at `start` of the content."""
    end = start + len(string_of(block.get("text")))
    return [found for citation in objects(block.get("citations")) if (found := _annotation(citation, start, end))]


def _annotation(citation: Mapping[str, Any], start: int, end: int) -> JsonObject | None:
    kind = citation.get("type")
    url = string_of(citation.get(URL_OF[kind])) if isinstance(kind, str) and kind in URL_OF else ""
    if not url.startswith(("https://", "http://")):
        return None
    cited = {"url": url, "title": string_of(citation.get("title")), "start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": cited}
