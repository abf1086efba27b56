"""Google Cloud's Vertex AI for llmgate: Gemini natively, Claude, and other publishers' models in OpenAI's shape."""

from llmgate_vertex.chat import VertexChat
from llmgate_vertex.claude import VertexClaude
from llmgate_vertex.embeddings import VertexEmbeddings

plugin = VertexChat()
embeddings = VertexEmbeddings()
claude = VertexClaude()

__all__ = ["claude", "embeddings", "plugin"]
