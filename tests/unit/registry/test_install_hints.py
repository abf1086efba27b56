"""What an error tells a reader to install: a name, or a folder of the checkout that core was installed from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmgate_core.plugin import install_command
from llmgate_core.registry.entry_points import first_party, installed_claims

ROOT = Path(__file__).resolve().parents[3]
OURS = sorted({distribution for prefixes in first_party().values() for distribution in prefixes.values()})


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The `direct_url.json` of a distribution that shadows core's own; a test writes it."""
    info = tmp_path / "llmgate_core-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: llmgate-core\nVersion: 0.1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    return info / "direct_url.json"


@pytest.fixture(params=[{"editable": True}, {}], ids=["editable", "copied"])
def checkout(request: pytest.FixtureRequest, origin: Path) -> None:
    """Core was installed from this checkout."""
    origin.write_text(json.dumps({"url": ROOT.as_uri(), "dir_info": request.param}))


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("distribution", [*OURS, "llmgate-gateway"])
def test_from_a_checkout_each_of_our_distributions_is_a_folder_there(distribution: str) -> None:
    command = install_command(distribution)
    folder = command.removeprefix("pip install ./")
    assert command.startswith("pip install ./plugins/")
    assert f'name = "{distribution}"' in (ROOT / folder / "pyproject.toml").read_text("utf-8")


@pytest.mark.usefixtures("checkout")
def test_from_a_checkout_an_extra_is_one_of_the_folder() -> None:
    assert install_command("llmgate-gateway", "otel") == "pip install './plugins/gateway[otel]'"
    assert install_command("llmgate-core", "fast") == "pip install '.[fast]'"


@pytest.mark.usefixtures("checkout")
def test_from_a_checkout_a_distribution_that_it_does_not_have_keeps_its_name() -> None:
    assert install_command("acme-plugin") == "pip install acme-plugin"


def test_a_checkout_with_a_space_in_its_path_is_found(origin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my checkout"
    (folder / "plugins" / "openai_chat").mkdir(parents=True)
    origin.write_text(json.dumps({"url": folder.as_uri(), "dir_info": {}}))
    assert install_command("llmgate-openai-chat") == "pip install ./plugins/openai_chat"


@pytest.mark.parametrize(
    "direct_url",
    [
        None,
        {"url": "https://example.com/llmgate_core-0.1.0-py3-none-any.whl", "archive_info": {}},
        {"url": f"{ROOT.as_uri()}/dist/llmgate_core-0.1.0-py3-none-any.whl", "archive_info": {}},
        {"url": "https://example.com/llmgate.git", "vcs_info": {"vcs": "git", "commit_id": "0" * 40}},
        {"url": f"{ROOT.as_uri()}/no-longer-there", "dir_info": {}},
    ],
    ids=["index", "wheel from the web", "wheel from the disk", "git", "checkout that is gone"],
)
def test_from_anywhere_else_it_is_the_name(direct_url: object, origin: Path) -> None:
    if direct_url is not None:
        origin.write_text(json.dumps(direct_url))
    assert install_command("llmgate-openai-responses") == "pip install llmgate-openai-responses"
    assert install_command("llmgate-gateway", "otel") == "pip install 'llmgate-gateway[otel]'"


def test_each_prefix_that_is_said_to_be_ours_is_claimed_by_its_distribution() -> None:
    """One that is not would be reported as not installed, where a bridge could serve it."""
    claimed = {(claim.family, claim.prefix, claim.distribution) for claim in installed_claims()}
    listed = {
        (family, prefix, distribution)
        for family, prefixes in first_party().items()
        for prefix, distribution in prefixes.items()
    }
    assert listed <= claimed, sorted(listed - claimed)
