"""Which request means which operation."""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_gateway.dialects.anthropic.routes import anthropic_routes
from llmgate_gateway.dialects.openai.routes import openai_routes
from llmgate_gateway.http.routes import Routes, builtin_route, request_path

from llmgate_core.serving import ENDPOINTS
from llmgate_core.testing import Answer

PAGES = (builtin_route("GET", "/livez"), builtin_route("GET", "/"))
ROUTES = Routes([*openai_routes("openai"), *anthropic_routes("anthropic"), *PAGES])
EVERY = [
    (family, operation, endpoint)
    for family, table in ENDPOINTS.items()
    for operation, endpoint in table.items()
    if (family, operation) != ("chat", "count_tokens")  # which OpenAI's API does not have
]


@pytest.mark.parametrize(("family", "operation", "endpoint"), EVERY)
@pytest.mark.parametrize("start", ["", "/v1"])
def test_every_endpoint_of_the_core_has_its_route(family: str, operation: str, endpoint: Any, start: str) -> None:
    path = "/".join("an%2Fid" if part.startswith("{") else part for part in endpoint.path.split("/"))
    found = ROUTES.find(endpoint.method, start + path)
    assert found.route is not None
    assert (found.route.family, found.route.operation) == (family, operation)
    assert set(found.ids.values()) <= {"an/id"}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions/",
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/chat/./completions",
        "/v1/../v1/chat/completions",
        "/v1/chat%2fcompletions",
        "/v1/chat/completion%73",
        "/V1/chat/completions",
        "/v1/chat/completions;x",
        "/v1",
        "/v1/",
        "",
        "/v1/v1/chat/completions",
        "/v1/livez",
        "/v1/responses/..",
        "/v1/responses/%2e%2e",
        "/v1/responses/.",
        "/v1/responses/%00",
        "/v1/responses/%0d%0a",
        "/v1/responses/%ff",
        "/v1/responses/ ",
        "/v1/responses/%20",
        "/v1/responses//cancel",
    ],
)
def test_nothing_else_matches(path: str) -> None:
    assert [ROUTES.find(method, path).route for method in ("GET", "POST", "DELETE")] == [None] * 3


def test_ids_are_decoded_once() -> None:
    assert ROUTES.find("GET", "/v1/responses/a%252fb").ids == {"response_id": "a%2fb"}
    assert ROUTES.find("GET", "/v1/models/ft:gpt-4o:org::id").ids == {"model": "ft:gpt-4o:org::id"}


def test_another_method_is_told_which_are_allowed() -> None:
    assert ROUTES.find("PUT", "/v1/chat/completions").allowed == ("GET", "POST")
    assert ROUTES.find("PUT", "/v1/responses/x").allowed == ("DELETE", "GET")


def test_literal_paths_win_over_ids() -> None:
    found = ROUTES.find("POST", "/v1/responses/input_tokens")
    assert found.route is not None
    assert found.route.operation == "input_tokens"


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ({"path": "/v1/models", "raw_path": b"/v1/models"}, "/v1/models"),
        ({"path": "/gw/v1/models", "raw_path": b"/gw/v1/models", "root_path": "/gw"}, "/v1/models"),
        ({"path": "/gw", "raw_path": b"/gw", "root_path": "/gw"}, "/"),
        ({"path": "/v1/models", "raw_path": b"/v1/models", "root_path": "/gw"}, "/v1/models"),
        ({"path": "/gwx/models", "raw_path": b"/gwx/models", "root_path": "/gw"}, "/gwx/models"),
        ({"path": "/v1/a/b", "raw_path": b"/v1/a%2Fb?x=1"}, "/v1/a%2Fb"),
        ({"path": "/v1/models"}, "/v1/models"),
        ({"path": "/v1/models", "raw_path": None}, "/v1/models"),
    ],
)
def test_the_path_is_the_one_below_the_mount(scope: dict[str, Any], path: str) -> None:
    assert request_path(scope) == path


def test_an_unknown_path_and_method_are_said_in_openais_shape(gateway: Any) -> None:
    reply = gateway.http.get("/v1/nowhere")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_url")
    reply = gateway.http.put("/v1/chat/completions")
    assert (reply.status_code, reply.json()["error"]["code"], reply.headers["allow"]) == (
        405,
        "method_not_allowed",
        "GET, POST",
    )


