"""What typed events of a stream add up to, at its end and at every point before it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.reading.accumulate.events import fold_events
from tests.support.paths import GOLDEN_CASES

MESSAGE = {"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
TEXT = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "m", "status": "in_progress"}}


def golden_events(name: str) -> list[dict[str, Any]]:
    case = json.loads((GOLDEN_CASES / f"{name}.json").read_text("utf-8"))
    lines = case["upstream"][0]["reply"]["sse"].splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def at(kind: str, **fields: Any) -> dict[str, Any]:
    """Return an event of the first part of the first item."""
    place = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    return {"type": f"response.{kind}", **place, **fields}


def output_of(*events: dict[str, Any]) -> Any:
    whole = fold_events("responses", events)
    assert whole is not None
    FAMILIES["responses"].result_type().model_validate(whole)
    return whole["output"]


# --- responses ---


@pytest.mark.parametrize(
    "name", ["responses-002-stream", "bridge-011-stream-reasoning", "bridge-012-stream-parallel-tools"]
)
def test_a_response_is_its_terminal_event_s(name: str) -> None:
    events = golden_events(name)
    assert fold_events("responses", events) == events[-1]["response"]


@pytest.mark.parametrize(
    "name", ["responses-002-stream", "bridge-011-stream-reasoning", "bridge-012-stream-parallel-tools"]
)
def test_without_its_terminal_event_a_response_is_rebuilt_in_progress(name: str) -> None:
    *events, last = golden_events(name)
    whole = fold_events("responses", events)
    assert whole == {
        **last["response"],
        "output": last["response"]["output"],
        **{key: events[0]["response"][key] for key in ("status", "usage")},
    }
    assert whole["status"] == "in_progress"


@pytest.mark.parametrize(
    "name", ["responses-002-stream", "bridge-011-stream-reasoning", "bridge-012-stream-parallel-tools"]
)
def test_pieces_alone_give_the_texts_that_done_events_give(name: str) -> None:
    def texts(whole: Any) -> list[Any]:
        return [(item.get("arguments"), [part["text"] for part in item.get("content", ())]) for item in whole["output"]]

    events = golden_events(name)
    pieces = [event for event in events[:-1] if not event["type"].endswith(".done")]
    assert texts(fold_events("responses", pieces)) == texts(events[-1]["response"])


@pytest.mark.parametrize(
    "name", ["responses-002-stream", "bridge-011-stream-reasoning", "bridge-012-stream-parallel-tools"]
)
def test_every_beginning_of_a_stream_folds_to_a_valid_answer_and_changes_no_event(name: str) -> None:
    events = golden_events(name)
    before = copy.deepcopy(events)
    for length in range(1, len(events) + 1):
        FAMILIES["responses"].result_type().model_validate(fold_events("responses", events[:length]))
    assert events == before


def test_no_events_are_no_answer() -> None:
    for family in ("responses", "transcription", "image", "speech", "chat"):
        assert fold_events(family, []) is None
        assert fold_events(family, [{"no": "type"}, {"type": 5}]) is None


@pytest.mark.parametrize("is_named", [True, False])
def test_events_of_llama_cpp_without_indexes_find_their_items(is_named: bool) -> None:
    """As its server sends them; without names too, as a worse server might."""

    def named(value: str) -> dict[str, str]:
        return {"item_id": value} if is_named else {}

    message = {"content": [], "id": "msg_X", "role": "assistant", "status": "in_progress", "type": "message"}
    call = {"arguments": "", "call_id": "fc_Y", "name": "get_weather", "type": "function_call", "status": "in_progress"}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "resp_8", "object": "response", "status": "in_progress"}},
        {"type": "response.output_item.added", "item": message},
        {"type": "response.content_part.added", **named("msg_X"), "part": {"type": "output_text", "text": ""}},
        {"type": "response.output_text.delta", **named("msg_X"), "delta": "I"},
        {"type": "response.output_text.delta", **named("msg_X"), "delta": "'m"},
        {"type": "response.output_item.added", "item": call},
        {"type": "response.function_call_arguments.delta", **named("fc_Y"), "delta": '{"city":'},
        {"type": "response.function_call_arguments.delta", **named("fc_Y"), "delta": ' "Paris"}'},
    ]
    wanted = [
        {**message, "content": [{"type": "output_text", "text": "I'm"}]},
        {**call, "arguments": '{"city": "Paris"}'},
    ]
    assert output_of(*events) == wanted
    done = {**call, "arguments": "{}", "status": "completed"}
    assert output_of(*events, {"type": "response.output_item.done", "item": done}) == [wanted[0], done]
    assert fold_events("responses", events) == {
        "id": "resp_8",
        "object": "response",
        "status": "in_progress",
        "output": wanted,
    }


def test_deltas_alone_make_their_items() -> None:
    assert output_of(
        {"type": "response.reasoning_summary_text.delta", "delta": "Hm"},
        {"type": "response.reasoning_text.delta", "delta": "think"},
        {"type": "response.output_text.delta", "delta": "a"},
        {"type": "response.output_text.delta", "delta": "b"},
        {"type": "response.refusal.delta", "delta": "no"},
        {"type": "response.custom_tool_call_input.delta", "item_id": "ct_1", "delta": "ls"},
        {"type": "response.custom_tool_call_input.delta", "item_id": "ct_1", "delta": " -l"},
        {"type": "response.mcp_call_arguments.delta", "item_id": "mcp_1", "delta": "{}"},
        {"type": "response.code_interpreter_call_code.delta", "item_id": "ci_1", "delta": "1+1"},
    ) == [
        {
            "type": "reasoning",
            "status": "in_progress",
            "summary": [{"type": "summary_text", "text": "Hm"}],
            "content": [{"type": "reasoning_text", "text": "think"}],
        },
        {
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "ab"}, {"type": "refusal", "refusal": "no"}],
        },
        {"type": "custom_tool_call", "status": "in_progress", "id": "ct_1", "input": "ls -l"},
        {"type": "mcp_call", "status": "in_progress", "id": "mcp_1", "arguments": "{}"},
        {"type": "code_interpreter_call", "status": "in_progress", "id": "ci_1", "code": "1+1"},
    ]


def test_parallel_calls_keep_their_pieces_apart_and_their_order() -> None:
    def added(index: int) -> dict[str, Any]:
        item = {"type": "function_call", "id": f"fc_{index}", "arguments": ""}
        return {"type": "response.output_item.added", "output_index": index, "item": item}

    def delta(index: int, text: str) -> dict[str, Any]:
        return {"type": "response.function_call_arguments.delta", "output_index": index, "delta": text}

    output = output_of(added(1), added(0), delta(1, "b"), delta(0, "a"), delta(1, "B"), delta(0, "A"))
    assert [(item["id"], item["arguments"]) for item in output] == [("fc_0", "aA"), ("fc_1", "bB")]


def test_a_done_text_stands_for_its_pieces() -> None:
    events = [
        {"type": "response.output_item.added", "output_index": 0, "item": MESSAGE},
        at("content_part.added", part=TEXT),
        at("output_text.delta", delta="H", logprobs=[{"token": "H"}]),
        at("output_text.delta", delta="i", logprobs=[{"token": "i"}]),
    ]
    so_far = [{**MESSAGE, "content": [{**TEXT, "text": "Hi", "logprobs": [{"token": "H"}, {"token": "i"}]}]}]
    assert output_of(*events) == so_far
    assert output_of(*events, at("output_text.done", text="Hi", logprobs=[{"token": "H"}, {"token": "i"}])) == so_far
    done = {**TEXT, "text": "Hi!", "annotations": [{"type": "url_citation"}], "logprobs": []}
    note = at("output_text.annotation.added", annotation_index=0, annotation={"type": "url_citation"})
    assert output_of(*events, note)[0]["content"][0]["annotations"] == [{"type": "url_citation"}]
    assert output_of(*events, note, at("content_part.done", part=done))[0]["content"] == [done]


def test_a_call_s_state_is_its_status() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}
    added = {"type": "response.output_item.added", "output_index": 0, "item": item}
    searching = {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_1"}
    unknown = {"type": "response.web_search_call.completed", "output_index": 7, "item_id": "ws_7"}
    assert output_of(added, searching, unknown) == [{**item, "status": "searching"}]


def test_a_terminal_response_without_output_gets_what_was_streamed() -> None:
    last = {"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "usage": {"n": 1}}}
    whole = fold_events("responses", [CREATED, at("output_text.delta", delta="Hi"), last])
    assert whole is not None
    assert (whole["status"], whole["usage"], whole["output"][0]["content"]) == (
        "completed",
        {"n": 1},
        [{"type": "output_text", "text": "Hi"}],
    )


@pytest.mark.parametrize("wrap", [lambda error: error, lambda error: {"error": error}])
def test_an_error_event_says_why_the_answer_so_far_failed(wrap: Any) -> None:
    error = {"code": "server_error", "message": "broke", "param": None}
    whole = fold_events("responses", [CREATED, at("output_text.delta", delta="Hi"), {"type": "error", **wrap(error)}])
    assert whole is not None
    assert (whole["status"], whole["error"]) == ("failed", error)
    assert whole["output"][0]["content"][0]["text"] == "Hi"


@pytest.mark.parametrize("odd", [None, "x", -1, True, 1.5, [], {}, 10**30, {"type": 5}, [{"type": None}]])
def test_odd_fields_raise_nothing(odd: Any) -> None:
    kinds = ["output_text.delta", "output_text.done", "content_part.added", "content_part.done", "output_item.added"]
    kinds += ["output_item.done", "function_call_arguments.delta", "output_text.annotation.added", "queued"]
    kinds += ["reasoning_summary_part.added", "web_search_call.completed", "never_heard_of.delta"]
    names = ("output_index", "content_index", "summary_index", "item_id", "delta", "text", "part", "item", "response")
    for kind in kinds:
        for name in (*names, "logprobs", "annotation"):
            event = at(kind, delta="x", part=TEXT, item=MESSAGE)
            for events in ([{**event, name: odd}], [event, {**event, name: odd}, event]):
                assert isinstance(fold_events("responses", events), dict)
    part = {"type": "output_text", "text": odd, "annotations": odd, "logprobs": odd}
    added = at("content_part.added", part=part)
    pieces = at("output_text.delta", delta="x", logprobs=[1])
    assert isinstance(fold_events("responses", [added, pieces, at("output_text.annotation.added")]), dict)
    for family in ("transcription", "image", "speech"):
        for kind in ("transcript.text.delta", "transcript.text.segment", "transcript.text.done"):
            fold_events(family, [{"type": kind, "delta": odd, "logprobs": odd, "text": odd}])
        for kind in ("image_generation.partial_image", "image_generation.completed", "speech.audio.done"):
            fold_events(family, [{"type": kind, "partial_image_index": odd, "b64_json": odd, "usage": odd}])


# --- the others ---

DELTAS = [{"type": "transcript.text.delta", "delta": text, "logprobs": [{"token": text}]} for text in ("hel", "lo")]
USAGE = {"type": "tokens", "input_tokens": 14, "output_tokens": 9, "total_tokens": 23}


def test_a_transcription_is_its_done_event_or_its_pieces() -> None:
    logprobs = [{"token": "hel"}, {"token": "lo"}]
    assert fold_events("transcription", DELTAS) == {"text": "hello", "logprobs": logprobs}
    done = {"type": "transcript.text.done", "text": "Hello.", "usage": USAGE, "languages": ["en"]}
    assert fold_events("transcription", [*DELTAS, done]) == {
        "text": "Hello.",
        "logprobs": logprobs,
        "usage": USAGE,
        "languages": ["en"],
    }
    events = golden_events("audio-004-transcription-stream")
    assert fold_events("transcription", events) == {"text": "hello world", "usage": events[-1]["usage"]}


def test_a_diarized_transcription_keeps_its_segments() -> None:
    parts = {"type": "transcript.text.segment", "start": 0.0, "end": 1.0}
    segments = [
        {**parts, "id": "s1", "text": " Hi.", "speaker": "A"},
        {**parts, "id": "s2", "text": "Yo.", "speaker": "B"},
    ]
    assert fold_events("transcription", segments) == {"text": "Hi. Yo.", "segments": segments}
    done = {"type": "transcript.text.done", "text": "Hi. Yo."}
    assert fold_events("transcription", [*segments, done]) == {"text": "Hi. Yo.", "segments": segments}


@pytest.mark.parametrize("kind", ["image_generation", "image_edit"])
def test_images_are_the_completed_ones_else_the_last_partial_ones(kind: str) -> None:
    made = {"created_at": 7, "size": "1024x1024", "quality": "low", "background": "opaque", "output_format": "png"}
    said = {"created": 7, **{name: value for name, value in made.items() if name != "created_at"}}
    partial = [
        {"type": f"{kind}.partial_image", "partial_image_index": index, "b64_json": text, **made}
        for index, text in ((0, "a"), (1, "b"), (0, "A"))
    ]
    assert fold_events("image", partial) == {**said, "data": [{"b64_json": "A"}, {"b64_json": "b"}]}
    completed = {"type": f"{kind}.completed", "b64_json": "c", "usage": {"output_tokens": 5}, **made}
    whole = fold_events("image", [*partial, completed])
    assert whole == {**said, "usage": {"output_tokens": 5}, "data": [{"b64_json": "c"}]}
    FAMILIES["image"].result_type().model_validate(whole)
    two = fold_events("image", [completed, {**completed, "b64_json": "d"}])
    assert two is not None
    assert two["data"] == [{"b64_json": "c"}, {"b64_json": "d"}]


def test_of_speech_only_the_usage_is_kept() -> None:
    audio = {"type": "speech.audio.delta", "audio": "UklGRg=="}
    assert fold_events("speech", [audio]) is None
    assert fold_events("speech", [audio, {"type": "speech.audio.done", "usage": USAGE}]) == {"usage": USAGE}
