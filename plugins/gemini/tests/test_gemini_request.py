"""What a chat call becomes: every kind of message, part, tool and parameter, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core import APIResponseValidationError, BadRequestError, Client, Settings, UnsupportedParamsError
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.gemini_upstream import check_request, said

NEW, OLD, BUDGETS = "gemini-3.5-flash", "gemini-2.0-flash", "gemini-2.5-flash"
PNG = "iVBORw0KGgo="
HI = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
ASSISTANT = {"role": "assistant", "content": None, "tool_calls": [CALL]}
LOOK = {"type": "function", "function": {"name": "look", "description": "d", "parameters": {"type": "object"}}}
TOUCH = {"type": "function", "function": {"name": "touch"}}
DECLARED = {"functionDeclarations": [{"name": "look", "description": "d", "parametersJsonSchema": {"type": "object"}}]}


@pytest.fixture(autouse=True)
def answering(fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json(said({"text": "Hello"}))


def user(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def url(address: str, **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": address, **fields}}


DATA = url(f"data:image/png;base64,{PNG}")
INLINE = {"inlineData": {"mimeType": "image/png", "data": PNG}}
PARTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "text": ({"type": "text", "text": "hi"}, {"text": "hi"}),
    "picture": (DATA, INLINE),
    "picture with a charset": (url(f"data:image/png;charset=x;base64,{PNG}"), INLINE),
    "picture as a string": ({"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"}, INLINE),
    "low resolution": (
        url(f"data:image/png;base64,{PNG}", detail="low"),
        {**INLINE, "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}},
    ),
    "high resolution": (
        url(f"data:image/png;base64,{PNG}", detail="high"),
        {**INLINE, "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"}},
    ),
    "automatic resolution": (url(f"data:image/png;base64,{PNG}", detail="auto"), INLINE),
    "https picture": (
        url("https://a.example/b.webp?x=1"),
        {"fileData": {"fileUri": "https://a.example/b.webp?x=1", "mimeType": "image/webp"}},
    ),
    "https picture of a stated type": (
        url("https://a.example/b", format="image/jpeg"),
        {"fileData": {"fileUri": "https://a.example/b", "mimeType": "image/jpeg"}},
    ),
    "object of Cloud Storage": (
        url("gs://bucket/clip.mp4"),
        {"fileData": {"fileUri": "gs://bucket/clip.mp4", "mimeType": "video/mp4"}},
    ),
    "YouTube": (
        {"type": "video_url", "video_url": {"url": "https://www.youtube.com/watch?v=x"}},
        {"fileData": {"fileUri": "https://www.youtube.com/watch?v=x"}},
    ),
    "video": (
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
        {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}},
    ),
    "wav": (
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}},
    ),
    "mp3": (
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}},
    ),
    "PDF": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}},
    ),
    "text file by its name": (
        {"type": "file", "file": {"filename": "a.csv", "file_data": "YSxi"}},
        {"inlineData": {"mimeType": "text/csv", "data": "YSxi"}},
    ),
    "uploaded file": (
        {"type": "file", "file": {"file_id": "files/abc-1"}},
        {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc-1"}},
    ),
    "uploaded file of a stated type": (
        {"type": "file", "file": {"file_id": "files/abc-1", "format": "application/pdf"}},
        {
            "fileData": {
                "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc-1",
                "mimeType": "application/pdf",
            }
        },
    ),
    "uploaded file by its URI": (
        url("https://generativelanguage.googleapis.com/v1beta/files/abc"),
        {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}},
    ),
}


def sent(client: Client, upstream: FakeUpstream, messages: Any = "hi", *, model: str = NEW, **options: Any) -> Any:
    """Return the body of a call, which Google's types take."""
    client.completion(f"gemini/{model}", messages, **options)
    body = upstream.received[-1]["json"]
    if not options.keys() & {"param_policy", "x_unknown"}:
        check_request(body)
    return body


@pytest.mark.parametrize("name", PARTS)
def test_each_kind_of_part(client: Client, fake_upstream: FakeUpstream, name: str) -> None:
    part, wanted = PARTS[name]
    assert sent(client, fake_upstream, user(part))["contents"] == [{"role": "user", "parts": [wanted]}]


