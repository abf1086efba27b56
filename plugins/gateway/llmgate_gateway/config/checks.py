"""Check what involves several keys: stars, groups, aliases, client keys, and names that must exist elsewhere.

Pure. Runs after the schema has been validated.

Source: docs/gateway/configure.md; rows S1, S6 and S20 of docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llmgate_core.serving import FAMILIES, Family, Secret
from llmgate_gateway.config.litellm.fates import fate_of
from llmgate_gateway.config.patterns import fill, match
from llmgate_gateway.config.schema.deployment import UNSERVED_MODES, Deployment, Params
from llmgate_gateway.config.schema.file_schema import ConfigFile
from llmgate_gateway.config.yaml.document import Node
from llmgate_gateway.config.yaml.problems import Path, Problems

__all__ = ["check"]

DEPLOYMENTS = "model_list"
GENERAL = "general_settings"


def check(file: ConfigFile, root: Node, problems: Problems) -> None:
    """Add every contradiction in a valid file to `problems`."""
    _Checks(file, root, problems).run()


class _Checks:
    def __init__(self, file: ConfigFile, root: Node, problems: Problems) -> None:
        self._file = file
        self._root = root
        self._problems = problems

    def run(self) -> None:
        if not self._file.model_list:
            self._add((DEPLOYMENTS,), "is empty; there is no model to serve")
        for index, deployment in enumerate(self._file.model_list):
            self._check_stars(index, deployment)
            self._check_mode(index, deployment)
            self._check_policies((DEPLOYMENTS, index, "params"), deployment.params)
        self._check_groups()
        self._check_aliases()
        self._check_keys()
        self._check_default_models()
        self._check_passthrough()
        self._check_settings()
        self._warn_of_literal_keys()

    def _add(self, path: Path, message: str) -> None:
        place, written = self._root.find(path)
        self._problems.add(place, written or path, message)

    def _warn(self, path: Path, message: str) -> None:
        place, written = self._root.find(path)
        self._problems.warn(place, written or path, message)

    def _check_stars(self, index: int, deployment: Deployment) -> None:
        """Check that the stars of the name can fill those of the model, whose prefix decides the plugin."""
        model, path = deployment.params.model, (DEPLOYMENTS, index, "params", "model")
        stars = model.count("*")
        if not stars:
            return
        if stars != deployment.model_name.count("*"):
            self._add(
                path,
                f"has {stars} star(s) and model_name has {deployment.model_name.count('*')}; the numbers must be equal",
            )
        elif model.startswith("*"):
            self._add(path, "needs a prefix before its star, such as openai/*, or clients would choose the plugin")

    def _check_mode(self, index: int, deployment: Deployment) -> None:
        mode = deployment.model_info.mode
        if mode in UNSERVED_MODES:
            message = f"{mode} is not served: the gateway has no endpoint for it, and refuses requests for this model"
            self._warn((DEPLOYMENTS, index, "model_info", "mode"), message)

    def _check_policies(self, path: Path, part: Params | object) -> None:
        if getattr(part, "drop_params", None) and getattr(part, "param_policy", None) not in (None, "drop"):
            self._add((*path, "drop_params"), "contradicts param_policy; keep one of them")

    def _check_groups(self) -> None:
        first: dict[str, int] = {}
        ids: dict[str, int] = {}
        for index, deployment in enumerate(self._file.model_list):
            path, name = (DEPLOYMENTS, index), deployment.model_name
            if (identifier := deployment.model_info.id) is not None and identifier in ids:
                self._add((*path, "model_info", "id"), f"is also the id of {DEPLOYMENTS}[{ids[identifier]}]")
            elif identifier is not None:
                ids[identifier] = index
            if name not in first:
                first[name] = index
                continue
            other = self._file.model_list[first[name]]
            if deployment.is_pattern:
                message = f"the pattern {name!r} is in the list twice; only {DEPLOYMENTS}[{first[name]}] is used"
                self._warn((*path, "model_name"), f"{message}, since patterns are not load-balanced")
            elif deployment.model_info.mode != other.model_info.mode:
                message = f"has a different mode from {DEPLOYMENTS}[{first[name]}] of the same model_name"
                message += "; a request goes only to those that serve its endpoint"
                self._warn((*path, "model_info" if deployment.model_info.mode else "model_name"), message)

    def _names(self) -> list[str]:
        return [deployment.model_name for deployment in self._file.model_list]

    def _check_aliases(self) -> None:
        names = self._names()
        for alias, target in self._file.router_settings.model_group_alias.items():
            path = ("router_settings", "model_group_alias", alias)
            if alias in names:
                self._add(path, "is also a model_name")
            elif "*" in alias:
                self._add(path, "cannot have a star; a model_name can")
            if target.model not in names and not any(match(name, target.model) for name in names):
                self._add(
                    path, f"there is no model_name {target.model!r}{self._problems.did_you_mean(target.model, names)}"
                )

    def _check_keys(self) -> None:
        general = self._file.general_settings
        names, keys = set[str](), set[Secret]()
        if general.master_key is not None:
            keys.add(general.master_key)
        served = [*self._names(), *self._file.router_settings.model_group_alias]
        for index, client in enumerate(general.keys):
            path = (GENERAL, "keys", index)
            if client.name in names:
                self._add((*path, "name"), "is the name of another key")
            if client.key in keys:
                self._add((*path, "key"), "is the same as another key")
            names.add(client.name)
            keys.add(client.key)
            for position, model in enumerate(client.models or ()):
                if "*" not in model and not _is_served(model, served):
                    self._add(
                        (*path, "models", position),
                        f"there is no model_name {model!r}{self._problems.did_you_mean(model, served)}",
                    )
        if general.insecure_no_auth and keys:
            self._warn(
                (GENERAL, "insecure_no_auth"), "has no effect on requests: keys are set, so every request needs one"
            )

    def _check_default_models(self) -> None:
        served = [*self._names(), *self._file.router_settings.model_group_alias]
        families = [name for name, family in FAMILIES.items() if _may_lack_model(family)]
        for family, model in self._file.general_settings.default_models.items():
            path = (GENERAL, "default_models", family)
            if family not in families:
                near = self._problems.did_you_mean(family, families)
                self._add(path, f"is none of {', '.join(families)}: requests of all others name their model{near}")
            elif not _is_served(model, served):
                self._add(path, f"there is no model_name {model!r}{self._problems.did_you_mean(model, served)}")

    def _check_passthrough(self) -> None:
        passthrough = self._file.general_settings.passthrough
        if passthrough is None:
            return
        names = [
            name
            for deployment in self._file.model_list
            for name in (deployment.model_name, deployment.model_info.id)
            if name
        ]
        path = (GENERAL, "passthrough")
        if passthrough.deployment not in names:
            near = self._problems.did_you_mean(passthrough.deployment, names)
            self._add(
                (*path, "deployment"), f"there is no model_name or model_info.id {passthrough.deployment!r}{near}"
            )
        for index, client in enumerate(self._file.general_settings.keys):
            if client.models is not None:
                self._warn_of_limited_key(index, is_allowed=client.passthrough)
        for index, forwarded in enumerate(passthrough.paths):
            parts = forwarded.strip("/").split("/")
            if not all(part and part.replace("_", "").replace("-", "").isalnum() for part in parts):
                self._add((*path, "paths", index), "must be the first part of a path below /v1/, such as files")

    def _warn_of_limited_key(self, index: int, *, is_allowed: bool) -> None:
        """Warn of a key with a list of models: requests that are passed through do not say which models they use."""
        path = (GENERAL, "keys", index)
        if is_allowed:
            message = "models does not limit what this key reaches through general_settings.passthrough"
            self._warn((*path, "passthrough"), message)
        else:
            message = "general_settings.passthrough refuses a key with models, unless the key has passthrough: true"
            self._warn((*path, "models"), message)

    def _check_settings(self) -> None:
        self._check_policies(("settings",), self._file.settings)
        for key in self._file.router_settings.default_params:
            path = ("router_settings", "default_params", key)
            if key in Params.model_fields or key in Params.familiar or fate_of("params", key) is not None:
                self._add(path, "is not a request parameter; set it in settings or in the deployment")
        plugins = self._file.plugins
        for name in sorted(set(plugins.allow or ()) & set(plugins.block)):
            self._add(("plugins", "block"), f"{name!r} is also in allow")
        for route in plugins.prefer:
            family, colon, prefix = route.partition(":")
            if not (family and colon and prefix):
                self._add(("plugins", "prefer", route), "must be FAMILY:PREFIX, such as chat:openai")

    def _warn_of_literal_keys(self) -> None:
        """Warn of keys in the file, which everyone who can read the file sees."""
        if not self._root.line:
            return
        for path in self._key_paths():
            node = _node(self._root, path)
            if node is not None and isinstance(node.value, str) and node.variable is None:
                self._warn(path, "the key is written in the file; os.environ/NAME keeps it out")

    def _key_paths(self) -> Iterator[Path]:
        yield from ((DEPLOYMENTS, index, "params", "api_key") for index in range(len(self._file.model_list)))
        yield from ((GENERAL, "master_key"), ("settings", "api_key"))
        yield from ((GENERAL, "keys", index, "key") for index in range(len(self._file.general_settings.keys)))


def _may_lack_model(family: Family) -> bool:
    return any(operation.may_lack_model for operation in family.operations.values())


def _is_served(model: str, names: Sequence[str]) -> bool:
    return model in names or any("*" in name and fill(name, name, model) is not None for name in names)


def _node(root: Node, path: Path) -> Node | None:
    node = root
    for part in path:
        try:
            inner = node.value[part]
        except (KeyError, IndexError, TypeError):
            return None
        node = inner.node if hasattr(inner, "node") else inner
    return node
