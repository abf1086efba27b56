"""What an answer becomes, whole and streamed: parts, every reason to end, usage, citations, probabilities."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from google.genai import types
from llmgate_gemini.wire.finish import FAILED, FINISHED

from llmgate_core import (
    APIResponseValidationError,
    BadGatewayError,
    Client,
    InternalServerError,
    UnsupportedParamsError,
)
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.gemini_upstream import candidate, check_answer, said

MODEL = "gemini/gemini-3.8-flash"
PNG = "iVBORw0KGgo="
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def answers(upstream: FakeUpstream, *events: dict[str, Any], stream: bool) -> None:
    """Let the upstream answer with events, or with the only one as a whole; Google's SDK must be able to read them."""
    for event in events:
        check_answer(event)
    upstream.otherwise = Answer.sse(events, done=False) if stream else Answer.json(events[0])


def choice_of(ask: Callable[..., Any], upstream: FakeUpstream, answer: dict[str, Any], *, stream: bool) -> Any:
    answers(upstream, answer, stream=stream)
    return ask("completion", model=MODEL, messages="hi", stream=stream).choices[0]


# --- parts ---

CODE = {"executableCode": {"language": "PYTHON", "code": "print(2)"}}
OUTPUT = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2\n"}}
PARTS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "text": ([{"text": "Hel"}, {"text": "lo"}], {"content": "Hello"}),
    "thoughts": (
        [{"text": "Hm.", "thought": True}, {"text": "Hello"}],
        {"content": "Hello", "reasoning_content": "Hm."},
    ),
    "a picture": (
        [{"text": "Here."}, {"inlineData": {"mimeType": "image/png", "data": PNG}}],
        {
            "content": "Here.",
            "images": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}],
        },
    ),
    "code": (
        [{"text": "I compute. "}, CODE, OUTPUT, {"text": "2."}],
        {
            "content": "I compute. 2.",
            "provider_specific_fields": {"parts": [CODE, OUTPUT]},
            "reasoning_items": [
                {"type": "google_part", "at": [11, 0], "part": CODE},
                {"type": "google_part", "at": [11, 0], "part": OUTPUT},
            ],
        },
    ),
    "sound": (
        [{"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AAAA"}}],
        {"audio": {"id": "audio_resp-1_0", "data": "AAAA", "transcript": "", "expires_at": 0}},
    ),
    "nothing": ([], {}),
}  # fmt: skip


@both_ways
@pytest.mark.parametrize("name", PARTS)
def test_each_kind_of_part(ask: Callable[..., Any], fake_upstream: FakeUpstream, name: str, stream: bool) -> None:
    parts, wanted = PARTS[name]
    choice = choice_of(ask, fake_upstream, said(*parts), stream=stream)
    message = {name: value for name, value in choice.message.model_dump().items() if value is not None}
    assert {name: value for name, value in message.items() if name != "role"} == wanted
    assert choice.finish_reason == "stop"


@both_ways
def test_calls_have_arguments_as_json_and_ids_of_their_own(
    ask: Callable[..., Any], fake_upstream: FakeUpstream, stream: bool
) -> None:
    calls = [
        {"name": "f", "args": {"a": "é"}},
        {"name": "f"},
        {"id": "x", "name": "g", "args": {}},
        {"id": "x", "name": "g"},
    ]
    choice = choice_of(ask, fake_upstream, said(*({"functionCall": call} for call in calls)), stream=stream)
    made = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls"
    assert [(call.type, call.function.name, call.function.parsed_arguments) for call in made] == [
        ("function", "f", {"a": "é"}),
        ("function", "f", {}),
        ("function", "g", {}),
        ("function", "g", {}),
    ]
    assert len({call.id for call in made}) == len(made)
    assert made[2].id == "x"


def test_ids_of_two_answers_without_any_id_are_not_the_same(client: Client, fake_upstream: FakeUpstream) -> None:
    answer = said({"functionCall": {"name": "f", "args": {}}})
    del answer["responseId"]
    answers(fake_upstream, answer, stream=False)
    first, second = (client.completion(MODEL, "hi").choices[0].message.tool_calls[0].id for _ in range(2))
    assert first != second


