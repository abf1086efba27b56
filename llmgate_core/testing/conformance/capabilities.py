"""What a provider can do, as the author of its plugin claims. Data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Capabilities"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Each is checked in both directions: what is claimed works, what is not claimed is never silently left out.

    Attributes:
        streaming: the answer may come as a stream.
        tools: the model can call functions.
        parallel_tool_calls: several in one answer.
        structured_output: `response_format` with a JSON schema.
        usage_in_stream: a stream says how many tokens it took, with `stream_options={"include_usage": True}`.
        images: messages may have pictures.
        reasoning: answers have the model's thoughts as `reasoning_content`.
        signed_reasoning: and these have to be sent back, as `reasoning_items`.
    """

    streaming: bool = True
    tools: bool = False
    parallel_tool_calls: bool = False
    structured_output: bool = False
    usage_in_stream: bool = False
    images: bool = False
    reasoning: bool = False
    signed_reasoning: bool = False
