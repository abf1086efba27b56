"""What POST /chat/completions takes. The rules are core's, since other hosts serve the same models."""

from __future__ import annotations

from types import MappingProxyType

from llmgate_core.plugin import OPENAI_PARAMETERS, judge_chat

__all__ = ["PARAMS", "VALUES", "supports_param"]

VALUES = OPENAI_PARAMETERS["chat"]
PARAMS = MappingProxyType({"chat": VALUES})
supports_param = judge_chat
