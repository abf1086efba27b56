"""What differs between the servers that speak generateContent: the Gemini API, and Vertex AI. Data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["GEMINI_API", "SIGNATURE_OPTION", "Dialect"]

SIGNATURE_OPTION = "signature_in_tool_call_id"
"""The provider option by which tool call ids carry thought signatures; its value is `true` or `false`."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One server's variant of the API.

    Attributes:
        name: how errors and reasons call it.
        source: how ledger entries name its reference.
        file_uris: start of a URI of a file -> True: the server reads such files itself. Other URIs are refused.
        files_base: what completes a file id such as `files/abc` to a URI; empty: there are no such ids.
        sends_call_ids: it takes `id` in `functionCall` and `functionResponse`.
        takes_labels: the body has `labels`, into which `metadata` goes.
        max_embedding_inputs: how many inputs one request for embeddings takes.
        service_tiers: OpenAI's `service_tier` -> the `serviceTier` of the body.
    """

    name: str
    source: str
    file_uris: tuple[str, ...]
    files_base: str = ""
    sends_call_ids: bool = True
    takes_labels: bool = False
    max_embedding_inputs: int = 100
    service_tiers: Mapping[str, str] = field(default_factory=dict, hash=False)


GEMINI_API = Dialect(
    name="the Gemini API",
    source="Gemini API reference",
    file_uris=("https://", "gs://"),
    files_base="https://generativelanguage.googleapis.com/v1beta/",
    service_tiers=MappingProxyType(
        {"default": "standard", "standard": "standard", "flex": "flex", "priority": "priority"}
    ),
)
"""Its servers read uploaded files, YouTube, public and signed https addresses, and registered objects of Cloud Storage.

Source: https://ai.google.dev/gemini-api/docs/generate-content/file-input-methods, 2026-11-28.
"""
