"""Anthropic's Messages API as a wire: for plugins of every upstream that serves Claude by it.

Pure: converts calls to bodies, and answers, events and errors to canonical ones. URL, key and the model's place are
the plugin's. Published: plugins of other distributions import from here, and from no module below.

    body, ledger = request_body(call, route)
    body, betas = take_betas(body)

Source: Anthropic API reference; the types of the SDK `anthropic` 2.14.0.
"""

from __future__ import annotations

from llmgate_anthropic.wire.betas import beta_header, needed_betas, take_betas
from llmgate_anthropic.wire.compatible import AnthropicCompatible
from llmgate_anthropic.wire.counting import count_body, count_request, counted_tokens
from llmgate_anthropic.wire.errors import map_error, stream_error
from llmgate_anthropic.wire.params import supports_param
from llmgate_anthropic.wire.request import request_body
from llmgate_anthropic.wire.response import chat_completion, completion_of
from llmgate_anthropic.wire.stream import ChatStream
from llmgate_anthropic.wire.traits import Traits, traits_of
from llmgate_anthropic.wire.usage import chat_usage

__all__ = [
    "AnthropicCompatible",
    "ChatStream",
    "Traits",
    "beta_header",
    "chat_completion",
    "chat_usage",
    "completion_of",
    "count_body",
    "count_request",
    "counted_tokens",
    "map_error",
    "needed_betas",
    "request_body",
    "stream_error",
    "supports_param",
    "take_betas",
    "traits_of",
]
