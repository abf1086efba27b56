"""Write the table of all rows of plugins/providers into docs/providers/README.md.

python tools/make_provider_table.py            # after a change of plugins/providers/llmgate_providers/rows/
python tools/make_provider_table.py --check    # exit 1 if the page differs
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "plugins" / "providers"))

from llmgate_providers.row import Quirk, Row  # noqa: E402
from llmgate_providers.rows import row_names, shipped_row  # noqa: E402

PAGE = ROOT / "docs" / "providers" / "README.md"
BEGIN, END = "<!-- rows: written by tools/make_provider_table.py -->\n", "<!-- end of rows -->\n"
COLUMNS = ("prefix", "families", "key variable", "what differs", "tier")
FAMILIES = {"text_completion": "text", "embedding": "embed", "transcription": "transcribe", "translation": "translate"}
OTHERS = {
    "conflict": "refuses {param} with some others",
    "copy": "usage in another place",
    "ask_for_tool": "emulates required tools",
    "name_model": "lengthens model names",
    "need_stream": "answers by stream only (some models)",
    "add_fields": "adds fields",
    "raise_choice_errors": "errors inside answers",
}
"""What the table says of a quirk that has no list of parameters; the rest edits messages, tools or answers."""
EDITS = {
    "messages": "drop_nulls drop_message_fields keep_tool_call_fields flatten_text fill_message_field shorten_tool_ids",
    "tools": "drop_function_fields drop_schema_keys inline_refs take_tool_types",
    "thoughts": "name_reasoning split_thinking count_reasoning",
}
MAX_NAMED = 4


def lines() -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"| {' | '.join(COLUMNS)} |\n"
    yield f"|{'---|' * len(COLUMNS)}\n"
    for name in row_names():
        yield line(shipped_row(name))


def line(row: Row) -> str:
    """Return the line of a row."""
    prefixes = f"`{row.name}/`" + "".join(f", `{alias}/`" for alias in row.aliases)
    label = f"[{row.label}]({row.docs})" if row.docs else row.label
    families = ", ".join(FAMILIES.get(family, family) for family in row.families)
    keys = ", ".join(f"`{name}`" for name in row.env_key) or "none"
    optional = " (optional)" if row.key_optional and row.env_key else ""
    cells = (f"{prefixes} {label}", families, f"{keys}{optional}", differences(row), f"{row.tier} {row.checked}")
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


def differences(row: Row) -> str:
    """Return what a row changes in a call, in a few words."""
    said = list(filter(None, (of_parameters(quirk) for quirk in row.quirks)))
    kinds = {quirk.do for quirk in row.quirks}
    edited = [room for room, names in EDITS.items() if kinds & set(names.split())]
    if edited:
        said.append(f"edits {', '.join(edited)}")
    return "; ".join(dict.fromkeys(said))


def of_parameters(quirk: Quirk) -> str | None:
    """Return what a quirk does to parameters; None: it is about something else."""
    given, some = quirk.given, " (some models)" if quirk.models is not None else ""
    if quirk.do == "rename":
        return "; ".join(f"`{old}` → `{new}`" for old, new in given["params"].items()) + some
    if quirk.do in ("refuse", "leave_out"):
        return f"{'refuses' if quirk.do == 'refuse' else 'leaves out'} {named(given['params'])}{some}"
    if quirk.do == "accept":
        return f"takes {len(given['params'])} parameters only{some}"
    if quirk.do == "allow":
        return f"limits `{given['param']}`{some}"
    if quirk.do == "map":
        return f"`{given['param']}` → `{given['to']}`{some}" if given.get("to") else f"maps `{given['param']}`{some}"
    text = OTHERS.get(quirk.do)
    return None if text is None else text.format(**{"param": f"`{given.get('param')}`"})


def named(params: list[str]) -> str:
    """Return the first few names of a list."""
    shown = ", ".join(f"`{name}`" for name in params[:MAX_NAMED])
    return shown if len(params) <= MAX_NAMED else f"{shown} and {len(params) - MAX_NAMED} more"


def page_text(text: str) -> str:
    """Return the page as it must be."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}{''.join(lines())}{END}{rest.split(END)[1]}"


def main() -> int:
    """Write or compare the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page differs")
    arguments = parser.parse_args()
    present = PAGE.read_text(encoding="utf-8")
    wanted = page_text(present)
    if present == wanted:
        return 0
    if arguments.check:
        print(f"{PAGE.relative_to(ROOT)} differs from the rows: run python tools/make_provider_table.py")
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
