"""What the HTTP servers inside our children share: who may ask, how a body is read, how it is answered.

One route besides `/health`; everything else is refused with an error body in OpenAI's shape.
"""

from __future__ import annotations

import hmac
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

__all__ = ["ChildServer", "RefusedError"]


class RefusedError(Exception):
    """The request cannot be served; args: status, message, parameter."""


class ChildServer(ThreadingHTTPServer):
    """Serves one route on the loopback.

    Attributes:
        route, max_body_bytes: what is served, and how much is taken.
    """

    daemon_threads = True
    route = ""
    max_body_bytes = 0

    def __init__(self, key: str, port: int) -> None:
        self.authorization = f"Bearer {key}".encode()
        super().__init__(("127.0.0.1", port), _RequestHandler)

    def answer(self, content: bytes, content_type: str) -> tuple[str, bytes]:
        """Return the content type and body that answer a request's.

        Raises:
            RefusedError: the body asks for what this model cannot do.
        """
        raise RefusedError(404, "there is nothing here", None)


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def _child(self) -> ChildServer:
        return cast("ChildServer", self.server)

    def do_GET(self) -> None:
        if self.path == "/health":
            self._send(200, "application/json", b'{"status": "ok"}')
        else:
            self._refuse(404, "there is nothing here", None)

    def do_POST(self) -> None:
        try:
            content_type, content = self._child.answer(self._body(), self.headers.get("content-type", ""))
        except RefusedError as refusal:
            self._refuse(*refusal.args)
        else:
            self._send(200, content_type, content)

    def _body(self) -> bytes:
        """Read all of the request before judging it, so that the connection can be used again."""
        length = self.headers.get("content-length", "")
        limit = self._child.max_body_bytes
        if not length.isdigit() or int(length) > limit:
            self.close_connection = True
            raise RefusedError(413, f"a body of at most {limit} bytes is taken", None)
        content = self.rfile.read(int(length))
        if not hmac.compare_digest(self.headers.get("authorization", "").encode(), self._child.authorization):
            raise RefusedError(401, "wrong key", None)
        if self.path != self._child.route:
            raise RefusedError(404, "there is nothing here", None)
        return content

    def _refuse(self, status: int, message: str, param: str | None) -> None:
        kind = {401: "authentication_error", 404: "not_found_error"}.get(status, "invalid_request_error")
        error = {"message": message, "type": kind, "param": param, "code": None}
        self._send(status, "application/json", json.dumps({"error": error}).encode())

    def _send(self, status: int, content_type: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Log no request: what they say is nobody's business."""
