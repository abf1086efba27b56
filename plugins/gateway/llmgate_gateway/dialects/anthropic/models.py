"""The list of models in the shape of Anthropic's API. Pure.

A config says nothing of when a model appeared, so `created_at` is the epoch, as the API has it for a date that is not
known.

Source: Anthropic API reference, "List Models"; the types `ModelInfo` and `SyncPage` of its SDK 2.14.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmgate_gateway.http.body import query_fields
from llmgate_gateway.http.responses import RefusedError, Reply, json_reply, refuse

__all__ = ["model_page", "model_reply"]

FIELDS: Final = frozenset({"limit", "after_id", "before_id"})
USUAL_LIMIT: Final = 20
MAX_LIMIT: Final = 1000
UNKNOWN_DATE: Final = "1970-01-01T00:00:00Z"


def model_page(names: Sequence[str], query: bytes) -> Reply:
    """Return one page: up to `limit` models behind `after_id`, or before `before_id`; both are names of models.

    Raises:
        RefusedError: 400: the query is not valid.
    """
    fields = dict(query_fields(query, FIELDS)[0])
    limit = _limit(fields.get("limit"))
    after, before = fields.get("after_id"), fields.get("before_id")
    if after is not None and before is not None:
        raise refuse(400, "after_id and before_id: only one may be given", code="invalid_value", param="before_id")
    if before is not None:
        rest = names[: _place(names, "before_id", before)]
        return _page(rest[-limit:], has_more=len(rest) > limit)
    rest = names if after is None else names[_place(names, "after_id", after) + 1 :]
    return _page(rest[:limit], has_more=len(rest) > limit)


def model_reply(name: str) -> Reply:
    """Return the description of one model."""
    return json_reply(_model(name))


def _page(names: Sequence[str], *, has_more: bool) -> Reply:
    ends = {"first_id": names[0], "last_id": names[-1]} if names else {"first_id": None, "last_id": None}
    return json_reply({"data": [_model(name) for name in names], "has_more": has_more, **ends})


def _model(name: str) -> dict[str, object]:
    return {"type": "model", "id": name, "display_name": name, "created_at": UNKNOWN_DATE, "lifecycle": "active"}


def _limit(text: str | None) -> int:
    if text is None:
        return USUAL_LIMIT
    limit = int(text) if text.isascii() and text.isdecimal() and len(text) <= 4 else 0
    if not 1 <= limit <= MAX_LIMIT:
        raise _invalid("limit", f"must be a whole number from 1 to {MAX_LIMIT}")
    return limit


def _place(names: Sequence[str], field: str, name: str) -> int:
    if name not in names:
        raise _invalid(field, "is not the id of a model")
    return names.index(name)


def _invalid(field: str, why: str) -> RefusedError:
    return refuse(400, f"{field}: {why}", code="invalid_value", param=field)
