"""The gateway's config file, and `llmgate migrate` for LiteLLM's.

A file is a config, or a list of problems with a place each; migrating it ends in a report or in such a list, and what
was written is read again to the same verdict. Neither shows a key that is a value in the file.
"""

from __future__ import annotations

import random
import re
import tempfile
from functools import lru_cache
from pathlib import Path

import yaml
from llmgate_gateway.commands.migrate import migrate
from llmgate_gateway.config import ConfigProblems, GatewayConfig, load_config
from llmgate_gateway.config.load import read_document
from llmgate_gateway.config.yaml.problems import Problems

from fuzz.mutations import PLAIN_SHARE, Plain, changed

__all__ = ["INSTRUMENTED", "check", "mutated"]

INSTRUMENTED = ("llmgate_gateway.config", "llmgate_gateway.commands.migrate", "llmgate_core.settings.base_url")
KEY = "sk-Fuzz4f9QzT7wB2mXc8LdR1"
GLUED = re.compile(r"[^\s\"'\[{(,:/.]" + KEY)
ENVIRONMENT = {"KEY": KEY, "NAME": "m"}


def mutated(data: bytes, size: int, seed: int, plain: Plain) -> bytes:
    """Return a document with a value or two changed."""
    choose = random.Random(seed)
    try:
        value = yaml.safe_load(data)
        if choose.random() < PLAIN_SHARE:
            return plain(data, size)
        for _ in range(choose.randint(1, 2)):
            value = changed(value, [value, TEMPLATE], choose)
        return str(yaml.safe_dump(value, allow_unicode=True, sort_keys=False)).encode()[:size]
    except Exception:  # noqa: BLE001  # not YAML, or YAML that cannot be changed in this way
        return plain(data, size)


def check(data: bytes) -> None:
    """Read the file as a config, with and without its variables, and migrate it."""
    path = file()
    path.write_bytes(data)
    for has_variables in (True, False):
        outcome = loaded(path, has_variables=has_variables)
        if isinstance(outcome, ConfigProblems):
            check_problems(outcome)
        else:
            assert KEY not in repr(outcome), "a config shows a key"
    check_migration(path)


def loaded(path: Path, *, has_variables: bool) -> GatewayConfig | ConfigProblems:
    """Return the config, or what is wrong with it."""
    try:
        return load_config(path, environment=ENVIRONMENT, has_variables=has_variables)
    except ConfigProblems as problems:
        return problems


def check_problems(problems: ConfigProblems) -> None:
    """Assert that each mistake has its place and no message shows a key."""
    assert problems.problems, "a config is refused without a reason"
    for problem in problems.problems:
        assert problem.line >= 1, f"a mistake has no place: {problem.message}"
        assert problem.column >= 1, f"a mistake has no place: {problem.message}"
        assert problem.message.isprintable(), "a message has characters that cannot be seen"
    check_hidden(str(problems))


def check_hidden(text: str) -> None:
    """Assert that the key is not in what is printed, unless it is the end of a longer name: names are shown."""
    assert KEY not in text or GLUED.search(text), "a message shows a key"


def check_migration(path: Path) -> None:
    """Migrate the file, and read what was written."""
    problems = Problems("file")
    root = read_document(path, problems)
    if root is None or not isinstance(root.value, dict) or problems.mistakes:
        return
    migration = migrate(root, problems)
    check_hidden("\n".join(migration.report(show_all=True)))
    assert isinstance(yaml.safe_load(migration.text), dict), "what was written is not a mapping"


@lru_cache(maxsize=1)
def file() -> Path:
    """Return the file of this process, which each input overwrites."""
    path = Path(tempfile.mkdtemp(prefix="llmgate-fuzz-")) / "config.yaml"
    path.touch(mode=0o600)
    return path


TEMPLATE = yaml.safe_load("""
model_list:
- {model_name: m, params: {model: openai/gpt-4o, api_key: os.environ/KEY, api_base: "http://127.0.0.1:1/v1?a=b",
   timeout: 5, max_retries: 2, extra_headers: {x: y}, extra_body: {}, order: 1, weight: 2, rpm: 3, drop_params: true,
   temperature: 0.5, input_cost_per_token: 1.0e-6, organization: o, param_policy: drop},
   model_info: {id: a, mode: chat}}
- {model_name: "*", litellm_params: {model: "openai/*"}}
general_settings: {master_key: os.environ/KEY,
  keys: [{name: a, key: os.environ/KEY, models: [m], limits: {max_in_flight: 3}}],
  host: 127.0.0.1, port: 4000, allowed_hosts: [a.example], cors: {origins: ["https://a.example"]},
  limits: {max_body: 1000},
  timeouts: {head: 5}, passthrough: [openai], middleware: [x], log: {format: json}}
router_settings: {model_group_alias: {n: m}, fallbacks: [{m: [n]}], num_retries: 2, routing_strategy: simple-shuffle}
litellm_settings: {drop_params: true, callbacks: [otel], request_timeout: 600, cache: true}
environment_variables: {A: b}
""")
"""Keys and values that a change may bring in."""
