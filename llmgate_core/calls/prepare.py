"""One call, as data that moves one way: arguments -> a request ready to be sent.

Pure but for the clock and the environment. `loop.py` sends what comes out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import copy
from functools import partial
from typing import Any

from llmgate_core.bridges.bridge import bridge_call
from llmgate_core.calls.addresses import Address, Addresses
from llmgate_core.calls.call_request import (
    CallRequest,
    build_call,
    complete_body,
    fake_stream_entry,
    take_fake_stream,
)
from llmgate_core.calls.counting import TokenCounters
from llmgate_core.calls.credentials.store import CredentialStore
from llmgate_core.calls.http_request import RequestBuilder, spliced
from llmgate_core.calls.named_options import with_named_options
from llmgate_core.calls.observers import CallObservers, RelayObservers, new_request_id
from llmgate_core.calls.parameters import apply_params
from llmgate_core.calls.prepared import FakeStream, PreparedCall
from llmgate_core.calls.request_body import output_type_of
from llmgate_core.calls.rewriting import Rewriting, RewrittenCall
from llmgate_core.calls.token_estimates import ESTIMATED
from llmgate_core.calls.vectors import asking_for_base64
from llmgate_core.catalogue.models import Catalogue
from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.limits import Deadline
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.endpoints.families import FAMILIES, Operation
from llmgate_core.endpoints.sealed_reasoning import without_sealed_blocks
from llmgate_core.errors import BadRequestError, LLMGateError, bad_request
from llmgate_core.reading.upstream_errors import hide_secrets
from llmgate_core.registry.bound_plugin import BoundPlugin
from llmgate_core.registry.notices import PluginNotice
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.registry.router import ResolvedModel, Router
from llmgate_core.settings.options import ClientOptions, Options
from llmgate_core.settings.settings import Settings

__all__ = ["CallPreparer"]

NO_REQUEST = UpstreamRequest("POST", "/")
"""Stands for the request of a plugin that has only the hook `serve`: none is sent."""


class CallPreparer:
    """Prepares the calls of one client."""

    def __init__(
        self, settings: Settings, client: ClientOptions, plugins: PluginRegistry, observers: CallObservers
    ) -> None:
        self.settings = settings
        self.client = client
        self.plugins = plugins
        self.observers = observers
        self.relay_observers = RelayObservers(plugins, lambda _: observers.delivery)
        self.names_calls = bool(plugins.extensions)  # else nothing reads the ids
        rewriting = Rewriting(plugins)
        self.rewriting = rewriting if rewriting.are_any else None
        catalogue = Catalogue.shipped()
        self.plugins.add_models_to(catalogue)
        if settings.catalogue_file is not None:
            catalogue = catalogue.with_overrides(settings.catalogue_file)  # last: the user's word counts most
        self.catalogue = catalogue
        self.observers.warn_of(notice.message for notice in self.notices() if not notice.is_raised)
        self.router = Router(self.plugins, self.catalogue)
        self.addresses = Addresses(client, settings)
        self.credentials = CredentialStore()
        self.counters = TokenCounters()

    def with_defaults(self, defaults: Mapping[str, Any]) -> CallPreparer:
        """Return one that shares everything but has these options for every call that does not say otherwise."""
        preparer = copy(self)
        preparer.addresses = Addresses(self.client, self.settings, defaults)
        return preparer

    def notices(self) -> tuple[PluginNotice, ...]:
        """Return what a user should know or decide about the installed plugins and the catalogue's files."""
        unused = (PluginNotice("models", message) for message in self.catalogue.unused_rows)
        return (*self.plugins.notices(), *unused)

    def prepare(self, request: CallRequest, *, require_key: bool = True) -> PreparedCall:
        """Return the call ready to be sent; nothing has touched the network yet.

        Args:
            request: what the caller asks for.
            require_key: the call will be sent. False: it is prepared to be shown, so observers do not see a refusal.

        Raises:
            LLMGateError: whatever can be known to be wrong before sending.
        """
        started = time.monotonic()
        family = FAMILIES[request.family]
        operation = family.operations[request.operation]
        if self.names_calls and not request.request_id:
            request.request_id = new_request_id()
        options = self.addresses.options(request.arguments)
        target = resolve_target(self.router, request, operation, options, self.counters)
        if request.arguments:
            options = with_named_options(request, target.plugin.info, options)
        base_model = options.passed.get("base_model")
        of_base: tuple[LedgerEntry, ...] = ()
        if base_model:
            target, of_base = self._based_on(target, base_model)
        route: Route | None = None
        call: Call | None = None
        try:
            body, ledger = complete_body(request, family, options)
            if of_base:
                ledger = (*of_base, *ledger)
            if operation.is_count and self.counters.is_estimate(target):
                ledger = (ESTIMATED, *ledger)
            address = self._addressed(request.family, target, body, options, require_key=require_key)
            target, route = address.target, address.route
            is_ignored = address.ignores_stream and operation.streams and not operation.is_binary
            fake_stream = take_fake_stream(body) if is_ignored or options.passed.get("fake_stream") else None
            built = build_call(
                request, operation, body, options, route.provider, is_fake_stream=fake_stream is not None
            )
            if fake_stream:
                ledger = (fake_stream_entry(target, is_ignored=is_ignored), *ledger)
            rewriting: RewrittenCall | None = None
            if self.rewriting is None:
                call = built
            else:
                rewriting = self.rewriting.of_call(built, route)
                call, ledger = rewriting.call, ledger + rewriting.ledger
            as_sent = None if call is not built or fake_stream else request.content
            return self._prepared(request, call, rewriting, address, options, ledger, fake_stream, as_sent, started)
        except LLMGateError as error:
            if route is not None:
                hide_secrets(error, route.all_secrets)
            if require_key and self.observers.delivery is not None:
                self._report_refusal(request, call, route or _bare_route(target), started, error)
            raise

    def _based_on(self, target: ResolvedModel, base_model: object) -> tuple[ResolvedModel, tuple[LedgerEntry, ...]]:
        """Return a target with the facts of the model that it is, and an entry if the catalogue has no such model.

        Raises:
            BadRequestError: the name is not a string.
        """
        if not isinstance(base_model, str):
            raise bad_request("base_model", f"base_model must be a model's name, not {type(base_model).__name__}")
        row = self.catalogue.base(target.plugin.info.name, base_model)
        if row is not None:
            return self.router.based_on(target, base_model), ()
        similar = self.catalogue.near(base_model)
        hint = f"; similar names: {', '.join(similar)}" if similar else ""
        reason = f"the catalogue has no model {base_model!r:.80}: neither facts nor prices are known{hint}"
        return target, (LedgerEntry("base_model", "dropped", reason, "docs/guide/options.md", lossy=True),)

    def _prepared(
        self,
        request: CallRequest,
        original_call: Call,
        rewriting: RewrittenCall | None,
        address: Address,
        options: Options,
        ledger: tuple[LedgerEntry, ...],
        fake_stream: FakeStream,
        content: bytes | None,
        started: float,
    ) -> PreparedCall:
        """Return a call whose body is complete, ready to be sent; `content` are the bytes that say the same."""
        family, target, route = FAMILIES[request.family], address.target, address.route
        upstream_call, entries = judge_params(original_call, route, target, options)
        if target.plugin.encodes_vectors and not request.is_relayed:
            upstream_call = asking_for_base64(original_call, upstream_call, target, options)
        deadline, limits = Deadline(options.timeouts), self.client.limits
        builder = RequestBuilder(
            route,
            address.headers,
            extra_headers=options.passed.get("extra_headers"),
            deadline=deadline,
            limits=limits,
            canonical_body=upstream_call.body,
        )
        if content is not None and upstream_call is original_call:
            content = _content_of(request, original_call.body, options)
        else:
            content = None
        upstream_request = build_request(request, content, upstream_call, route, target, builder)
        if ledger or entries or upstream_request.ledger:
            ledger = tuple(dict.fromkeys((*ledger, *entries, *upstream_request.ledger)))
        self._warn(request, address, ledger)
        return PreparedCall(  # by position, as more than 15 names would go through a dict
            original_call,
            upstream_call,
            family,
            family.operations[request.operation],
            target,
            route,
            ledger,
            upstream_request,
            builder,
            options,
            limits,
            deadline,
            output_type=output_type_of(request.arguments) if request.arguments else None,
            fake_stream=fake_stream,
            started=started,
            rewriting=rewriting,
            prices=request.prices,
            caller=request.caller,
            credentials=None if target.plugin.credentials is None else self.credentials.of_call(target.plugin, route),
        )

    def _report_refusal(
        self, request: CallRequest, call: Call | None, route: Route, started: float, error: LLMGateError
    ) -> None:
        """Tell the observers; of a call that no extension has rewritten yet they see no body, since one might have."""
        if call is None:
            call = Call(
                request.family,
                "" if request.model is None else str(request.model),
                {},
                request_id=request.request_id,
                operation=request.operation,
            )
        self.observers.refused(call, route, started, error, request.caller)

    def _addressed(
        self, family: str, target: ResolvedModel, body: Mapping[str, Any], options: Options, *, require_key: bool
    ) -> Address:
        """Return where a call goes; on the provider's own host it may be another of the plugin's endpoints."""
        address = self.addresses.address(target, options, require_key=require_key)
        if address.may_reroute and (other := self.router.rerouted(target, body, family)) is not target:
            return address.for_target(other, options)
        return address

    def _warn(self, request: CallRequest, address: Address, ledger: tuple[LedgerEntry, ...]) -> None:
        if ledger and not request.is_relayed:
            self.observers.warn(address.route, ledger)
        if address.announces_shutdown:
            self.observers.announce_shutdown(address.target)


