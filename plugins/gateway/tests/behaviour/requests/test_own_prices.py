"""Prices of a config count for cost; modes that are not served and groups of several modes start, and say so."""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_gateway.config import load_config_dict

from llmgate_core.testing import Answer, FakeUpstream
from tests.support.running_gateway import CHAT, Serve

USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 400},
}
ANSWER = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "x",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
    "usage": USAGE,
}


@pytest.mark.parametrize(
    ("model", "prices", "dollars"),
    [
        ("unheard-of", {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}, 1.0 + 0.2),
        (
            "unheard-of",
            {"input_cost_per_token": 0.001, "output_cost_per_token": 0, "cache_read_input_token_cost": 0.0001},
            0.6 + 0.04,
        ),
        ("gpt-4o", {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}, 1.0 + 0.2),
        ("gpt-4o", {"input_cost_per_token": 0.001}, 1.0 + 0.001),  # the catalogue's price of output: 10 a million
        ("gpt-4o", {"input_cost_per_token": 0, "output_cost_per_token": 0}, 0.0),
    ],
)
@pytest.mark.parametrize("place", ["info", "params"])
def test_prices_of_the_config_are_what_a_request_costs(
    serve: Serve, upstream: FakeUpstream, model: str, prices: dict[str, float], dollars: float, place: str
) -> None:
    upstream.answers.append(Answer.json(ANSWER))
    entry: dict[str, Any] = {"model": f"openai/{model}", "info": prices if place == "info" else {}}
    gateway = serve({"m": entry if place == "info" else {**entry, **prices}})
    reply = gateway.chat()
    assert float(reply.headers["x-llmgate-cost"]) == pytest.approx(dollars)
    assert gateway.wait_records(1)[0].cost == pytest.approx(dollars)


def test_a_stream_costs_the_configs_prices_too(serve: Serve, upstream: FakeUpstream) -> None:
    chunk = {"id": "c", "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]}
    upstream.answers.append(Answer.sse([chunk, {"id": "c", "choices": [], "usage": USAGE}]))
    prices = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
    gateway = serve({"m": {"model": "openai/unheard-of", "info": prices}})
    gateway.chat(stream=True, stream_options={"include_usage": True})
    assert gateway.wait_records(1)[0].cost == pytest.approx(1.2)


@pytest.mark.parametrize("mode", ["realtime", "batch", "ocr"])
def test_a_model_of_a_mode_that_is_not_served_starts_and_refuses_its_requests(
    serve: Serve, upstream: FakeUpstream, mode: str
) -> None:
    upstream.answers.append(Answer.json(ANSWER))
    gateway = serve({"n": {"model": "acme/model", "info": {"mode": mode}}, "m": "openai/gpt-4o"})
    reply = gateway.post("/v1/chat/completions", {**CHAT, "model": "n"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "model_mode_mismatch")
    assert gateway.chat().status_code == 200
    entry = {"model_name": "m", "params": {"model": "acme/m"}, "model_info": {"mode": mode}}
    (warning,) = load_config_dict({"model_list": [entry]}, environment={}).warnings
    assert f"{mode} is not served" in warning


def test_a_model_that_ranks_documents_is_served(serve: Serve, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"results": [{"index": 0, "relevance_score": 0.5}]}))
    gateway = serve({"m": {"model": "jina_ai/ranker", "info": {"mode": "rerank"}}})
    reply = gateway.post("/v1/rerank", {"model": "m", "query": "q", "documents": ["a"]})
    assert (reply.status_code, reply.json()["results"][0]["relevance_score"]) == (200, 0.5)
    error = gateway.chat().json()["error"]
    assert (error["code"], "/v1/rerank" in error["message"]) == ("model_mode_mismatch", True)


def test_a_model_for_editing_images_is_served(serve: Serve) -> None:
    gateway = serve({"m": {"model": "openai/gpt-image-1", "info": {"mode": "image_edit"}}})
    error = gateway.chat().json()["error"]
    assert (error["code"], "/v1/images/generations" in error["message"]) == ("model_mode_mismatch", True)


def test_of_deployments_with_two_modes_each_request_goes_to_one_that_serves_it(
    serve_document: Serve, upstream: FakeUpstream
) -> None:
    upstream.otherwise = lambda request: Answer.json(ANSWER)
    params = {"model": "openai/gpt-4o", "api_key": "k", "api_base": upstream.base_url}
    entries = [{"model_name": "m", "params": params, "model_info": {"mode": mode}} for mode in ("embedding", "chat")]
    (warning,) = load_config_dict({"model_list": entries}, environment={}).warnings
    assert "has a different mode from model_list[0]" in warning
    gateway = serve_document({"model_list": entries})
    assert [gateway.chat().status_code for _ in range(3)] == [200, 200, 200]
