"""What a call would send, request by request, with the names of variables in the place of keys and secrets.

Pure but for the environment's names. The hooks run with stand-ins for every secret, so no key can be in what they
return. They run twice, with other stand-ins and another time: what differs and has no stand-in in it was computed.

Source: docs/command-line.md, "explain".
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from llmgate_core.calls.credentials.store import CredentialStore, Kept
from llmgate_core.calls.exchanges import exchange_of
from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.calls.route_headers import RouteHeaders
from llmgate_core.calls.sending import authorized
from llmgate_core.contract.credential import Blocking, Credential
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.contract.transport import TransportRequest
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.errors import PluginError
from llmgate_core.json_codec import decode
from llmgate_core.secrets import Secret
from llmgate_core.settings.base_url import is_loopback, split_base_url
from llmgate_core.settings.stand_ins import key_variable, secret_variable, stand_in
from llmgate_core.transports.http_syntax import host_header

__all__ = ["COMPUTED", "ExplainedRequest", "Explanation", "StandIns", "explained", "fates"]

CONVERTED = "the plugin sends it in another form or place"
COMPUTED = "(computed by the plugin's auth)"
CREDENTIALS = "fetches the credential, which is then kept; it may take further requests"
FLOW = "of the plugin's auth; what authorizes the call comes from the answer"
EXCHANGE = "the first request of the plugin's exchange; what follows depends on the answers"
IN_PROCESS = "answered in this process by the plugin's serve; nothing is sent"
MAYBE_IN_PROCESS = "the plugin's serve may answer the call in this process; otherwise this is sent"
PLAIN = re.compile(r'[^"$`\\!]*')
TIMES = (1_767_225_600.0, 1_798_761_600.0)
MAX_STEPS = 16
"""Sleeps and states that an exchange may begin with before its first request."""


class StandIns:
    """The secrets of a call, each of which is called like the variable that has it.

    Args:
        names: of the variables.
        variant: which of two sets of stand-ins.
    """

    def __init__(self, names: Mapping[str, str], variant: int) -> None:
        self._names = names
        self._variant = variant
        self._variables: dict[str, str] = {}
        for variable in names.values():
            self.text(variable)

    def text(self, variable: str) -> str:
        """Return the stand-in for what a variable has."""
        text = stand_in(variable, self._variant)
        self._variables[text] = variable
        longest_first = sorted(self._variables, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        return text

    def secret(self, name: str) -> Secret:
        """Return the stand-in for a secret."""
        return Secret(self.text(self._names[name]))

    def are_in(self, text: str) -> bool:
        """Return whether a string has a stand-in in it."""
        return self._pattern.search(text) is not None

    def shown(self, text: str) -> str:
        """Return a string with variables, such as `$ACME_API_KEY`, in the place of stand-ins."""
        return self._pattern.sub(lambda match: f"${self._variables[match[0]]}", text)

    def word(self, text: str) -> str:
        """Return a string as a word for a shell, which puts the variables' values in."""
        if not self.are_in(text):
            return shlex.quote(text)
        literals = self._pattern.split(text)
        if all(PLAIN.fullmatch(literal) for literal in literals):
            return f'"{self.shown(text)}"'
        variables = [f'"${self._variables[found]}"' for found in self._pattern.findall(text)]
        quoted = [shlex.quote(literal) if literal else "" for literal in literals]
        return "".join(part for pair in zip(quoted, [*variables, ""], strict=True) for part in pair)


