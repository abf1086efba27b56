"""The plugin keeps the contract: llmgate's conformance kit, hermetic."""

from __future__ import annotations

from llmgate_core.testing import Capabilities, EmbeddingConformance, Wire


class TestOpenAIEmbeddings(EmbeddingConformance):
    plugin = "llmgate_openai_embeddings:plugin"
    distribution = "llmgate-openai-embeddings"
    models = ("conformance", "text-embedding-3-small")
    capabilities = Capabilities(streaming=False)
    wire = Wire.openai_embedding()
