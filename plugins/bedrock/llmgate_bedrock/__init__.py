"""Amazon Bedrock for llmgate: Converse for every model, and Mantle, the endpoint in OpenAI's shape."""

from __future__ import annotations

from llmgate_bedrock.bedrock import plugin

__all__ = ["plugin"]
