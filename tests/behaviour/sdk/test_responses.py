"""The Responses API called as such, as a chat, and over a chat: the same rules, the same errors, nothing lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

import llmgate_core
from llmgate_core import (
    AuthenticationError,
    BadRequestError,
    Client,
    ContentPolicyViolationError,
    InternalServerError,
    RateLimitError,
    Settings,
    StreamTruncatedError,
    UnsupportedParamsError,
)
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.model_names import CHAT_MODELS, RESPONSES_MODELS, wire_of
from tests.support.openai_upstream import answered, response, response_events
from tests.support.sync_and_async import outcome_of

HI = [{"role": "user", "content": "hi"}]
ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
FUNCTION = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
BODY = {"model": "gpt-5"}
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
AUTOMATIC = """
o3-deep-research o4-mini-deep-research o1-pro o3-pro gpt-5.1-codex gpt-5.1-codex-mini gpt-5.1-codex-max
codex-mini-latest gpt-5-pro o3-deep-research-2025-06-26 o4-mini-deep-research-2025-06-26
"""

each_mode = pytest.mark.parametrize("mode", ["sync", "async"])
each_way = pytest.mark.parametrize("way", ["direct", "bridged"])


@pytest.fixture(autouse=True)
def _reached_by_the_environment(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.otherwise = answered
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")


def asked(way: str, model: str = "gpt-5") -> tuple[str, str, Any]:
    """Return function, model string and input that lead to POST /responses."""
    return (
        ("responses", f"openai/{model}", "hi") if way == "direct" else ("completion", f"openai/responses/{model}", HI)
    )


def refusal(function: str, model: str, **arguments: Any) -> UnsupportedParamsError | None:
    """Return what refuses the call before it is sent; None: it would be sent."""
    family, inputs = ("responses", {"input": "hi"}) if function == "responses" else ("chat", {"messages": HI})
    try:
        Client(settings=Settings()).prepare(family, model, inputs, arguments)
    except UnsupportedParamsError as error:
        return error
    return None


# --- a whole answer ---


@each_mode
def test_a_response_has_its_text_items_and_usage_and_keeps_items_of_days_to_come(
    mode: str, upstream: FakeUpstream
) -> None:
    novel = {"type": "brand_new_call", "id": "bn_1", "depth": {"of": [1, None]}}
    said = {**response(BODY), "brand_new_field": [True]}
    said["output"].append(novel)
    upstream.answers += [Answer.json(said)]
    answer = outcome_of(mode, "responses", model="openai/gpt-5", input="hi").result
    assert (answer.output_text, answer.usage.total_tokens, answer["status"]) == ("Paris.", 25, "completed")
    assert [item.type for item in answer.output] == ["reasoning", "message", "brand_new_call"]
    assert answer.model_dump(exclude_unset=True) == said
    (request,) = upstream.received
    assert (request["path"], request["json"]) == ("/v1/responses", {"model": "gpt-5", "input": "hi"})


@each_mode
def test_a_stream_hands_out_every_event_and_those_of_days_to_come(mode: str, upstream: FakeUpstream) -> None:
    *events, last = response_events(BODY)
    novel = {"type": "response.brand_new.delta", "depth": {"of": [1, None]}}
    upstream.answers += [Answer.sse([*events, novel, last], done=False)]
    pieces = outcome_of(mode, "responses", "openai/gpt-5", "hi", stream=True).pieces
    sent = [event["type"] for event in [*events, novel, last]]
    assert [piece.type for piece in pieces if piece.type in sent] == sent  # others were filled in
    assert [piece.sequence_number for piece in pieces] == list(range(len(pieces)))
    assert pieces[-2].depth == novel["depth"]
    assert pieces[-1].response.output_text == "Paris."


@pytest.mark.parametrize("model", [*CHAT_MODELS.split(), *RESPONSES_MODELS.split()])
def test_every_model_of_the_page_can_be_asked_for_a_response(model: str) -> None:
    prepared = Client(settings=Settings()).prepare("responses", model, {"input": "hi"}, {})
    assert prepared.builder.transport_request(prepared.request).target == "/v1/responses"
    assert json.loads(prepared.request.body) == {"model": model, "input": "hi"}  # type: ignore[arg-type]


@pytest.mark.parametrize("model", AUTOMATIC.split())
def test_a_model_that_only_responses_serves_goes_there_by_its_bare_name(model: str) -> None:
    _, _, path, body, _ = wire_of(model)
    assert (path, body) == ("/v1/responses", {"model": model, "input": [ITEM]})


class City(BaseModel):
    name: str


@each_mode
def test_an_object_is_asked_for_beside_the_verbosity_and_read(mode: str, upstream: FakeUpstream) -> None:
    answer = outcome_of(mode, "responses", "gpt-5", "hi", text_format=City, text={"verbosity": "low"}).result
    assert answer.parsed == City(name="Paris")
    bridged = outcome_of(
        mode, "completion", "openai/responses/gpt-5", HI, response_format=City, verbosity="low", text={"x": 1}
    ).result
    assert bridged.parsed == City(name="Paris")
    direct_text, bridged_text = (request["json"]["text"] for request in upstream.received)
    assert (direct_text["verbosity"], direct_text["format"]["name"]) == ("low", "City")
    assert bridged_text == {**direct_text, "x": 1}


@each_mode
@each_way
def test_a_search_tool_is_sent_as_it_is_and_its_citations_come_back(
    way: str, mode: str, upstream: FakeUpstream
) -> None:
    said = response(BODY)
    citation = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 5}
    said["output"][1]["content"][0]["annotations"] = [citation]
    upstream.answers += [Answer.json(said)]
    tool = {"type": "web_search_preview", "search_context_size": "low"}
    answer = outcome_of(mode, *asked(way), tools=[tool]).result
    assert upstream.received[0]["json"]["tools"] == [tool]
    if way == "direct":
        assert answer.output[1].content[0].annotations[0].model_dump() == citation
    else:
        (found,) = answer.choices[0].message.annotations
        assert (found.url_citation.url, found.url_citation.end_index) == ("https://a.example", 5)


def test_nothing_of_an_effort_or_verbosity_of_none_is_sent(upstream: FakeUpstream) -> None:
    llmgate_core.completion("openai/responses/gpt-5", HI, reasoning_effort=None, verbosity=None)
    assert upstream.received[0]["json"] == {"model": "gpt-5", "input": [ITEM]}


@each_mode
def test_the_setting_store_is_sent_unless_the_call_says_it(
    mode: str, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llmgate_core, "store", False)
    for way in ("direct", "bridged"):
        outcome_of(mode, *asked(way))
        outcome_of(mode, *asked(way), store=True)
    outcome_of(mode, "completion", "gpt-4o", HI)
    assert [request["json"]["store"] for request in upstream.received] == [False, True, False, True, False]


# --- what a model takes: alike as a response, as a bridged chat and, where chat serves it, as a chat ---


@pytest.mark.parametrize(
    ("model", "accepted"),
    [
        ("gpt-5.1", "none low medium high"),
        ("gpt-5", "minimal low medium high"),
        ("gpt-5-mini", "minimal low medium high"),
        ("gpt-5-nano", "none minimal low medium high"),
        ("gpt-5-codex", "low medium high"),
        ("gpt-5.1-codex", "low medium high"),
        ("gpt-5.1-codex-mini", "low medium high"),
        ("gpt-5.1-codex-max", "low medium high xhigh"),
        ("gpt-5.2", "none low medium high xhigh"),
        ("gpt-5.2-pro", "minimal low medium high xhigh"),
        ("gpt-5-pro", "high"),
    ],
)
def test_an_effort_is_taken_or_refused_alike_whatever_the_way(model: str, accepted: str) -> None:
    def taken(function: str, name: str, as_argument: Any) -> list[str]:
        return [effort for effort in EFFORTS if refusal(function, name, **as_argument(effort)) is None]

    assert taken("responses", f"openai/{model}", lambda effort: {"reasoning": {"effort": effort}}) == accepted.split()
    assert taken("completion", f"openai/responses/{model}", lambda effort: {"reasoning_effort": effort}) == (
        accepted.split()
    )
    assert taken("completion", model, lambda effort: {"reasoning_effort": {"effort": effort}}) == accepted.split()


@pytest.mark.parametrize(
    ("model", "accepted"),
    [
        ("gpt-5", "auto detailed"),
        ("gpt-5.2-pro", "auto detailed"),
        ("o3", "auto concise detailed"),
        ("o3-pro", "auto concise detailed"),
        ("o4-mini", "auto concise detailed"),
        ("o3-mini", ""),
        ("o1", ""),
        ("your-model-name", "auto concise detailed"),
    ],
)
def test_a_summary_is_taken_or_refused_alike_whatever_the_way(model: str, accepted: str) -> None:
    summaries = ("auto", "concise", "detailed")
    direct = [s for s in summaries if refusal("responses", f"openai/{model}", reasoning={"summary": s}) is None]
    bridged = [
        s
        for s in summaries
        if refusal("completion", f"openai/responses/{model}", reasoning_effort={"effort": "low", "summary": s}) is None
    ]
    assert (direct, bridged) == (accepted.split(), accepted.split())


@pytest.mark.parametrize(
    ("model", "accepted"),
    [
        *[(model, "low medium high") for model in ("gpt-5", "gpt-5.1", "gpt-5-mini", "gpt-5-nano", "gpt-5-pro")],
        *[(model, "") for model in ("gpt-5-codex", "gpt-5.1-codex", "gpt-5.1-codex-mini", "gpt-5.1-codex-max")],
    ],
)
def test_a_verbosity_is_taken_or_refused_alike_whatever_the_way(model: str, accepted: str) -> None:
    values = ("low", "medium", "high", "enormous")
    direct = [v for v in values if refusal("responses", f"openai/{model}", text={"verbosity": v}) is None]
    bridged = [v for v in values if refusal("completion", f"openai/responses/{model}", verbosity=v) is None]
    bare = [v for v in values if refusal("completion", model, verbosity=v) is None]
    assert (direct, bridged, bare) == (accepted.split(),) * 3


@pytest.mark.parametrize(
    ("kind", "is_taken"),
    [
        ("web_search", True),
        ("file_search", True),
        ("image_generation", True),
        ("mcp", True),
        ("code_interpreter", False),
        ("computer_use_preview", False),
    ],
)
def test_the_tools_of_gpt_5_pro_are_those_of_the_page_whatever_the_way(kind: str, is_taken: bool) -> None:
    ways = [
        ("responses", "openai/gpt-5-pro"),
        ("completion", "openai/responses/gpt-5-pro"),
        ("completion", "gpt-5-pro"),
    ]
    refusals = [refusal(function, model, tools=[{"type": kind}]) for function, model in ways]
    assert [found is None for found in refusals] == [is_taken] * 3
    assert [found.param for found in refusals if found is not None] == [] if is_taken else ["tools"] * 3


@each_mode
def test_gpt_5_pro_takes_no_audio(mode: str, upstream: FakeUpstream) -> None:
    part = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    error = outcome_of(mode, "completion", "gpt-5-pro", [{"role": "user", "content": [part]}]).error
    assert isinstance(error, UnsupportedParamsError)
    assert "input_audio" in str(error)
    assert upstream.received == []


@each_mode
@each_way
def test_gpt_5_pro_does_not_stream_unless_one_burst_will_do(way: str, mode: str, upstream: FakeUpstream) -> None:
    refused = outcome_of(mode, *asked(way, "gpt-5-pro"), stream=True).error
    assert isinstance(refused, UnsupportedParamsError)
    assert (refused.param, "fake_stream" in str(refused), upstream.received) == ("stream", True, [])
    burst = outcome_of(mode, *asked(way, "gpt-5-pro"), stream=True, fake_stream=True)
    assert [("stream" in request["json"]) for request in upstream.received] == [False]
    assert [(entry.parameter, entry.action) for entry in burst.result.ledger] == [("stream", "emulated")]
    if way == "direct":
        assert [burst.pieces[0].type, burst.pieces[-1].type] == ["response.created", "response.completed"]
        deltas = [piece.delta for piece in burst.pieces if piece.type == "response.output_text.delta"]
        assert deltas == ["Paris."]
        assert burst.pieces[-1].response.output_text == "Paris."
    else:
        assert "".join(piece.choices[0].delta.content or "" for piece in burst.pieces if piece.choices) == "Paris."


# --- errors keep what the upstream said ---


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "code", "error_class"),
    [
        (400, "unsupported_value", BadRequestError),
        (401, "invalid_api_key", AuthenticationError),
        (429, "insufficient_quota", RateLimitError),
        (500, "server_error", InternalServerError),
    ],
)
@each_mode
@each_way
def test_what_the_upstream_refuses_keeps_its_words(
    way: str, mode: str, status: int, code: str, error_class: Any, stream: bool, upstream: FakeUpstream
) -> None:
    said = {"message": "Your organization must be verified", "type": "some_error", "param": "reasoning", "code": code}
    upstream.answers += [Answer.json({"error": said}, status, x_request_id="req-9")]
    error = outcome_of(mode, *asked(way), stream=stream, max_retries=0).error
    assert type(error) is error_class
    assert (error.status_code, error.message, error.request_id) == (status, said["message"], "req-9")
    assert (error.code, error.type, error.param, error.provider) == (code, "some_error", "reasoning", "openai")


FAILURES = [
    ("rate_limit_exceeded", RateLimitError),
    ("server_error", InternalServerError),
    ("vector_store_timeout", InternalServerError),
    ("image_content_policy_violation", ContentPolicyViolationError),
    ("bio_policy", ContentPolicyViolationError),
    ("invalid_prompt", BadRequestError),
]


@pytest.mark.parametrize(("code", "error_class"), FAILURES)
@each_mode
@each_way
def test_a_failed_response_raises_by_its_code_and_keeps_what_came(
    way: str, mode: str, code: str, error_class: Any, upstream: FakeUpstream
) -> None:
    failed = {**response(BODY), "status": "failed", "error": {"code": code, "message": "no more"}}
    upstream.answers += [Answer.json(failed)]
    error = outcome_of(mode, *asked(way), max_retries=0).error
    assert (type(error), error.code, error.message) == (error_class, code, "no more")
    assert "Paris." in json.dumps(error.partial)


@pytest.mark.parametrize(("code", "error_class"), FAILURES)
@each_mode
@each_way
def test_a_stream_that_fails_hands_out_what_came_then_raises(
    way: str, mode: str, code: str, error_class: Any, upstream: FakeUpstream
) -> None:
    *events, last = response_events(BODY)
    failure = {"status": "failed", "error": {"code": code, "message": "no more"}, "output": [], "id": "resp_1"}
    upstream.answers += [
        Answer.sse([*events, {**last, "type": "response.failed", "response": failure}], done=False, x_request_id="r-9")
    ]
    found = outcome_of(mode, *asked(way), stream=True, max_retries=0)
    assert (type(found.error), found.error.code, found.error.request_id) == (error_class, code, "r-9")
    assert len(found.pieces) > 2
    assert "France has one capital." in json.dumps(found.error.partial)


@each_mode
@each_way
def test_a_stream_that_is_cut_short_is_truncated_with_the_answer_so_far(
    way: str, mode: str, upstream: FakeUpstream
) -> None:
    events = list(response_events(BODY))[:6]  # up to "Par"
    upstream.answers += [Answer.sse(events, done=False)]
    error = outcome_of(mode, *asked(way), stream=True, max_retries=0).error
    assert type(error) is StreamTruncatedError
    found = error.partial["output"][1]["content"] if way == "direct" else error.partial["choices"][0]["message"]
    assert (found[0]["text"] if way == "direct" else found["content"]) == "Par"


@each_mode
def test_an_incomplete_response_is_an_answer(mode: str, upstream: FakeUpstream) -> None:
    cut = {**response(BODY), "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    upstream.answers += [Answer.json(cut)] * 2
    direct, bridged = (outcome_of(mode, *asked(way)).result for way in ("direct", "bridged"))
    assert (direct.status, direct.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert bridged.choices[0].finish_reason == "length"
