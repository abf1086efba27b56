"""Chat messages -> instructions and input items."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core.bridges.chat_to_responses.output import side_fields
from llmgate_core.errors import BadRequestError, UnsupportedParamsError
from tests.support.bridge_data import HI, HI_ITEM, items, lossy, request


def item(role: str, content: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}


def text(value: str) -> dict[str, Any]:
    return {"type": "input_text", "text": value}


def system(content: Any) -> dict[str, Any]:
    return {"role": "system", "content": content}


def tool_call(call_id: str = "call_1", name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def function_call(call_id: str = "call_1", name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


# --- system and developer ---


def test_leading_system_messages_become_instructions() -> None:
    body, ledger = request([system("One."), system([{"type": "text", "text": "Two."}]), *HI])
    assert body == {"instructions": "One.\n\nTwo.", "input": [HI_ITEM]}
    assert ledger == ()


def test_developer_messages_stay_where_they_are() -> None:
    body, _ = request([{"role": "developer", "content": "D"}, system("S"), *HI])
    assert body == {"input": [item("developer", [text("D")]), item("system", [text("S")]), HI_ITEM]}


def test_a_system_message_after_another_role_stays_where_it_is() -> None:
    body, _ = request([system("A"), *HI, system("B")])
    assert body == {"instructions": "A", "input": [HI_ITEM, item("system", [text("B")])]}


def test_a_system_message_that_a_string_cannot_hold_stays_where_it_is_and_what_follows_too() -> None:
    marked = [{"type": "text", "text": "A", "prompt_cache_breakpoint": {}}]
    body, _ = request([system(marked), system("B"), *HI])
    kept = {"type": "input_text", "text": "A", "prompt_cache_breakpoint": {}}
    assert body == {"input": [item("system", [kept]), item("system", [text("B")]), HI_ITEM]}


def test_system_messages_alone_are_input_since_an_empty_one_is_refused() -> None:
    assert request([system("A"), system("B")])[0] == {"input": [item("system", [text("A\n\nB")])]}


def test_instructions_of_the_callers_own_win_and_no_system_message_is_lost() -> None:
    body, ledger = request([system("A"), *HI], instructions="Mine.")
    assert body == {"instructions": "Mine.", "input": [item("system", [text("A")]), HI_ITEM]}
    assert lossy(ledger) == []


# --- parts ---


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "text", "text": "a"}, text("a")),
        (
            {"type": "text", "text": "a", "prompt_cache_breakpoint": {"x": 1}},
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"x": 1}},
        ),
        (
            {"type": "image_url", "image_url": "https://example.test/a.png"},
            {"type": "input_image", "image_url": "https://example.test/a.png", "detail": "auto"},
        ),
        (
            {"type": "image_url", "image_url": {"url": "u", "detail": "high"}, "prompt_cache_breakpoint": {}},
            {"type": "input_image", "image_url": "u", "detail": "high", "prompt_cache_breakpoint": {}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "u", "detail": None}},
            {"type": "input_image", "image_url": "u", "detail": "auto"},
        ),
        ({"type": "file", "file": {"file_id": "file-1"}}, {"type": "input_file", "file_id": "file-1"}),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        ),
        (
            {"type": "file", "file": {"file_data": "https://example.test/a.pdf", "file_id": None}},
            {"type": "input_file", "file_url": "https://example.test/a.pdf"},
        ),
        (
            {"type": "file", "file": {"file_url": "https://example.test/a.pdf"}},
            {"type": "input_file", "file_url": "https://example.test/a.pdf"},
        ),
        ({"type": "input_text", "text": "a"}, text("a")),
        ({"type": "input_image", "file_id": "file-1"}, {"type": "input_image", "file_id": "file-1"}),
        ({"type": "input_file", "file_id": "file-1"}, {"type": "input_file", "file_id": "file-1"}),
    ],
)
def test_a_part_becomes_an_input_part(part: Any, expected: Any) -> None:
    assert items([{"role": "user", "content": [part]}]) == [item("user", [expected])]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "u"}},
        {"type": "refusal", "refusal": "No"},
        {"type": ["text"]},
        {"text": "no type"},
        "a bare text",
        None,
    ],
)
@pytest.mark.parametrize("role", ["user", "tool"])
def test_a_part_without_a_counterpart_is_an_error_and_never_text(role: str, part: Any) -> None:
    asked = [{"role": role, "tool_call_id": "call_1", "content": [{"type": "text", "text": "a"}, part]}]
    with pytest.raises(UnsupportedParamsError, match="/responses") as caught:
        request(asked)
    assert caught.value.param == "messages"
    body, ledger = request(asked, policy="drop")
    assert lossy(ledger) == ["messages"]
    assert [text("a")] in (body["input"][0].get("content"), body["input"][0].get("output"))
    body, _ = request(asked, policy="forward")
    assert [text("a"), part] in (body["input"][0].get("content"), body["input"][0].get("output"))


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url"},
        {"type": "image_url", "image_url": {}},
        {"type": "image_url", "image_url": 1},
        {"type": "file"},
        {"type": "file", "file": "file-1"},
    ],
)
def test_a_part_that_lacks_what_it_is_about_is_malformed(part: Any) -> None:
    with pytest.raises(BadRequestError, match=part["type"]):
        request([{"role": "user", "content": [part]}], policy="drop")


# --- assistant ---


def test_assistant_text_is_a_plain_string() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert items([*HI, {"role": "assistant", "content": "a"}]) == [HI_ITEM, item("assistant", "a")]
    assert items([*HI, {"role": "assistant", "content": parts}]) == [HI_ITEM, item("assistant", "ab")]


def test_assistant_calls_follow_the_text_in_order_and_have_no_item_id() -> None:
    said = {
        "role": "assistant",
        "content": "Wait.",
        "tool_calls": [
            tool_call("call_1"),
            {"id": "call_2", "type": "custom", "custom": {"name": "c", "input": "go"}},
            tool_call("call_3", arguments='{"a":1}'),
        ],
    }
    answers = [{"role": "tool", "tool_call_id": f"call_{n}", "content": str(n)} for n in (1, 2, 3)]
    assert items([*HI, said, *answers]) == [
        HI_ITEM,
        item("assistant", "Wait."),
        function_call("call_1"),
        {"type": "custom_tool_call", "call_id": "call_2", "name": "c", "input": "go"},
        function_call("call_3", arguments='{"a":1}'),
        {"type": "function_call_output", "call_id": "call_1", "output": "1"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "2"},
        {"type": "function_call_output", "call_id": "call_3", "output": "3"},
    ]


@pytest.mark.parametrize("content", [None, "", []])
def test_an_assistant_message_without_text_but_with_calls_is_the_calls_alone(content: Any) -> None:
    said = {"role": "assistant", "content": content, "tool_calls": [tool_call()]}
    assert items([*HI, said]) == [HI_ITEM, function_call()]


def test_reasoning_items_come_before_text_and_calls_as_they_were() -> None:
    reasoning = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "s"}],
        "encrypted_content": "secret",
        "content": None,
        "status": None,
    }
    said = {
        "role": "assistant",
        "content": "a",
        "tool_calls": [tool_call()],
        "reasoning_items": [reasoning, {"encrypted_content": "no id"}],
        "reasoning_content": "s",
    }
    body, ledger = request([*HI, said])
    assert body["input"] == [
        HI_ITEM,
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "s"}],
            "encrypted_content": "secret",
        },
        {"type": "reasoning", "summary": [], "encrypted_content": "no id"},
        item("assistant", "a"),
        function_call(),
    ]
    assert ("messages", "dropped", False) in [(entry.parameter, entry.action, entry.lossy) for entry in ledger]
    assert "reasoning_content" in " ".join(entry.reason for entry in ledger)
    assert lossy(ledger) == []


def test_reasoning_that_was_not_stored_goes_back_only_encrypted() -> None:
    said = {"role": "assistant", "content": "a", "reasoning_items": [{"id": "rs_1", "summary": []}]}
    assert items([*HI, said])[1] == {"type": "reasoning", "id": "rs_1", "summary": []}
    body, ledger = request([*HI, said], store=False)
    assert body["input"] == [HI_ITEM, item("assistant", "a")]
    assert [(entry.action, entry.lossy) for entry in ledger] == [("dropped", False)]


def test_audio_of_an_earlier_answer_is_refused() -> None:
    said = {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}
    with pytest.raises(UnsupportedParamsError, match="audio"):
        request([*HI, said])
    body, ledger = request([*HI, {**said, "content": "a"}], policy="drop")
    assert body["input"][1] == item("assistant", "a")
    assert lossy(ledger) == ["audio"]


def test_an_answer_given_back_whole_is_sent_without_what_only_answers_have() -> None:
    said = {
        "role": "assistant",
        "content": "a",
        "refusal": None,
        "annotations": [{"type": "url_citation"}],
        "provider_specific_fields": {"response_id": "resp_1"},
        "tool_calls": None,
        "function_call": None,
        "phase": "final_answer",
    }
    body, ledger = request([*HI, said])
    assert body["input"][1] == {**item("assistant", "a"), "phase": "final_answer"}
    assert lossy(ledger) == []


def test_a_name_is_lost_with_an_entry_once() -> None:
    named = {"role": "user", "content": "Hi", "name": "Ann"}
    body, ledger = request([named, named])
    assert body["input"] == [HI_ITEM, HI_ITEM]
    assert [(entry.parameter, entry.lossy) for entry in ledger] == [("messages", True)]


# --- tool results ---


@pytest.mark.parametrize(
    ("content", "output"),
    [
        ("4 C", "4 C"),
        ("", ""),
        (None, ""),
        (
            [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "u"}}],
            [text("a"), {"type": "input_image", "image_url": "u", "detail": "auto"}],
        ),
    ],
)
def test_a_tool_result_keeps_its_form(content: Any, output: Any) -> None:
    said = {"role": "assistant", "content": None, "tool_calls": [tool_call()]}
    got = items([*HI, said, {"role": "tool", "tool_call_id": "call_1", "content": content}])
    assert got[2] == {"type": "function_call_output", "call_id": "call_1", "output": output}


def test_a_call_without_an_answer_is_sent_and_named_in_the_ledger() -> None:
    said = {"role": "assistant", "content": None, "tool_calls": [tool_call("call_1"), tool_call("call_2")]}
    body, ledger = request([*HI, said, {"role": "tool", "tool_call_id": "call_2", "content": "x"}])
    assert len(body["input"]) == 4
    assert [("'call_1'" in entry.reason, entry.lossy) for entry in ledger] == [(True, False)]


def test_a_legacy_function_call_is_answered_by_the_next_function_message() -> None:
    first, second = ({"name": name, "arguments": "{}"} for name in "ab")
    got = items(
        [
            *HI,
            {"role": "assistant", "content": None, "function_call": first},
            {"role": "function", "name": "a", "content": "1"},
            {"role": "assistant", "content": "So.", "function_call": second},
            {"role": "function", "name": "b", "content": "2"},
        ]
    )
    ids = [it.get("call_id") for it in got]
    assert ids[1] == ids[2]
    assert ids[4] == ids[5]
    assert len({ids[1], ids[4]}) == 2
    assert [it["type"] for it in got] == [
        "message",
        "function_call",
        "function_call_output",
        "message",
        "function_call",
        "function_call_output",
    ]
    assert "role" not in got[2]


# --- malformed ---


@pytest.mark.parametrize(
    "message",
    [
        "Hi",
        {"content": "no role"},
        {"role": "user"},
        {"role": "user", "content": 1},
        {"role": "tool", "content": "no id"},
        {"role": "function", "name": "f", "content": "nobody called"},
        {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "no id"}}]},
        {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function"}]},
        {"role": "assistant", "tool_calls": 1},
        {"role": "assistant", "reasoning_items": [1]},
        {"role": "assistant", "reasoning_items": "x"},
        {"role": "assistant", "function_call": "f"},
    ],
)
@pytest.mark.parametrize("policy", ["error", "drop", "forward"])
def test_a_malformed_message_is_refused_before_sending_and_named(message: Any, policy: str) -> None:
    with pytest.raises(BadRequestError, match=r"messages\[1\]") as caught:
        request([*HI, message], policy=policy)
    assert (caught.value.status_code, caught.value.param, caught.value.attempts) == (400, "messages", 0)


@pytest.mark.parametrize("messages", [None, [], "Hi", {"role": "user"}])
def test_messages_must_be_a_list(messages: Any) -> None:
    with pytest.raises(BadRequestError, match="messages"):
        request(messages)


def test_an_unknown_role_is_refused_or_sent_as_the_policy_says() -> None:
    odd = {"role": "narrator", "content": "Once."}
    with pytest.raises(UnsupportedParamsError, match="'narrator'"):
        request([*HI, odd])
    assert items([*HI, odd], policy="drop") == [HI_ITEM]
    assert items([*HI, odd], policy="forward") == [HI_ITEM, odd]


def test_a_call_of_an_unknown_kind_is_refused_or_sent_as_the_policy_says() -> None:
    odd = {"id": "call_1", "type": "telepathy"}
    said = {"role": "assistant", "content": "a", "tool_calls": [odd]}
    with pytest.raises(UnsupportedParamsError, match=r"tool_calls\[0\]"):
        request([*HI, said])
    assert items([*HI, said], policy="drop") == [HI_ITEM, item("assistant", "a")]
    assert items([*HI, said], policy="forward") == [HI_ITEM, item("assistant", "a"), odd]


def test_reasoning_between_calls_goes_back_between_them() -> None:
    thoughts = [{"type": "reasoning", "id": f"rs_{n}", "summary": [], "encrypted_content": "e"} for n in "12"]
    calls = [function_call(f"call_{n}") for n in "12"]
    output = [thoughts[0], calls[0], thoughts[1], calls[1]]
    message = side_fields({"id": "resp_1"}, output, one_document=False)
    message |= {"role": "assistant", "content": None, "tool_calls": [tool_call("call_1"), tool_call("call_2")]}
    assert items([*HI, message])[1:] == output
    for order in ("x", [1, {}], [], None, ["nothing", "rs_2"]):
        message["provider_specific_fields"]["item_order"] = order
        told = items([*HI, message])[1:]
        assert len(told) == len(output)
        assert all(each in output for each in told)


def test_reasoning_in_front_has_no_order_to_tell() -> None:
    output: list[dict[str, Any]] = [{"type": "reasoning", "id": "rs_1", "summary": []}, item("assistant", [])]
    assert "item_order" not in side_fields({"id": "resp_1"}, output, one_document=False)["provider_specific_fields"]
