"""The parts of the gateway's pages that are written from the code, and the program that writes them again.

    python -m tests.support.gateway_reference

A part is between `<!-- from the code: NAME -->` and `<!-- end -->`; `tests/docs/test_gateway_reference.py` compares.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from textwrap import fill
from types import MappingProxyType

from llmgate_gateway.config import load_config_dict
from llmgate_gateway.http.body import FORBIDDEN
from llmgate_gateway.http.routes import HTTPRoute
from llmgate_gateway.pages.openapi import document
from llmgate_gateway.server.operations import Operations
from llmgate_gateway.telemetry.metrics import Metrics
from llmgate_gateway.telemetry.record import RequestRecord
from prometheus_client.parser import text_string_to_metric_families

from tests.support.config_keys import keys, keys_part, litellm_table
from tests.support.gateway_pages import FOLDER
from tests.support.gateway_process import clean_environment

__all__ = ["PARTS", "all_routes", "metric_names", "rewritten"]

PART = re.compile(r"(<!-- from the code: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
HELP_COLUMNS = "100"
PROSE_COLUMNS = 120
ONE_MODEL = {"model_list": [{"model_name": "m", "params": {"model": "openai/gpt-4o"}}]}


def help_part() -> str:
    """Return what `llmgate serve --help` prints."""
    command = [sys.executable, "-m", "llmgate_core", "serve", "--help"]
    done = subprocess.run(
        command, env=clean_environment(COLUMNS=HELP_COLUMNS), capture_output=True, text=True, check=True
    )
    return f"```text\n{done.stdout}```\n"


def all_routes() -> tuple[HTTPRoute, ...]:
    """Return the routes of a gateway as `llmgate serve` runs it."""
    config = load_config_dict(ONE_MODEL)
    return tuple(Operations(config).app(config).routes)


def calls_part() -> str:
    """Return the table of the routes that call a model."""
    lines = ["| request | call | body | query |", "|---|---|---|---|"]
    served = {(route.method, route.path): route for route in reversed(all_routes())}  # of two the first
    for route in reversed(served.values()):
        if not route.is_page and not route.names_model:
            query = ", ".join(f"`{name}`" for name in sorted(route.query))
            kind = ("form or JSON" if route.takes_files else "JSON") if route.has_body else ""
            call = f"{route.family} {route.operation.replace('_', ' ')}"
            lines.append(f"| `{route.method} {route.path}` | {call} | {kind} | {query} |")
    return "\n".join(lines) + "\n"


def pages_part() -> str:
    """Return the table of the gateway's own pages."""
    paths = document(all_routes(), version="0", asks_for_key=True)["paths"]
    lines = ["| page | gives | needs a key |", "|---|---|---|"]
    for route in all_routes():
        if route.is_page:
            summary = paths[route.path][route.method.lower()]["summary"].replace(
                "This document", "The OpenAPI document"
            )
            lines.append(f"| `{route.method} {route.path}` | {summary} | {'no' if route.is_open else 'yes'} |")
    return "\n".join(lines) + "\n"


def metric_names() -> Mapping[str, tuple[str, str, tuple[str, ...]]]:
    """Return name -> kind, meaning and labels of every metric that there is."""
    metrics = Metrics()
    metrics.observe(
        RequestRecord("r", 0.0, family="chat", deployment="m", status=200, first_byte_seconds=1.0, total_seconds=1.0)
    )
    found = {}
    for family in text_string_to_metric_families(metrics.render()[0].decode()):
        labels = {label for sample in family.samples for label in sample.labels if label != "le"}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = (family.type, family.documentation, tuple(sorted(labels)))
    return MappingProxyType(found)


def metrics_part() -> str:
    """Return the table of the metrics."""
    lines = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for name, (kind, meaning, labels) in metric_names().items():
        lines.append(f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {meaning} |")
    return "\n".join(lines) + "\n"


def forbidden_part() -> str:
    """Return the names that no request may have at its top."""
    return f"{', '.join(f'`{name}`' for name in sorted(FORBIDDEN))}.\n"


def _sections() -> tuple[str, ...]:
    return tuple(dict.fromkeys(key.path.split(".")[0].replace("[]", "") for key in keys()))


PARTS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "llmgate serve --help": help_part,
        "routes": calls_part,
        "pages": pages_part,
        "metrics": metrics_part,
        "LiteLLM's keys": litellm_table,
        "names that a request may not have": forbidden_part,
        **{f"keys of {section}": partial(keys_part, section) for section in _sections()},
    }
)


def folded(part: str) -> str:
    """Return a part with its paragraphs broken at PROSE_COLUMNS; tables, headings and code stay as they are."""
    if part.startswith("```"):
        return part
    blocks = part.rstrip("\n").split("\n\n")
    return "\n\n".join(block if block.startswith(("|", "#")) else _filled(block) for block in blocks) + "\n"


def _filled(paragraph: str) -> str:
    return fill(paragraph, PROSE_COLUMNS, break_long_words=False, break_on_hyphens=False)


def rewritten(text: str) -> tuple[str, list[str]]:
    """Return a page with its parts as the code says them, and the names of these parts."""
    names: list[str] = []

    def write(found: re.Match[str]) -> str:
        names.append(found[2])
        return f"{found[1]}\n{folded(PARTS[found[2]]())}\n{found[3]}"

    return PART.sub(write, text), names


def main() -> None:
    """Write every part again."""
    for page in sorted(FOLDER.glob("*.md")):
        text = page.read_text("utf-8")
        fresh, _ = rewritten(text)
        if fresh != text:
            page.write_text(fresh, "utf-8")
            sys.stdout.write(f"{page.name}: written\n")


if __name__ == "__main__":
    main()