@both_ways
def test_several_candidates_are_several_choices(
    ask: Callable[..., Any], fake_upstream: FakeUpstream, stream: bool
) -> None:
    answer = said()
    answer["candidates"] = [candidate({"text": text}, index=place) for place, text in enumerate(("a", "b"))]
    answers(fake_upstream, answer, stream=stream)
    choices = ask("completion", model=MODEL, messages="hi", n=2, stream=stream).choices
    assert [(choice.index, choice.message.content, choice.finish_reason) for choice in choices] == [
        (0, "a", "stop"),
        (1, "b", "stop"),
    ]


# --- why it ended ---


def test_every_reason_of_googles_sdk_is_known() -> None:
    assert FINISHED.keys() | FAILED.keys() == {reason.value for reason in types.FinishReason}


@both_ways
@pytest.mark.parametrize("reason", FINISHED)
def test_each_reason_to_end(ask: Callable[..., Any], fake_upstream: FakeUpstream, reason: str, stream: bool) -> None:
    choice = choice_of(ask, fake_upstream, said({"text": "So "}, finish=reason), stream=stream)
    assert choice.finish_reason == FINISHED[reason]
    assert choice.message.content == "So "
    fields = choice.message.provider_specific_fields
    assert fields == (None if reason in ("STOP", "MAX_TOKENS") else {"finish_reason": reason})


@both_ways
@pytest.mark.parametrize("reason", FAILED)
def test_a_call_that_the_model_failed_to_write_is_an_error(
    ask: Callable[..., Any], fake_upstream: FakeUpstream, reason: str, stream: bool
) -> None:
    with pytest.raises(BadGatewayError) as caught:
        choice_of(ask, fake_upstream, said(finish=reason, finishMessage="print(look(1)"), stream=stream)
    error = caught.value
    assert (error.code, error.status_code, error.retry) == (reason.lower(), 502, True)
    assert "print(look(1)" in error.message


@both_ways
def test_a_filtered_answer_without_text_has_a_refusal(
    ask: Callable[..., Any], fake_upstream: FakeUpstream, stream: bool
) -> None:
    ratings = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": True}]
    answer = said(finish="SAFETY", finishMessage="Not that.", safetyRatings=ratings)
    choice = choice_of(ask, fake_upstream, answer, stream=stream)
    assert (choice.finish_reason, choice.message.content, choice.message.refusal) == (
        "content_filter",
        None,
        "Not that.",
    )
    assert choice.message.provider_specific_fields["safety_ratings"] == ratings


