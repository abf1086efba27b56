"""Typed results of the image family.

Pure. An image is a URL or a base64 string; neither is fetched or decoded here. Only `data` is required.

Source: OpenAI API reference, `ImagesResponse`, `ImageGen...Event`, `ImageEdit...Event`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmgate_core.types.base import Count, InputOutputUsage, Loose, Response, Result

if TYPE_CHECKING:
    from llmgate_core.catalogue.prices import Cost

__all__ = ["Image", "ImageEvent", "ImagesResponse"]


class Image(Result):
    """One image, as `b64_json` or `url`."""

    encoded_fields = frozenset({"b64_json"})

    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None


class ImagesResponse(Response):
    """The images, and how they were made."""

    created: Count | None = None
    data: list[Image]
    background: str | None = None
    output_format: str | None = None
    quality: str | None = None
    size: str | None = None
    usage: Loose[InputOutputUsage] | None = None

    @property
    def cost(self) -> Cost | None:
        """The cost of the images in US dollars, by tokens or else by size and quality; None if not known."""
        if self.usage is not None:
            return self._get_record().cost_of(self.usage)
        units = {"size": self.size, "quality": self.quality, "n": len(self.data)}
        return self._get_record().cost_of(None, None, {name: value for name, value in units.items() if value})


class ImageEvent(Result):
    """One streamed event: a partial image, or a completed one."""

    encoded_fields = frozenset({"b64_json"})

    type: str | None = None
    b64_json: Loose[str] | None = None
    partial_image_index: Count | None = None
    created_at: Count | None = None
    background: Loose[str] | None = None
    output_format: Loose[str] | None = None
    quality: Loose[str] | None = None
    size: Loose[str] | None = None
    usage: Loose[InputOutputUsage] | None = None
