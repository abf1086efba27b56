"""The tables of the pages for authors of plugins name what there is: no less, no more."""

from __future__ import annotations

import re

import pytest

from llmgate_core import errors
from llmgate_core.calls.fill_ins import SHAPES
from llmgate_core.registry.hook_results import FRAMINGS
from llmgate_core.types import base, chat, embedding
from tests.support.pages import named, rows
from tests.support.paths import ROOT

BOOK = ROOT / "docs" / "plugins"
CORE = ROOT / "llmgate_core"
READ_OF_PARSER = re.compile(r'getattr\((?:self\._)?(?:parser|chat), "(\w+)"')
READERS = ("reading/readers/parsed.py", "reading/readers/base.py", "bridges/bridge.py", "registry/hooks.py")


def names_of(page: str, first: str) -> list[str]:
    return [name for row in rows(BOOK / page, first) for name in named(row[0])]


def test_every_attribute_that_core_reads_of_a_parser_has_a_row() -> None:
    read = {name for path in READERS for name in READ_OF_PARSER.findall((CORE / path).read_text("utf-8"))}
    listed = [name.partition("(")[0] for name in names_of("streams.md", "of a parser")]
    assert sorted(listed) == sorted({"feed", "close"} | read - {"invalid_chunk"})  # which core's own guard adds


def test_every_framing_has_a_row() -> None:
    assert names_of("streams.md", "a framing") == [f'"{framing}"' for framing in FRAMINGS]


def extensions_of(kind: type) -> set[str]:
    """Return the fields that only some upstreams send: properties of a result that read what it has beside its own."""
    return {
        name
        for owner in kind.__mro__
        for name, value in vars(owner).items()
        if isinstance(value, property) and "_extension" in value.fget.__code__.co_names  # type: ignore[union-attr]
    }


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        ("of a chat answer", chat.ChatCompletion),
        ("of a choice", chat.Choice),
        ("of a message", chat.Message),
        ("of a tool call", chat.ToolCall),
        ("of a chunk", chat.ChatCompletionChunk),
        ("of a chunk's choice", chat.ChunkChoice),
        ("of a usage", base.Usage),
        ("of an embedding answer", embedding.EmbeddingResponse),
        ("of a vector", embedding.Embedding),
    ],
)
def test_every_field_of_a_shape_has_a_row(first: str, kind: type[base.Result]) -> None:
    fields = set(kind.model_fields) | extensions_of(kind)
    if kind is chat.ChatCompletion:
        fields -= {"provider_specific_fields"}  # only the bridge sets it there
    assert sorted(names_of("canonical-shapes.md", first)) == sorted(fields)


def test_a_delta_has_the_fields_of_a_message() -> None:
    assert set(chat.Delta.model_fields) == set(chat.Message.model_fields)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("prompt_tokens_details", base.PromptTokensDetails),
        ("completion_tokens_details", base.CompletionTokensDetails),
    ],
)
def test_every_count_of_a_usage_is_named(name: str, kind: type[base.Result]) -> None:
    (cell,) = (row[1] for row in rows(BOOK / "canonical-shapes.md", "of a usage") if row[0] == f"`{name}`")
    assert named(cell) == list(kind.model_fields)


def test_what_is_filled_in_is_what_the_page_says() -> None:
    page = (BOOK / "canonical-shapes.md").read_text("utf-8")
    (head,) = (line for line in page.splitlines() if line.startswith("| filled in |"))
    assert [cell.strip() for cell in head.strip("|").split("|")][1:] == list(SHAPES)
    table = {row[0]: row[1:] for row in rows(BOOK / "canonical-shapes.md", "filled in")}
    for at, shape in enumerate(SHAPES.values()):
        assert table["`id`"][at] == (f"`{shape.id_prefix}…`" if shape.id_prefix else "")
        kinds = dict.fromkeys(filter(None, (shape.kind, shape.chunk_kind, shape.item_kind)))
        assert named(table["`object`"][at]) == list(kinds)
        assert bool(table["`created`"][at]) == (shape.created is not None)
        assert bool(table["`index`"][at]) == (shape.items is not None)


def test_the_codes_of_classes_are_named() -> None:
    (cell,) = (row[1] for row in rows(BOOK / "canonical-shapes.md", "of an error") if row[0] == "`code`")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.APIError)]
    codes = {errors.code_of(kind("x")) for kind in kinds} - {None}
    assert sorted(named(cell)) == sorted(codes)
