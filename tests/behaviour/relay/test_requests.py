"""What of a relayed request goes upstream: its own bytes where nothing has to change, else a body made anew."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core import BadRequestError, Settings, UnsupportedParamsError
from llmgate_core.calls.http_request import spliced
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.relay_calls import HI, KEY, Relay, chat

PLAIN: dict[str, Any] = {"model": "m", "messages": HI}


def sent(upstream: FakeUpstream) -> bytes:
    return upstream.received[-1]["body"]


SAID = b'[{"role":"user","content":"hi"}]'
VERBATIM = {
    "as most clients write it": b'{"model":"m","messages":SAID}',
    "the model last, spaces and line breaks": b'{\n  "messages":\t SAID ,\r\n "model" : "m"\n}\n',
    "unknown fields, nulls and an odd order": b'{"z":null,"messages":SAID,"x":{"y":null},"model":"m","a":[]}',
    "escapes and raw letters": b'{"model":"m","user":"\\u00e9\\ud83d\\ude00\xc3\xa9\\/","messages":SAID}',
    "numbers as they are written": b'{"model":"m","messages":SAID,"a":1e2,"b":0.10,"c":-0,"d":12345678901234567890123}',
    "the alias elsewhere too": b'{"user":"m","messages":SAID,"model":"m","stop":["m"]}',
    "the alias before the model": b'{"stop":"m","model":"m","messages":SAID}',
    "the word model in a text": b'{"model":"m","user":"what \\"model\\": m?","messages":SAID}',
    "an alias with letters that JSON escapes": '{"model":"é\\"\\\\","messages":SAID}'.encode(),
    "the name that the upstream has": b'{"model":"gpt-4o" ,"messages":SAID}',
    "a name in escapes, the one that the upstream has": b'{"model":"gpt\\u002d4o","messages":SAID}',
}


@pytest.mark.parametrize("name", VERBATIM)
def test_the_bytes_go_upstream_as_they_came_with_another_model(relay: Relay, upstream: FakeUpstream, name: str) -> None:
    body = VERBATIM[name].replace(b"SAID", SAID)
    alias = json.loads(body)["model"]
    upstream.answers.append(Answer.json(chat()))

    answer = relay(body)

    written = json.dumps(alias, ensure_ascii=False).encode()
    places = [at for at in range(len(body)) if body.startswith(written, at)]
    possible = [body[:at] + b'"gpt-4o"' + body[at + len(written) :] for at in places] or [body]
    assert sent(upstream) in possible
    assert json.loads(sent(upstream)) == {**json.loads(body), "model": "gpt-4o"}
    assert answer.record.ledger == ()


MADE_ANEW = {
    "two models": b'{"model":"m","messages":[],"model":"m2"}',
    "a model inside as well": b'{"model":"m","messages":[],"x":{"model":"m"}}',
    "the word as a value": b'{"x":"model","model":"m","messages":[]}',
    "an escaped name": b'{"mod\\u0065l":"m","messages":[]}',
    "an escaped alias": b'{"model":"\\u006d","messages":[]}',
    "no model": b'{"messages":[]}',
    "a model that is no text": b'{"model":7,"messages":[]}',
}


@pytest.mark.parametrize("name", MADE_ANEW)
def test_a_body_whose_model_cannot_be_told_for_sure_is_written_anew_and_means_the_same(
    relay: Relay, upstream: FakeUpstream, name: str
) -> None:
    body = MADE_ANEW[name].replace(b"[]", SAID)
    upstream.answers.append(Answer.json(chat()))

    relay(body)

    names = [name for name, _ in json.loads(sent(upstream), object_pairs_hook=list)]
    assert names.count("model") == 1
    assert json.loads(sent(upstream)) == {**json.loads(body), "model": "gpt-4o"}


def test_a_body_without_its_bytes_is_written_by_us(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(chat()))
    relay({**PLAIN, "user": None, "seed": 7})
    assert sent(upstream) == b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"seed":7}'


def test_defaults_and_extra_body_are_added_and_extra_body_wins(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(chat())] * 3
    body = json.dumps({**PLAIN, "seed": 7}).encode()

    relay(body, temperature=0.5)
    assert json.loads(sent(upstream)) == {"model": "gpt-4o", "messages": HI, "seed": 7, "temperature": 0.5}
    relay(body, extra_body={"seed": 8, "new": None})
    assert json.loads(sent(upstream)) == {"model": "gpt-4o", "messages": HI, "seed": 8, "new": None}
    relay(body, client={"settings": Settings(store=False)})
    assert json.loads(sent(upstream)) == {"model": "gpt-4o", "messages": HI, "seed": 7, "store": False}


def test_a_store_that_the_request_names_stays_and_so_do_its_bytes(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(chat()))
    relay(b'{"store": true, "model":"m", "messages":' + SAID + b"}", client={"settings": Settings(store=False)})
    assert sent(upstream) == b'{"store": true, "model":"gpt-4o", "messages":' + SAID + b"}"


@pytest.mark.filterwarnings("ignore:openai/gpt-5")
def test_what_is_dropped_or_renamed_is_in_the_ledger_and_out_of_the_body(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(chat()))
    body = json.dumps({**PLAIN, "temperature": 0.2, "max_tokens": 9, "top_p": None}).encode()

    answer = relay(body, model="openai/gpt-5", drop_params=True)

    assert json.loads(sent(upstream)) == {"model": "gpt-5", "messages": HI, "max_completion_tokens": 9}
    noted = [(entry.parameter, entry.action, entry.lossy) for entry in answer.record.ledger]
    assert noted == [("temperature", "dropped", True), ("max_tokens", "renamed", False)]


def test_what_is_known_not_to_work_is_refused_before_anything_is_sent(relay: Relay, upstream: FakeUpstream) -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        relay(json.dumps({**PLAIN, "temperature": 0.2}).encode(), model="openai/gpt-5")
    assert (caught.value.param, caught.value.attempts, upstream.received) == ("temperature", 0, [])


def test_a_call_that_another_family_carries_is_converted_both_ways(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(chat()))

    answer = relay(b'{"model":"m","input":"hi"}', "responses", use_chat_completions_api=True)

    assert upstream.received[0]["path"] == "/v1/chat/completions"
    assert json.loads(sent(upstream))["messages"] == HI
    made = json.loads(answer.content)
    assert (made["object"], made["output"][0]["content"][0]["text"]) == ("response", "Hello")
    assert made["usage"]["total_tokens"] == answer.record.usage["total_tokens"] == 15
    assert "bridged" in {entry.action for entry in answer.record.ledger}


def test_a_text_in_a_files_place_is_no_path_of_this_machine(relay: Relay, upstream: FakeUpstream) -> None:
    for file in (__file__, os.devnull):
        with pytest.raises(BadRequestError, match="file") as caught:
            relay({"model": "m", "file": file}, "transcription", "openai/whisper-1")
        assert (caught.value.param, caught.value.attempts) == ("file", 0)
    assert upstream.received == []


def test_operations_name_their_path_and_send_no_body_of_their_own(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"id": "resp_1", "object": "response", "status": "completed"}))
    relay({"response_id": "resp_1", "include": ["a", "b"]}, "responses", "openai/", operation="retrieve")
    (request,) = upstream.received
    assert (request["method"], request["path"]) == ("GET", "/v1/responses/resp_1?include%5B%5D=a&include%5B%5D=b")
    assert request["body"] == b""
    assert request["headers"]["authorization"] == f"Bearer {KEY}"


# --- the splice itself ---

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["m", "model", '"model"']),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.just("model"), inner, max_size=3)
    ),
    max_leaves=12,
)


def common_length(one: bytes, other: bytes) -> int:
    """Return how many bytes both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


