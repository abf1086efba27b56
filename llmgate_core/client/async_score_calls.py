"""The functions of the asynchronous client that answer with numbers: what each is called with, and what comes back.

Only signatures are here, as in `async_text_calls.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmgate_core.client.async_caller import AsyncCaller
from llmgate_core.client.hidden_keys import hide_keys

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from llmgate_core.client.arguments import EmbeddingArguments, RerankArguments
    from llmgate_core.client.inputs import TextValue
    from llmgate_core.settings.call_options import CallOptions
    from llmgate_core.types.embedding import EmbeddingResponse
    from llmgate_core.types.moderation import ModerationResponse
    from llmgate_core.types.rerank import RerankResponse

__all__ = ["AsyncScoreCalls"]


@hide_keys
class AsyncScoreCalls(AsyncCaller):
    """Embeddings, moderation and rerank."""

    async def embedding(
        self, model: str, input: TextValue, **arguments: Unpack[EmbeddingArguments]
    ) -> EmbeddingResponse:
        """Turn text into vectors.

        Args:
            model: a model string.
            input: a string, a list of strings, a list of tokens, or a list of such lists. More than the endpoint
                takes at once are sent in several requests, with one result.
            **arguments: as for `completion`; `dimensions` is the length of the vectors.

        Returns:
            An `EmbeddingResponse` with a vector in `data` for each input, in their order, and all of them as an array
            in `vectors`.

        Raises:
            LLMGateError: every failure; the classes are in docs/guide/errors.md.

        Source: OpenAI API reference, POST /embeddings.
        """
        result: EmbeddingResponse = await self._call("embedding", model, {"input": input}, arguments)
        return result

    async def moderation(
        self,
        input: str | Sequence[str] | Sequence[Mapping[str, Any]],
        model: str | None = None,
        **arguments: Unpack[CallOptions],
    ) -> ModerationResponse:
        """Judge whether text and images are harmful.

        Args:
            input: a string; a list of strings; or a list of parts, `{"type": "text", "text": ...}` and
                `{"type": "image_url", "image_url": {"url": ...}}`, which are judged together.
            model: a model string; None: the default model of the default provider.
            **arguments: options, docs/guide/options.md.

        Returns:
            A `ModerationResponse` with one verdict in `results` for each string, or one for all parts.

        Raises:
            LLMGateError: every failure; the classes are in docs/guide/errors.md.

        Source: OpenAI API reference, POST /moderations.
        """
        result: ModerationResponse = await self._call("moderation", model, {"input": input}, arguments)
        return result

    async def rerank(
        self,
        model: str,
        query: str,
        documents: Sequence[str | Mapping[str, Any]],
        **arguments: Unpack[RerankArguments],
    ) -> RerankResponse:
        """Order documents by how relevant they are to a query.

        Args:
            model: a model string, such as `cohere/rerank-v3.5`.
            query: what the documents are compared with.
            documents: strings, or objects with a `text`.
            **arguments: as for `completion`; `top_n` is how many results come back.

        Returns:
            A `RerankResponse` with the index and the score of each document in `results`, the best first.

        Raises:
            LLMGateError: every failure; the classes are in docs/guide/errors.md.

        Source: Cohere API reference, POST /v2/rerank; Jina API reference, POST /v1/rerank.
        """
        result: RerankResponse = await self._call("rerank", model, {"query": query, "documents": documents}, arguments)
        return result