REFUSED_PARTS: dict[str, Any] = {
    "http": url("http://a.example/b.png"),
    "file": url("file:///etc/passwd"),
    "ftp": url("ftp://a.example/b.png"),
    "an id of OpenAI's": {"type": "file", "file": {"file_id": "file-123"}},
}
MALFORMED_PARTS: dict[str, Any] = {
    "data without its type": url("data:;base64,AAAA"),
    "data that is not base64": url("data:image/png,abc"),
    "a resolution that there is not": url(f"data:image/png;base64,{PNG}", detail="huge"),
    "a file without a type": {"type": "file", "file": {"file_data": "AAAA"}},
    "sound without its format": {"type": "input_audio", "input_audio": {"data": "AAAA"}},
    "an unknown type": {"type": "hologram"},
}


@pytest.mark.parametrize("name", REFUSED_PARTS)
def test_a_file_that_would_have_to_be_fetched_is_refused(
    client: Client, fake_upstream: FakeUpstream, name: str
) -> None:
    for policy in ("error", "drop", "forward"):
        with pytest.raises(UnsupportedParamsError) as caught:
            client.completion(f"gemini/{NEW}", user(REFUSED_PARTS[name]), param_policy=policy)
        assert caught.value.param == "messages"
    assert fake_upstream.received == []


@pytest.mark.parametrize("name", MALFORMED_PARTS)
def test_a_malformed_part_is_the_callers_error(client: Client, fake_upstream: FakeUpstream, name: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.completion(f"gemini/{NEW}", user(MALFORMED_PARTS[name]))
    assert caught.value.param == "messages"
    assert fake_upstream.received == []


def test_an_older_model_reads_no_https_address(client: Client) -> None:
    with pytest.raises(UnsupportedParamsError):
        client.completion(f"gemini/{OLD}", user(url("https://a.example/b.png")))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_older_model_has_no_resolution_of_a_part(client: Client, fake_upstream: FakeUpstream) -> None:
    part = url(f"data:image/png;base64,{PNG}", detail="low")
    answer = client.completion(f"gemini/{BUDGETS}", user(part))
    assert fake_upstream.received[-1]["json"]["contents"][0]["parts"] == [INLINE]
    assert [(entry.parameter, entry.lossy) for entry in answer.ledger] == [("messages", True)]


# --- messages ---

RESULT = {"role": "tool", "tool_call_id": "c1", "content": "seen"}
RESPONDED = {"functionResponse": {"id": "c1", "name": "look", "response": {"result": "seen"}}}
CALLED = {"functionCall": {"id": "c1", "name": "look", "args": {"at": 1}}}
MESSAGES: dict[str, tuple[list[Any], list[Any]]] = {
    "the same role in a row": (
        [HI, {"role": "user", "content": "there"}, {"role": "assistant", "content": "a"}],
        [{"role": "user", "parts": [{"text": "hi"}, {"text": "there"}]}, {"role": "model", "parts": [{"text": "a"}]}],
    ),
    "empty text": (
        [{"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "hi"}]}],
        [{"role": "user", "parts": [{"text": "hi"}]}],
    ),
    "an empty turn": (
        [HI, {"role": "assistant", "content": ""}, {"role": "user", "content": "?"}],
        [{"role": "user", "parts": [{"text": "hi"}, {"text": "?"}]}],
    ),
    "a result": (
        [HI, ASSISTANT, RESULT],
        [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [CALLED]},
            {"role": "user", "parts": [RESPONDED]},
        ],
    ),
    "what the user says behind a result": (
        [HI, ASSISTANT, RESULT, HI],
        [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [CALLED]},
            {"role": "user", "parts": [RESPONDED]},
            {"role": "user", "parts": [{"text": "hi"}]},
        ],
    ),
    "a result that is an object": (
        [HI, ASSISTANT, {**RESULT, "content": '{"degrees": 18}'}],
        [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [CALLED]},
            {
                "role": "user",
                "parts": [{"functionResponse": {"id": "c1", "name": "look", "response": {"degrees": 18}}}],
            },
        ],
    ),
    "functions of the older form": (
        [
            HI,
            {"role": "assistant", "function_call": {"name": "look", "arguments": "{}"}},
            {"role": "function", "name": "look", "content": "seen"},
        ],
        [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"result": "seen"}}}]},
        ],
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_each_kind_of_message(client: Client, fake_upstream: FakeUpstream, name: str) -> None:
    messages, wanted = MESSAGES[name]
    assert sent(client, fake_upstream, messages, model=BUDGETS)["contents"] == wanted


