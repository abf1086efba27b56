"""Typed results of the video family.

Pure. A video is a job; its content is fetched by another call. Only `id` is required.

Source: OpenAI API reference, `VideoResource`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmgate_core.types.base import Count, Loose, Response, Result

if TYPE_CHECKING:
    from llmgate_core.catalogue.prices import Cost

__all__ = ["Video", "VideoError"]


class VideoError(Result):
    """Why a job failed."""

    code: str | Count | None = None
    message: Loose[str] | None = None


class Video(Response):
    """A job that makes a video: `queued`, `in_progress`, `completed` or `failed`; `progress` is a percentage."""

    id: str
    object: str | None = None
    model: str | None = None
    status: str | None = None
    progress: Count | None = None
    created_at: Count | None = None
    completed_at: Count | None = None
    expires_at: Count | None = None
    prompt: str | None = None
    size: str | None = None
    seconds: str | Count | None = None
    remixed_from_video_id: str | None = None
    error: Loose[VideoError] | None = None

    @property
    def cost(self) -> Cost | None:
        """The cost of the finished video in US dollars, from the start of the job; None if unknown or if it failed."""
        if self.status == "failed":
            return None
        units = {"seconds": self.seconds} if self.seconds is not None else None
        return self._get_record().cost_of(None, None, units)
