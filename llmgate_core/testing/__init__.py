"""A scripted upstream on the loopback, and the conformance kit, for the tests of plugins and of programs.

The kit is imported when one of its names is first asked for. pytest is never imported here.
"""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING

from llmgate_core.testing.answer import Answer
from llmgate_core.testing.fake_upstream import FakeUpstream, ReceivedRequest, fake_upstream

if TYPE_CHECKING:
    from llmgate_core.testing.conformance.base import results_of
    from llmgate_core.testing.conformance.capabilities import Capabilities
    from llmgate_core.testing.conformance.check import CheckResult, ConformanceError
    from llmgate_core.testing.conformance.families import (
        ChatConformance,
        EmbeddingConformance,
        ImageConformance,
        MessagesConformance,
        ModerationConformance,
        RerankConformance,
        ResponsesConformance,
        SpeechConformance,
        TextCompletionConformance,
        TranscriptionConformance,
        TranslationConformance,
        VideoConformance,
    )
    from llmgate_core.testing.conformance.samples import Reply, Sample, ToolCall
    from llmgate_core.testing.conformance.wire import Wire, line_frame, sse_frame

__all__ = [
    "Answer",
    "Capabilities",
    "ChatConformance",
    "CheckResult",
    "ConformanceError",
    "EmbeddingConformance",
    "FakeUpstream",
    "ImageConformance",
    "MessagesConformance",
    "ModerationConformance",
    "ReceivedRequest",
    "Reply",
    "RerankConformance",
    "ResponsesConformance",
    "Sample",
    "SpeechConformance",
    "TextCompletionConformance",
    "ToolCall",
    "TranscriptionConformance",
    "TranslationConformance",
    "VideoConformance",
    "Wire",
    "fake_upstream",
    "line_frame",
    "results_of",
    "sse_frame",
]


def __getattr__(name: str) -> object:
    """Import the kit when it is first asked for: a test that only needs an upstream does not load it."""
    module = _LAZY_MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"llmgate_core.testing.conformance.{module}"), name)


_LAZY_MODULES = MappingProxyType(
    {
        "Capabilities": "capabilities",
        "CheckResult": "check",
        "ConformanceError": "check",
        "Reply": "samples",
        "Sample": "samples",
        "ToolCall": "samples",
        "Wire": "wire",
        "line_frame": "wire",
        "results_of": "base",
        "sse_frame": "wire",
        **{name: "families" for name in __all__ if name.endswith("Conformance")},
    }
)
