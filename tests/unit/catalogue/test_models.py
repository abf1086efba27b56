"""The catalogue: its data, its lookups, and the files that users and plugins add."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import jsonschema
import pytest

from llmgate_core.catalogue import models as catalogue_module
from llmgate_core.catalogue.models import Catalogue
from llmgate_core.catalogue.schema import FILE_KEYS, ROW_KEYS, check_file
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import ConfigError
from tests.support.paths import DATA as TEST_DATA

DATA = json.loads((Path(catalogue_module.__file__).parent / "data" / "openai.json").read_text(encoding="utf-8"))
SCHEMA = json.loads((TEST_DATA / "models.schema.json").read_text(encoding="utf-8"))
CATALOGUE = Catalogue.shipped()

CHAT_NAMES = [
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "gpt-5-chat",
    "gpt-5-chat-latest",
    "gpt-5-2025-08-07",
    "gpt-5-mini-2025-08-07",
    "gpt-5-nano-2025-08-07",
    "gpt-5.2",
    "gpt-5.2-2025-12-11",
    "gpt-5.2-chat-latest",
    "gpt-5.3-chat-latest",
    "gpt-5.4",
    "gpt-5.4-2026-03-05",
    "gpt-5.1",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "o4-mini",
    "o3-mini",
    "o3",
    "o1-mini",
    "o1-preview",
    "gpt-4o-mini",
    "gpt-4o-mini-2024-07-18",
    "gpt-4o",
    "gpt-4o-2024-08-06",
    "gpt-4o-2024-05-13",
    "gpt-4-turbo",
    "gpt-4-turbo-preview",
    "gpt-4-0125-preview",
    "gpt-4-1106-preview",
    "gpt-3.5-turbo-1106",
    "gpt-3.5-turbo",
    "gpt-3.5-turbo-0301",
    "gpt-3.5-turbo-0613",
    "gpt-3.5-turbo-16k",
    "gpt-3.5-turbo-16k-0613",
    "gpt-4",
    "gpt-4-0314",
    "gpt-4-0613",
    "gpt-4-32k",
    "gpt-4-32k-0314",
    "gpt-4-32k-0613",
]
RESPONSES_NAMES = [
    "gpt-5-pro",
    "gpt-5.2-pro",
    "gpt-5.2-pro-2025-12-11",
    "gpt-5.4-pro",
    "gpt-5.4-pro-2026-03-05",
    "gpt-5.1-codex",
    "gpt-5.1-codex-mini",
    "gpt-5.1-codex-max",
    "o3-deep-research",
    "o4-mini-deep-research",
    "o3-deep-research-2025-06-26",
    "o1-pro",
    "o3-pro",
    "codex-mini-latest",
]


def written(folder: Path, data: Any) -> Path:
    path = folder / "models.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", CHAT_NAMES)
def test_every_chat_model_of_the_page_resolves_to_chat(name: str) -> None:
    row = CATALOGUE.find(name)
    assert row is not None
    assert (row.name, row.provider, row.mode, row.prefix) == (name, "openai", "chat", "openai")


@pytest.mark.parametrize("name", RESPONSES_NAMES)
def test_every_responses_model_of_the_page_resolves_to_responses(name: str) -> None:
    row = CATALOGUE.find(name)
    assert row is not None
    assert (row.name, row.provider, row.mode, row.prefix) == (name, "openai", "responses", "openai/responses")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("ft:gpt-4-0613", "ft:gpt-4-0613"),
        ("ft:gpt-4o-2024-05-13", "ft:gpt-4o-2024-05-13"),
        ("ft:gpt-3.5-turbo-0125", "ft:gpt-3.5-turbo-0125"),
        ("ft:gpt-3.5-turbo-1106:my-org:name:id", "ft:gpt-3.5-turbo-1106"),
        ("ft:gpt-3.5-turbo-0613:my-org::id", "ft:gpt-3.5-turbo-0613"),
        ("ft:gpt-5.2:my-org::id", "gpt-5.2"),
        ("ft:gpt-5.2-2025-12-11:my-org::id", "gpt-5.2-2025-12-11"),
        ("ft:gpt-5.2-2099-01-01:my-org::id", "gpt-5.2"),
        ("gpt-5.2-2099-01-01", "gpt-5.2"),
        ("gpt-5.2-2025-12-11", "gpt-5.2-2025-12-11"),
    ],
)
def test_fine_tuned_and_dated_names_follow_their_base_row(asked: str, found: str) -> None:
    row = CATALOGUE.find(asked)
    assert row is not None
    assert row.name == found
    assert CATALOGUE.lookup("openai", asked) == row


@pytest.mark.parametrize("name", ["", "ft:", "ft::::", "nope", "gpt-5.2-2025-12-11\n", "GPT-4o", "ft:nope:org"])
def test_an_unknown_name_has_no_row(name: str) -> None:
    assert CATALOGUE.find(name) is None
    assert CATALOGUE.lookup("openai", name) is None


def test_a_lookup_stays_with_its_provider() -> None:
    assert CATALOGUE.lookup("someone-else", "gpt-4o") is None


def test_two_providers_may_serve_one_name() -> None:
    catalogue = Catalogue.shipped()
    ours = catalogue.find("gpt-4o")
    catalogue.add({"provider": "acme", "prefix_by_mode": {"chat": "acme"}, "models": {"gpt-4o": {"mode": "chat"}}}, "a")
    theirs = catalogue.lookup("acme", "gpt-4o")
    assert theirs is not None
    assert (theirs.provider, theirs.prefix, dict(theirs.facts)) == ("acme", "acme", {"mode": "chat"})
    assert catalogue.find("gpt-4o") == ours


def test_the_shipped_file_fits_the_schema_and_the_shape() -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(DATA)
    check_file(DATA, "openai.json")
    assert set(SCHEMA["properties"]) == FILE_KEYS
    assert set(SCHEMA["$defs"]["model"]["properties"]) == ROW_KEYS


def test_every_row_loads_and_names_its_sources() -> None:
    assert CATALOGUE.as_of("openai") == DATA["as_of"] == "2026-11-22"
    assert CATALOGUE.names() == sorted(DATA["models"])
    assert len(CATALOGUE.names()) == DATA["counts"]["models"]
    for name in CATALOGUE.names():
        row = CATALOGUE.find(name)
        assert row is not None
        assert row.facts == DATA["models"][name]
        assert row.facts["sources"], name


def test_every_mode_of_a_callable_family_has_a_prefix() -> None:
    modes = {mode for family in FAMILIES.values() for mode in family.modes}
    assert {mode for mode in modes if CATALOGUE.prefix_for("openai", mode) is None} == {"rerank"}  # OpenAI has none
    assert CATALOGUE.prefix_for("openai", "realtime") is None
    assert CATALOGUE.prefix_for("nobody", "chat") is None


def test_the_facts_of_gpt_5_pro_are_those_of_the_page() -> None:
    row = CATALOGUE.find("gpt-5-pro")
    assert row is not None
    assert row.facts["limits"]["context_window"] == 400_000
    assert row.facts["limits"]["max_output_tokens"] == 272_000
    assert row.facts["pricing"]["standard"] == {"input": 15.0, "output": 120.0}
    assert row.facts["pricing"]["batch"] == {"input": 7.5, "output": 60.0}
    assert row.facts["modalities"] == {"input": ["text", "image"], "output": ["text"]}


def test_a_row_cannot_be_changed_through_a_lookup() -> None:
    row = CATALOGUE.find("gpt-4o")
    assert row is not None
    with pytest.raises(TypeError):
        row.facts["mode"] = "responses"  # type: ignore[index]


def test_near_names_are_three_at_most() -> None:
    assert CATALOGUE.near("gpt-5.2-por")[0] == "gpt-5.2-pro"
    assert len(CATALOGUE.near("gpt-4")) == 3
    assert CATALOGUE.near("completely different") == []


def test_names_can_be_narrowed_by_their_beginning() -> None:
    assert CATALOGUE.names("o3-pro") == ["o3-pro", "o3-pro-2025-06-10"]


def test_remembered_lookups_are_bounded_in_number_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "MAX_REMEMBERED_LOOKUPS", 10)
    catalogue = Catalogue.shipped()
    for number in range(100):
        assert catalogue.find(f"name-{number}") is None
        assert len(catalogue._lookups) <= 10
    catalogue.find("x" * 1_000_000)
    assert all(len(name) < 1000 for _, name in catalogue._lookups)


def test_many_threads_may_look_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "MAX_REMEMBERED_LOOKUPS", 2)
    catalogue = Catalogue.shipped()
    wrong: list[str] = []

    def look_up() -> None:
        for name in CHAT_NAMES * 20:
            row = catalogue.find(name)
            if row is None or row.name != name:
                wrong.append(name)

    threads = [Thread(target=look_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert wrong == []


def test_an_override_is_merged_deeply_and_leaves_the_original_alone(tmp_path: Path) -> None:
    override = {"provider": "openai", "models": {"gpt-4o": {"pricing": {"standard": {"input": 9.0}}}}}
    changed = CATALOGUE.with_overrides(written(tmp_path, override)).find("gpt-4o")
    before = CATALOGUE.find("gpt-4o")
    assert changed is not None
    assert before is not None
    assert changed.facts["pricing"]["standard"] == {"cached_input": 1.25, "input": 9.0, "output": 10.0}
    assert before.facts["pricing"]["standard"]["input"] == 2.5
    assert {key: fact for key, fact in changed.facts.items() if key != "pricing"} == {
        key: fact for key, fact in before.facts.items() if key != "pricing"
    }


def test_an_override_may_bring_rows_of_several_providers(tmp_path: Path) -> None:
    override = [
        {"provider": "openai", "models": {"gpt-99": {"mode": "responses"}}},
        {"provider": "acme", "as_of": "2026-01-02", "models": {"acme-1": {"mode": "chat"}}},
    ]
    catalogue = Catalogue.shipped().with_overrides(written(tmp_path, override))
    new, theirs = catalogue.find("gpt-99"), catalogue.find("acme-1")
    assert new is not None
    assert theirs is not None
    assert (new.provider, new.prefix) == ("openai", "openai/responses")
    assert (theirs.provider, theirs.prefix, catalogue.as_of("acme")) == ("acme", None, "2026-01-02")
    assert catalogue.as_of("openai") == DATA["as_of"]


def test_files_load_on_their_own(tmp_path: Path) -> None:
    path = written(tmp_path, {"provider": "acme", "models": {"acme-1": {"mode": "chat"}}})
    assert Catalogue.load([path]).names() == ["acme-1"]


def row_with(**facts: Any) -> dict[str, Any]:
    return {"provider": "openai", "models": {"gpt-4o": facts}}


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (row_with(mod="chat"), "models.gpt-4o.mod is not a key of a catalogue; did you mean 'mode'?"),
        (row_with(reasoning={"effort": ["low"]}), "models.gpt-4o.reasoning.effort is not a key"),
        (
            row_with(reasoning={"efforts": "low"}),
            "models.gpt-4o.reasoning.efforts must be a list of strings, not 'low'",
        ),
        (row_with(capabilities={"vision": 1}), "models.gpt-4o.capabilities.vision must be true or false, not 1"),
        (row_with(limits={"max_output_tokens": True}), "models.gpt-4o.limits.max_output_tokens must be a whole number"),
        (row_with(params={"temperature": "fixed"}), "models.gpt-4o.params.temperature must be one of free, only_1"),
        (row_with(pricing={"standard": {"inputs": 1}}), "models.gpt-4o.pricing.standard.inputs is not a key"),
        (row_with(pricing=3), "models.gpt-4o.pricing must be an object, not 3"),
        ({"provider": "openai", "models": {"gpt-4o": 1}}, "models.gpt-4o must be an object"),
        ({"provider": "openai", "models": {"new-name": {"limits": {}}}}, "models.new-name"),
        ({"provider": "openai", "models": [], "prefix": {}}, "models must be an object"),
        ({"provider": "openai", "models": {}, "prefix": {}}, "prefix is not a key of a catalogue"),
        ({"provider": 1, "models": {}}, "a catalogue is an object with `provider`"),
        ({"provider": "openai"}, "a catalogue is an object with `provider`"),
        ("text", "a catalogue is an object with `provider`"),
    ],
)
def test_a_mistake_in_an_override_names_the_file_and_the_place(tmp_path: Path, data: Any, place: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(ConfigError) as caught:
        CATALOGUE.with_overrides(path)
    assert str(caught.value).startswith(f"{path}: {place}")


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe"])
def test_an_override_that_cannot_be_read_is_a_config_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "models.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError):
        Catalogue.shipped().with_overrides(path)


def test_importing_the_catalogue_loads_no_data_no_yaml_and_no_difflib() -> None:
    program = (
        "import sys; opened = []; sys.addaudithook(lambda e, a: opened.append(str(a[0])) if e == 'open' else None)\n"
        "import llmgate_core.catalogue.models, llmgate_core.catalogue.rules\n"
        "print([p for p in opened if p.endswith('.json')], sorted({'yaml', 'difflib', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[] []\n"
