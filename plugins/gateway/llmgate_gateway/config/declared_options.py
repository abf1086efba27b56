"""What the plugins of a config's models need besides the key: where it is given, and what is wrong with it.

LiteLLM's configs have such values beside `model`, as in `region: eu`. One that the model's plugin declares is an
option; sent as a request parameter, it could be overridden by every client. Opens no socket.

Source: `Option` of the plugin contract; docs/gateway/configure.md, "provider_options".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from llmgate_core.serving import Option, ResolvedModel
from llmgate_gateway.config.litellm.fates import fate_of, request_params
from llmgate_gateway.config.litellm.known_keys import Note
from llmgate_gateway.config.schema.deployment import Params
from llmgate_gateway.config.yaml.document import Entry, Node
from llmgate_gateway.config.yaml.problems import Path, Problems

__all__ = ["OPTIONS", "check_options", "has_foreign_keys", "move_options", "secret_options"]

OPTIONS = "provider_options"
SPELLINGS = ("params", "litellm_params")
TargetsOf = Callable[[str, "str | None"], Iterable[ResolvedModel]]
"""Where the calls of a model go, by its name and mode, in every family that a plugin serves it for."""


def has_foreign_keys(root: Node) -> bool:
    """Return whether a deployment has a key that only its plugin can know."""
    return any(_foreign_keys(params) for _, params, _ in _all_params(root))


def move_options(root: Node, targets_of: TargetsOf, problems: Problems) -> list[Note]:
    """Move each key beside `model` that the model's plugin declares as an option into `provider_options`, in place.

    Returns what was done with each. A key that only looks like an option is a mistake.
    """
    notes: list[Note] = []
    for path, params, mode in _all_params(root):
        if not (keys := _foreign_keys(params)):
            continue
        declared = {option.name for option in _declared_for(params, mode, targets_of)}
        notes += _move(params, [key for key in keys if key in declared], path, problems)
        for key in keys:
            if key not in declared and (near := problems.did_you_mean(key, declared, cutoff=0.8)):
                problems.add(*root.find((*path, key)), f"unknown key{near}")
    return notes


def secret_options(root: Node, targets_of: TargetsOf) -> frozenset[str]:
    """Return the options that a plugin of one of the config's models declares as secret."""
    declared = (option for _, params, mode in _all_params(root) for option in _declared_for(params, mode, targets_of))
    return frozenset(option.name for option in declared if option.secret)


def check_options(root: Node, path: Path, targets: Iterable[ResolvedModel], problems: Problems) -> None:
    """Add what is wrong with the options that a deployment gives; `path` is that of its parameters.

    A name that no plugin of its model declares is a mistake, and a secret that is written in the file a warning.
    """
    node = _node_at(root, (*path, OPTIONS))
    given: Mapping[str, Entry] = node.value if node is not None and isinstance(node.value, dict) else {}
    declared = {option.name: option for option in _declared(targets)} if given else {}
    for name, entry in given.items():
        place = root.find((*path, OPTIONS, name))
        option = declared.get(name)
        if option is None:
            near = problems.did_you_mean(name, declared)
            known = f"its options are {', '.join(declared)}" if declared else "it has none"
            problems.add(*place, f"the plugin of this model has no such option; {known}{near}")
        elif option.secret and entry.node.variable is None and root.line:
            problems.warn(*place, "the secret is written in the file; os.environ/NAME keeps it out")


def _declared_for(params: Node, mode: str | None, targets_of: TargetsOf) -> Iterator[Option]:
    entry = params.value.get("model")
    model = None if entry is None or entry.node.unset else entry.node.value
    return _declared(targets_of(model, mode)) if isinstance(model, str) else iter(())


def _declared(targets: Iterable[ResolvedModel]) -> Iterator[Option]:
    for target in targets:
        yield from target.plugin.info.options


def _all_params(root: Node) -> Iterator[tuple[Path, Node, str | None]]:
    """Yield path, parameters and mode of each deployment, in either spelling."""
    entries = root.value.get("model_list") if isinstance(root.value, dict) else None
    for index, entry in enumerate(entries.node.value if entries and isinstance(entries.node.value, list) else ()):
        if not isinstance(entry.value, dict):
            continue
        for spelling in SPELLINGS:
            params = entry.value.get(spelling)
            if params is not None and isinstance(params.node.value, dict):
                yield ("model_list", index, spelling), params.node, _mode_of(entry)


def _mode_of(entry: Node) -> str | None:
    node = _node_at(entry, ("model_info", "mode"))
    return node.value if node is not None and isinstance(node.value, str) else None


def _foreign_keys(params: Node) -> list[str]:
    return [key for key in params.value if not _is_known(key)]


def _is_known(key: str) -> bool:
    if key in Params.model_fields or key in Params.familiar or key in request_params():
        return True
    fate = fate_of("params", key)
    return fate is not None and fate.what == "moved"


def _move(params: Node, keys: Sequence[str], path: Path, problems: Problems) -> Iterator[Note]:
    if not keys:
        return
    entry = params.value.get(OPTIONS)
    if entry is None or entry.node.value is None:
        line, column = params.place
        entry = params.value[OPTIONS] = Entry(OPTIONS, line, column, Node({}, line, column))
    if not isinstance(entry.node.value, dict):
        return  # which the schema reports
    for key in keys:
        moved = params.value.pop(key)
        if key in entry.node.value:
            problems.add((moved.line, moved.column), (*path, key), f"is also in {OPTIONS}; keep one of them")
        elif moved.node.value is not None:
            entry.node.value[key] = moved
            yield Note(moved.line, (*path, key), "spelled differently", f"now {OPTIONS}.{key}")


def _node_at(node: Node, path: Path) -> Node | None:
    for part in path:
        try:
            inner = node.value[part]
        except (KeyError, IndexError, TypeError):
            return None
        node = inner.node if isinstance(inner, Entry) else inner
    return node
