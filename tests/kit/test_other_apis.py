"""The kit's checks of the families that OpenAI's API does not have, with an upstream that has them as they are."""

from __future__ import annotations

from llmgate_core.plugin import OpenAICompatible, ProviderInfo
from llmgate_core.testing import Capabilities, MessagesConformance, RerankConformance, Wire


class Acme(OpenAICompatible):
    """An upstream whose answers have the canonical shapes."""

    info = ProviderInfo(api=(1, 1), name="acme", base_url="https://api.acme.example/v1", env_key="ACME_API_KEY")


ACME = Acme()


class TestMessages(MessagesConformance):
    plugin = ACME
    wire = Wire.messages()
    capabilities = Capabilities(tools=True, reasoning=True, usage_in_stream=True)


class TestRerank(RerankConformance):
    plugin = ACME
    wire = Wire.rerank()
