"""Every golden answer loads into its type and comes out as it went in, unknown fields too."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from llmgate_core.endpoints.families import FAMILIES
from tests.support.paths import GOLDEN_CASES

FAMILY_OF_SCHEMA = {
    "CreateChatCompletionResponse": "chat",
    "CreateChatCompletionStreamResponse": "chat",
    "CreateCompletionResponse": "text_completion",
    "CreateEmbeddingResponse": "embedding",
    "CreateModerationResponse": "moderation",
    "CreateTranscriptionResponseJson": "transcription",
    "CreateTranscriptionResponseStreamEvent": "transcription",
    "CreateTranscriptionResponseVerboseJson": "transcription",
    "ImagesResponse": "image",
    "Response": "responses",
    "ResponseStreamEvent": "responses",
    "VideoResource": "video",
}


def bodies() -> Iterator[Any]:
    """Yield each distinct JSON answer and stream event of the cases, with its family and whether it is whole."""
    seen = set()
    for path in sorted(GOLDEN_CASES.glob("*.json")):
        for exchange in json.loads(path.read_text("utf-8"))["upstream"]:
            reply = exchange["reply"]
            family = FAMILY_OF_SCHEMA.get(reply.get("schema", ""))
            if family is None:
                continue
            lines = reply["sse"].splitlines() if "sse" in reply else []
            found = [reply["json"]] if "json" in reply else []
            found += [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
            for number, body in enumerate(found):
                key = json.dumps(body, sort_keys=True)
                if key not in seen:
                    seen.add(key)
                    yield pytest.param(family, "json" in reply, body, id=f"{path.stem}-{number}")


BODIES = list(bodies())


def type_of(family: str, *, is_whole: bool) -> Any:
    return FAMILIES[family].result_type() if is_whole else FAMILIES[family].chunk_type()


@pytest.mark.parametrize(("family", "is_whole", "body"), BODIES)
def test_a_golden_body_comes_out_as_it_went_in(family: str, is_whole: bool, body: dict[str, Any]) -> None:
    kind = type_of(family, is_whole=is_whole)
    for result in (kind.model_validate(body), kind.model_validate_json(json.dumps(body))):
        assert result.model_dump(exclude_unset=True) == body
        assert json.loads(result.model_dump_json(exclude_unset=True)) == body
        assert [result[name] for name in body] == [getattr(result, name) for name in body]
        assert [name for name in body if name not in result] == []


def with_strangers(value: Any) -> Any:
    """Return `value` with an unknown field in every object."""
    if isinstance(value, dict):
        return {**{name: with_strangers(item) for name, item in value.items()}, "brand_new": {"a-b": [1, None]}}
    return [with_strangers(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("family", "is_whole", "body"), BODIES)
def test_unknown_fields_survive_everywhere(family: str, is_whole: bool, body: dict[str, Any]) -> None:
    strange = with_strangers(body)
    result = type_of(family, is_whole=is_whole).model_validate_json(json.dumps(strange))
    assert result.model_dump(exclude_unset=True) == strange
    assert result["brand_new"] == result.brand_new == {"a-b": [1, None]}


@pytest.mark.parametrize(("family", "is_whole", "body"), BODIES)
def test_printing_shows_what_came_and_nothing_else(family: str, is_whole: bool, body: dict[str, Any]) -> None:
    result = type_of(family, is_whole=is_whole).model_validate(body)
    assert [name for name in body if f"{name}=" not in repr(result)] == []
    unset = type(result).model_fields.keys() - body.keys()
    shown = {name for name, _ in result.__repr_args__()}
    assert shown & unset == set()
    assert repr(result).startswith(f"{type(result).__name__}(")


@pytest.mark.parametrize("family", sorted(set(FAMILY_OF_SCHEMA.values())))
@pytest.mark.parametrize("body", [{}, {"hello": 1}, [], "text", None])
def test_what_is_no_answer_is_none(family: str, body: Any) -> None:
    with pytest.raises(ValidationError):
        type_of(family, is_whole=True).model_validate(body)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_has_the_types_that_it_names(family: str) -> None:
    for operation in FAMILIES[family].operations:
        assert isinstance(FAMILIES[family].result_type(operation), type)
    if FAMILIES[family].chunk is not None:
        assert isinstance(FAMILIES[family].chunk_type(), type)


def test_a_types_module_loads_no_other_family() -> None:
    program = (
        "import sys, importlib; importlib.import_module('llmgate_core.types.' + sys.argv[1]); "
        "print(*sorted(name[19:] for name in sys.modules if name.startswith('llmgate_core.types.')))"
    )
    for module, others in (
        ("audio", ""),
        ("binary", ""),
        ("image", ""),
        ("moderation", ""),
        ("responses", "structured_output"),
        ("video", ""),
    ):
        done = subprocess.run([sys.executable, "-c", program, module], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert set(done.stdout.split()) - {"base", "loose", "record"} == {module, *others.split()}