def _bare_route(target: ResolvedModel) -> Route:
    """Return what is known of the route of a call that was refused before it had one."""
    return Route(target.plugin.info.name, target.prefix, target.family, target.model, "")


def resolve_target(
    router: Router, request: CallRequest, operation: Operation, options: Options, counters: TokenCounters
) -> ResolvedModel:
    """Return the plugin and model that serve a request.

    Raises:
        LLMGateError: no plugin does, or not this operation.
    """
    is_create = request.operation == "create"
    if operation.takes_model and (not operation.may_lack_model or _names_model(request.model)):
        bridged = is_create and bool(options.passed.get("use_chat_completions_api"))
        target = router.resolve(request.family, request.model, bridged=bridged)
    else:
        target = router.resolve_prefix(request.family, request.model)
    if operation.is_count:
        return counters.target_of(request.family, target)
    if not is_create:
        _check_operation(target, request.family, request.operation)
    return target


def _names_model(model: object) -> bool:
    return model is not None and not str(model).endswith("/")


def _check_operation(target: ResolvedModel, family: str, operation: str) -> None:
    info = target.plugin.info
    if f"{family}.{operation}" not in info.operations or target.family != family:
        raise BadRequestError(
            f"'{target.prefix}/' does not serve {family}.{operation}: plugin {target.plugin.name!r} offers "
            f"{', '.join(sorted(info.operations)) or 'nothing besides create'}",
            status_code=400,
            param="model",
            provider=info.name,
            attempts=0,
        )


