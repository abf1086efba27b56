"""The plugins keep the contract: llmgate's conformance kit, hermetic, for each family that they serve."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from llmgate_core.testing import (
    Answer,
    Capabilities,
    ChatConformance,
    EmbeddingConformance,
    ImageConformance,
    ReceivedRequest,
    ResponsesConformance,
    SpeechConformance,
    TextCompletionConformance,
    TranscriptionConformance,
    TranslationConformance,
    VideoConformance,
    Wire,
)

DISTRIBUTION = "llmgate-azure"
CHAT = Capabilities(tools=True, parallel_tool_calls=True, structured_output=True, images=True, usage_in_stream=True)


class TestChat(ChatConformance):
    plugin = "llmgate_azure:plugin"
    distribution = DISTRIBUTION
    capabilities = CHAT
    wire = Wire.openai_chat()


@pytest.mark.exhaustive  # the same code as the classes beside it
class TestDatedChat(TestChat):
    options = MappingProxyType({"api_version": "2024-10-21"})


def token(request: ReceivedRequest) -> Answer | None:
    """Answer a request to Entra ID; None: it is another one."""
    is_token = request["path"] == "/my-tenant/oauth2/v2.0/token"
    return Answer.json({"access_token": "token-of-entra-id", "expires_in": 3599}) if is_token else None


class TestChatWithEntra(TestChat):
    options = MappingProxyType(
        {
            "azure_credential": "client_secret",
            "tenant_id": "my-tenant",
            "client_id": "my-client",
            "client_secret": "secret-of-the-kit-1",
        }
    )
    wire = replace(Wire.openai_chat(), beside=token)


@pytest.mark.exhaustive  # the same code as the classes beside it
class TestBridge(ChatConformance):
    plugin = "llmgate_azure:responses"
    distribution = DISTRIBUTION
    capabilities = CHAT
    wire = Wire.openai_responses()


class TestResponses(ResponsesConformance):
    plugin = "llmgate_azure:responses"
    distribution = DISTRIBUTION
    capabilities = CHAT
    wire = Wire.openai_responses()


@pytest.mark.exhaustive  # the same code as the classes beside it
class TestTextCompletion(TextCompletionConformance):
    plugin = "llmgate_azure:plugin"
    distribution = DISTRIBUTION
    capabilities = Capabilities(usage_in_stream=True)
    wire = Wire.openai_text_completion()


@pytest.mark.exhaustive  # the same code as the classes beside it
class TestEmbedding(EmbeddingConformance):
    plugin = "llmgate_azure:plugin"
    distribution = DISTRIBUTION
    wire = Wire.openai_embedding()


class TestTranscription(TranscriptionConformance):
    plugin = "llmgate_azure:audio"
    distribution = DISTRIBUTION
    wire = Wire.openai_transcription()


@pytest.mark.exhaustive  # the same code as the classes beside it
class TestTranslation(TranslationConformance):
    plugin = "llmgate_azure:audio"
    distribution = DISTRIBUTION
    wire = Wire.openai_translation()


@pytest.mark.exhaustive  # the same code as the classes beside it
class TestSpeech(SpeechConformance):
    plugin = "llmgate_azure:audio"
    distribution = DISTRIBUTION
    wire = Wire.openai_speech()


@pytest.mark.exhaustive  # the same code as the classes beside it
class TestImage(ImageConformance):
    plugin = "llmgate_azure:plugin"
    distribution = DISTRIBUTION
    wire = Wire.openai_image()


@pytest.mark.exhaustive  # the same code as the classes beside it
class TestVideo(VideoConformance):
    plugin = "llmgate_azure:video"
    distribution = DISTRIBUTION
    wire = Wire.openai_video()
