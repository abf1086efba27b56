"""A plugin as thin as can be for a provider of Anthropic's Messages API: core's defaults, and the header of its key."""

from __future__ import annotations

from llmgate_core.plugin import OpenAICompatible, ProviderInfo

__all__ = ["SOURCE", "plugin"]

SOURCE = "from tests.support.messages_provider import plugin\n"
"""The module of a distribution that has the plugin."""


class MessagesProvider(OpenAICompatible):
    """Serves the family `messages`, bodies and answers as they are."""

    info = ProviderInfo(
        api=(1, 0),
        name="sketch",
        base_url="https://api.sketch.example/v1",
        env_key="SKETCH_API_KEY",
        key_header="x-api-key",
        headers={"anthropic-version": "2023-06-01"},
        operations=frozenset({"messages.count_tokens"}),
        request_id_header="request-id",
    )


plugin = MessagesProvider()
