"""Checks of the installed distribution: entry points, metadata, files, and what importing it costs."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmgate_core.catalogue.models import Catalogue
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.registry.entry_points import PluginEntryPoint, installed_claims, normalise
from llmgate_core.registry.model_files import add_models
from llmgate_core.registry.ownership import Ownership
from llmgate_core.testing.conformance.base import Checks, loaded_plugin
from llmgate_core.testing.conformance.check import Findings, NotApplicableError, check

__all__ = ["PackagingChecks"]

PREFIX = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*")
OTHER_GROUPS = frozenset({"models", "extensions", "commands", "sources"})
EDITABLE = ("__editable__", "_editable_impl_", "__editables_finder")
MAX_MODULES = 20
"""Of another package: one with more takes long to import, as the SDKs of vendors do."""
IMPORT_SECONDS = 60

PROBE = """
import json, sys
import llmgate_core.plugin
seen, before = [], set(sys.modules)
IO = ("socket.connect", "socket.getaddrinfo", "subprocess.", "os.system", "os.fork")
def audit(event, arguments):
    if event.startswith(IO):
        seen.append(event)
    elif event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        if not str(arguments[0]).endswith(".pyc") and ".pyc." not in str(arguments[0]):
            seen.append(f"writes {arguments[0]}")
sys.addaudithook(audit)
for module in sys.argv[1:]:
    __import__(module)
base = sys.modules.get("pydantic.main")
models = [] if base is None else [
    f"{kind.__module__}.{kind.__qualname__}"
    for kind in base.BaseModel.__subclasses__()
    if kind.__module__.split(".")[0] in {module.split(".")[0] for module in sys.argv[1:]}
]
print(json.dumps({"modules": sorted(set(sys.modules) - before), "seen": seen, "models": models}))
"""


class PackagingChecks(Checks):
    """What pip installs. They need the attribute `distribution`, and the distribution must be installed."""

    @check
    def test_entry_points(self) -> Findings:
        """Each entry point is in a group that core reads, has a prefix that users can write, and names an object.

        `[project.entry-points."llmgate.chat"]`, then `acme = "llmgate_acme:plugin"`. A dot in a name is read as a
        slash: `z.ai` would serve `z/ai/…`.
        """
        claims = self.claims()
        if not any(claim.family in FAMILIES for claim in claims):
            yield f"no entry point is in the group of a family: {', '.join(f'llmgate.{name}' for name in FAMILIES)}"
        for claim in claims:
            yield from _of_claim(claim)

    @check
    def test_ownership(self) -> Findings:
        """No other installed distribution owns a prefix that this one claims.

        Take a prefix of your own: one that belongs to somebody else is served only if the user prefers you.
        """
        ownership = Ownership(installed_claims(), {})
        name = normalise(str(self.distribution))
        for claim in self.claims():
            if claim.family in FAMILIES and not ownership.owns(name, claim.prefix):
                yield f"the prefix '{claim.prefix}/' ({claim.family}) belongs to another distribution, or to none yet"

    @check
    def test_models_file(self) -> Findings:
        """The file of the group `llmgate.models` can be read, and every row of it is used.

        `llmgate_acme:models.json`, inside the package, with the name of your own provider.
        """
        files = [claim for claim in self.claims() if claim.family == "models"]
        if not files:
            raise NotApplicableError("there is no entry point of the group llmgate.models")
        ownership = Ownership(installed_claims(), {})
        for claim in files:
            yield from (notice.message for notice in add_models(Catalogue.shipped(), claim, ownership))

    @check
    def test_metadata(self) -> Findings:
        """The metadata says what pip and people need: a summary, Python's version, and core without an upper bound.

        `dependencies = ["llmgate-core>=0.1"]`: an upper bound keeps your users from upgrading; `info.api` already says
        which contract you need.
        """
        metadata = self.installed().metadata
        for field in ("Summary", "Requires-Python"):
            if not metadata.get(field):
                yield f"{field} is missing: set it in [project]"
        needed = [line for line in self.installed().requires or () if re.match(r"llmgate[-_.]core\b", line, re.I)]
        if not needed:
            yield "it does not depend on llmgate-core"
        for line in needed:
            if "extra ==" not in line and re.search(r"<|==|~=", line.partition(";")[0]):
                yield f"the dependency {line!r} has an upper bound"

    @check
    def test_typed(self) -> Findings:
        """The package has a file `py.typed`, without which type checkers ignore it.

        An empty file beside `__init__.py`.
        """
        for package in self.packages():
            spec = importlib.util.find_spec(package)
            folders = list(spec.submodule_search_locations or ()) if spec is not None else []
            if folders and not any(Path(folder, "py.typed").is_file() for folder in folders):
                yield f"{package} has no py.typed"

    @check
    def test_no_pth_file(self) -> Findings:
        """The distribution has no `.pth` file, whose lines Python runs at every start.

        Those of an installation in place (`pip install -e`) are no part of a wheel.
        """
        for file in self.installed().files or ():
            if file.name.endswith(".pth") and not file.name.startswith(EDITABLE) and not self.is_editable():
                yield f"it installs {file}"

    @check
    def test_readme(self) -> Findings:
        """The README names every environment variable that the plugin reads, and a model string to try.

        People find a plugin by its page on an index, which is the README: set `readme` in [project]. Install the
        package again after a change, even if it is editable: pip has copied the README into the metadata.
        """
        metadata = self.installed().metadata
        text = str(metadata.get("Description") or metadata.get_payload() or "")
        if not text.strip():
            yield "there is no README in the metadata: set `readme` in [project]"
            return
        for name in _variables_of(getattr(loaded_plugin(self.plugin), "info", None)):
            if name not in text:
                yield f"the README does not name the variable {name}"
        prefixes = {claim.prefix for claim in self.claims() if claim.family == self.family}
        if prefixes and not any(f"{prefix}/" in text for prefix in prefixes):
            yield f"the README does not name the prefix {' or '.join(sorted(f'{prefix}/' for prefix in prefixes))}"

    @check
    def test_import_cost(self) -> Findings:
        """Importing the plugin loads little, defines no pydantic models, and touches neither network nor files.

        It is imported by the first call that is routed to it, and by `llmgate plugins`. Import a vendor's SDK, if you
        need one, where it is first used.
        """
        modules = sorted({claim.value.partition(":")[0] for claim in self.claims() if claim.family in FAMILIES})
        command = [sys.executable, "-c", PROBE, *modules]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=IMPORT_SECONDS, check=False)  # noqa: S603
        if ended.returncode:
            yield f"it cannot be imported alone: {ended.stderr.strip().splitlines()[-1:]}"
            return
        found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        plugins = {claim.value.partition(":")[0].partition(".")[0] for claim in installed_claims()}
        for package, count in _foreign(found["modules"], own=plugins):  # whose wire another plugin may build on
            yield f"importing it loads {count} modules of {package}"
        yield from (f"importing it defines the pydantic model {name}" for name in found["models"])
        yield from (f"importing it does {what}" for what in dict.fromkeys(found["seen"]))

    # --- what the checks share ---

    def installed(self) -> Any:
        """Return the distribution."""
        from importlib_metadata import PackageNotFoundError, distribution

        if self.distribution is None:
            raise NotApplicableError("the class has no `distribution`")
        try:
            return distribution(self.distribution)
        except PackageNotFoundError:
            raise LookupError(f"{self.distribution} is not installed: pip install it, or correct the name") from None

    def claims(self) -> list[PluginEntryPoint]:
        """Return the distribution's entry points."""
        self.installed()
        name = normalise(str(self.distribution))
        return [claim for claim in installed_claims() if claim.distribution == name]

    def packages(self) -> list[str]:
        """Return the packages that its entry points name."""
        return sorted({claim.value.partition(":")[0].partition(".")[0] for claim in self.claims()})

    def is_editable(self) -> bool:
        """Return whether it is installed in place."""
        origin = self.installed().read_text("direct_url.json")
        return bool(origin and json.loads(origin).get("dir_info", {}).get("editable"))


