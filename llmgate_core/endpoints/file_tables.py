"""The files that the OpenAI API takes, and which of its parameters need another one. Data.

Source: OpenAI API reference, POST /audio/transcriptions, /audio/translations, /images/generations, /images/edits,
/images/variations and /videos.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmgate_core.catalogue.values import Requires
from llmgate_core.endpoints.files import FileInput

__all__ = ["OPENAI_FILES", "OPENAI_REQUIREMENTS"]

_RECORDING: Mapping[str, FileInput] = MappingProxyType({"file": FileInput(required=True)})

OPENAI_FILES: Mapping[str, Mapping[str, FileInput]] = MappingProxyType(
    {
        "transcription.create": _RECORDING,
        "translation.create": _RECORDING,
        "image.edit": MappingProxyType(
            {
                "image": FileInput(many=True, sent_as="images", required=True),
                "mask": FileInput(sent_as="mask"),
            }
        ),
        "image.variation": MappingProxyType({"image": FileInput(required=True)}),
        "video.create": MappingProxyType({"input_reference": FileInput(sent_as="input_reference")}),
    }
)
"""`family.operation` -> its files."""

OPENAI_REQUIREMENTS: Mapping[str, Mapping[str, Requires]] = MappingProxyType(
    {
        "transcription": MappingProxyType(
            {
                "include": Requires("response_format", (None, "json"), reason="logprobs need response_format='json'"),
                "timestamp_granularities": Requires(
                    "response_format", ("verbose_json",), reason="timestamps need response_format='verbose_json'"
                ),
            }
        ),
        "image": MappingProxyType(
            {
                "partial_images": Requires("stream", (True,), unless=(0,), reason="partial images need stream=True"),
                "background": Requires(
                    "output_format",
                    other_than=("jpeg",),
                    reason="a JPEG has no transparency: ask for output_format='png' or 'webp'",
                    when=("transparent",),
                ),
                "output_compression": Requires(
                    "output_format",
                    ("jpeg", "webp"),
                    reason="a PNG has no lossy compression: ask for output_format='jpeg' or 'webp'",
                    unless=(100,),
                ),
            }
        ),
    }
)
"""Family -> parameter -> what it needs."""
