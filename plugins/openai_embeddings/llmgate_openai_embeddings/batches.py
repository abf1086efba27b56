"""More inputs than POST /embeddings takes at once: sent as several requests, answered as one.

Pure.

Source: OpenAI API reference, POST /embeddings: "any array must be 2048 dimensions or less".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmgate_core.plugin import Call, Exchange, JsonObject, LedgerEntry, Progress, Route, UpstreamRequest

__all__ = ["MAX_INPUTS", "batched_request", "batches_of", "send_batches"]

MAX_INPUTS = 2048
Batches = Sequence[list[Any]]


def batches_of(inputs: object) -> Batches:
    """Return the inputs in lists that the endpoint takes; nothing where they fit into one. Token ids are one input."""
    if not isinstance(inputs, list) or len(inputs) <= MAX_INPUTS or isinstance(inputs[0], int):
        return ()
    return [inputs[start : start + MAX_INPUTS] for start in range(0, len(inputs), MAX_INPUTS)]


def batched_request(call: Call, route: Route, batches: Batches) -> UpstreamRequest:
    """Return the first request, with a ledger entry that says that there are others."""
    reason = f"sent as {len(batches)} requests of at most {MAX_INPUTS:,} inputs"
    entry = LedgerEntry("input", "emulated", reason, "OpenAI API reference")
    return UpstreamRequest("POST", "/embeddings", _body(call, route, batches[0]), ledger=(entry,))


def send_batches(call: Call, route: Route, batches: Batches) -> Exchange:
    """Send one request after the other; return the answer to all of them. `Progress` has what came so far."""
    answers: list[JsonObject] = []
    for batch in batches:
        response = yield UpstreamRequest("POST", "/embeddings", _body(call, route, batch))
        answer: Any = None if response is None else response.json()
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            return answer if isinstance(answer, dict) else {}  # core says what is wrong with it
        answers.append(answer)
        yield Progress(_joined(answers))
    return _joined(answers)


def _body(call: Call, route: Route, batch: list[Any]) -> JsonObject:
    return {"model": route.model, **call.body, "input": batch}


def _joined(answers: list[JsonObject]) -> JsonObject:
    """Return one answer with the vectors of all, their indexes counted on, and the sum of their usage."""
    data = [
        {**row, "index": number * MAX_INPUTS + _index(row, place)} if isinstance(row, dict) else row
        for number, answer in enumerate(answers)
        for place, row in enumerate(answer["data"])
    ]
    joined = {**answers[0], "data": data}
    usages = [answer.get("usage") for answer in answers]
    if all(isinstance(usage, dict) for usage in usages):
        joined["usage"] = _summed(usages)
    else:
        joined.pop("usage", None)  # a part of the sum is not known
    return joined


def _index(row: JsonObject, place: int) -> int:
    index = row.get("index")
    return index if isinstance(index, int) else place


def _summed(usages: list[Any]) -> JsonObject:
    counts = [name for name, value in usages[0].items() if isinstance(value, int)]
    return {name: sum(usage.get(name) or 0 for usage in usages) for name in counts}
