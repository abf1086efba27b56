"""What kinds of input a model takes is known before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core import Client, UnsupportedParamsError

AUDIO = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
TEXT = {"type": "input_text", "text": "What is said?"}


def prepare(model: str, part: dict[str, Any], **more: Any) -> Any:
    items = [{"role": "user", "content": [TEXT, part]}]
    return Client(api_key="sk-test").prepare("responses", model, {"input": items}, dict(more))


def test_audio_for_a_model_of_text_and_images_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        prepare("openai/gpt-5-pro", AUDIO)
    assert (caught.value.param, caught.value.code, caught.value.attempts) == ("input", "unsupported_parameter", 0)
    assert "audio" in str(caught.value)


@pytest.mark.parametrize(
    ("model", "more"), [("openai/gpt-5-pro", {"param_policy": "forward"}), ("openai/nobody-knows-it", {})]
)
def test_a_policy_or_an_unknown_model_sends_it(model: str, more: dict[str, Any]) -> None:
    assert b"input_audio" in prepare(model, AUDIO, **more).request.body


def test_an_image_is_taken() -> None:
    image = {"type": "input_image", "image_url": "https://host.example/a.png"}
    assert b"input_image" in prepare("openai/gpt-5-pro", image).request.body
