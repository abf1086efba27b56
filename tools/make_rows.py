"""Write what the rows of plugins/providers say elsewhere: entry points, the README, and which prefixes are ours.

python tools/make_rows.py            # after a change of plugins/providers/llmgate_providers/rows/
python tools/make_rows.py --check    # exit 1 if a file differs
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = ROOT / "plugins" / "providers"
sys.path.insert(0, str(PROJECT))

from llmgate_providers.row import Row  # noqa: E402
from llmgate_providers.rows import attribute_of, row_names, shipped_row  # noqa: E402

from llmgate_core.endpoints.families import FAMILIES  # noqa: E402  # after the path

DISTRIBUTION = "llmgate-providers"
MODULE = "llmgate_providers.plugins"
BEGIN, END = "# rows: written by tools/make_rows.py\n", "# end of rows\n"
TABLE_BEGIN, TABLE_END = "<!-- rows: written by tools/make_rows.py -->\n", "<!-- end of rows -->\n"
PYPROJECT = PROJECT / "pyproject.toml"
README = PROJECT / "README.md"
FIRST_PARTY = ROOT / "llmgate_core" / "registry" / "first_party.json"


def claims() -> dict[str, dict[str, str]]:
    """Return family -> prefix -> the object that serves it."""
    rows = [shipped_row(name) for name in row_names()]
    found: dict[str, dict[str, str]] = {family: {} for family in FAMILIES}
    for row in rows:
        for family in row.families:
            for prefix in row.prefixes:
                if prefix in found[family]:
                    raise SystemExit(f"two rows have the prefix {prefix!r} for {family}")
                found[family][prefix] = value_of(row, family)
    return {family: dict(sorted(prefixes.items())) for family, prefixes in found.items() if prefixes}


def value_of(row: Row, family: str) -> str:
    """Return the value of a family's entry point."""
    part = row.families[family]
    return part.plugin or f"{MODULE}:{attribute_of(row.name)}{f'__{family}' if part.is_apart else ''}"


def entry_points(found: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield the lines of the entry points, as TOML."""
    for family, prefixes in found.items():
        yield f'[project.entry-points."llmgate.{family}"]\n'
        for prefix, value in prefixes.items():
            name = prefix if prefix.replace("-", "").replace("_", "").isalnum() else f'"{prefix}"'
            yield f'{name} = "{value}"\n'
        yield "\n"


def project_text(found: dict[str, dict[str, str]]) -> str:
    """Return `pyproject.toml` as it must be."""
    text = PYPROJECT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return before + BEGIN + "".join(entry_points(found)).rstrip("\n") + "\n" + END + rest.split(END)[1]


def readme_text() -> str:
    """Return the README as it must be."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(TABLE_BEGIN)
    rows = "".join(readme_row(shipped_row(name)) for name in row_names())
    head = "| prefix | provider | key, then other variables |\n|---|---|---|\n"
    return before + TABLE_BEGIN + head + rows + TABLE_END + rest.split(TABLE_END)[1]


def readme_row(row: Row) -> str:
    """Return the line of a row."""
    names = [*row.env_base_url, *row.env_project, *(name for option in row.options for name in option.env)]
    variables = " or ".join(f"`{name}`" for name in row.env_key) + "".join(f", `{name}`" for name in names)
    return f"| {', '.join(f'`{prefix}/`' for prefix in row.prefixes)} | {row.label} | {variables} |\n"


def first_party_text(found: dict[str, dict[str, str]]) -> str:
    """Return `first_party.json` as it must be."""
    ours: dict[str, dict[str, str]] = json.loads(FIRST_PARTY.read_text(encoding="utf-8"))
    ours = {
        family: {prefix: name for prefix, name in prefixes.items() if name != DISTRIBUTION}
        for family, prefixes in ours.items()
    }
    others = {prefix.split("/")[0] for prefixes in ours.values() for prefix in prefixes}
    for family, prefixes in found.items():
        for prefix in prefixes:
            if prefix in others:
                raise SystemExit(f"the prefix {prefix!r} belongs to another distribution that we ship")
            ours.setdefault(family, {})[prefix] = DISTRIBUTION
    return json.dumps(ours, indent=2) + "\n"


def main() -> int:
    """Write or compare the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    arguments = parser.parse_args()
    found = claims()
    differs = False
    contents = {PYPROJECT: project_text(found), FIRST_PARTY: first_party_text(found), README: readme_text()}
    for path, text in contents.items():
        if path.read_text(encoding="utf-8") == text:
            continue
        differs = True
        if arguments.check:
            print(f"{path.relative_to(ROOT)} differs from the rows: run python tools/make_rows.py")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if differs and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