def test_system_messages_are_joined_and_alone_get_a_turn(client: Client, fake_upstream: FakeUpstream) -> None:
    system = [{"role": "system", "content": "one"}, {"role": "developer", "content": "two"}]
    body = sent(client, fake_upstream, [*system, HI])
    assert body["systemInstruction"] == {"parts": [{"text": "one"}, {"text": "two"}]}
    answer = client.completion(f"gemini/{NEW}", system)
    body = fake_upstream.received[-1]["json"]
    assert body["contents"] == [{"role": "user", "parts": [{"text": " "}]}]
    assert [entry.action for entry in answer.ledger] == ["emulated"]
    answer = client.completion(f"gemini/{NEW}", [HI, *system])
    assert [entry.action for entry in answer.ledger] == ["bridged"]


def test_results_come_in_the_order_of_their_calls_with_names_from_the_history(
    client: Client, fake_upstream: FakeUpstream
) -> None:
    calls = [{**CALL, "id": f"c{number}"} for number in range(3)]
    results = [{**RESULT, "tool_call_id": f"c{number}", "content": str(number)} for number in (2, 0, 1)]
    body = sent(client, fake_upstream, [HI, {**ASSISTANT, "tool_calls": calls}, *results], model=BUDGETS)
    responses = [part["functionResponse"] for part in body["contents"][2]["parts"]]
    assert [(said["id"], said["name"], said["response"]) for said in responses] == [
        (f"c{number}", "look", {"result": str(number)}) for number in range(3)
    ]


def test_a_picture_in_a_result_is_part_of_it_or_comes_behind_it(client: Client, fake_upstream: FakeUpstream) -> None:
    result = {**RESULT, "content": [{"type": "text", "text": "seen"}, DATA]}
    body = sent(client, fake_upstream, [HI, ASSISTANT, result])
    assert body["contents"][2]["parts"][0]["functionResponse"]["parts"] == [INLINE]
    body = sent(client, fake_upstream, [HI, ASSISTANT, result], model=BUDGETS)
    assert body["contents"][2]["parts"] == [RESPONDED, INLINE]


BAD_MESSAGES: dict[str, Any] = {
    "a result without its call": [HI, RESULT],
    "arguments that are no object": [
        HI,
        {**ASSISTANT, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "[1]"}}]},
    ],
    "a call of a custom tool": [
        HI,
        {**ASSISTANT, "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f"}}]},
    ],
    "nothing at all": [{"role": "user", "content": ""}],
    "a picture in a system message": [{"role": "system", "content": [DATA]}, HI],
}


@pytest.mark.parametrize("name", BAD_MESSAGES)
def test_malformed_messages_are_the_callers_error(client: Client, fake_upstream: FakeUpstream, name: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.completion(f"gemini/{NEW}", BAD_MESSAGES[name])
    assert caught.value.param == "messages"
    assert fake_upstream.received == []


# --- tools ---

OWN = [
    {"googleSearch": {}},
    {"code_execution": {}},
    {"url_context": {}},
    {"fileSearch": {"fileSearchStoreNames": ["s"]}},
]
TOOLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "functions": ({"tools": [LOOK]}, {"tools": [DECLARED]}),
    "without parameters": ({"tools": [TOUCH]}, {"tools": [{"functionDeclarations": [{"name": "touch"}]}]}),
    "functions of the older form": ({"functions": [LOOK["function"]]}, {"tools": [DECLARED]}),
    "its own tools": (
        {"tools": OWN},
        {"tools": [{"googleSearch": {}}, {"codeExecution": {}}, {"urlContext": {}}, OWN[3]]},
    ),
    "tools of the Responses API": (
        {"tools": [{"type": "web_search"}, {"type": "code_interpreter"}]},
        {"tools": [{"googleSearch": {}}, {"codeExecution": {}}]},
    ),
    "search": ({"web_search_options": {}}, {"tools": [{"googleSearch": {}}]}),
    "both kinds": (
        {"tools": [LOOK, {"googleSearch": {}}]},
        {"tools": [{"googleSearch": {}}, DECLARED], "toolConfig": {"includeServerSideToolInvocations": True}},
    ),
    "its own declarations": (
        {"tools": [{"functionDeclarations": [{"name": "look"}]}]},
        {"tools": [{"functionDeclarations": [{"name": "look"}]}]},
    ),
}
CHOICES: dict[str, tuple[Any, dict[str, Any]]] = {
    "auto": ("auto", {"mode": "AUTO"}),
    "none": ("none", {"mode": "NONE"}),
    "required": ("required", {"mode": "ANY"}),
    "a function": (
        {"type": "function", "function": {"name": "look"}},
        {"mode": "ANY", "allowedFunctionNames": ["look"]},
    ),
    "allowed tools": (
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [LOOK]}},
        {"mode": "VALIDATED", "allowedFunctionNames": ["look"]},
    ),
    "required ones of allowed tools": (
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [LOOK]}},
        {"mode": "ANY", "allowedFunctionNames": ["look"]},
    ),
}


