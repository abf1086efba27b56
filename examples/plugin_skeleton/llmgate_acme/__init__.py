"""Acme's models for llmgate: a host that speaks OpenAI's API with a few differences of its own.

Source: replace this line by the address of the provider's API reference.
"""

from __future__ import annotations

from llmgate_core.plugin import OpenAICompatible, ProviderInfo

__all__ = ["Acme", "plugin"]


class Acme(OpenAICompatible):
    """Chat and embeddings of Acme. Everything else is as in OpenAI's API."""

    info = ProviderInfo(api=(1, 0), name="acme", base_url="https://api.acme.example/v1", env_key="ACME_API_KEY")
    rename = {"max_tokens": "limit"}  # reported in the ledger of each call that it touches


plugin = Acme()
