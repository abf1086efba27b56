"""The classes that authors inherit from: one for each endpoint family, with the checks that apply to it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from llmgate_core.testing.conformance.answers import AnswerChecks, ChatAnswerChecks
from llmgate_core.testing.conformance.base import Checks
from llmgate_core.testing.conformance.contract import ContractChecks
from llmgate_core.testing.conformance.delivery import DeliveryChecks
from llmgate_core.testing.conformance.failures import FailureChecks
from llmgate_core.testing.conformance.malformed import ChatCallChecks, InputChecks
from llmgate_core.testing.conformance.packaging import PackagingChecks
from llmgate_core.testing.conformance.parameters import ParameterChecks
from llmgate_core.testing.conformance.parity import BridgeChecks, ParityChecks
from llmgate_core.testing.conformance.purity import PurityChecks
from llmgate_core.testing.conformance.registration import RegistrationChecks
from llmgate_core.testing.conformance.samples import SAMPLES, Sample
from llmgate_core.testing.conformance.secrecy import SecrecyChecks
from llmgate_core.testing.conformance.streams import ChunkChecks, StreamChecks

__all__ = [
    "CONFORMANCE",
    "ChatConformance",
    "Conformance",
    "EmbeddingConformance",
    "ImageConformance",
    "MessagesConformance",
    "ModerationConformance",
    "RerankConformance",
    "ResponsesConformance",
    "SpeechConformance",
    "TextCompletionConformance",
    "TranscriptionConformance",
    "TranslationConformance",
    "VideoConformance",
]


class Conformance(
    PackagingChecks,
    RegistrationChecks,
    ParameterChecks,
    PurityChecks,
    FailureChecks,
    SecrecyChecks,
    DeliveryChecks,
    ContractChecks,
    Checks,
):
    """The checks that every family has."""


class ChatConformance(Conformance, ChatAnswerChecks, ChunkChecks, ChatCallChecks, BridgeChecks):
    """A plugin for chat."""

    family = "chat"
    samples: ClassVar[tuple[Sample, ...]] = SAMPLES["chat"]


class ResponsesConformance(Conformance, AnswerChecks, StreamChecks, InputChecks, ParityChecks):
    """A plugin for the Responses API."""

    family = "responses"
    samples: ClassVar[tuple[Sample, ...]] = SAMPLES["responses"]


class TextCompletionConformance(Conformance, AnswerChecks, StreamChecks, InputChecks, ParityChecks):
    """A plugin for completions of a prompt."""

    family = "text_completion"
    samples: ClassVar[tuple[Sample, ...]] = SAMPLES["text_completion"]


class EmbeddingConformance(Conformance, AnswerChecks, InputChecks, ParityChecks):
    """A plugin for embeddings."""

    family = "embedding"
    samples: ClassVar[tuple[Sample, ...]] = SAMPLES["embedding"]


class TranscriptionConformance(Conformance, AnswerChecks, StreamChecks, ParityChecks):
    """A plugin that writes down what is said in a recording."""

    family = "transcription"
    samples: ClassVar[tuple[Sample, ...]] = SAMPLES["transcription"]


class TranslationConformance(Conformance, AnswerChecks, ParityChecks):
    """A plugin that writes it down in English."""

    family = "translation"
    samples: ClassVar[tuple[Sample, ...]] = SAMPLES["translation"]


class SpeechConformance(Conformance, AnswerChecks, InputChecks, ParityChecks):
    """A plugin that speaks."""

    family = "speech"
    samples: ClassVar[tuple[Sample, ...]] = SAMPLES["speech"]


class ImageConformance(Conformance, AnswerChecks, StreamChecks, InputChecks, ParityChecks):
    """A plugin for pictures."""

    family = "image"
    samples: ClassVar[tuple[Sample, ...]] = SAMPLES["image"]


class VideoConformance(Conformance, AnswerChecks, InputChecks, ParityChecks):
    """A plugin for videos, whose jobs are made and polled."""

    family = "video"
    samples: ClassVar[tuple[Sample, ...]] = SAMPLES["video"]


class ModerationConformance(Conformance, AnswerChecks, InputChecks, ParityChecks):
    """A plugin that judges content."""

    family = "moderation"
    samples: ClassVar[tuple[Sample, ...]] = SAMPLES["moderation"]


class MessagesConformance(Conformance, AnswerChecks, StreamChecks, InputChecks, ParityChecks):
    """A plugin for the Messages API."""

    family = "messages"
    samples: ClassVar[tuple[Sample, ...]] = SAMPLES["messages"]


class RerankConformance(Conformance, AnswerChecks, InputChecks, ParityChecks):
    """A plugin that orders documents."""

    family = "rerank"
    samples: ClassVar[tuple[Sample, ...]] = SAMPLES["rerank"]


CONFORMANCE: Mapping[str, type[Conformance]] = MappingProxyType(
    {
        kind.family: kind
        for kind in (
            ChatConformance,
            ResponsesConformance,
            TextCompletionConformance,
            EmbeddingConformance,
            TranscriptionConformance,
            TranslationConformance,
            SpeechConformance,
            ImageConformance,
            VideoConformance,
            ModerationConformance,
            MessagesConformance,
            RerankConformance,
        )
    }
)
"""Family -> its class of checks."""