@pytest.mark.parametrize("name", TOOLS)
def test_each_kind_of_tool(client: Client, fake_upstream: FakeUpstream, name: str) -> None:
    options, wanted = TOOLS[name]
    body = sent(client, fake_upstream, **options)
    assert {key: body[key] for key in ("tools", "toolConfig") if key in body} == wanted


@pytest.mark.parametrize("name", CHOICES)
def test_each_choice(client: Client, fake_upstream: FakeUpstream, name: str) -> None:
    choice, wanted = CHOICES[name]
    body = sent(client, fake_upstream, tool_choice=choice, tools=[LOOK, TOUCH])
    assert body["toolConfig"] == {"functionCallingConfig": wanted}


def test_strict_functions_are_validated(client: Client, fake_upstream: FakeUpstream) -> None:
    strict = {"type": "function", "function": {**LOOK["function"], "strict": True}}
    body = sent(client, fake_upstream, tools=[strict])
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    body = sent(client, fake_upstream, tools=[strict], tool_choice="required")
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}


LONG = "a" * 200
ODD_NAMES = (LONG, LONG + "b", "1st", "with space", "naïve")


def test_names_that_do_not_fit_are_restored(client: Client, fake_upstream: FakeUpstream) -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in (*ODD_NAMES, "fits.it:-")]
    body = sent(client, fake_upstream, tools=tools)
    names = [function["name"] for function in body["tools"][0]["functionDeclarations"]]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 128 and name.isascii() and (name[0].isalpha() or name[0] == "_") for name in names)
    assert names[-1] == "fits.it:-"
    fake_upstream.otherwise = Answer.json(said(*({"functionCall": {"name": name, "args": {}}} for name in names)))
    message = client.completion(f"gemini/{NEW}", "hi", tools=tools).choices[0].message
    assert [call.function.name for call in message.tool_calls] == [*ODD_NAMES, "fits.it:-"]
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "x"}
    choice = {"type": "function", "function": {"name": LONG}}
    body = sent(client, fake_upstream, [HI, message, result], tools=tools, tool_choice=choice)
    assert [part["functionCall"]["name"] for part in body["contents"][1]["parts"]] == names
    assert body["contents"][2]["parts"][0]["functionResponse"]["name"] == names[0]
    assert body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == [names[0]]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_older_model_takes_functions_or_its_own_tools(client: Client, fake_upstream: FakeUpstream) -> None:
    both = [LOOK, {"googleSearch": {}}]
    with pytest.raises(UnsupportedParamsError) as caught:
        client.completion(f"gemini/{BUDGETS}", "hi", tools=both)
    assert caught.value.param == "tools"
    assert sent(client, fake_upstream, model=BUDGETS, tools=both, param_policy="drop")["tools"] == [DECLARED]
    assert len(sent(client, fake_upstream, model=BUDGETS, tools=both, param_policy="forward")["tools"]) == 2


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_older_model_gets_schemas_in_its_own_words(client: Client, fake_upstream: FakeUpstream) -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "at": {"$ref": "#/$defs/Place"},
            "kind": {"const": "x"},
            "many": {"type": "array", "items": {"oneOf": [{"type": "string"}, {"type": "integer"}]}},
        },
        "additionalProperties": False,
        "$defs": {"Place": {"type": ["string", "null"], "title": "Place"}},
    }
    tool = {"type": "function", "function": {"name": "look", "parameters": schema}}
    body = sent(client, fake_upstream, model=OLD, tools=[tool])
    assert body["tools"][0]["functionDeclarations"][0]["parameters"] == {
        "type": "object",
        "properties": {
            "at": {"type": "string", "nullable": True, "title": "Place"},
            "kind": {"enum": ["x"]},
            "many": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
        },
    }


