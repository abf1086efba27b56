"""The plugin keeps the contract: llmgate's conformance kit, hermetic."""

from __future__ import annotations

from llmgate_core.testing import Capabilities, SpeechConformance, TranscriptionConformance, TranslationConformance, Wire


class TestTranscription(TranscriptionConformance):
    plugin = "llmgate_openai_audio:plugin"
    distribution = "llmgate-openai-audio"
    models = ("conformance", "gpt-4o-transcribe")
    wire = Wire.openai_transcription()


class TestTranslation(TranslationConformance):
    plugin = "llmgate_openai_audio:plugin"
    distribution = "llmgate-openai-audio"
    models = ("conformance", "whisper-1")
    capabilities = Capabilities(streaming=False)
    wire = Wire.openai_translation()


class TestSpeech(SpeechConformance):
    plugin = "llmgate_openai_audio:plugin"
    distribution = "llmgate-openai-audio"
    models = ("conformance", "gpt-4o-mini-tts")
    capabilities = Capabilities(streaming=False)
    wire = Wire.openai_speech()
