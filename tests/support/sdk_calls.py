"""One call of each public function, and the answer to it."""

from __future__ import annotations

from typing import Any

from llmgate_core.testing import Answer

HI = [{"role": "user", "content": "hi"}]

RESPONSE = {"id": "resp_1", "object": "response", "output": []}

VIDEO = {"id": "video_1", "object": "video", "status": "queued"}

WAV = ("speech.wav", b"RIFF....WAVE")

PNG = ("a.png", b"\x89PNG\r\n\x1a\n")

AUDIO = Answer(200, b"ID3 audio", {"content-type": "audio/mpeg"})

GONE = Answer.json({"id": "x", "object": "x.deleted", "deleted": True})

PAGE = Answer.json({"object": "list", "data": [], "has_more": False})

IMAGES = Answer.json({"created": 1, "data": [{"b64_json": "aGk="}]})

COUNT = Answer.json({"object": "response.input_tokens", "input_tokens": 1})

OF_OTHER_PROVIDERS = frozenset({"rerank"})
"""Functions that no plugin for the prefix `openai/` serves."""

CALLS: dict[str, tuple[tuple[Any, ...], Answer]] = {
    "completion": (
        ("openai/gpt-4o", HI),
        Answer.json({"id": "1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}}]}),
    ),
    "text_completion": (
        ("text-completion-openai/gpt-3.5-turbo-instruct", "hi"),
        Answer.json({"id": "1", "object": "text_completion", "choices": [{"index": 0, "text": "hello"}]}),
    ),
    "embedding": (
        ("openai/text-embedding-3-small", "hi"),
        Answer.json({"data": [{"index": 0, "embedding": [0.5]}]}),
    ),
    "responses": (("openai/gpt-5", "hi"), Answer.json(RESPONSE)),
    "get_responses": (("resp_1",), Answer.json(RESPONSE)),
    "cancel_responses": (("resp_1",), Answer.json(RESPONSE)),
    "delete_responses": (("resp_1",), GONE),
    "list_input_items": (("resp_1",), PAGE),
    "compact_responses": (("openai/gpt-5", "hi"), Answer.json({**RESPONSE, "object": "response.compaction"})),
    "count_input_tokens": (("openai/gpt-5", "hi"), Answer.json({"object": "response.input_tokens", "input_tokens": 1})),
    "transcription": (("openai/whisper-1", WAV), Answer.json({"text": "hello"})),
    "translation": (("openai/whisper-1", WAV), Answer.json({"text": "hello"})),
    "speech": (("openai/tts-1", "hi", "alloy"), AUDIO),
    "image_generation": (("openai/gpt-image-1", "a sea"), IMAGES),
    "image_edit": (("openai/gpt-image-1", PNG, "a sea"), IMAGES),
    "image_variation": (("openai/dall-e-2", PNG), IMAGES),
    "video_generation": (("openai/my-video-model", "a sea"), Answer.json(VIDEO)),
    "video_status": (("video_1",), Answer.json(VIDEO)),
    "video_list": ((), PAGE),
    "video_content": (("video_1",), Answer(200, b"mp4", {"content-type": "video/mp4"})),
    "video_remix": (("video_1", "more"), Answer.json(VIDEO)),
    "video_delete": (("video_1",), GONE),
    "messages": (
        ("openai/gpt-4o", HI, 9),
        Answer.json({"id": "1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}}]}),
    ),
    "count_message_tokens": (("openai/responses/gpt-5", HI), COUNT),
    "count_tokens": (("openai/responses/gpt-5", HI), COUNT),
    "moderation": (("hi",), Answer.json({"id": "m", "model": "omni", "results": []})),
}