def _foreign(modules: list[str], *, own: set[str]) -> Iterator[tuple[str, int]]:
    """Yield the packages, neither Python's nor the plugin's own, of which many modules were loaded."""
    counts = Counter(module.partition(".")[0] for module in modules)
    for package, count in counts.items():
        if count > MAX_MODULES and package not in sys.stdlib_module_names and package not in {*own, "llmgate_core"}:
            yield package, count


def _of_claim(claim: PluginEntryPoint) -> Iterator[str]:
    group = f"llmgate.{claim.family}"
    if claim.family not in FAMILIES:
        if claim.family not in OTHER_GROUPS and "." not in claim.family:
            yield f"nothing reads the group {group}"
        return
    if not PREFIX.fullmatch(claim.prefix):
        yield f"{group}: the prefix {claim.prefix!r} must be lower-case letters, digits, - and _, parted by slashes"
    _, colon, attribute = claim.value.partition(":")
    if not colon or not attribute:
        yield f"{group}: {claim.value!r} must be `package:attribute`"
        return
    try:
        plugin = loaded_plugin(claim.value)
    except Exception as error:  # noqa: BLE001  # whatever its import raises
        yield f"{group}: {claim.value} cannot be imported: {type(error).__name__}: {error}"
        return
    if isinstance(plugin, type):
        yield f"{group}: {claim.value} is a class, not an object of it"
    name = getattr(getattr(plugin, "info", None), "name", "")
    if "." in name and claim.prefix == name.replace(".", "/"):
        yield f"{group}: the dot in {name!r} is read as a slash: the prefix is '{claim.prefix}/'"


def _variables_of(info: Any) -> list[str]:
    if not isinstance(info, ProviderInfo):
        return []
    names = [*info.key_variables, *info.env_base_url, *info.env_organization, *info.env_project]
    return [*names, *(name for option in info.options for name in option.env)]
