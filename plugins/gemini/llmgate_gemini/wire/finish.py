"""Why an answer ended: Google's reasons, in OpenAI's words or as an error. Data.

Source: google-genai 3.6.1, `FinishReason` and `BlockedReason`; Gemini API reference, `Candidate.finishReason`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["FAILED", "FINISHED"]

_FILTERED = (
    "SAFETY", "RECITATION", "LANGUAGE", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT", "IMAGE_OTHER", "IMAGE_RECITATION", "NO_IMAGE", "MODEL_ARMOR", "ESCALATION",
    "PUP_LIMITED_DISABLED",
)  # fmt: skip
FINISHED: Mapping[str, str] = MappingProxyType(
    {
        "FINISH_REASON_UNSPECIFIED": "stop",
        "STOP": "stop",
        "MAX_TOKENS": "length",
        "CONTINUATION": "length",
        **dict.fromkeys(_FILTERED, "content_filter"),
    }
)
"""`finishReason` -> `finish_reason`; STOP with a function call is `tool_calls`."""
FAILED: Mapping[str, str] = MappingProxyType(
    {
        "MALFORMED_FUNCTION_CALL": "the model wrote a function call that cannot be parsed",
        "UNEXPECTED_TOOL_CALL": "the model called a function that it was not given",
        "TOO_MANY_TOOL_CALLS": "the model called too many tools in one request",
        "MALFORMED_RESPONSE": "the model wrote an answer that cannot be parsed",
        "MISSING_THOUGHT_SIGNATURE": "a thought signature is missing in the request",
    }
)
"""`finishReason` of an answer that could not be made -> what happened. Another try may succeed."""
