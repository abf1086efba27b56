"""What is wrong with a row is said with its place and what is accepted there, and JSON Schema agrees."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from llmgate_providers.quirks.answers import ANSWER_EDITS
from llmgate_providers.quirks.made import MAKE_EDIT
from llmgate_providers.quirks.params import JUDGES
from llmgate_providers.row import read_row, row_of
from llmgate_providers.row_schema import first_problem, row_schema
from llmgate_providers.rows import FOLDER, row_names, shipped_row

from llmgate_core.plugin import errors

GOOD: dict[str, Any] = {
    "name": "acme",
    "base_url": "https://api.acme.example/v1",
    "env_key": ["ACME_API_KEY"],
    "headers": {"acme-region": "{region}"},
    "options": [{"name": "region", "env": ["ACME_REGION"], "default": "eu"}],
    "families": {"chat": {}, "rerank": {"path": "/v2/rerank"}},
    "quirks": [{"do": "rename", "params": {"max_tokens": "limit"}, "reason": "its name for it"}],
}
WRONG = [
    ([], "the row"),
    ({**GOOD, "name": "Acme"}, "name"),
    ({**GOOD, "name": None}, "name"),
    ({**GOOD, "base_ur": "x"}, "base_ur"),
    ({**GOOD, "base_url": "api.acme.example"}, "base_url"),
    ({**GOOD, "base_url": "https://api.acme.example/v1/"}, "base_url"),
    ({**GOOD, "env_key": "ACME_API_KEY"}, "env_key"),
    ({**GOOD, "env_key": []}, "env_key"),
    ({**GOOD, "env_key": ["ACME-KEY"]}, "env_key[0]"),
    ({**GOOD, "key_optional": 1}, "key_optional"),
    ({**GOOD, "key": {"prefix": "Key "}}, "key"),
    ({**GOOD, "headers": {"a": 1}}, "headers.a"),
    ({**GOOD, "headers": {"a": "{no_such}"}}, "headers.a"),
    ({**GOOD, "options": [{"name": "a-b"}]}, "options[0].name"),
    ({**GOOD, "families": {}}, "families"),
    ({**GOOD, "families": {"chats": {}}}, "families.chats"),
    ({**GOOD, "families": {"chat": {"path": "v1"}}}, "families.chat.path"),
    ({**GOOD, "quirks": {}}, "quirks"),
    ({**GOOD, "quirks": ["rename"]}, "quirks[0]"),
    ({**GOOD, "quirks": [{"do": "renam", "reason": "x"}]}, "quirks[0].do"),
    ({**GOOD, "quirks": [{"reason": "x"}]}, "quirks[0].do"),
    ({**GOOD, "quirks": [{"do": "rename", "params": {}, "reason": "x"}]}, "quirks[0].params"),
    ({**GOOD, "quirks": [{"do": "rename", "params": {"a": 1}, "reason": "x"}]}, "quirks[0].params.a"),
    ({**GOOD, "quirks": [{"do": "rename", "params": {"a": "b"}}]}, "quirks[0]"),
    ({**GOOD, "quirks": [{"do": "refuse", "params": ["a"], "reason": ""}]}, "quirks[0].reason"),
    ({**GOOD, "quirks": [{"do": "refuse", "params": ["a"], "reason": "x", "models": "("}]}, "quirks[0].models"),
    ({**GOOD, "quirks": [{"do": "refuse", "params": ["a"], "reason": "x", "values": 1}]}, "quirks[0].values"),
    ({**GOOD, "headers": {"Authorization": "{region}"}}, "headers.Authorization"),
    ({**GOOD, "key": {"header": "x-key"}, "headers": {"X-Key": "{region}"}}, "headers.X-Key"),
    ({**GOOD, "options": [{"name": "region", "secret": True}]}, "headers.acme-region"),
    ({**GOOD, "families": {"chat": {"plugin": "acme:plugin"}}}, "families.chat.plugin"),
    ({**GOOD, "tier": "tested"}, "tier"),
    ({**GOOD, "checked": "yesterday"}, "checked"),
]

IDS = [f"{number}-{place}" for number, (_, place) in enumerate(WRONG)]


def resolved(name: str) -> dict[str, Any]:
    """Return a shipped row's JSON, that of a row like another one with what it takes over."""
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_bytes())
    if "like" not in document:
        return document
    own = {key: value for key, value in document.items() if key != "like"}
    return {**resolved(document["like"]), **own}


@pytest.mark.parametrize(
    ("document", "place"), WRONG, ids=[f"{number}-{place}" for number, (_, place) in enumerate(WRONG)]
)
def test_a_wrong_row_is_an_error_that_names_file_and_place(document: Any, place: str) -> None:
    with pytest.raises(errors.ConfigError) as raised:
        row_of(document, "acme.json")
    assert str(raised.value).startswith(f"acme.json: {place}")


@pytest.mark.parametrize(
    ("document", "place"), WRONG, ids=[f"{number}-{place}" for number, (_, place) in enumerate(WRONG)]
)
def test_json_schema_agrees_on_what_is_wrong(document: Any, place: str) -> None:
    is_beyond_a_schema = place.startswith(("quirks[0].models", "headers.", "families.chat.plugin"))
    only_ours = is_beyond_a_schema and first_problem(document) is None
    assert Draft202012Validator(row_schema()).is_valid(document) == only_ours


@pytest.mark.parametrize("name", row_names())
def test_every_shipped_row_is_right(name: str) -> None:
    document = resolved(name)
    assert list(Draft202012Validator(row_schema()).iter_errors(document)) == []
    assert first_problem(document) is None
    assert shipped_row(name).name == name


def test_the_schema_is_one_and_has_every_quirk() -> None:
    Draft202012Validator.check_schema(dict(row_schema()))
    listed = {name.removeprefix("quirk_") for name in row_schema()["$defs"] if name.startswith("quirk_")}
    assert listed == {*JUDGES, *MAKE_EDIT, *ANSWER_EDITS}


def test_what_is_not_json_is_an_error_with_the_file() -> None:
    with pytest.raises(errors.ConfigError) as raised:
        read_row(b'{"name": ', "acme.json")
    assert str(raised.value).startswith("acme.json: not JSON")


def test_reading_a_row_does_not_change_it() -> None:
    document = deepcopy(GOOD)
    row = row_of(document, "acme.json")
    assert document == GOOD
    assert row.prefixes == ("acme",)
    assert row.info().options[0].default == "eu"
    assert row.info().headers == {}
    assert row.header_templates() == {"acme-region": "{region}"}


def test_a_hint_names_what_was_probably_meant() -> None:
    with pytest.raises(errors.ConfigError, match="base_url"):
        row_of({**GOOD, "base_ur": "x"}, "acme.json")
    with pytest.raises(errors.ConfigError, match="rename"):
        row_of({**GOOD, "quirks": [{"do": "renam", "reason": "x"}]}, "acme.json")