@given(
    said=st.dictionaries(st.text(max_size=8), JSON, max_size=4),
    old=st.text(min_size=1, max_size=8),
    new=st.text(min_size=1, max_size=8),
    is_ascii=st.booleans(),
    first=st.booleans(),
)
def test_a_splice_changes_the_model_and_nothing_else_or_is_none(
    said: dict[str, Any], old: str, new: str, is_ascii: bool, first: bool
) -> None:
    said.pop("model", None)
    whole = {"model": old, **said} if first else {**said, "model": old}
    content = json.dumps(whole, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")

    made = spliced(content, new, whole)

    if made is not None:
        assert json.loads(made) == {**whole, "model": new}
        kept = common_length(content, made) + common_length(content[::-1], made[::-1])
        assert kept >= len(content) - len(json.dumps(old).encode())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"model":"m"', {"model": "m"}),
        (b'{"model":"m","a":1}', {"model": "m", "a": 2}),
        (b'{"model":"m"}', {"model": "other"}),
        (b'{"model":"m"}', {}),
        (b"", {"model": "m"}),
    ],
)
def test_bytes_that_do_not_say_what_they_are_said_to_are_not_spliced(content: bytes, said: dict[str, Any]) -> None:
    assert spliced(content, "new", said) is None


@pytest.mark.parametrize("new", ["new", "b"])
@pytest.mark.parametrize(
    "content",
    [
        b'{"model":"a","model":"b"}',
        b'{"mod\\u0065l":"a","model":"b"}',
        b'{"\\u006Dodel":"a","x":"\\u00e9","model":"b"}',
    ],
)
def test_a_body_with_two_models_is_never_passed_on_as_it_came(content: bytes, new: str) -> None:
    """Some upstreams take the first, some the last; the client's key may be allowed one of them only."""
    said = json.loads(content)
    assert said["model"] == "b"
    assert spliced(content, new, said) is None


def test_an_empty_name_is_never_spliced_in() -> None:
    assert spliced(b'{"model":"m"}', "", {"model": "m"}) is None
