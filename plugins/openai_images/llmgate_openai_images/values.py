"""What values the parameters of the image endpoints take. Data.

Source: OpenAPI 2.3.0, `CreateImageRequest`, `CreateImageEditRequest`, `CreateImageVariationRequest`. Sizes are not
judged here: some models take any. What one model takes is in the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmgate_core.plugin import ValueRule

SOURCE = "OpenAPI 2.3.0"
_STRING = ValueRule(("string",))


def _one_of(*texts: str) -> ValueRule:
    return ValueRule(("string",), choices=texts)


VALUES: Mapping[str, ValueRule] = MappingProxyType(
    {
        "background": _one_of("transparent", "opaque", "auto"),
        "input_fidelity": _one_of("high", "low"),
        "moderation": _one_of("low", "auto"),
        "n": ValueRule(("integer",), 1, 10),
        "output_compression": ValueRule(("integer",), 0, 100),
        "output_format": _one_of("png", "jpeg", "webp"),
        "partial_images": ValueRule(("integer",), 0, 3),
        "quality": _one_of("standard", "hd", "low", "medium", "high", "auto"),
        "response_format": _one_of("url", "b64_json"),
        "size": _STRING,
        "stream": ValueRule(("boolean",)),
        "style": _one_of("vivid", "natural"),
        "user": _STRING,
    }
)

PROMPT = ValueRule(("string",), longest=32_000)
MOST_IMAGES = 16

ENDPOINTS: Mapping[str, str] = MappingProxyType(
    {"create": "images.generations", "edit": "images.edits", "variation": "images.variations"}
)
"""Operation -> the catalogue's name of its endpoint."""
