"""The errors of Azure's content filter. Pure.

Azure says what it found in `innererror`, next to the error's own code, or in `inner_error` of images.

Source: Microsoft's "Content filtering": `ResponsibleAIPolicyViolation`, `content_filter_result`; seen in
BerriAI/litellm#16231, openai/openai-dotnet#55 and microsoft/TinyTroupe#85.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmgate_core.plugin import UpstreamResponse, decode, errors

__all__ = ["filtered"]

VIOLATION = "ResponsibleAIPolicyViolation"
INNER = ("innererror", "inner_error")
RESULTS = ("content_filter_result", "content_filter_results")
MAX_FINDINGS = 20
MAX_WORD = 40


def filtered(response: UpstreamResponse, error: errors.APIError) -> errors.APIError | None:
    """Return the error of the content filter, whose message says what was found; None: it was not the filter."""
    fields = _fields(response)
    inner: Mapping[str, Any] = next((fields[name] for name in INNER if isinstance(fields.get(name), Mapping)), {})
    if not isinstance(error, errors.ContentPolicyViolationError) and inner.get("code") != VIOLATION:
        return None
    found = ", ".join(_findings(inner))
    message = f"{error.message} (found: {found})" if found else error.message
    made = error.recast(errors.ContentPolicyViolationError, code="content_filter", message=message)
    made.type = made.type or VIOLATION
    return made


def _fields(response: UpstreamResponse) -> Mapping[str, Any]:
    try:
        parsed = decode(response.content)
    except ValueError:
        return {}
    fields = parsed.get("error") if isinstance(parsed, dict) else None
    return fields if isinstance(fields, dict) else {}


def _findings(inner: Mapping[str, Any]) -> Iterator[str]:
    """Yield each category that was filtered, such as `hate high`."""
    results: Mapping[str, Any] = next((inner[name] for name in RESULTS if isinstance(inner.get(name), Mapping)), {})
    for category, result in list(results.items())[:MAX_FINDINGS]:
        if isinstance(result, Mapping) and (result.get("filtered") is True or result.get("detected") is True):
            severity = result.get("severity")
            words = [category, severity] if isinstance(severity, str) else [category]
            yield " ".join(str(word)[:MAX_WORD] for word in words)
