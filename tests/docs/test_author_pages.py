"""The tables of the pages for authors of plugins name what there is: no less, no more."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from llmgate_core import errors
from llmgate_core.calls.fill_ins import SHAPES
from llmgate_core.contract.hooks import ExtensionHooks, ProviderHooks
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.registry.hook_results import FRAMINGS
from llmgate_core.types import base, chat, embedding
from tests.support.pages import BOOK, named, rows
from tests.support.paths import ROOT

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


# --- the reference of hooks ---


def hooks_of(kind: type) -> list[str]:
    """Return each hook with its arguments, in the order of the specification."""
    return [
        f"{name}({', '.join([*inspect.signature(hook).parameters][1:])})"
        for name, hook in vars(kind).items()
        if inspect.isfunction(hook)
    ]


@pytest.mark.parametrize(
    ("part", "kind"), [("Hooks of a provider", ProviderHooks), ("Hooks of an extension", ExtensionHooks)]
)
def test_every_hook_has_a_heading_with_its_arguments_and_an_example(part: str, kind: type) -> None:
    (section,) = re.findall(rf"^## {part}$(.*?)(?=^## )", (BOOK / "hooks.md").read_text("utf-8"), re.M | re.S)
    sections = re.findall(r"^### `([^`]+)`$(.*?)(?=^### |\Z)", section, re.M | re.S)
    assert [heading for heading, _ in sections] == hooks_of(kind)
    assert [heading for heading, body in sections if f"def {heading.partition('(')[0]}(" not in body] == []


def test_every_hook_is_in_the_overview_with_the_contract_that_has_it() -> None:
    names = [hook.partition("(")[0] for hook in hooks_of(ProviderHooks)]
    assert names_of("hooks.md", "hook")[: len(names)] == names
    assert sorted(names_of("hooks.md", "hook")) == sorted(
        hook.partition("(")[0] for kind in (ProviderHooks, ExtensionHooks) for hook in hooks_of(kind)
    )


def test_every_family_has_a_row_with_its_operations() -> None:
    listed = {named(row[0])[0]: named(row[2]) for row in rows(BOOK / "families.md", "family")}
    assert listed == {name: list(family.operations) for name, family in FAMILIES.items()}


# --- the book ---


def test_the_first_page_leads_to_every_other_page() -> None:
    linked = set(re.findall(r"\]\(([\w-]+\.md)", (BOOK / "README.md").read_text("utf-8")))
    assert {page.name for page in BOOK.glob("*.md")} - linked == {"README.md"}


@pytest.mark.parametrize("page", sorted(BOOK.glob("*.md")), ids=lambda page: str(page.name))
def test_a_page_of_the_book_leads_back_to_the_first_one(page: Path) -> None:
    if page.name not in ("README.md", "kit-faults.md"):
        assert "](README.md)" in page.read_text("utf-8")


QUESTIONS = {
    "which families there are": ("families.md", "A family is what was called; its name is that of the"),
    "a whole pyproject.toml": ("publishing.md", "## The whole `pyproject.toml`"),
    "the value of an entry point of llmgate.models": (
        "facts-and-prices.md",
        "not an attribute as in every other group",
    ),
    "which keys of a models file are needed": ("facts-and-prices.md", "A row needs `mode` and nothing else"),
    "whether facts act by themselves": ("facts-and-prices.md", "judge_by_catalogue(facts, param, value, *, judged)"),
    "how to test": ("testing.md", "## From zero to green"),
    "the shape of an answer": ("canonical-shapes.md", "## A whole chat answer"),
    "what survives when a message is sent back": ("canonical-shapes.md", "When the caller sends the message back"),
    "the fields of an event, and [DONE]": ("streams.md", "An event has `data`, a string"),
    "when a stream with a parser ends": ("streams.md", "A stream is complete if one of these has come"),
    "whether auth sees final bytes": ("credentials.md", "the bytes that are sent, or None"),
    "what core adds to what auth returns": ("credentials.md", "core adds no key"),
    "how to amend the default error": ("hooks.md", "change it and return it"),
    "how a wrapper looks": ("hooks.md", "@hookimpl(wrapper=True)"),
    "what an event of a call has": ("extensions.md", "| field of a `CallEvent` |"),
    "where an extension gets its configuration": ("extensions.md", "## Names and options"),
    "when the hook transport is called, and for which colour": ("hooks.md", "`asend` in an asynchronous one"),
    "names with a dot or a slash": ("publishing.md", "TOML wants quotes around names with a dot"),
}
"""What authors looked for in the sources, since no page said it."""


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_authors_looked_for_is_on_a_page_that_the_first_one_names(question: str) -> None:
    page, sentence = QUESTIONS[question]
    assert sentence in (BOOK / page).read_text("utf-8")
