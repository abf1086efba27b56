"""Google's Gemini API for llmgate: chat and embeddings."""

from __future__ import annotations

from llmgate_gemini.provider import Gemini

plugin = Gemini()

__all__ = ["plugin"]