@both_ways
@pytest.mark.parametrize("reason", [reason.value for reason in types.BlockedReason])
def test_a_blocked_prompt_is_an_answer_with_a_refusal(
    ask: Callable[..., Any], fake_upstream: FakeUpstream, reason: str, stream: bool
) -> None:
    answer = {"promptFeedback": {"blockReason": reason}, "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}}
    answers(fake_upstream, answer, stream=stream)
    whole = ask("completion", model=MODEL, messages="hi", stream=stream)
    choice = whole.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("content_filter", None)
    assert reason in choice.message.refusal
    if not stream:
        assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (3, 0)


@both_ways
def test_an_unknown_reason_is_told(ask: Callable[..., Any], fake_upstream: FakeUpstream, stream: bool) -> None:
    answer = said({"text": "a"}, finish="TOMORROWS_REASON")
    fake_upstream.otherwise = Answer.sse([answer], done=False) if stream else Answer.json(answer)
    whole = ask("completion", model=MODEL, messages="hi", stream=stream)
    assert whole.choices[0].finish_reason == "stop"
    assert whole.choices[0].message.provider_specific_fields == {"finish_reason": "TOMORROWS_REASON"}
    assert [entry.parameter for entry in whole.ledger] == ["finish_reason"]


@pytest.mark.parametrize("answer", [{}, {"candidates": []}, {"candidates": 7}, [], [{"candidates": []}], "text", None])
def test_an_answer_without_candidates_is_the_upstreams_fault(
    client: Client, fake_upstream: FakeUpstream, answer: Any
) -> None:
    fake_upstream.otherwise = Answer.json(answer)
    with pytest.raises(APIResponseValidationError):
        client.completion(MODEL, "hi")


def test_an_error_in_a_list_in_place_of_an_answer_is_an_error(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json([{"error": {"code": 500, "message": "boom", "status": "INTERNAL"}}])
    with pytest.raises(InternalServerError, match="boom"):
        client.completion(MODEL, "hi")


# --- what it took ---


@both_ways
def test_usage_counts_thoughts_tools_and_the_cache(
    ask: Callable[..., Any], client: Client, fake_upstream: FakeUpstream, stream: bool
) -> None:
    counts = {
        "promptTokenCount": 100,
        "toolUsePromptTokenCount": 5,
        "cachedContentTokenCount": 60,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 30,
        "totalTokenCount": 155,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 80}, {"modality": "IMAGE", "tokenCount": 20}],
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}],
        "trafficType": "ON_DEMAND",
    }
    first = said({"text": "a"}, finish=None, usage=None)
    answers(fake_upstream, *([first] if stream else []), said({"text": "b"}, usage=counts), stream=stream)
    options = {"stream_options": {"include_usage": True}} if stream else {}
    usage = ask("completion", model=MODEL, messages="hi", stream=stream, **options).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (105, 50, 155)
    assert usage.prompt_tokens_details.cached_tokens == 60
    assert usage.prompt_tokens_details.model_dump(exclude_unset=True) == {
        "text_tokens": 80,
        "image_tokens": 20,
        "cached_tokens": 60,
    }
    assert usage.completion_tokens_details.model_dump(exclude_unset=True) == {
        "audio_tokens": 20,
        "reasoning_tokens": 30,
    }
    assert usage.get("trafficType") == "ON_DEMAND"


@both_ways
def test_what_was_not_counted_is_not_zero(ask: Callable[..., Any], fake_upstream: FakeUpstream, stream: bool) -> None:
    answers(fake_upstream, said({"text": "a"}, usage=None), stream=stream)
    options = {"stream_options": {"include_usage": True}} if stream else {}
    assert ask("completion", model=MODEL, messages="hi", stream=stream, **options).usage is None


# --- citations, probabilities and other fields ---

TEXT = "Ünïcode 雪 is here. So is that."
CITED = "So is that."


def grounding(**segment: Any) -> dict[str, Any]:
    return {
        "groundingChunks": [
            {"web": {"uri": "https://a.example", "title": "A"}},
            {"retrievedContext": {"uri": "https://b.example", "title": "B"}},
            {"web": {}},
        ],
        "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0, 1, 2, 99]}],
        "webSearchQueries": ["where"],
    }


@both_ways
def test_citations_are_counted_in_characters(
    ask: Callable[..., Any], fake_upstream: FakeUpstream, stream: bool
) -> None:
    start = TEXT.encode().index(CITED.encode())
    metadata = grounding(startIndex=start, endIndex=start + len(CITED.encode()))
    last = said({"text": TEXT[9:]}, groundingMetadata=metadata)
    if stream:
        answers(fake_upstream, said({"text": TEXT[:9]}, finish=None), last, stream=True)
    else:
        answers(fake_upstream, said({"text": TEXT}, groundingMetadata=metadata), stream=False)
    message = ask("completion", model=MODEL, messages="hi", stream=stream).choices[0].message
    assert message.content == TEXT
    cited = [annotation.url_citation for annotation in message.annotations]
    assert [(citation.url, citation.title) for citation in cited] == [
        ("https://a.example", "A"),
        ("https://b.example", "B"),
    ]
    assert {TEXT[citation.start_index : citation.end_index] for citation in cited} == {CITED}
    assert message.provider_specific_fields["grounding_metadata"] == metadata


def test_a_citation_is_found_by_its_text_where_the_places_are_those_of_another_part(
    client: Client, fake_upstream: FakeUpstream
) -> None:
    metadata = grounding(partIndex=7, startIndex=1, endIndex=2, text=CITED)
    answers(fake_upstream, said({"text": TEXT}, groundingMetadata=metadata), stream=False)
    message = client.completion(MODEL, "hi").choices[0].message
    citation = message.annotations[0].url_citation
    assert message.content[citation.start_index : citation.end_index] == CITED