def test_models_are_the_names_of_the_config(serve: Any) -> None:
    gateway = serve({"m": "openai/gpt-4o", "wild/*": "openai/*"})
    listed = gateway.http.get("/v1/models").json()
    assert listed["object"] == "list"
    assert [(model["id"], model["object"]) for model in listed["data"]] == [("m", "model"), ("wild/*", "model")]
    assert gateway.http.get("/models/m").json()["id"] == "m"
    assert gateway.http.get("/v1/models/wild%2Fx").json()["id"] == "wild/x"
    assert gateway.http.get("/v1/models/nobody").status_code == 404
    assert "canary" not in gateway.http.get("/v1/models").text


def test_a_pattern_is_listed_as_the_models_that_its_plugin_lists(serve_document: Any) -> None:
    keys = [{"name": "some", "key": "sk-some", "models": ["lab/smollm2*", "openai/*"]}]
    entries = [
        {"model_name": "lab/*", "params": {"model": "local/*"}},
        {"model_name": "openai/*", "params": {"model": "openai/*", "api_key": "k"}},
    ]
    gateway = serve_document({"model_list": entries, "general_settings": {"master_key": "sk-all", "keys": keys}})
    listed = {}
    for key in ("sk-all", "sk-some"):
        reply = gateway.http.get("/v1/models", headers={"authorization": f"Bearer {key}"}).json()
        listed[key] = [model["id"] for model in reply["data"]]
    assert "openai/*" in listed["sk-all"], "this plugin lists no models"
    assert "lab/*" not in listed["sk-all"]
    assert any(name.startswith("lab/") for name in listed["sk-all"])
    assert len(set(listed["sk-all"])) == len(listed["sk-all"])
    assert set(listed["sk-some"]) < set(listed["sk-all"])
    one = listed["sk-all"][0]
    assert gateway.http.get(f"/v1/models/{one}", headers={"authorization": "Bearer sk-all"}).status_code == 200


def test_an_alias_of_a_name_that_a_pattern_serves_is_served(serve: Any, upstream: Any) -> None:
    gateway = serve({"openai/*": "openai/*"}, router_settings={"model_group_alias": {"fast": "openai/gpt-4o-mini"}})
    upstream.answers.append(Answer.json({"id": "c", "choices": []}))
    assert gateway.chat(model="fast").status_code == 200
    assert upstream.received[0]["json"]["model"] == "gpt-4o-mini"


def test_stored_resources_go_to_the_deployment_that_offers_them(serve: Any, upstream: Any) -> None:
    gateway = serve({"e": "openai/text-embedding-3-small", "m": "openai/gpt-4o"})
    upstream.otherwise = Answer.json({"id": "resp_1", "object": "response", "status": "completed", "output": []})
    assert gateway.http.get("/v1/responses/resp_1?include[]=x").status_code == 200
    assert gateway.http.delete("/v1/responses/resp%2F1").status_code == 200
    assert gateway.http.post("/v1/responses/resp_1/cancel").status_code == 200
    assert [(request["method"], request["path"]) for request in upstream.received] == [
        ("GET", "/v1/responses/resp_1?include%5B%5D=x"),
        ("DELETE", "/v1/responses/resp%2F1"),
        ("POST", "/v1/responses/resp_1/cancel"),
    ]


def test_a_stored_resource_of_another_deployment_is_asked_for_by_its_model(serve: Any, upstream: Any) -> None:
    keys = {
        "a": {"model": "openai/gpt-4o", "api_key": "sk-aaaaaaaaaaaa"},
        "b": {"model": "openai/gpt-4o", "api_key": "sk-bbbbbbbbbbbb"},
    }
    gateway = serve(keys)
    upstream.otherwise = Answer.json({"id": "resp_1", "object": "response", "status": "completed", "output": []})
    gateway.http.get("/v1/responses/resp_1")
    gateway.http.get("/v1/responses/resp_1?model=b")
    gateway.http.get("/v1/responses/resp_1", headers={"x-llmgate-model": "b"})
    used = [request["headers"]["authorization"][-4:] for request in upstream.received]
    assert used == ["aaaa", "bbbb", "bbbb"]
    assert {request["path"] for request in upstream.received} == {"/v1/responses/resp_1"}


