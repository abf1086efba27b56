"""The author's surface: everything that a provider plugin may import from llmgate.

Names here are kept stable under `API_VERSION`, on its own clock.
"""

from __future__ import annotations

from llmgate_core import errors
from llmgate_core.catalogue_rules import effort_of, is_verified, judge_summary
from llmgate_core.catalogue_rules import judge as judge_by_catalogue
from llmgate_core.contracts import (
    API_VERSION,
    AsyncTransport,
    AsyncTransportResponse,
    Auth,
    Call,
    Exchange,
    Headers,
    JsonObject,
    LedgerEntry,
    ModelFacts,
    Origin,
    ParamRule,
    ProviderInfo,
    Route,
    Sleep,
    StreamParser,
    Transport,
    TransportRequest,
    TransportResponse,
    UpstreamRequest,
    UpstreamResponse,
)
from llmgate_core.deadline import Deadline, Limits, Timeouts
from llmgate_core.events import CallEvent
from llmgate_core.hookspecs import hookimpl
from llmgate_core.json_codec import decode, encode
from llmgate_core.openai_wire import OpenAICompatible
from llmgate_core.param_values import ValueRule, judge_value
from llmgate_core.secrets import Secret
from llmgate_core.sse import SSEEvent

__all__ = [
    "API_VERSION",
    "AsyncTransport",
    "AsyncTransportResponse",
    "Auth",
    "Call",
    "CallEvent",
    "Deadline",
    "Exchange",
    "Headers",
    "JsonObject",
    "LedgerEntry",
    "Limits",
    "ModelFacts",
    "OpenAICompatible",
    "Origin",
    "ParamRule",
    "ProviderInfo",
    "Route",
    "SSEEvent",
    "Secret",
    "Sleep",
    "StreamParser",
    "Timeouts",
    "Transport",
    "TransportRequest",
    "TransportResponse",
    "UpstreamRequest",
    "UpstreamResponse",
    "ValueRule",
    "decode",
    "effort_of",
    "encode",
    "errors",
    "hookimpl",
    "is_verified",
    "judge_by_catalogue",
    "judge_summary",
    "judge_value",
]
