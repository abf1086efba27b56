"""Rows of every shape keep the contract: llmgate's conformance kit, hermetic."""

from __future__ import annotations

import pytest

from llmgate_core.testing import (
    Capabilities,
    ChatConformance,
    EmbeddingConformance,
    ResponsesConformance,
    TextCompletionConformance,
    TranscriptionConformance,
    Wire,
)

ALL = Capabilities(tools=True, parallel_tool_calls=True, structured_output=True, usage_in_stream=True, images=True)
DISTRIBUTION = "llmgate-providers"


class TestRowWithoutEdits(ChatConformance):
    plugin = "llmgate_providers.plugins:poe"
    distribution = DISTRIBUTION
    capabilities = ALL
    wire = Wire.openai_chat()


class TestRowThatEditsBoth(ChatConformance):
    plugin = "llmgate_providers.plugins:mistral"
    distribution = DISTRIBUTION
    capabilities = ALL
    wire = Wire.openai_chat()
    known_failures = {  # noqa: RUF012
        "test_tool_results": "ids of tool calls have 9 letters and digits there, so both get another one, the same"
    }


@pytest.mark.exhaustive  # the same code as the classes beside it
class TestRowWithHeadersOfOptions(ChatConformance):
    plugin = "llmgate_providers.plugins:openrouter"
    distribution = DISTRIBUTION
    capabilities = ALL
    wire = Wire.openai_chat()
    options = {"site_url": "https://a.example"}  # noqa: RUF012  # the kit reads it


class TestRowWithAnOptionInItsURL(ChatConformance):
    plugin = "llmgate_providers.plugins:cloudflare"
    distribution = DISTRIBUTION
    capabilities = ALL
    wire = Wire.openai_chat()
    options = {"account_id": "a1"}  # noqa: RUF012


class TestResponses(ResponsesConformance):
    plugin = "llmgate_providers.plugins:groq"
    distribution = DISTRIBUTION
    capabilities = ALL
    wire = Wire.openai_responses()


@pytest.mark.exhaustive  # the same code as the classes beside it
class TestTextCompletions(TextCompletionConformance):
    plugin = "llmgate_providers.plugins:codestral"
    distribution = DISTRIBUTION
    capabilities = Capabilities(usage_in_stream=True)
    wire = Wire.openai_text_completion()


@pytest.mark.exhaustive  # the same code as the classes beside it
class TestEmbeddings(EmbeddingConformance):
    plugin = "llmgate_providers.plugins:voyage"
    distribution = DISTRIBUTION
    capabilities = Capabilities(streaming=False)
    wire = Wire.openai_embedding()


@pytest.mark.exhaustive  # the same code as the classes beside it
class TestTranscriptions(TranscriptionConformance):
    plugin = "llmgate_providers.plugins:groq"
    distribution = DISTRIBUTION
    capabilities = Capabilities()
    wire = Wire.openai_transcription()
