"""`llmgate plugin new NAME`: write the folder of a new plugin, which installs, passes its tests and answers at once."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

from llmgate_core.catalogue.providers import shipped_providers
from llmgate_core.contract.call import API_VERSION
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import ConfigError
from llmgate_core.registry.entry_points import installed_claims, normalise
from llmgate_core.registry.ownership import our_roots
from llmgate_core.terminal import say

__all__ = ["HELP", "add_arguments", "run"]

HELP = "write the folder of a new plugin: a package, its entry points and its tests"
TEMPLATES = Path(__file__).with_name("templates") / "plugin"
SUFFIX = ".tmpl"
OWN_WIRES = frozenset({"messages", "rerank"})
"""Families that the OpenAI API does not have."""
CHAT_CAPABILITIES = "tools=True, parallel_tool_calls=True, structured_output=True, usage_in_stream=True"
CORE_VERSION = "0.1"
NAME = re.compile(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*")
MAX_CHARACTERS = 60
DISTRIBUTION_START = "llmgate-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("name", metavar="NAME", help="the prefix, such as acme for acme/MODEL")
    family_help = "an endpoint family that the upstream has; can be repeated (default: chat)"
    parser.add_argument("--family", action="append", metavar="FAMILY", choices=tuple(FAMILIES), help=family_help)
    compatible_help = "the upstream speaks OpenAI's API; without it, a plugin with a wire of its own is written"
    parser.add_argument("--openai-compatible", action="store_true", help=compatible_help)
    parser.add_argument("--dir", metavar="DIR", default=".", help="where to put the folder (default: here)")


def run(given: argparse.Namespace) -> int:
    """Write the folder, and print what to do next.

    Raises:
        ConfigError: the name is not one, or taken; the folder exists, or cannot be written.
    """
    name = given.name.removeprefix(DISTRIBUTION_START)
    families = tuple(dict.fromkeys(given.family or ("chat",)))
    if not given.openai_compatible and families != ("chat",):
        raise ConfigError(
            "a plugin with a wire of its own begins with chat: leave --family out and add entry points later, or add "
            "--openai-compatible"
        )
    values = _values(name, families)
    _check_name(name, values)
    folder = Path(given.dir) / values["distribution"]
    kinds = ("common", "compatible" if given.openai_compatible else "own")
    _write(folder, {path: text for kind in kinds for path, text in _files(kind, values)})
    say(f"wrote {folder}; next:")
    shown_folder = str(folder) if str(folder).startswith(("/", ".")) else f"./{folder}"
    shown = shlex.quote(shown_folder)
    say(f"  pip install -e {shlex.quote(f'{shown_folder}[test]')}")
    say(f"  python -m pytest {shown}")
    say(f'  {values["variable"]}=... llmgate chat {name}/{name}-large "Hello"')
    return 0


def _values(name: str, families: tuple[str, ...]) -> Mapping[str, str]:
    """Return what the templates fill in."""
    slug = re.sub(r"[._-]", "_", name)
    entry_name = f'"{name}"' if "." in name else name
    distribution = f"{DISTRIBUTION_START}{slug.replace('_', '-')}"
    module = f"llmgate_{slug}"
    groups = (f'[project.entry-points."llmgate.{family}"]\n{entry_name} = "{module}:plugin"\n' for family in families)
    return {
        "name": name,
        "prefix": name,
        "distribution": distribution,
        "module": module,
        "class_name": "".join(part.capitalize() for part in slug.split("_")),
        "variable": f"{slug.upper()}_API_KEY",
        "base_variable": f"{slug.upper()}_BASE_URL",
        "base_url": f"https://api.{slug.replace('_', '-')}.example/v1",
        "api": str(API_VERSION),
        "core_version": CORE_VERSION,
        "entry_name": entry_name,
        "entry_points": "\n".join(groups),
        "families": json.dumps(families),
        "mode": _mode_of(families[0]),
        "kit": _kit_of(families),
        "conformance": "\n\n".join(_conformance(family, distribution, module) for family in families),
    }


def _mode_of(family: str) -> str:
    """Return the catalogue's mode for models of a family: the one of its own name, where others may be called too."""
    modes = FAMILIES[family].modes
    return family if family in modes else min(modes)


def _kit_of(families: tuple[str, ...]) -> str:
    """Return what the file of the conformance kit imports, one name a line."""
    names = {"Wire", *(_class_of(family) for family in families), *(["Capabilities"] if "chat" in families else [])}
    return "\n".join(f"    {name}," for name in sorted(names))


def _class_of(family: str) -> str:
    return f"{''.join(word.capitalize() for word in family.split('_'))}Conformance"


def _conformance(family: str, distribution: str, module: str) -> str:
    """Return the class that checks a family of a plugin for the OpenAI API."""
    kind = _class_of(family)
    lines = [
        f"class Test{kind.removesuffix('Conformance')}({kind}):",
        f'    plugin = "{module}:plugin"',
        f'    distribution = "{distribution}"',
    ]
    if family == "chat":
        lines.append(f"    capabilities = Capabilities({CHAT_CAPABILITIES})")
    wire = family if family in OWN_WIRES else f"openai_{family}"
    return "\n".join([*lines, f"    wire = Wire.{wire}()", ""])


def _check_name(name: str, values: Mapping[str, str]) -> None:
    """Raise if the name is not one, or somebody has it."""
    if not NAME.fullmatch(name) or len(name) > MAX_CHARACTERS:
        raise ConfigError(
            f"{name[:80]!r} is not a name for a plugin: small letters and digits, and '.', '_' or '-' between them, "
            f"{MAX_CHARACTERS} at most"
        )
    if name in our_roots() or name in shipped_providers():
        raise ConfigError(f"the prefix '{name}/' belongs to llmgate; choose another name")
    distribution = values["distribution"]
    for claim in installed_claims():
        if claim.family in FAMILIES and claim.prefix.split("/")[0] == name:
            raise ConfigError(f"the prefix '{name}/' belongs to {claim.distribution}, which is installed")
        if claim.distribution == normalise(distribution):
            raise ConfigError(f"{distribution} is installed already, with the prefix '{claim.prefix}/'")
    if importlib.util.find_spec(values["module"]) is not None:
        raise ConfigError(f"there is a module {values['module']} already; choose another name")


def _files(kind: str, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the path and the content of every file of a kind, in the order of their paths."""
    folder = TEMPLATES / kind
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        relative = path.relative_to(folder).as_posix().removesuffix(SUFFIX)
        name = {"gitignore": ".gitignore"}.get(relative, relative)
        name = re.sub(r"^module/", f"{values['module']}/", name)
        yield name, Template(path.read_text(encoding="utf-8")).substitute(values)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write the folder in one step: it is complete, or it is not there."""
    if folder.exists() or folder.is_symlink():
        raise ConfigError(f"{folder} exists already, and was left as it is")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".llmgate-", dir=folder.parent) as temporary:
            made = Path(temporary) / folder.name
            for name, text in files.items():
                path = made / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            os.rename(made, folder)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror or type(error).__name__}") from None