def test_a_schema_that_refers_to_itself_ends(client: Client, fake_upstream: FakeUpstream) -> None:
    schema = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}
    tool = {"type": "function", "function": {"name": "look", "parameters": schema}}
    with pytest.warns(UserWarning, match="recursion"):
        client.completion(f"gemini/{OLD}", "hi", tools=[tool])


# --- parameters ---

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
CONFIG: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sampling": (
        {"temperature": 0.5, "top_p": 0.9, "seed": 7, "n": 2, "presence_penalty": 0.1, "frequency_penalty": 0.2},
        {
            "temperature": 0.5,
            "topP": 0.9,
            "seed": 7,
            "candidateCount": 2,
            "presencePenalty": 0.1,
            "frequencyPenalty": 0.2,
        },
    ),
    "logprobs": ({"logprobs": True, "top_logprobs": 3}, {"responseLogprobs": True, "logprobs": 3}),
    "max_tokens": ({"max_tokens": 5}, {"maxOutputTokens": 5}),
    "max_completion_tokens": ({"max_completion_tokens": 5}, {"maxOutputTokens": 5}),
    "a stop": ({"stop": "."}, {"stopSequences": ["."]}),
    "five stops": ({"stop": list("abcde")}, {"stopSequences": list("abcde")}),
    "JSON": ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
    "a schema": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}},
        {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
    ),
    "modalities": ({"modalities": ["text", "image"]}, {"responseModalities": ["TEXT", "IMAGE"]}),
    "voice": (
        {"modalities": ["audio"], "audio": {"voice": "Kore", "format": "pcm16"}},
        {
            "responseModalities": ["AUDIO"],
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
        },
    ),
    "its own": (
        {"top_k": 40, "media_resolution": "MEDIA_RESOLUTION_LOW", "imageConfig": {"aspectRatio": "16:9"}},
        {"topK": 40, "mediaResolution": "MEDIA_RESOLUTION_LOW", "imageConfig": {"aspectRatio": "16:9"}},
    ),
    "its own object": (
        {"generation_config": {"top_k": 4, "maxOutputTokens": 9}, "max_tokens": 5},
        {"topK": 4, "maxOutputTokens": 9},
    ),
    "its own thinking": (
        {"thinking_config": {"thinkingBudget": 128}, "reasoning_effort": "low"},
        {"thinkingConfig": {"thinkingBudget": 128}},
    ),
    "thinking of Anthropic's": (
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"thinkingConfig": {"thinkingBudget": 1024, "includeThoughts": True}},
    ),
    "neutral values": ({"logprobs": False, "parallel_tool_calls": True, "logit_bias": {}}, {}),
}


@pytest.mark.parametrize("name", CONFIG)
def test_each_parameter_of_the_configuration(client: Client, fake_upstream: FakeUpstream, name: str) -> None:
    options, wanted = CONFIG[name]
    assert sent(client, fake_upstream, **options).get("generationConfig", {}) == wanted


EFFORTS: dict[str, dict[str, Any]] = {
    "gemini-3.8-flash": {
        "none": "low",
        "minimal": "low",
        "low": "low",
        "medium": "medium",
        "high": "high",
        "max": "high",
    },
    "gemini-3-flash-preview": {"none": "minimal", "minimal": "minimal", "xhigh": "high"},
    "gemini-3.5-flash-lite": {"none": "minimal", "minimal": "minimal", "low": "low"},
    "gemini-3.1-pro-preview": {"none": "low", "minimal": "low", "medium": "medium", "high": "high"},
    "gemini-4-hydrogen": {"xhigh": "xhigh", "max": "xhigh", "minimal": "low"},
    "models/gemini-4-argon": {"xhigh": "high", "minimal": "low"},
    "gemini-9-newest": {"none": "low", "high": "high"},
    "gemini-2.5-flash": {"none": 0, "minimal": 1, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 4096},
    "gemini-2.5-flash-lite": {"none": 0, "minimal": 512},
    "gemini-2.5-pro": {"none": 128, "minimal": 128, "high": 4096},
}


