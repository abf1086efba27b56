"""Bedrock's endpoint in OpenAI's shape, Mantle: `bedrock_mantle/`, for chat, responses and Anthropic's messages.

Pure. Requests and answers are canonical; what is added is the key or the signature.

Source: AWS, "Endpoints supported by Amazon Bedrock", "Responses API" and "Inference using Anthropic Messages API" of
the Bedrock user guide, read 2026-11-29; service authorization reference of `bedrock-mantle`.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from llmgate_bedrock.authorization import AWSAuthorized
from llmgate_bedrock.provider import CREDENTIAL_HOSTS, EXPIRED_HEADERS, KEY_VARIABLES, OPTIONS
from llmgate_bedrock.regions import FIPS, REGION
from llmgate_core.plugin import OpenAICompatible, ProviderInfo, Route, hookimpl

__all__ = ["messages", "plugin"]

ORIGIN = f"https://bedrock-mantle.{{{REGION}}}.api.aws"
ROOT_OF_FAMILY = MappingProxyType({"messages": "/anthropic/v1"})
ROOT_OF_MODEL = MappingProxyType({"openai.gpt-5": "/openai/v1"})
"""Family, and beginning of a model's id -> the path of the API that serves it, where it is not `/v1`."""
ONLY_CLAUDE = MappingProxyType({"messages": ("*anthropic.claude-*",)})
"""Messages calls of other models are converted to chat."""
ANTHROPIC_VERSION = MappingProxyType({"anthropic-version": "2023-06-01"})


class Mantle(AWSAuthorized, OpenAICompatible):
    """Serves `bedrock_mantle/` in the families chat and responses."""

    service = "bedrock-mantle"
    source = "AWS, Bedrock user guide"
    info = ProviderInfo(
        api=(1, 1),
        name="bedrock_mantle",
        base_url=f"{ORIGIN}/v1",
        env_base_url=("BEDROCK_MANTLE_API_BASE", "AWS_ENDPOINT_URL_BEDROCK_MANTLE"),
        env_key=("BEDROCK_MANTLE_API_KEY", *KEY_VARIABLES),
        env_key_optional=True,
        hosts=(ORIGIN, *CREDENTIAL_HOSTS),
        operations=frozenset({"responses.retrieve", "responses.cancel", "responses.delete", "messages.count_tokens"}),
        expired_headers=EXPIRED_HEADERS,
        options=tuple(option for option in OPTIONS if option.name != FIPS),
    )

    @hookimpl
    def base_url(self, route: Route) -> str | None:
        """Return the API of Mantle that serves the family and the model; None: the caller has named another host."""
        root = ROOT_OF_FAMILY.get(route.family) or _root_of_model(route.model)
        return None if root is None or not route.is_provider_host else f"{route.hosts[0]}{root}"


class MantleMessages(Mantle):
    """Serves `bedrock_mantle/` in the family messages: Anthropic's API, with the key and the version in its headers."""

    info = replace(
        Mantle.info,
        key_header="x-api-key",
        headers=ANTHROPIC_VERSION,
        only_models={"messages": ("*anthropic.claude-*",)},
    )


def _root_of_model(model: str) -> str | None:
    return next((root for beginning, root in ROOT_OF_MODEL.items() if model.startswith(beginning)), None)


plugin = Mantle()
messages = MantleMessages()
