"""How the vectors of an embedding call are sent, and how many there have to be.

Pure.
"""

from __future__ import annotations

from dataclasses import replace

from llmgate_core.contract.call import Call
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.settings.options import Options

__all__ = ["ENCODING", "asking_for_base64", "count_of_inputs"]

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
