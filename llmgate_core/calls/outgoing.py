"""What sending a request needs to know of its call. A protocol: calls are not the only thing that is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from llmgate_core.calls.credentials.store import CallCredentials
    from llmgate_core.calls.http_request import RequestBuilder
    from llmgate_core.contract.call import Route
    from llmgate_core.contract.limits import Deadline, Limits
    from llmgate_core.registry.router import ResolvedModel
    from llmgate_core.secrets import Secret
    from llmgate_core.settings.options import Options

__all__ = ["OutgoingCall"]


class OutgoingCall(Protocol):
    """A call whose requests can be sent; see `PreparedCall`."""

    @property
    def target(self) -> ResolvedModel:
        """The plugin, whose hooks authorize the requests."""
        ...

    @property
    def route(self) -> Route:
        """Where they go."""
        ...

    @property
    def builder(self) -> RequestBuilder:
        """Makes the requests on the wire."""
        ...

    @property
    def options(self) -> Options:
        """How often a request may be tried again."""
        ...

    @property
    def limits(self) -> Limits:
        """Of the answers."""
        ...

    @property
    def deadline(self) -> Deadline:
        """Of the whole call."""
        ...

    @property
    def credentials(self) -> CallCredentials | None:
        """The credentials that it uses; None: the plugin has no such hook."""
        ...

    @property
    def secrets(self) -> tuple[Secret | None, ...]:
        """What no string about the call may hold."""
        ...
