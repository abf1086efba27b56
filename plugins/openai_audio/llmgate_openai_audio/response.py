"""What the audio endpoints answer -> the canonical response.

Pure. JSON and audio are canonical as they stand; a plain text becomes `{"text": ...}`. Which of them it is, is told by
what was asked for: servers send a transcript under any content type. Nothing of the text is changed.

Source: OpenAPI 2.3.0, `AudioResponseFormat`.
"""

from __future__ import annotations

from llmgate_core.plugin import Call, JsonObject, Route, UpstreamResponse, decode, errors, hookimpl

PLAIN_FORMATS = ("text", "srt", "vtt")


@hookimpl
def transform_response(call: Call, route: Route, response: UpstreamResponse) -> JsonObject | UpstreamResponse:
    """Return the answer itself, or its text in an object.

    Raises:
        APIResponseValidationError: the text is not UTF-8.
    """
    if route.family == "speech" or call.body.get("response_format") not in PLAIN_FORMATS or _is_no_text(response):
        return response
    try:
        return {"text": response.content.decode()}
    except UnicodeDecodeError as error:
        raise errors.APIResponseValidationError(
            f"HTTP {response.status}: the transcript is not UTF-8: {error.reason} at byte {error.start}",
            status_code=response.status,
            request_id=response.headers.get("x-request-id"),
        ) from None


def _is_no_text(response: UpstreamResponse) -> bool:
    """Return whether it is a web page or an error object, which core then refuses by its own rules."""
    kind = response.headers.get("content-type", "")
    if "json" not in kind:
        return "text/html" in kind
    try:
        parsed = decode(response.content)
    except ValueError:
        return False
    return isinstance(parsed, dict) and bool(parsed.get("error"))
