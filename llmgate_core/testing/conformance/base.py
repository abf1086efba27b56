"""What all checks share: the plugin under test, its capabilities and wire, and the bench that it runs on."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from llmgate_core.testing.answer import Answer
from llmgate_core.testing.conformance.bench import Bench
from llmgate_core.testing.conformance.capabilities import Capabilities
from llmgate_core.testing.conformance.check import CheckResult, NotApplicableError, judged
from llmgate_core.testing.conformance.samples import Sample
from llmgate_core.testing.conformance.wire import Wire
from llmgate_core.testing.fake_upstream import FakeUpstream, ReceivedRequest

__all__ = ["Checks", "checks_of", "loaded_plugin", "results_of"]

KIT = __name__.rpartition(".")[0]


def loaded_plugin(plugin: Any) -> Any:
    """Return the plugin itself of `module:attribute`, or the object that was given."""
    if not isinstance(plugin, str):
        return plugin
    module, _, attribute = plugin.partition(":")
    return getattr(importlib.import_module(module), attribute)


class Checks:
    """The base of every class of checks; a subclass for a plugin sets the attributes.

    Attributes:
        family: the endpoint family that is checked.
        plugin: the plugin, as `package:attribute` or the object itself.
        distribution: the installed distribution that it belongs to, for the checks of packaging; None: they are
            left out.
        models: the upstream's model names with which parameters are judged; one that the catalogue does not have is
            judged by the plugin's tables alone.
        capabilities: what the provider can do.
        wire: how the provider's answers look; None: only what needs no answer is checked.
        options: values of `provider_options`; a required one that is not here gets a value of the kit's.
        known_failures: check -> why it fails. It must fail: a known failure that passes is an error.
        last_result: what became of the check that ran last, for the report.
    """

    family: ClassVar[str]
    plugin: ClassVar[Any] = None
    distribution: ClassVar[str | None] = None
    models: ClassVar[tuple[str, ...]] = ("conformance",)
    capabilities: ClassVar[Capabilities] = Capabilities()
    wire: ClassVar[Wire | None] = None
    options: ClassVar[Mapping[str, str]] = {}
    known_failures: ClassVar[Mapping[str, str]] = {}
    samples: ClassVar[tuple[Sample, ...]] = ()
    last_result: CheckResult | None = None
    _bench: ClassVar[Bench | None] = None

    def __init_subclass__(cls) -> None:
        """Refuse a class that replaces a check, or knows of a failure of none."""
        super().__init_subclass__()
        if cls.__module__.startswith(f"{KIT}."):
            return
        replaced = [name for name in vars(cls) if any(_is_check(base, name) for base in cls.__mro__[1:])]
        if replaced:
            raise TypeError(
                f"{cls.__name__}.{replaced[0]} replaces a check of llmgate: "
                f"name it in known_failures, with the reason why it fails"
            )
        for name, reason in cls.known_failures.items():
            if not _is_check(cls, name):
                raise TypeError(f"{cls.__name__}.known_failures names {name!r}, which is not a check of this class")
            if not str(reason or "").strip():
                raise TypeError(f"{cls.__name__}.known_failures[{name!r}] must be the reason why it fails")
        if cls.wire is not None and not isinstance(cls.wire, Wire):
            raise TypeError(f"{cls.__name__}.wire must be a Wire, such as Wire.openai_chat()")

    @classmethod
    def teardown_class(cls) -> None:
        """Close what the checks of this class have opened; pytest calls it after the last one."""
        bench, cls._bench = cls._bench, None
        if bench is not None:
            bench.close()

    @property
    def bench(self) -> Bench:
        """The upstream and the clients of this class, made for the first check that needs them."""
        cls = type(self)
        if cls.__dict__.get("_bench") is None:
            cls._bench = Bench(loaded_plugin(cls.plugin), cls.family, cls.models[0], cls.wire, cls.options)
        bench = cls._bench
        assert bench is not None  # noqa: S101  # for mypy: it was made above
        return bench

    @property
    def the_wire(self) -> Wire:
        """The wire, for a check that needs one."""
        self.require_requests()
        if self.wire is None:
            raise NotApplicableError("the class has no `wire`, which says how the provider's answers look")
        return self.wire

    def scripted(self, answer: Answer) -> FakeUpstream:
        """Return the upstream, which gives this answer to every call, and theirs to requests beside it."""
        upstream = self.bench.fresh_upstream()
        upstream.otherwise = answer if self.wire is None else self.wire.script(answer)
        return upstream

    def calls_in(self, upstream: FakeUpstream) -> list[ReceivedRequest]:
        """Return what the upstream received, without requests beside the calls."""
        beside = None if self.wire is None else self.wire.beside
        return [request for request in upstream.received if beside is None or beside(request) is None]

    def can(self, capability: str) -> bool:
        """Return whether a capability is claimed; an empty name always is."""
        return not capability or bool(getattr(self.capabilities, capability))

    def require(self, capability: str) -> None:
        """End a check that does not apply without a capability."""
        if not self.can(capability):
            raise NotApplicableError(f"the capability {capability!r} is not claimed")

    def require_requests(self) -> None:
        """End a check that does not apply to a plugin which answers in this process."""
        if not hasattr(self.bench.plugin, "transform_request"):
            raise NotApplicableError("the plugin answers in this process and sends no request")

    def sample(self, name: str) -> Sample:
        """Return a sample of the family by its name, its reply the one that the wire has for it."""
        found = next(sample for sample in self.samples if sample.name == name)
        return found if self.wire is None else self.wire.adapted(found)

    def claimed_samples(self) -> Iterator[Sample]:
        """Yield the samples whose capability is claimed."""
        wire = self.the_wire
        return (wire.adapted(sample) for sample in self.samples if self.can(sample.needs))


def _is_check(cls: type, name: str) -> bool:
    return bool(getattr(getattr(cls, name, None), "is_check", False))


def checks_of(cls: type[Checks]) -> tuple[str, ...]:
    """Return the names of a class's checks, in alphabetical order."""
    return tuple(name for name in sorted(dir(cls)) if _is_check(cls, name))


def results_of(cls: type[Checks], *names: str) -> list[CheckResult]:
    """Run the checks of a class without pytest, or only those that are named, in alphabetical order."""
    case = cls()
    wanted = names or checks_of(cls)
    try:
        return [judged(case, getattr(cls, name).findings_of) for name in wanted]
    finally:
        cls.teardown_class()
