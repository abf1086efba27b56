"""The tables of docs/plugins that say what the kit checks: `python -m tests.kit.tables` writes them."""

from __future__ import annotations

import re
from inspect import cleandoc

from llmgate_core.testing.conformance.base import checks_of
from llmgate_core.testing.conformance.families import CONFORMANCE
from tests.kit.faults import FAULTS
from tests.support.paths import ROOT

__all__ = ["PAGES", "page_with_table"]

PLUGINS = ROOT / "docs" / "plugins"
TABLE = re.compile(r"^\| check \|.*?(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
THEMES = {
    "packaging": "what pip installs",
    "registration": "loading",
    "parameters": "parameters",
    "purity": "hooks are pure",
    "malformed": "malformed calls",
    "answers": "answers",
    "streams": "streams",
    "failures": "errors",
    "secrecy": "keys",
    "parity": "every way is equal",
    "delivery": "around a call",
    "contract": "contract 1.1",
}


def owner_of(name: str) -> type:
    """Return the class that defines a check."""
    kinds = (base for kind in CONFORMANCE.values() for base in kind.__mro__)
    return next(base for base in kinds if name in vars(base))


def families_of(name: str) -> str:
    """Return the families that have a check."""
    having = [family for family, kind in CONFORMANCE.items() if hasattr(kind, name)]
    return "all" if len(having) == len(CONFORMANCE) else ", ".join(having) if len(having) < 4 else "several"


def checks() -> list[str]:
    """Return the name of every check, by theme."""
    names = {name for kind in CONFORMANCE.values() for name in checks_of(kind)}
    themes = list(THEMES)

    def place(name: str) -> tuple[int, str, int]:
        owner = owner_of(name)
        return themes.index(owner.__module__.rpartition(".")[2]), owner.__name__, list(vars(owner)).index(name)

    return sorted(names, key=place)


def purpose_of(name: str) -> str:
    """Return the first line of a check's docstring."""
    return cleandoc(getattr(owner_of(name), name).__doc__).partition("\n")[0]


def check_table() -> str:
    rows = ["| check | about | families | it holds that |", "|---|---|---|---|"]
    for name in checks():
        theme = THEMES[owner_of(name).__module__.rpartition(".")[2]]
        rows.append(f"| `{name}` | {theme} | {families_of(name)} | {purpose_of(name)} |")
    return "\n".join(rows)


def fault_table() -> str:
    by_check = {name: [fault.what for fault in FAULTS.values() if fault.check == name] for name in checks()}
    rows = ["| check | finds |", "|---|---|"]
    rows += [f"| `{name}` | {what} |" for name, found in by_check.items() for what in found or [unseeded(name)]]
    return "\n".join(rows)


def unseeded(name: str) -> str:
    """Return where the mistakes of a check are that none of the table is for."""
    theme = owner_of(name).__module__.rpartition(".")[2]
    file = {"packaging": "test_packaging.py", "contract": "test_contract.py"}.get(theme)
    return f"mistakes in `tests/kit/{file}`" if file else "no mistake is seeded for it"


PAGES = {PLUGINS / "testing.md": check_table, PLUGINS / "kit-faults.md": fault_table}
"""Page -> what makes its table."""


def page_with_table(text: str, table: str) -> str:
    """Return a page with its table of checks replaced."""
    return TABLE.sub(lambda _: table, text)


def main() -> None:
    for page, table in PAGES.items():
        page.write_text(page_with_table(page.read_text("utf-8"), table()), "utf-8")


if __name__ == "__main__":
    main()