@dataclass(frozen=True, slots=True)
class ExplainedRequest:
    """One request as it would be sent, with stand-ins in the place of secrets.

    Attributes:
        purpose: what it is for; empty: the call itself.
        request: what goes over the wire.
        body: as `UpstreamRequest.body`, encoded.
        headers: names and values; a value that the plugin computes of a secret or of the time is `COMPUTED`.
        computes_url: the plugin's auth puts something that it computes into the URL, such as a signature.
    """

    purpose: str
    request: TransportRequest
    body: Any
    headers: tuple[tuple[str, str], ...]
    computes_url: bool

    @property
    def url(self) -> str:
        """The absolute URL."""
        return f"{self.request.origin.scheme}://{host_header(self.request.origin)}{self.request.target}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a call would send.

    Attributes:
        requests: in their order, as far as they can be known without an answer.
        notes: what else there is to say.
        stand_ins: of the secrets in the requests.
    """

    requests: tuple[ExplainedRequest, ...]
    notes: tuple[str, ...]
    stand_ins: StandIns


@dataclass(frozen=True, slots=True)
class _Built:
    purpose: str
    request: TransportRequest
    body: Any


def explained(prepared: PreparedCall) -> Explanation:
    """Return what a call would send.

    Raises:
        LLMGateError: the plugin's `transform_request` refuses the call.
    """
    names = _variables(prepared)
    first, second = (StandIns(names, variant) for variant in (0, 1))
    plugin, notes = prepared.target.plugin, list[str]()
    if plugin.serve is not None:
        if plugin.transform_request is None or not prepared.route.base_url:
            return Explanation((), (IN_PROCESS,), first)
        notes.append(MAYBE_IN_PROCESS)
    requests: tuple[ExplainedRequest, ...] = ()
    try:
        requests = _explained_requests(prepared, first, second, runs_auth=True)
    except PluginError as error:
        if error.hook == "auth":
            notes.append(f"what the plugin's auth adds cannot be shown without the secrets: {error}")
            requests = _explained_requests(prepared, first, second, runs_auth=False)
        else:
            notes.append(f"the requests cannot be shown without the secrets: {error}")
    return Explanation(requests, tuple(notes), first)


def fates(prepared: PreparedCall, parameters: Iterable[str]) -> tuple[LedgerEntry, ...]:
    """Return what becomes of each of these parameters, in their order, and what else the ledger of the call says.

    The actions are those of the ledger, `kept` and `converted`.
    """
    entries, converted = {entry.parameter: entry for entry in prepared.ledger}, _names_converted(prepared)
    found: list[LedgerEntry] = []
    for name in parameters:
        otherwise = LedgerEntry(name, "kept", "as given")
        if name in converted:
            otherwise = LedgerEntry(name, "converted", CONVERTED)
        found.append(entries.pop(name, otherwise))
    return (*found, *entries.values())


def _names_converted(prepared: PreparedCall) -> frozenset[str]:
    """Return the parameters that the plugin sends in another form or place, though no entry of the ledger says so.

    Nothing is known of a form, and of a call that does not consist of one request.
    """
    if not isinstance(prepared.request.body, bytes) or not prepared.request.body:
        return frozenset()
    try:
        sent = decode(prepared.request.body)
    except ValueError:  # a format of the plugin's own
        sent = None
    given = prepared.original_call.body
    kept = {name for name in given if name in sent and sent[name] == given[name]} if isinstance(sent, dict) else ()
    return frozenset(given).difference(kept, (entry.parameter for entry in prepared.ledger))


def _explained_requests(
    prepared: PreparedCall, first: StandIns, second: StandIns, *, runs_auth: bool
) -> tuple[ExplainedRequest, ...]:
    built = _requests(prepared, first, TIMES[0], runs_auth=runs_auth)
    again = _requests(prepared, second, TIMES[1], runs_auth=runs_auth)
    return tuple(_explained(one, other, first) for one, other in zip(built, again, strict=True))


def _variables(prepared: PreparedCall) -> dict[str, str]:
    """Return what each secret is called: the variable that has it, or that could."""
    info = prepared.target.plugin.info
    names = {"key": key_variable(info), "token": f"{_word_of(info)}_TOKEN"}
    return names | {f"option {option.name}": secret_variable(info, option) for option in info.options if option.secret}


def _word_of(info: ProviderInfo) -> str:
    """Return a provider's name as a part of a variable's."""
    return re.sub(r"[^A-Z0-9]", "_", info.name.upper())


def _requests(prepared: PreparedCall, stand_ins: StandIns, now: float, *, runs_auth: bool) -> list[_Built]:
    """Return the requests of a call that are known before there is an answer."""
    call = _with_stand_ins(prepared, stand_ins)
    built, kept = _credential_requests(call, stand_ins)
    exchange = exchange_of(call)
    purpose, request = "", call.request
    if exchange is not None:
        purpose, request = EXCHANGE, call.builder.encoded(_first_request(call, "exchange", exchange))
    outgoing: Any = call.builder.transport_request(request)
    if runs_auth:
        outgoing = authorized(call, request, kept, now=now)
    if not isinstance(outgoing, TransportRequest):
        before = call.builder.encoded(_first_request(call, "auth", outgoing(request)))
        outgoing = call.builder.transport_request(before)
        if before.path == request.path:
            return [*built, _Built(purpose, outgoing, before.body)]
        built.append(_Built(FLOW, outgoing, before.body))
        outgoing = call.builder.transport_request(request)
    return [*built, _Built(purpose, outgoing, request.body)]


def _with_stand_ins(prepared: PreparedCall, stand_ins: StandIns) -> PreparedCall:
    """Return the call with another key and other secrets, its request made again by the plugin."""
    plugin, old = prepared.target.plugin, prepared.route
    secrets = {name: stand_ins.secret(f"option {name}") for name in old.secrets}
    key = stand_ins.secret("key") if old.api_key is not None or _lacks_key(prepared) else None
    route = replace(old, api_key=key, secrets=secrets)
    builder = prepared.builder.for_route(route, RouteHeaders(route, plugin.info))
    request = prepared.request
    if plugin.transform_request is not None:
        request = builder.encoded(plugin.transform_request(prepared.upstream_call, route))
    return replace(prepared, route=route, builder=builder, request=request)


def _lacks_key(prepared: PreparedCall) -> bool:
    """Return whether the call would fail for want of a key."""
    target, base_url = prepared.target, prepared.route.base_url
    if target.plugin.info.env_key_optional or target.key_owner is not None or not target.plugin.info.key_variables:
        return False
    return target.row is not None or not is_loopback(split_base_url(base_url).origin.host)


def _credential_requests(call: PreparedCall, stand_ins: StandIns) -> tuple[list[_Built], Kept | None]:
    """Return the first request of the hook `credentials`, and a credential as it could come of it."""
    plugin = call.target.plugin
    if plugin.credentials is None:
        return [], None
    credentials = CredentialStore().of_call(plugin, call.route)
    steps = plugin.credentials(credentials.route)
    if steps is None:
        return [], credentials.kept_as(None, 0.0)
    first = _first_step(call, "credentials", steps)
    built: list[_Built] = []
    if isinstance(first, UpstreamRequest):
        first = call.builder.encoded(first)
        built.append(_Built(CREDENTIALS, call.builder.transport_request(first, is_bare=True), first.body))
    prefix = f"{_word_of(plugin.info)}_"
    details = _EveryName(lambda name: stand_ins.text(f"{prefix}{name.upper()}"))
    secrets = _EveryName(lambda name: Secret(stand_ins.text(f"{prefix}{name.upper()}")))
    credential = Credential(stand_ins.secret("token"), secrets=secrets, details=details)
    return built, credentials.kept_as(credential, 0.0)


class _EveryName(Mapping[str, Any]):
    """What came with a credential, before it has been fetched: whatever a hook asks for is there."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        self._make = make

    def __getitem__(self, name: str) -> Any:
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _first_request(call: PreparedCall, hook: str, steps: Any) -> UpstreamRequest:
    """Return the first request of a hook that yields several things.

    Raises:
        PluginError: it has none, or it raised.
    """
    step = _first_step(call, hook, steps)
    if isinstance(step, UpstreamRequest):
        return step
    raise call.target.plugin.error(hook, f"hook {hook} sends no request")


