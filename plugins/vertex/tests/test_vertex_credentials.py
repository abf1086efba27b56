"""Every way to sign in, against servers of this machine in the place of Google's."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.oauth2 import service_account
from llmgate_vertex import secret_files
from llmgate_vertex.chat import VertexChat

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.plugin import errors
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream

HI: Any = [{"role": "user", "content": "hi"}]
GEMINI = {"candidates": [{"content": {"parts": [{"text": "Hello!"}]}, "finishReason": "STOP"}]}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
ACCOUNT = {
    "type": "service_account",
    "project_id": "project-of-the-account",
    "private_key_id": "key-1",
    "private_key": PEM,
    "client_email": "me@project-of-the-account.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}
USER = {
    "type": "authorized_user",
    "client_id": "client-1",
    "client_secret": "secret-canary-2Wd",
    "refresh_token": "refresh-canary-8Kp",
    "quota_project_id": "quota-of-the-user",
}
PLACE = {"vertex_project": "my-project"}


class Hosts:
    """The API, and one server in the place of all that give out tokens."""

    def __init__(self, api: FakeUpstream, login: FakeUpstream) -> None:
        self.api, self.login = api, login
        self.tokens: list[str] = []
        self.refused: set[str] = set()
        api.otherwise = self.answer
        login.otherwise = self.give
        self.plugin = VertexChat()
        self.plugin.info = replace(self.plugin.info, hosts=(login.origin,) * len(self.plugin.info.hosts))

    def give(self, request: ReceivedRequest) -> Answer:
        self.tokens.append(f"ya29.token-canary-{len(self.tokens)}")
        return Answer.json({"access_token": self.tokens[-1], "expires_in": 3599, "token_type": "Bearer"})

    def answer(self, request: ReceivedRequest) -> Answer:
        if request["headers"]["authorization"].removeprefix("Bearer ") in self.refused:
            return Answer.json({"error": {"code": 401, "message": "expired", "status": "UNAUTHENTICATED"}}, 401)
        return Answer.json(GEMINI)

    def known(self, options: dict[str, str]) -> dict[str, Any]:
        return {
            "api_base": self.api.origin,
            "max_retries": 0,
            "settings": Settings(),
            "provider_options": {**PLACE, **options},
        }

    def call(self, mode: str, options: dict[str, str], *, calls: int = 1) -> None:
        if mode == "sync":
            with Client(**self.known(options)) as client:
                client.add_plugin(self.plugin, family="chat", prefix="vertex_ai", replace=True)
                for _ in range(calls):
                    client.completion("vertex_ai/gemini-3.8-flash", HI)
            return

        async def main() -> None:
            async with AsyncClient(**self.known(options)) as client:
                client.add_plugin(self.plugin, family="chat", prefix="vertex_ai", replace=True)
                await asyncio.gather(*(client.completion("vertex_ai/gemini-3.8-flash", HI) for _ in range(calls)))

        asyncio.run(main())

    @property
    def sent(self) -> list[str]:
        return [request["headers"]["authorization"] for request in self.api.received]

    @property
    def asked(self) -> list[dict[str, str]]:
        bodies = [request["body"].decode() or urlsplit(request["path"]).query for request in self.login.received]
        return [dict(parse_qsl(body)) for body in bodies]


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hosts]:
    for variable in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN", "VERTEXAI_CREDENTIALS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "no-gcloud"))
    with fake_upstream() as api, fake_upstream() as login:
        yield Hosts(api, login)


def written(folder: Path, content: Any) -> str:
    path = folder / "credentials.json"
    path.write_text(json.dumps(content))
    return str(path)


def unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("kind", ["file", "content"])
def test_a_service_account_signs_an_assertion(kind: str, mode: str, hosts: Hosts, tmp_path: Path) -> None:
    given = written(tmp_path, ACCOUNT) if kind == "file" else json.dumps(ACCOUNT)
    hosts.call(mode, {"vertex_credentials": given}, calls=3)
    (asked,) = hosts.asked
    assert asked["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    header, claims, signature = asked["assertion"].split(".")
    KEY.public_key().verify(unbase64(signature), f"{header}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    assert hosts.sent == [f"Bearer {hosts.tokens[0]}"] * 3
    assert PEM.splitlines()[1] not in repr(hosts.api.received)


def test_the_assertion_has_what_googles_own_library_has() -> None:
    ours = secret_files.account_assertion(ACCOUNT).split(".")
    library: Any = service_account.Credentials
    credentials = library.from_service_account_info(ACCOUNT, scopes=[secret_files.SCOPE])
    theirs = credentials._make_authorization_grant_assertion().decode().split(".")
    assert json.loads(unbase64(ours[0])) == json.loads(unbase64(theirs[0]))
    mine, other = (json.loads(unbase64(part[1])) for part in (ours, theirs))
    assert {**mine, "iat": 0, "exp": 0} == {**other, "iat": 0, "exp": 0}
    assert mine["exp"] - mine["iat"] == other["exp"] - other["iat"]


def test_a_service_account_whose_content_is_given_names_the_project(hosts: Hosts) -> None:
    hosts.call("sync", {"vertex_credentials": json.dumps(ACCOUNT), "vertex_project": ""})
    assert "/projects/project-of-the-account/" in hosts.api.received[0]["path"]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_users_login_is_refreshed_and_names_its_quota(mode: str, hosts: Hosts, tmp_path: Path) -> None:
    written_to = tmp_path / "gcloud"
    written_to.mkdir()
    (written_to / "application_default_credentials.json").write_text(json.dumps(USER))
    hosts.call(mode, {"cloudsdk_config": str(written_to)})
    fields = ("client_id", "client_secret", "refresh_token")
    assert hosts.asked == [{"grant_type": "refresh_token", **{name: USER[name] for name in fields}}]
    assert hosts.api.received[0]["headers"]["x-goog-user-project"] == "quota-of-the-user"
    assert hosts.sent == [f"Bearer {hosts.tokens[0]}"]


@pytest.mark.parametrize("way", ["named", "found"])
def test_the_metadata_service_is_asked_if_named_or_on_googles_machines(
    way: str, hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = tmp_path / "product_name"
    product.write_text("Google Compute Engine\n")
    monkeypatch.setattr(secret_files, "PRODUCT_NAME", product)
    hosts.call("async", {"vertex_sign_in": "metadata"} if way == "named" else {})
    (asked,) = hosts.login.received
    assert asked["method"] == "GET"
    assert asked["path"].startswith("/computeMetadata/v1/instance/service-accounts/default/token")
    assert asked["headers"]["metadata-flavor"] == "Google"
    assert hosts.asked == [{"scopes": secret_files.SCOPE}]


def test_a_token_that_is_refused_is_replaced_once(hosts: Hosts) -> None:
    with Client(**hosts.known({"vertex_credentials": json.dumps(ACCOUNT)})) as client:
        client.add_plugin(hosts.plugin, family="chat", prefix="vertex_ai", replace=True)
        client.completion("vertex_ai/gemini-3.8-flash", HI)
        hosts.refused.update(hosts.tokens)
        client.completion("vertex_ai/gemini-3.8-flash", HI)
    first, second = hosts.tokens
    assert hosts.sent == [f"Bearer {first}", f"Bearer {first}", f"Bearer {second}"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # google-auth's word on files of any kind
def test_google_auth_does_the_rest(hosts: Hosts, tmp_path: Path) -> None:
    subject = tmp_path / "subject"
    subject.write_text("subject-token")
    federated = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{hosts.login.origin}/v1/token",
        "credential_source": {"file": str(subject)},
    }
    hosts.call("async", {"vertex_credentials": written(tmp_path, federated)}, calls=2)
    (asked,) = hosts.asked
    assert asked["subject_token"] == "subject-token"
    assert hosts.sent == [f"Bearer {hosts.tokens[0]}"] * 2


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{not json", "as JSON"),
        ("{}", "as JSON"),
        ('{"type": 5}', "as JSON"),
        ("/nowhere/credentials.json", "cannot be read"),
        (json.dumps({**ACCOUNT, "private_key": "no key"}), "RSA"),
        (json.dumps({**ACCOUNT, "client_email": None}), "e-mail"),
        (json.dumps({**ACCOUNT, "token_uri": "https://evil.example/token"}), "another host"),
        (json.dumps({**USER, "refresh_token": ""}), "refresh token"),
    ],
)
def test_credentials_that_cannot_be_used_are_named_and_not_shown(content: str, word: str, hosts: Hosts) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        hosts.call("sync", {"vertex_credentials": content})
    assert word in str(caught.value)
    assert "secret-canary" not in f"{caught.value} {caught.value.__context__}"
    assert hosts.login.received == hosts.api.received == []


def test_nothing_to_sign_in_with_is_an_error_that_says_how(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_files, "PRODUCT_NAME", Path("/nowhere/product"))
    with pytest.raises(errors.AuthenticationError) as caught:
        hosts.call("sync", {})
    assert caught.value.code == "missing_api_key"
    assert "gcloud auth application-default login" in str(caught.value)
    with pytest.raises(errors.ConfigError):
        hosts.call("sync", {"vertex_sign_in": "magic"})
    assert hosts.login.received == hosts.api.received == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer.json({"error": "invalid_grant", "error_description": "Token revoked"}, 400), errors.BadRequestError),
        (Answer.json({"error": "unauthorized_client"}, 401), errors.AuthenticationError),
        (Answer.json({"access_token": None}), errors.APIResponseValidationError),
        (Answer.json({"id_token": "x"}), errors.APIResponseValidationError),
        (Answer(200, b"<html>", {"content-type": "text/html"}), errors.APIResponseValidationError),
        (Answer.json({"error": "busy"}, 503), errors.ServiceUnavailableError),
    ],
)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_wrong_answer_of_the_token_server_is_a_typed_error(
    mode: str, answer: Answer, kind: type[Exception], hosts: Hosts
) -> None:
    hosts.login.otherwise = answer
    with pytest.raises(kind) as caught:
        hosts.call(mode, {"vertex_credentials": json.dumps(USER)})
    assert getattr(caught.value, "phase", None) == "credentials"
    assert "canary" not in f"{caught.value} {vars(caught.value)}"
    assert hosts.api.received == []


def test_no_token_goes_to_a_host_that_is_not_declared() -> None:
    assert VertexChat.info.hosts[-2:] == ("https://oauth2.googleapis.com", "http://169.254.169.254")


IMPERSONATED = {"type": "impersonated_service_account", "source_credentials": {"token_uri": "https://evil.example/t"}}
UNUSABLE = [
    '{"a":' * 50_000,
    json.dumps({**USER, "client_id": "\ud83d"}),
    json.dumps({**ACCOUNT, "token_uri": ["https://oauth2.googleapis.com/token"]}),
    json.dumps({"type": "external_account", "token_url": "https://evil.example/v1/token"}),
    json.dumps({"type": "external_account", "token_url": "https://sts.googleapis.com.evil.example/v1/token"}),
    json.dumps({"type": "external_account", "token_url": 5}),
    json.dumps(IMPERSONATED),
]


@pytest.mark.parametrize("content", UNUSABLE, ids=range(len(UNUSABLE)))
def test_credentials_of_any_shape_are_judged_and_sent_to_google_alone(content: str, hosts: Hosts) -> None:
    with pytest.raises(errors.ConfigError):
        hosts.call("sync", {"vertex_credentials": content})
    assert hosts.login.received == hosts.api.received == []


def test_a_file_that_leads_google_auth_elsewhere_is_refused_whoever_signs_in(hosts: Hosts) -> None:
    content = json.dumps({**ACCOUNT, "token_uri": "https://evil.example/token"})
    with pytest.raises(errors.ConfigError):
        hosts.call("sync", {"vertex_credentials": content, "vertex_sign_in": "google_auth"})


@pytest.mark.parametrize(
    "content",
    [
        {"type": "impersonated_service_account"},
        {"type": "external_account", "audience": 1, "subject_token_type": [], "credential_source": {"url": 1}},
        {"type": "external_account"},
        {"type": "some_day"},
    ],
)
def test_whatever_google_auth_raises_is_an_authentication_error(content: dict[str, Any], hosts: Hosts) -> None:
    with pytest.raises(errors.AuthenticationError):
        hosts.call("sync", {"vertex_credentials": json.dumps(content)})


def test_a_folder_that_cannot_be_there_has_no_login(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_files, "PRODUCT_NAME", Path("/nowhere/product"))
    with pytest.raises(errors.AuthenticationError) as caught:
        hosts.call("sync", {"cloudsdk_config": "x" * 5000})
    assert caught.value.code == "missing_api_key"


@pytest.mark.parametrize("life", [10**400, "1e999", -1, "3600", [], True])
def test_a_life_of_any_kind_costs_no_token(life: Any, hosts: Hosts) -> None:
    said = json.dumps({"access_token": "t", "expires_in": life}).replace('"1e999"', "1e999")
    hosts.login.otherwise = Answer(200, said.encode(), {"content-type": "application/json"})
    hosts.call("sync", {"vertex_credentials": json.dumps(USER)})
    assert hosts.sent == ["Bearer t"]


@pytest.mark.parametrize("token", ["canary\nx: y", "canary\r\nx: y", "canary\u0000x", "canary\u2028x"])
def test_a_token_that_no_header_can_have_is_the_servers_fault(token: str, hosts: Hosts) -> None:
    hosts.login.otherwise = Answer.json({"access_token": token})
    with pytest.raises(errors.APIResponseValidationError) as caught:
        hosts.call("sync", {"vertex_credentials": json.dumps(USER)})
    assert "canary" not in str(caught.value)
    assert hosts.api.received == []
