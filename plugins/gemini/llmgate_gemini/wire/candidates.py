"""What a candidate says besides its parts: how it ended, what it is based on, and what chat has no field for.

Pure. Whole answers and streams share it.

Source: Gemini API reference, `Candidate`, `PromptFeedback`.
"""

from __future__ import annotations

from typing import Any

from llmgate_core.plugin import JsonObject, Ledger, errors, string_of
from llmgate_gemini.wire.answer_parts import CandidateReader
from llmgate_gemini.wire.fields import table
from llmgate_gemini.wire.finish import FAILED, FINISHED
from llmgate_gemini.wire.grounding import annotations_of
from llmgate_gemini.wire.spelling import snake

__all__ = ["blocked_choice", "ending_of", "extras_of", "finish_reason_of"]

READ = frozenset({"content", "finishReason", "index", "logprobsResult"})
PLAIN_REASONS = frozenset({"STOP", "MAX_TOKENS"})
"""Reasons that `finish_reason` says in full."""


def extras_of(candidate: JsonObject) -> JsonObject:
    """Return what chat has no field for, under Google's names as Python writes them."""
    return {snake(name): value for name, value in candidate.items() if name not in READ and value is not None}


def finish_reason_of(candidate: JsonObject, calls: int, ledger: Ledger) -> str | None:
    """Return the `finish_reason` of a candidate; None: it has not ended.

    Raises:
        BadGatewayError: the model has made no answer; another try may succeed.
    """
    reason = string_of(candidate.get("finishReason"))
    if not reason:
        return None
    if reason in FAILED:
        raise _failed(reason, string_of(candidate.get("finishMessage")))
    if reason not in FINISHED:
        ledger.emulated("finish_reason", f"{reason[:40]!r} is not known to llmgate, and is passed on as stop")
    finished = FINISHED.get(reason, "stop")
    return "tool_calls" if finished == "stop" and calls else finished


def ending_of(extras: JsonObject, reason: str, finished: str, reader: CandidateReader) -> JsonObject:
    """Return the fields of a message that are known once a candidate has ended, as a delta.

    Args:
        extras: what `extras_of` has returned so far.
        reason: the `finishReason`.
        finished: the `finish_reason`.
        reader: has read its parts.
    """
    delta: JsonObject = {}
    if annotations := annotations_of(extras.get("grounding_metadata"), reader.spoken):
        delta["annotations"] = annotations
    if finished == "content_filter" and not any(reader.spoken):
        delta["refusal"] = string_of(extras.get("finish_message")) or f"the answer was blocked: {reason}"
    fields = extras if reason in PLAIN_REASONS else {**extras, "finish_reason": reason}
    return {**delta, "provider_specific_fields": fields} if fields else delta


def blocked_choice(feedback: Any) -> JsonObject | None:
    """Return the choice for a prompt that was blocked; None: it was not. It has `message`."""
    reason = string_of(table(feedback).get("blockReason"))
    if not reason:
        return None
    refusal = string_of(table(feedback).get("blockReasonMessage")) or f"the prompt was blocked: {reason}"
    message = {"content": None, "refusal": refusal, "provider_specific_fields": {"prompt_feedback": feedback}}
    return {"index": 0, "message": message, "finish_reason": "content_filter"}


def _failed(reason: str, message: str) -> errors.BadGatewayError:
    text = f"{FAILED[reason]} ({reason})" + (f": {message[:500]}" if message else "")
    return errors.BadGatewayError(text, status_code=502, code=reason.lower(), retry=True)
