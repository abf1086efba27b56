"""What we publish: metadata that agree, wheels that hold our code and nothing else.

Source: docs/decisions/dependencies.md; capability A117.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import re
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import hatchling.build
import pytest
from packaging.requirements import Requirement

from tests.support.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDERS = [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
CAP = re.compile(r"<|~=|==|@")

each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name if path != ROOT else "core")


def pyproject(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    return content


def package(folder: Path) -> str:
    return str(pyproject(folder)["project"]["name"]).replace("-", "_")


def test_the_core_depends_on_five_distributions_and_no_more() -> None:
    needed = {Requirement(text).name for text in pyproject(ROOT)["project"]["dependencies"]}
    assert needed == {"pluggy", "httpx", "pydantic", "importlib-metadata", "pyyaml"}


@each_folder
def test_every_distribution_says_the_same_of_itself(folder: Path) -> None:
    shared = ("version", "requires-python", "license", "authors")
    core, mine = pyproject(ROOT), pyproject(folder)
    assert {key: mine["project"].get(key) for key in shared} == {key: core["project"][key] for key in shared}
    assert mine["build-system"] == core["build-system"]
    assert mine["build-system"]["build-backend"] == "hatchling.build"
    assert (folder / package(folder) / "py.typed").is_file()
    assert (folder / "README.md").is_file()


@each_folder
def test_a_version_cap_has_a_written_reason(folder: Path) -> None:
    project = pyproject(folder)["project"]
    extras: dict[str, list[str]] = project.get("optional-dependencies", {})
    requirements = [*project["dependencies"], *(text for extra in extras.values() for text in extra)]
    lines = (folder / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    for capped in (text for text in requirements if CAP.search(text.split(";")[0])):
        assert Requirement(capped).url is None, f"{capped} names a place"
        assert all("#" in line.split(capped)[1] for line in lines if f'"{capped}"' in line), f"{capped}: why?"


def test_uv_and_the_coverage_report_know_every_distribution() -> None:
    tool = pyproject(ROOT)["tool"]
    names = {pyproject(folder)["project"]["name"] for folder in FOLDERS}
    assert {name: {"workspace": True} for name in names} == tool["uv"]["sources"]  # else `make lock` fails
    assert {package(folder) for folder in FOLDERS} == set(tool["coverage"]["run"]["source_pkgs"])


@each_folder
def test_a_plugin_depends_on_the_core_and_on_plugins_that_publish_a_wire(folder: Path) -> None:
    project = pyproject(folder)["project"]
    ours = {name for text in project["dependencies"] if (name := Requirement(text).name).startswith("llmgate")}
    with_wire = {f"llmgate-{path.parent.parent.name}" for path in ROOT.glob("plugins/*/llmgate_*/wire")}
    assert ours - with_wire == (set() if folder == ROOT else {"llmgate-core"})


@each_folder
def test_a_wheel_holds_our_package_and_nothing_else(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)  # where a build backend expects to be called
    with zipfile.ZipFile(tmp_path / hatchling.build.build_wheel(str(tmp_path))) as wheel:
        files = {name: wheel.read(name) for name in wheel.namelist()}
    metadata = f"{package(folder)}-{pyproject(folder)['project']['version']}.dist-info"
    assert {name.split("/")[0] for name in files} == {package(folder), metadata}
    assert {name for name in files if name.endswith((".pth", ".pyc", "customize.py"))} == set()
    assert sources(folder) | {f"{package(folder)}/py.typed"} <= set(files)
    assert b"\nRequires-Dist: " in files[f"{metadata}/METADATA"]
    assert b"file:" not in files[f"{metadata}/METADATA"].split(b"\n\n")[0]  # below it comes the README
    assert recorded(files[f"{metadata}/RECORD"]) == {
        name: (sha256(content), str(len(content))) for name, content in files.items() if name != f"{metadata}/RECORD"
    }


@each_folder
def test_a_source_archive_holds_what_the_wheel_is_built_from_and_no_file_of_another(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with tarfile.open(tmp_path / hatchling.build.build_sdist(str(tmp_path))) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    assert sources(folder) | {"README.md", "pyproject.toml", "PKG-INFO"} <= files
    assert {name.split("/")[0] for name in files if "/" in name} <= {package(folder), "tests"}


def sources(folder: Path) -> set[str]:
    """Return the files of the package: its modules, and the data and templates that they read."""
    paths = [path for path in (folder / package(folder)).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path.relative_to(folder).as_posix() for path in paths}


def recorded(record: bytes) -> dict[str, tuple[str, str]]:
    rows = csv.reader(record.decode().splitlines())
    return {name: (digest, size) for name, digest, size in rows if digest}


def sha256(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def test_the_lock_names_no_place_and_hashes_everything() -> None:
    lock = (ROOT / "requirements" / "dev.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "llmgate" not in lock
    pins = re.findall(r"^[a-z0-9].*?==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    assert len(pins) > 40
    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []
