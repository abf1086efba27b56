"""The author's surface: everything that a provider plugin may import from llmgate.

For an upstream that speaks the OpenAI API, inherit `OpenAICompatible` (or `ResponsesCompatible`, if it has POST
/responses), set `info` and fill its tables with `ValueRule`, `Requires` and `FileInput`. For another API, write hooks
marked `hookimpl`: they receive `Call` and `Route`, and return `UpstreamRequest` and the canonical answer. All other
names are for special cases; docs/plugins/names.md lists every one by its use.

Names here are kept stable under `API_VERSION`, on its own clock.
"""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING

from llmgate_core import errors
from llmgate_core.bridges.fields import count_of, string_of
from llmgate_core.catalogue.providers import provider_info
from llmgate_core.catalogue.rules import effort_of, judge_metadata, judge_parallel_calls, source_of
from llmgate_core.catalogue.rules import judge as judge_by_catalogue
from llmgate_core.catalogue.sources import LITELLM_PAGE, OPENAI_REFERENCE
from llmgate_core.catalogue.values import Requires, ValueRule, judge_value
from llmgate_core.contract.call import API_VERSION, Call, JsonObject, ModelFacts, Route
from llmgate_core.contract.call_event import CallEvent
from llmgate_core.contract.credential import Blocking, Credential, Credentials
from llmgate_core.contract.form import FilePart, Multipart
from llmgate_core.contract.hooks import hookimpl
from llmgate_core.contract.ledger import Ledger, LedgerEntry
from llmgate_core.contract.limits import Deadline, Limits, Timeouts
from llmgate_core.contract.provider import Option, ParamRule, ProviderInfo
from llmgate_core.contract.source import DeclaredPlugin
from llmgate_core.contract.transport import (
    AsyncTransport,
    AsyncTransportResponse,
    Origin,
    Transport,
    TransportRequest,
    TransportResponse,
)
from llmgate_core.contract.upstream import (
    Auth,
    Converted,
    Exchange,
    FrameDecoder,
    Framing,
    Headers,
    Progress,
    Served,
    Sleep,
    SSEEvent,
    StreamAnswer,
    StreamParser,
    StreamRewriter,
    UpstreamRequest,
    UpstreamResponse,
)
from llmgate_core.endpoints.chat_parameters import judge_chat
from llmgate_core.endpoints.compatible import OpenAICompatible
from llmgate_core.endpoints.file_tables import OPENAI_FILES, OPENAI_REQUIREMENTS
from llmgate_core.endpoints.files import FileInput
from llmgate_core.endpoints.given import arguments_of, asks_for_usage, given_list, given_object, given_string, object_at
from llmgate_core.endpoints.openai import endpoint_request, path_segment
from llmgate_core.endpoints.parameters import OPENAI_INPUTS, OPENAI_PARAMETERS
from llmgate_core.endpoints.tool_names import NameRule, ToolNames, function_names
from llmgate_core.endpoints.transcripts import read_transcript
from llmgate_core.json_codec import decode, encode
from llmgate_core.reading.jobs import Job
from llmgate_core.reading.readers.canonical import CanonicalParser
from llmgate_core.reading.text_rewriter import TextRewriter, map_strings
from llmgate_core.reading.upstream_errors import error_of_object
from llmgate_core.registry.install_hints import install_command
from llmgate_core.secrets import Secret
from llmgate_core.terminal import say_error

if TYPE_CHECKING:
    from llmgate_core.bridges.chat_to_responses import ChatOverResponses
    from llmgate_core.bridges.chat_to_responses.hooks import ResponsesCompatible
    from llmgate_core.bridges.responses_to_chat import StreamRepair
    from llmgate_core.files.form_content import as_form

__all__ = [
    "API_VERSION",
    "LITELLM_PAGE",
    "OPENAI_FILES",
    "OPENAI_INPUTS",
    "OPENAI_PARAMETERS",
    "OPENAI_REFERENCE",
    "OPENAI_REQUIREMENTS",
    "AsyncTransport",
    "AsyncTransportResponse",
    "Auth",
    "Blocking",
    "Call",
    "CallEvent",
    "CanonicalParser",
    "ChatOverResponses",
    "Converted",
    "Credential",
    "Credentials",
    "Deadline",
    "DeclaredPlugin",
    "Exchange",
    "FileInput",
    "FilePart",
    "FrameDecoder",
    "Framing",
    "Headers",
    "Job",
    "JsonObject",
    "Ledger",
    "LedgerEntry",
    "Limits",
    "ModelFacts",
    "Multipart",
    "NameRule",
    "OpenAICompatible",
    "Option",
    "Origin",
    "ParamRule",
    "Progress",
    "ProviderInfo",
    "Requires",
    "ResponsesCompatible",
    "Route",
    "SSEEvent",
    "Secret",
    "Served",
    "Sleep",
    "StreamAnswer",
    "StreamParser",
    "StreamRepair",
    "StreamRewriter",
    "TextRewriter",
    "Timeouts",
    "ToolNames",
    "Transport",
    "TransportRequest",
    "TransportResponse",
    "UpstreamRequest",
    "UpstreamResponse",
    "ValueRule",
    "arguments_of",
    "as_form",
    "asks_for_usage",
    "count_of",
    "decode",
    "effort_of",
    "encode",
    "endpoint_request",
    "error_of_object",
    "errors",
    "function_names",
    "given_list",
    "given_object",
    "given_string",
    "hookimpl",
    "install_command",
    "judge_by_catalogue",
    "judge_chat",
    "judge_metadata",
    "judge_parallel_calls",
    "judge_value",
    "map_strings",
    "object_at",
    "path_segment",
    "provider_info",
    "read_transcript",
    "say_error",
    "source_of",
    "string_of",
]


def __getattr__(name: str) -> object:
    """Import bridges and forms when they are first asked for: most plugins need none of them."""
    if name not in _LAZY_MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"llmgate_core.{_LAZY_MODULES[name]}"), name)


_LAZY_MODULES = MappingProxyType(
    {
        "ChatOverResponses": "bridges.chat_to_responses",
        "ResponsesCompatible": "bridges.chat_to_responses.hooks",
        "StreamRepair": "bridges.responses_to_chat",
        "as_form": "files.form_content",
    }
)