@pytest.mark.parametrize(("model", "effort"), [(model, effort) for model in EFFORTS for effort in EFFORTS[model]])
def test_each_effort_of_each_kind_of_model(
    client: Client, fake_upstream: FakeUpstream, model: str, effort: str
) -> None:
    value = EFFORTS[model][effort]
    answer = client.completion(f"gemini/{model}", "hi", reasoning_effort=effort)
    config = fake_upstream.received[-1]["json"]["generationConfig"]["thinkingConfig"]
    field = "thinkingBudget" if isinstance(value, int) else "thinkingLevel"
    assert config == {field: value, "includeThoughts": effort != "none"}
    is_exact = effort == value or (
        (isinstance(value, int) and effort in ("minimal", "low", "medium", "high")) or value == 0
    )
    assert [entry.action for entry in answer.ledger] == ["bridged" if is_exact else "emulated"]


def test_an_effort_of_a_model_that_does_not_think(client: Client, fake_upstream: FakeUpstream) -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        client.completion(f"gemini/{OLD}", "hi", reasoning_effort="low")
    assert caught.value.param == "reasoning_effort"
    assert "generationConfig" not in sent(client, fake_upstream, model=OLD, reasoning_effort="none")


TOP: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "service tier": ({"service_tier": "flex"}, {"serviceTier": "flex"}),
    "default tier": ({"service_tier": "default"}, {"serviceTier": "standard"}),
    "automatic tier": ({"service_tier": "auto"}, {}),
    "safety settings": (
        {"safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]},
        {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]},
    ),
    "cache": ({"cached_content": "cachedContents/1"}, {"cachedContent": "cachedContents/1"}),
    "labels": ({"labels": {"team": "x"}}, {"labels": {"team": "x"}}),
    "unknown": ({"x_unknown": 1}, {"x_unknown": 1}),
    "local": ({"user": "u", "safety_identifier": "s", "metadata": {"a": "b"}, "prompt_cache_key": "k"}, {}),
}


@pytest.mark.parametrize("name", TOP)
def test_each_parameter_at_the_top(client: Client, fake_upstream: FakeUpstream, name: str) -> None:
    options, wanted = TOP[name]
    body = sent(client, fake_upstream, **options)
    assert {key: value for key, value in body.items() if key != "contents"} == wanted


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_request_with_a_cache_has_neither_system_instruction_nor_tools(
    client: Client, fake_upstream: FakeUpstream
) -> None:
    system = {"role": "system", "content": "s"}
    body = sent(client, fake_upstream, [system, HI], tools=[LOOK], cached_content="cachedContents/1")
    assert body == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "cachedContent": "cachedContents/1"}