def _first_step(call: PreparedCall, hook: str, steps: Any) -> UpstreamRequest | Blocking:
    """Return the first request of a hook, or the function that it has called first, which is not called here.

    Raises:
        PluginError: it has neither, or it raised.
    """
    plugin = call.target.plugin
    try:
        for _ in range(MAX_STEPS):
            step = next(steps)
            if isinstance(step, (UpstreamRequest, Blocking)):
                return step
    except StopIteration:
        pass
    except Exception as error:
        raise plugin.error(hook, f"hook {hook} raised {type(error).__name__}") from error
    finally:
        with suppress(AttributeError):
            steps.close()
    raise plugin.error(hook, f"hook {hook} sends no request")


def _explained(one: _Built, other: _Built, stand_ins: StandIns) -> ExplainedRequest:
    headers = tuple(_headers(one.request, other.request, stand_ins))
    target = one.request.target
    computes_url = target != other.request.target and not stand_ins.are_in(target)
    return ExplainedRequest(one.purpose, one.request, one.body, headers, computes_url)


def _headers(one: TransportRequest, other: TransportRequest, stand_ins: StandIns) -> Iterator[tuple[str, str]]:
    again = dict(other.headers)
    for name, value in one.headers:
        is_computed = again.get(name) != value and not stand_ins.are_in(value) and "boundary=" not in value
        yield name, COMPUTED if is_computed else value
