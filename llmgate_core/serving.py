"""The surface for programs that serve llmgate to others: everything that our own gateway is built on.

    client = AsyncClient()
    answer = await client.relay("chat", "openai/gpt-4o", body, content=request_bytes, api_key=key)

Besides it such a program uses what `llmgate_core` itself gives out.
"""

from __future__ import annotations

from llmgate_core import errors
from llmgate_core.calls.explained import ExplainedRequest, StandIns, explained, fates
from llmgate_core.calls.prepared import short_values
from llmgate_core.calls.retry import is_worth_retrying
from llmgate_core.catalogue.prices import ModelPrices, cost_of, token_counts, units_of
from llmgate_core.contract.form import FilePart, Multipart
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.limits import Limits, Timeouts
from llmgate_core.contract.provider import Option
from llmgate_core.contract.transport import StreamedContent
from llmgate_core.contract.upstream import Headers
from llmgate_core.endpoints.families import FAMILIES, FAMILY_OF_MODE, Family, Operation
from llmgate_core.endpoints.openai import ENDPOINTS, HTTPEndpoint
from llmgate_core.endpoints.parameters import OPENAI_PARAMETERS
from llmgate_core.files.uploads import content_type_of
from llmgate_core.json_codec import decode, encode, has_more_values
from llmgate_core.registry.entry_points import PluginEntryPoint
from llmgate_core.registry.extensions import Extension
from llmgate_core.registry.install_hints import install_command
from llmgate_core.registry.listing import listed_models
from llmgate_core.registry.loading import load_claim
from llmgate_core.registry.plugin_lock import without_refused
from llmgate_core.registry.registry import allowed_claims, load_extensions, register_extensions
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.relay.forwarding import Forwarded
from llmgate_core.relay.message_errors import message_error
from llmgate_core.relay.relay import Relayed, error_object, error_tail
from llmgate_core.secrets import MASK, Secret, SecretFinder, mask
from llmgate_core.settings.call_options import OPTION_NAMES
from llmgate_core.terminal import say, say_error
from llmgate_core.types.record import CallRecord

__all__ = [
    "ENDPOINTS",
    "FAMILIES",
    "FAMILY_OF_MODE",
    "MASK",
    "OPENAI_PARAMETERS",
    "OPTION_NAMES",
    "CallRecord",
    "ExplainedRequest",
    "Extension",
    "Family",
    "FilePart",
    "Forwarded",
    "HTTPEndpoint",
    "Headers",
    "LedgerEntry",
    "Limits",
    "ModelPrices",
    "Multipart",
    "Operation",
    "Option",
    "PluginEntryPoint",
    "Relayed",
    "ResolvedModel",
    "Secret",
    "SecretFinder",
    "StandIns",
    "StreamedContent",
    "Timeouts",
    "allowed_claims",
    "content_type_of",
    "cost_of",
    "decode",
    "encode",
    "error_object",
    "error_tail",
    "errors",
    "explained",
    "fates",
    "has_more_values",
    "install_command",
    "is_worth_retrying",
    "listed_models",
    "load_claim",
    "load_extensions",
    "mask",
    "message_error",
    "register_extensions",
    "say",
    "say_error",
    "short_values",
    "token_counts",
    "units_of",
    "without_refused",
]