def judge_params(
    original_call: Call, route: Route, target: ResolvedModel, options: Options
) -> tuple[Call, tuple[LedgerEntry, ...]]:
    """Return the call in the family that carries it, its parameters judged, and what became of them.

    Raises:
        UnsupportedParamsError: a parameter or value is known to be refused, and the policy is `error`.
    """
    plugin, policy = target.plugin, options.policy
    if target.family == original_call.family:
        call, removed = without_sealed_blocks(original_call) if target.family == "messages" else (original_call, ())
        call, entries = apply_params(call, route, plugin, policy)
        return call, (*removed, *entries)
    call, dropped = apply_params(original_call, route, plugin, policy, judging=False)
    call, bridged = bridge_call(call, route, partial(_takes, plugin, route))
    call, entries = apply_params(call, route, plugin, policy)
    return call, (*dropped, *bridged, *entries)


def _takes(plugin: BoundPlugin, route: Route, name: str, value: Any) -> bool:
    """Return whether a plugin says that it takes a parameter, and not only that it does not know it."""
    return plugin.supports_param is not None and plugin.supports_param(route, name, value) is True


def _content_of(request: CallRequest, body: Mapping[str, Any], options: Options) -> bytes | None:
    """Return the caller's bytes if they say all that the body says, but for the model."""
    adds_store = "store" in body and "store" not in request.inputs
    return None if request.arguments or options.passed.get("extra_body") or adds_store else request.content


def build_request(
    request: CallRequest,
    content: bytes | None,
    call: Call,
    route: Route,
    target: ResolvedModel,
    builder: RequestBuilder,
) -> UpstreamRequest:
    """Return what the plugin wants sent, its body encoded; `content` is used for it where the plugin keeps the body.

    Raises:
        PluginError: the hook failed. BadRequestError: a parameter cannot be encoded as JSON.
    """
    plugin = target.plugin
    if plugin.transform_request is None:
        return NO_REQUEST
    endpoint = plugin.canonical_endpoint(call, route)
    if endpoint is not None:
        as_sent = None if content is None else spliced(content, route.model, request.inputs)
        return UpstreamRequest(endpoint.method, endpoint.path, as_sent or builder.encoded_body(call.body))
    upstream_request: UpstreamRequest = plugin.transform_request(call, route)
    if content is not None and upstream_request.body is call.body:
        as_sent = spliced(content, route.model, request.inputs)
        if as_sent is not None:
            return upstream_request.with_body(as_sent)
    return builder.encoded(upstream_request)
