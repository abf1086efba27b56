"""Images through the SDK: made, edited from files and from references, varied, streamed, refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import BadRequestError, ContentPolicyViolationError, StreamTruncatedError, UnsupportedParamsError
from llmgate_core.testing import Answer, FakeUpstream

Call = Callable[..., Any]

MODEL = "openai/gpt-image-2"
PNG = b"\x89PNG\r\n\x1a\nmade up"
ANSWER = {"created": 1, "data": [{"b64_json": "aGk="}], "size": "1024x1024"}
REFERENCE = {"image_url": "https://example.com/a.png"}


def events(kind: str) -> list[dict[str, Any]]:
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    return [
        {"type": f"{kind}.partial_image", "b64_json": "aA==", "partial_image_index": 0, "created_at": 1},
        {"type": f"{kind}.completed", "b64_json": "aGk=", "created_at": 2, "usage": usage},
    ]


def test_an_image_is_made_with_everything_that_was_given(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(ANSWER))
    made = call("image_generation", MODEL, "A red cube", size="1536x864", quality="low", n=2, brand_new={"a": 1})
    assert (made.data[0].b64_json, made.ledger) == ("aGk=", ())
    (request,) = upstream.received
    assert (request["method"], request["path"]) == ("POST", "/v1/images/generations")
    assert request["json"] == {
        "model": "gpt-image-2",
        "prompt": "A red cube",
        "size": "1536x864",
        "quality": "low",
        "n": 2,
        "brand_new": {"a": 1},
    }


@pytest.mark.parametrize(
    ("function", "inputs", "kind"),
    [
        ("image_generation", ("A red cube",), "image_generation"),
        ("image_edit", (("a.png", PNG), "Make it blue"), "image_edit"),
    ],
)
def test_a_stream_shows_partial_images_and_ends_with_the_completed_one(
    function: str, inputs: tuple[Any, ...], kind: str, call: Call, upstream: FakeUpstream
) -> None:
    upstream.answers.append(Answer.sse(events(kind), done=False))
    got, _ = call(function, MODEL, *inputs, stream=True, partial_images=1)
    assert [event.model_dump(exclude_unset=True) for event in got] == events(kind)


def test_a_stream_without_its_completed_image_is_truncated(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.sse(events("image_generation")[:1], done=False))
    with pytest.raises(StreamTruncatedError):
        call("image_generation", MODEL, "A red cube", stream=True, partial_images=1)


def test_one_image_goes_as_image_several_as_a_list_and_the_mask_beside(
    call: Call, upstream: FakeUpstream, form_of: Call, tmp_path: Path
) -> None:
    path = tmp_path / "b.webp"
    path.write_bytes(b"RIFF\0\0\0\0WEBPmade up")
    upstream.answers += [Answer.json(ANSWER)] * 3
    call("image_edit", MODEL, ("a.png", PNG), "Make it blue", mask=PNG, n=2)
    call("image_edit", MODEL, [("a.png", PNG), path], "Join them", input_fidelity="high")
    call("image_edit", MODEL, [("a.png", PNG)], "Alone in a list")
    assert {request["path"] for request in upstream.received} == {"/v1/images/edits"}
    assert [form_of(request) for request in upstream.received] == [
        [
            ("model", "gpt-image-2"),
            ("prompt", "Make it blue"),
            ("n", "2"),
            ("image", ("a.png", "image/png", PNG)),
            ("mask", ("upload.png", "image/png", PNG)),
        ],
        [
            ("model", "gpt-image-2"),
            ("prompt", "Join them"),
            ("input_fidelity", "high"),
            ("image[]", ("a.png", "image/png", PNG)),
            ("image[]", ("b.webp", "image/webp", path.read_bytes())),
        ],
        [
            ("model", "gpt-image-2"),
            ("prompt", "Alone in a list"),
            ("image", ("a.png", "image/png", PNG)),
        ],
    ]


@pytest.mark.parametrize("image", [REFERENCE, [REFERENCE, {"file_id": "file-1"}]])
def test_references_are_sent_as_json_and_the_ledger_says_so(image: Any, call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(ANSWER))
    edited = call("image_edit", MODEL, image, "Make it blue", mask={"file_id": "file-2"}, size="auto")
    assert upstream.received[0]["json"] == {
        "model": "gpt-image-2",
        "images": image if isinstance(image, list) else [image],
        "prompt": "Make it blue",
        "mask": {"file_id": "file-2"},
        "size": "auto",
    }
    assert [(entry.parameter, entry.action, entry.lossy) for entry in edited.ledger] == [("image", "bridged", False)]


def test_the_wires_own_list_of_references_is_sent_as_it_is(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(ANSWER))
    edited = call("image_edit", MODEL, None, "Make it blue", images=[REFERENCE])
    assert upstream.received[0]["json"] == {"model": "gpt-image-2", "prompt": "Make it blue", "images": [REFERENCE]}
    assert edited.ledger == ()


@pytest.mark.parametrize(
    ("image", "mask", "param"),
    [
        (None, None, "image"),
        ([], None, "image"),
        ([("a.png", PNG), REFERENCE], None, "image"),
        (("a.png", PNG), REFERENCE, "mask"),
        (REFERENCE, ("a.png", PNG), "mask"),
        (("a.png", b""), None, "image"),
        ("nowhere.png", None, "image"),
        (7, None, "image"),
    ],
)
def test_images_that_cannot_be_sent_are_refused_before_sending(
    image: Any, mask: Any, param: str, call: Call, upstream: FakeUpstream
) -> None:
    with pytest.raises(BadRequestError) as caught:
        call("image_edit", MODEL, image, "Make it blue", mask=mask)
    assert caught.value.param == param
    assert upstream.received == []


@pytest.mark.parametrize(
    ("function", "inputs", "arguments", "param"),
    [
        ("image_generation", ("x" * 32_001,), {}, "prompt"),
        ("image_generation", ("A cube",), {"response_format": "url"}, "response_format"),
        ("image_generation", ("A cube",), {"partial_images": 2}, "partial_images"),
        ("image_edit", ([("a.png", PNG)] * 17, "Join"), {}, "image"),
        ("image_variation", (("a.png", PNG),), {}, "model"),
        ("image_variation", (("a.png", PNG),), {"stream": True}, "stream"),
    ],
)
def test_what_is_known_to_be_refused_is_refused_before_sending(
    function: str, inputs: tuple[Any, ...], arguments: dict[str, Any], param: str, call: Call, upstream: FakeUpstream
) -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        call(function, MODEL, *inputs, **arguments)
    assert caught.value.param == param
    assert upstream.received == []


def test_a_refused_parameter_may_be_dropped_and_the_ledger_says_so(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(ANSWER))
    with pytest.warns(UserWarning, match="response_format"):
        made = call("image_generation", MODEL, "A cube", response_format="url", drop_params=True)
    assert upstream.received[0]["json"] == {"model": "gpt-image-2", "prompt": "A cube"}
    assert [(entry.parameter, entry.action) for entry in made.ledger] == [("response_format", "dropped")]


def test_variations_are_for_servers_that_still_make_them(call: Call, upstream: FakeUpstream, form_of: Call) -> None:
    upstream.answers.append(Answer.json({"created": 1, "data": [{"url": "https://example.com/1.png"}]}))
    varied = call("image_variation", "openai/your-own-model", ("a.png", PNG), n=2, response_format="url")
    assert varied.data[0].url == "https://example.com/1.png"
    (request,) = upstream.received
    assert request["path"] == "/v1/images/variations"
    assert form_of(request) == [
        ("model", "your-own-model"),
        ("n", "2"),
        ("response_format", "url"),
        ("image", ("a.png", "image/png", PNG)),
    ]
    for image in ([("a.png", PNG)] * 2, REFERENCE):
        with pytest.raises(BadRequestError) as caught:
            call("image_variation", "openai/your-own-model", image)
        assert caught.value.param == "image"


def test_an_upstream_refusal_is_typed(call: Call, upstream: FakeUpstream) -> None:
    refusal = {"error": {"message": "no", "type": "image_generation_user_error", "code": "moderation_blocked"}}
    upstream.answers.append(Answer.json(refusal, 400))
    with pytest.raises(ContentPolicyViolationError):
        call("image_generation", MODEL, "A cube")


def test_an_error_as_first_event_is_a_failed_request(call: Call, upstream: FakeUpstream) -> None:
    broken = {"type": "error", "error": {"message": "bad prompt", "code": "invalid_request_error"}}
    upstream.answers.append(Answer.sse([broken], done=False))
    with pytest.raises(BadRequestError, match="bad prompt"):
        call("image_generation", MODEL, "A cube", stream=True)
