"""A provider whose tokens come from another host: OAuth 2.0 client credentials, and a fake of both hosts.

Source: RFC 6749, section 4.4.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlencode

from llmgate_core.plugin import (
    Credential,
    Credentials,
    OpenAICompatible,
    Option,
    ProviderInfo,
    Route,
    UpstreamRequest,
    hookimpl,
)
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream
from tests.support.openai_upstream import answered

FORM = {"content-type": "application/x-www-form-urlencoded"}
CLIENT_SECRET = "cs-canary-4Hq8Wz1NpXk6TbRm"


class OAuthPlugin(OpenAICompatible):
    """Ten lines besides `info`: what fetches the token. Core sends it in the place of the key."""

    def __init__(self, login: str) -> None:
        self.info = ProviderInfo(
            api=(1, 1),
            name="acme",
            base_url="https://api.acme.example/v1",
            env_key="ACME_CLIENT_SECRET",
            hosts=(login,),
            options=(Option("client_id", env=("ACME_CLIENT_ID",), default="llmgate"),),
        )

    @hookimpl
    def credentials(self, route: Route) -> Credentials:
        fields = {"grant_type": "client_credentials", "client_id": route.options["client_id"]}
        if route.api_key is not None:
            fields["client_secret"] = route.api_key.reveal()
        answer = yield UpstreamRequest("POST", "/token", urlencode(fields).encode(), FORM, origin=route.hosts[0])
        token = answer.json()
        return Credential(token["access_token"], expires_in=token.get("expires_in"))


class Hosts:
    """A host that gives out tokens, and one that takes them.

    Attributes:
        login, api: the hosts. origin: of the first.
        valid: the tokens that the second takes; every other one is a 401.
        expires_in: what the first says of each token.
    """

    def __init__(self, login: FakeUpstream, api: FakeUpstream) -> None:
        self.login, self.api = login, api
        self.origin = f"http://127.0.0.1:{login.port}"
        self.valid: set[str] = set()
        self.expires_in: float | None = 3600
        self._lock = threading.Lock()
        self._count = 0
        login.otherwise = self.give
        api.otherwise = self.take

    def give(self, request: ReceivedRequest) -> Answer:
        fields = parse_qs(request["body"].decode())
        if fields.get("client_secret") != [CLIENT_SECRET]:
            return Answer.json({"error": "invalid_client", "error_description": "who are you"}, 401)
        with self._lock:
            self._count += 1
            token = f"token-canary-{self._count:04}-Zk3Vy7Qs"
            self.valid.add(token)
        return Answer.json({"access_token": token, "expires_in": self.expires_in, "token_type": "Bearer"})

    def take(self, request: ReceivedRequest) -> Answer:
        token = request["headers"].get("authorization", "").removeprefix("Bearer ")
        if token not in self.valid:
            return Answer.json({"error": {"message": f"token {token} is not valid", "code": "invalid_token"}}, 401)
        return answered(request)

    @property
    def tokens_sent(self) -> list[str]:
        return [request["headers"]["authorization"].removeprefix("Bearer ") for request in self.api.received]


@contextmanager
def running_hosts() -> Iterator[Hosts]:
    with fake_upstream() as login, fake_upstream() as api:
        yield Hosts(login, api)
