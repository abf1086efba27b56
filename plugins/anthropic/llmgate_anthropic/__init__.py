"""Anthropic's Claude for llmgate: the families chat and messages behind the prefix `anthropic/`."""

from __future__ import annotations

from llmgate_anthropic.provider import plugin

__all__ = ["plugin"]
