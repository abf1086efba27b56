"""The plugin keeps the contract, as far as no model is needed: a fake upstream takes the place of its children."""

from __future__ import annotations

from llmgate_core.testing import (
    Capabilities,
    ChatConformance,
    EmbeddingConformance,
    ResponsesConformance,
    TextCompletionConformance,
    TranscriptionConformance,
    Wire,
)


class TestLocalChat(ChatConformance):
    plugin = "llmgate_local:plugin"
    distribution = "llmgate-local"
    capabilities = Capabilities(
        tools=True, parallel_tool_calls=True, structured_output=True, usage_in_stream=True, images=True, reasoning=True
    )
    wire = Wire.openai_chat()


class TestLocalResponses(ResponsesConformance):
    plugin = "llmgate_local:plugin"
    distribution = "llmgate-local"
    capabilities = Capabilities(tools=True, usage_in_stream=True)
    wire = Wire.openai_responses()


class TestLocalTextCompletion(TextCompletionConformance):
    plugin = "llmgate_local:plugin"
    distribution = "llmgate-local"
    capabilities = Capabilities(usage_in_stream=True)
    wire = Wire.openai_text_completion()


class TestLocalEmbedding(EmbeddingConformance):
    plugin = "llmgate_local:plugin"
    distribution = "llmgate-local"
    capabilities = Capabilities(streaming=False)
    wire = Wire.openai_embedding()


class TestLocalTranscription(TranscriptionConformance):
    plugin = "llmgate_local:plugin"
    distribution = "llmgate-local"
    wire = Wire.openai_transcription()
