"""An answer of the audio endpoints -> the canonical response.

Pure. JSON and audio are canonical already; a plain transcript becomes `{"text": ...}`. The requested format decides
which of them an answer is, since servers send a transcript under any content type. The transcript is not changed.

Source: OpenAI API reference, `AudioResponseFormat`.
"""

from __future__ import annotations

from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.errors import APIResponseValidationError
from llmgate_core.json_codec import decode

__all__ = ["read_transcript"]

PLAIN_FORMATS = ("text", "srt", "vtt")


def read_transcript(call: Call, route: Route, response: UpstreamResponse) -> JsonObject | UpstreamResponse:
    """Return the answer of an audio endpoint itself, or its transcript in an object.

    Raises:
        APIResponseValidationError: the transcript is not UTF-8.
    """
    is_plain = route.family != "speech" and call.body.get("response_format") in PLAIN_FORMATS
    if not is_plain or _is_document(response):
        return response
    try:
        return {"text": response.content.decode()}
    except UnicodeDecodeError as error:
        raise APIResponseValidationError(
            f"HTTP {response.status}: the transcript is not UTF-8: {error.reason} at byte {error.start}",
            status_code=response.status,
            request_id=response.headers.get("x-request-id"),
        ) from None


def _is_document(response: UpstreamResponse) -> bool:
    """Return whether it is a web page or an error object, which core refuses by its own rules."""
    content_type = response.headers.get("content-type", "")
    if "json" not in content_type:
        return "text/html" in content_type
    try:
        parsed = decode(response.content)
    except ValueError:
        return False
    return isinstance(parsed, dict) and bool(parsed.get("error"))
