"""The surface for programs that serve llmgate to others: everything that our own gateway is built on.

    client = AsyncClient(transport="fast")
    answer = await client.relay("chat", "openai/gpt-4o", body, content=request_bytes, api_key=key)

Besides it such a program uses what `llmgate_core` itself gives out.
"""

from __future__ import annotations

from llmgate_core.contracts import Headers, LedgerEntry
from llmgate_core.environment import read as read_environment
from llmgate_core.families import FAMILIES, FAMILY_OF_MODE, Family, Operation
from llmgate_core.json_codec import decode, encode
from llmgate_core.multipart import FilePart
from llmgate_core.openai_wire import ENDPOINTS, Endpoint
from llmgate_core.options import OWN_ARGUMENTS
from llmgate_core.relay import Relayed, error_object, error_tail
from llmgate_core.secrets import Secret, mask
from llmgate_core.types.base import CallRecord

__all__ = [
    "ENDPOINTS",
    "FAMILIES",
    "FAMILY_OF_MODE",
    "OWN_ARGUMENTS",
    "CallRecord",
    "Endpoint",
    "Family",
    "FilePart",
    "Headers",
    "LedgerEntry",
    "Operation",
    "Relayed",
    "Secret",
    "decode",
    "encode",
    "error_object",
    "error_tail",
    "mask",
    "read_environment",
]