def test_entries_of_one_name_take_turns(serve: Any, upstream: Any) -> None:
    entries = {key: {"name": "m", "model": "openai/gpt-4o", "api_key": f"sk-{key * 12}"} for key in "abc"}
    gateway = serve(entries)
    upstream.otherwise = Answer.json({"id": "x", "choices": []})
    for _ in range(6):
        gateway.chat()
    assert [request["headers"]["authorization"][-1] for request in upstream.received] == list("abcabc")


def test_a_pattern_serves_what_has_no_entry_and_longer_prefixes_under_it(serve: Any, upstream: Any) -> None:
    gateway = serve({"m": "openai/gpt-4o", "*": "openai/*"})
    upstream.otherwise = Answer.json(
        {"id": "x", "choices": [], "output": [], "object": "response", "status": "completed"}
    )
    for model in ("m", "gpt-4", "ft:gpt-4o:o::i", "never-seen", "openai/responses/gpt-5-mini"):
        assert gateway.chat(model=model).status_code == 200
    assert [(request["path"], request["json"]["model"]) for request in upstream.received] == [
        ("/v1/chat/completions", "gpt-4o"),
        ("/v1/chat/completions", "gpt-4"),
        ("/v1/chat/completions", "ft:gpt-4o:o::i"),
        ("/v1/chat/completions", "never-seen"),
        ("/v1/responses", "gpt-5-mini"),
    ]


def test_a_single_model_answers_to_every_name(serve: Any, upstream: Any) -> None:
    gateway = serve({"openai/gpt-4o": "openai/gpt-4o", "*": "openai/gpt-4o"})
    upstream.otherwise = Answer.json({"id": "x", "choices": []})
    for model in ("openai/gpt-4o", "anything", "gpt-3.5-turbo"):
        assert gateway.chat(model=model).status_code == 200
    assert {request["json"]["model"] for request in upstream.received} == {"gpt-4o"}


def test_parameters_of_the_deployment_are_defaults(serve: Any, upstream: Any) -> None:
    gateway = serve(
        {
            "m": {
                "model": "openai/gpt-4o",
                "temperature": 0.5,
                "top_p": 0.9,
                "extra_body": {"x": 1},
                "extra_headers": {"x-team": "t"},
            }
        }
    )
    upstream.otherwise = Answer.json({"id": "x", "choices": []})
    gateway.chat(temperature=0.1)
    sent = upstream.received[0]["json"]
    assert (sent["temperature"], sent["top_p"], sent["x"]) == (0.1, 0.9, 1)
    assert upstream.received[0]["headers"]["x-team"] == "t"


def test_speech_comes_back_as_its_bytes(serve: Any, upstream: Any) -> None:
    gateway = serve({"s": {"model": "openai/tts-1", "info": {"mode": "audio_speech"}}})
    upstream.answers.append(Answer(200, [b"ID3" + b"a" * 70_000, b"b" * 70_000], {"content-type": "audio/mpeg"}))
    reply = gateway.post("/v1/audio/speech", {"model": "s", "input": "hi", "voice": "alloy"})
    assert reply.content == b"ID3" + b"a" * 70_000 + b"b" * 70_000
    assert reply.headers["content-type"] == "audio/mpeg"
    assert upstream.received[0]["json"] == {"model": "tts-1", "input": "hi", "voice": "alloy"}


@pytest.mark.filterwarnings("ignore:openai/sora-2")
def test_a_video_is_created_looked_at_and_fetched(serve: Any, upstream: Any) -> None:
    gateway = serve({"v": "openai/sora-2"})
    job = {"id": "video_1", "object": "video", "status": "queued"}
    upstream.answers += [Answer.json(job), Answer.json(job), Answer(200, b"\x00mp4", {"content-type": "video/mp4"})]
    assert gateway.post("/v1/videos", {"model": "v", "prompt": "x"}).json() == job
    assert gateway.http.get("/v1/videos/video_1").json() == job
    content = gateway.http.get("/v1/videos/video_1/content?variant=video")
    assert (content.content, content.headers["content-type"]) == (b"\x00mp4", "video/mp4")
    assert upstream.received[2]["path"] == "/v1/videos/video_1/content?variant=video"
