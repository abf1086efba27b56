"""How the vectors of an embedding call are sent and returned, and how many there have to be.

Pure.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from dataclasses import replace
from typing import Any

from llmgate_core.contract.call import Call, JsonObject
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.settings.options import Options

__all__ = ["ENCODING", "asking_for_base64", "count_of_inputs", "packed_as_asked"]

ENCODING = "encoding_format"
MANY_INPUTS = 100
"""From how many inputs on it is worth asking for base64: as numbers their vectors take seconds to read."""


def count_of_inputs(inputs: object) -> int:
    """Return the number of inputs of an embedding call: a string is one, and so are the token ids of one."""
    return 1 if not isinstance(inputs, list) or (inputs and isinstance(inputs[0], int)) else len(inputs)


def asking_for_base64(original_call: Call, call: Call, target: ResolvedModel, options: Options) -> Call:
    """Return the call with base64 for the vectors of many inputs, where the caller did not say and the model has it."""
    if target.row is None:
        return call
    if ENCODING in original_call.body or ENCODING in options.policy.always_drop:
        return call
    if count_of_inputs(call.body.get("input")) < MANY_INPUTS:
        return call
    return replace(call, body={**call.body, ENCODING: "base64"})


def packed_as_asked(original_call: Call, answer: JsonObject) -> JsonObject:
    """Return an answer with its lists of numbers as base64 of little-endian float32, where the caller asked for that.

    OpenAI's SDKs ask for it in every call. What is not a list of numbers stays as it is.

    Source: OpenAI API reference, `encoding_format` of an embedding.
    """
    rows = answer.get("data")
    if original_call.body.get(ENCODING) != "base64" or not isinstance(rows, list):
        return answer
    return {**answer, "data": [_packed_row(row) for row in rows]}


def _packed_row(row: Any) -> Any:
    vector = row.get("embedding") if isinstance(row, dict) else None
    if not isinstance(vector, list) or not vector:
        return row
    try:
        packed = struct.pack(f"<{len(vector)}f", *vector)
    except (struct.error, OverflowError):
        return row
    return {**row, "embedding": b64encode(packed).decode()}
