"""The base of the HTTP servers in the children: authorization, request bodies, responses.

One route besides `/health`; everything else is refused with an error body in OpenAI's shape. Nobody without
the key makes it keep a body, and no request takes the server down with it.

Source: RFC 9112 for framing; OpenAI API reference, `ErrorResponse`.
"""

from __future__ import annotations

import hmac
import json
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

__all__ = ["ChildServer", "RefusedError"]

KINDS = {401: "authentication_error", 404: "not_found_error", 500: "server_error"}
MAX_LENGTH_DIGITS = 12
BLOCK_BYTES = 64 * 1024


class RefusedError(Exception):
    """The request cannot be served; args: status, message, parameter."""


class _GoneError(Exception):
    """The client has disconnected, or is too slow."""


class ChildServer(ThreadingHTTPServer):
    """Serves one route on the loopback.

    Attributes:
        route, max_body_bytes: what is served, and how much is taken.
    """

    daemon_threads = True
    request_queue_size = 128  # the default is 5 connections
    route = ""
    max_body_bytes = 0

    def __init__(self, key: str, port: int) -> None:
        self.authorization = f"Bearer {key}".encode()
        super().__init__(("127.0.0.1", port), _RequestHandler)

    def answer(self, content: bytes, content_type: str) -> tuple[str, bytes]:
        """Return the content type and body of the response to a request.

        Raises:
            RefusedError: the body asks for what this model cannot do.
        """
        raise RefusedError(404, "no such route", None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log errors, except for clients that have disconnected."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60  # seconds without any progress

    @property
    def _child(self) -> ChildServer:
        return cast("ChildServer", self.server)

    def do_GET(self) -> None:
        if self.path == "/health":
            self._send(200, "application/json", b'{"status": "ok"}')
        else:
            self._refuse(404, "no such route", None)

    def do_POST(self) -> None:
        try:
            content = self._body()
            content_type, answer = self._child.answer(content, self.headers.get("content-type", ""))
        except RefusedError as refusal:
            self._refuse(*refusal.args)
        except _GoneError:
            self.close_connection = True
        except Exception:  # noqa: BLE001 - the client gets a 500, the log the details
            traceback.print_exc()
            self._refuse(500, "the model failed at this request", None)
        else:
            self._send(200, content_type, answer)

    def _body(self) -> bytes:
        """Return the body, read in full before any check, so that the connection can be reused."""
        length, limit = self._length(), self._child.max_body_bytes
        refusal = self._refusal()
        if length > limit or refusal is not None:
            self._drop(length)
        if length > limit:
            raise RefusedError(413, f"the body must have at most {limit} bytes", None)
        if refusal is not None:
            raise refusal
        try:
            content = self.rfile.read(length)
        except OSError as error:
            raise _GoneError from error
        if len(content) < length:
            raise _GoneError
        return content

    def _length(self) -> int:
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdecimal()) or len(length) > MAX_LENGTH_DIGITS:
            self.close_connection = True
            raise RefusedError(411, "a content-length header is required", None)
        return int(length)

    def _refusal(self) -> RefusedError | None:
        """Return the error if the request must be rejected, or else None."""
        if not hmac.compare_digest(self.headers.get("authorization", "").encode(), self._child.authorization):
            return RefusedError(401, "wrong key", None)
        return None if self.path == self._child.route else RefusedError(404, "no such route", None)

    def _drop(self, length: int) -> None:
        """Drain a body, so that a client that is still sending gets to read the error."""
        left = min(length, 2 * self._child.max_body_bytes)
        self.close_connection = self.close_connection or left < length
        while left and (block := self.rfile.read(min(left, BLOCK_BYTES))):
            left -= len(block)

    def _refuse(self, status: int, message: str, param: str | None) -> None:
        error = {"message": message, "type": KINDS.get(status, "invalid_request_error"), "param": param, "code": None}
        self._send(status, "application/json", json.dumps({"error": error}).encode())

    def _send(self, status: int, content_type: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Log no requests: their content is private."""
