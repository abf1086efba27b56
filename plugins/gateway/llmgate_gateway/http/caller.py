"""The owner of a request, after its key has been checked."""

from __future__ import annotations

from dataclasses import dataclass

from llmgate_gateway.config import allows

__all__ = ["ANYBODY", "Caller"]


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of a key.

    Attributes:
        name: for log and metrics; None where no keys are set.
        models: names and patterns of the models that it may use; None: all.
        max_in_flight: requests in flight at once; None: the general limit.
        reads_metrics: it may read `/metrics`, which shows what all clients do.
        passthrough: it may use other resources, such as files and batches, although it has a list of models.
    """

    name: str | None = None
    models: tuple[str, ...] | None = None
    max_in_flight: int | None = None
    passthrough: bool = False
    reads_metrics: bool = False

    @property
    def may_pass_through(self) -> bool:
        """Whether the caller may use other resources, whose requests do not say which models they use."""
        return self.models is None or self.passthrough

    def may_use(self, model: str) -> bool:
        """Return whether the caller may use a model by this name."""
        return self.models is None or model in self.models or allows(self.models, model)


ANYBODY = Caller(reads_metrics=True)
"""The caller of every request to a gateway without keys."""