def test_citations_of_a_later_part_begin_behind_the_others(client: Client, fake_upstream: FakeUpstream) -> None:
    metadata = grounding(partIndex=2, startIndex=0, endIndex=4)
    parts = [{"text": "Hm", "thought": True}, {"text": "Über "}, {"text": "dach."}]
    answers(fake_upstream, said(*parts, groundingMetadata=metadata), stream=False)
    message = client.completion(MODEL, "hi").choices[0].message
    citation = message.annotations[0].url_citation
    assert message.content[citation.start_index : citation.end_index] == "dach"


@both_ways
def test_probabilities_of_tokens(ask: Callable[..., Any], fake_upstream: FakeUpstream, stream: bool) -> None:
    result = {
        "chosenCandidates": [{"token": "é", "tokenId": 7, "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "e", "tokenId": 8, "logProbability": -1}]}],
    }
    choice = choice_of(ask, fake_upstream, said({"text": "é"}, logprobsResult=result), stream=stream)
    assert choice.logprobs["content"] == [
        {
            "token": "é",
            "logprob": -0.5,
            "bytes": [195, 169],
            "top_logprobs": [{"token": "e", "logprob": -1, "bytes": [101]}],
        }
    ]


@both_ways
def test_fields_that_chat_has_not_are_kept(ask: Callable[..., Any], fake_upstream: FakeUpstream, stream: bool) -> None:
    extras = {
        "citationMetadata": {"citations": [{"uri": "https://a.example"}]},
        "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "https://b.example"}]},
        "avgLogprobs": -0.25,
    }
    answer = {**said({"text": "a"}, **extras), "createTime": "2026-11-29T00:00:00Z"}
    answers(fake_upstream, answer, stream=stream)
    whole = ask("completion", model=MODEL, messages="hi", stream=stream)
    assert (whole.id, whole.model, whole.get("createTime")) == ("resp-1", "gemini-3.8-flash", "2026-11-29T00:00:00Z")
    assert json.loads(json.dumps(whole.choices[0].message.provider_specific_fields)) == {
        "citation_metadata": extras["citationMetadata"],
        "url_context_metadata": extras["urlContextMetadata"],
        "avg_logprobs": -0.25,
    }


# --- what it costs ---


def test_an_answer_costs_what_its_counts_and_searches_cost(client: Client, fake_upstream: FakeUpstream) -> None:
    counts = {
        "promptTokenCount": 1000,
        "cachedContentTokenCount": 400,
        "candidatesTokenCount": 100,
        "totalTokenCount": 1100,
    }
    metadata = {"webSearchQueries": ["a", "b"]}
    answers(fake_upstream, said({"text": "a"}, usage=counts, groundingMetadata=metadata), stream=False)
    cost = client.completion(MODEL, "hi", web_search_options={}).cost
    assert cost == pytest.approx((600 * 0.75 + 400 * 0.075 + 100 * 3.75) / 1e6 + 2 * 0.014)
    answers(fake_upstream, said({"text": "a"}, usage=counts), stream=False)
    assert client.completion(MODEL, "hi", service_tier="flex").cost == pytest.approx(
        (600 * 0.375 + 400 * 0.0375 + 100 * 1.875) / 1e6
    )


def test_a_bare_name_leads_here(client: Client, fake_upstream: FakeUpstream) -> None:
    answers(fake_upstream, said({"text": "a"}), stream=False)
    assert client.completion("gemini-3.8-flash", "hi").choices[0].message.content == "a"


def test_sampling_is_refused_by_models_that_no_longer_take_it(client: Client, fake_upstream: FakeUpstream) -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        client.completion(MODEL, "hi", temperature=0)
    assert caught.value.param == "temperature"
    answers(fake_upstream, said({"text": "a"}), stream=False)
    client.completion("gemini/gemini-3-flash-preview", "hi", temperature=0)
    assert fake_upstream.received[-1]["json"]["generationConfig"] == {"temperature": 0}