OTHER = {"type": "function", "function": {**LOOK["function"], "name": "other"}}
UNSUPPORTED = {
    "logit_bias": {"1": 5},
    "prediction": {"type": "content", "content": "x"},
    "verbosity": "low",
    "parallel_tool_calls": False,
    "service_tier": "scale",
    "stop": list("abcdef"),
    "n": 9,
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_has_no_counterpart_is_judged_by_the_policy(
    client: Client, fake_upstream: FakeUpstream, name: str
) -> None:
    tools = [LOOK, OTHER]
    options = {name: UNSUPPORTED[name], "tools": tools}
    with pytest.raises(UnsupportedParamsError) as caught:
        client.completion(f"gemini/{NEW}", "hi", **options)
    assert (caught.value.param, caught.value.code) == (name, "unsupported_parameter")
    assert fake_upstream.received == []
    client.completion(f"gemini/{NEW}", "hi", **options, param_policy="drop")
    client.completion(f"gemini/{NEW}", "hi", tools=tools)
    assert fake_upstream.received[0]["json"] == fake_upstream.received[1]["json"]
    client.completion(f"gemini/{NEW}", "hi", **options, param_policy="forward")
    assert fake_upstream.received[2]["json"] != fake_upstream.received[1]["json"]


MALFORMED = {
    "response_format": {"type": "json_schema", "json_schema": {}},
    "thinking": {"type": "odd"},
    "tools": [{"nonsense": {}}],
    "reasoning_effort": "odd",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_value_is_the_callers_error(client: Client, fake_upstream: FakeUpstream, name: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.completion(f"gemini/{NEW}", "hi", **{name: MALFORMED[name]})
    assert caught.value.param == name
    assert fake_upstream.received == []


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_json_and_tools_at_once_are_for_newer_models(client: Client, fake_upstream: FakeUpstream) -> None:
    options: dict[str, Any] = {"tools": [LOOK], "response_format": {"type": "json_object"}}
    assert sent(client, fake_upstream, **options)["generationConfig"] == {"responseMimeType": "application/json"}
    with pytest.raises(UnsupportedParamsError) as caught:
        client.completion(f"gemini/{BUDGETS}", "hi", **options)
    assert caught.value.param == "response_format"
    assert "generationConfig" not in sent(client, fake_upstream, model=BUDGETS, **options, param_policy="drop")


# --- where it goes ---

PATHS = {
    "gemini-3.8-flash": "/v1beta/models/gemini-3.8-flash:generateContent",
    "models/gemini-3.8-flash": "/v1beta/models/gemini-3.8-flash:generateContent",
    "tunedModels/mine-1": "/v1beta/tunedModels/mine-1:generateContent",
    "a/../../b": "/v1beta/models/a%2F..%2F..%2Fb:generateContent",
    "x:streamGenerateContent?key=1": "/v1beta/models/x%3AstreamGenerateContent%3Fkey%3D1:generateContent",
}


@pytest.mark.parametrize("model", PATHS)
def test_the_model_is_one_segment_of_the_path(client: Client, fake_upstream: FakeUpstream, model: str) -> None:
    client.completion(f"gemini/{model}", "hi")
    assert fake_upstream.received[-1]["path"] == PATHS[model]


def test_a_model_that_cannot_be_a_segment_is_refused(client: Client, fake_upstream: FakeUpstream) -> None:
    for model in ("..", "models/..", " "):
        with pytest.raises(BadRequestError):
            client.completion(f"gemini/{model}", "hi")
    assert fake_upstream.received == []


def test_the_key_is_in_its_header_and_nowhere_else(
    fake_upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "google-key-1")
    with Client(settings=Settings(), api_base=f"{fake_upstream.origin}/v1beta") as client:
        client.completion(f"gemini/{NEW}", "hi")
        monkeypatch.setenv("GEMINI_API_KEY", "gemini-key-1")
        client.completion(f"gemini/{NEW}", "hi")
    requests = fake_upstream.received
    assert [request["headers"]["x-goog-api-key"] for request in requests] == ["google-key-1", "gemini-key-1"]
    assert all("key" not in request["path"] and "authorization" not in request["headers"] for request in requests)


# --- how many tokens it has ---


def test_tokens_are_counted_by_google(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json({"totalTokens": 42, "promptTokensDetails": []})
    system = {"role": "system", "content": "s"}
    counted = client.count_tokens(f"gemini/{NEW}", [system, HI], tools=[LOOK])
    assert counted.input_tokens == 42
    assert fake_upstream.received[-1]["path"] == f"/v1beta/models/{NEW}:countTokens"
    request = fake_upstream.received[-1]["json"]["generateContentRequest"]
    assert request.pop("model") == f"models/{NEW}"
    check_request(request)
    assert request.keys() == {"contents", "systemInstruction", "tools"}
    assert client.count_message_tokens(f"gemini/{NEW}", [HI]).input_tokens == 42


@pytest.mark.parametrize("answer", [{}, {"totalTokens": "many"}, []])
def test_a_number_that_did_not_come_is_the_upstreams_fault(
    client: Client, fake_upstream: FakeUpstream, answer: Any
) -> None:
    fake_upstream.otherwise = Answer.json(answer)
    with pytest.raises(APIResponseValidationError):
        client.count_tokens(f"gemini/{NEW}", [HI])
