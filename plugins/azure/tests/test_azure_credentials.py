"""Every way to sign in, against servers of this machine in the place of Entra ID and of the metadata service."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from llmgate_azure.endpoints import AzureOpenAI
from llmgate_azure.provider import AUTHORITIES

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.plugin import errors
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream

HI: Any = [{"role": "user", "content": "hi"}]
ANSWER = {"choices": [{"message": {"content": "Hello!"}, "finish_reason": "stop"}]}
SECRET = "secret-canary-4Hq8Wz1NpXk6"
PASSWORD = "password-canary-9Lm2Vx"
TENANT, CLIENT = "11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000"
APPLICATION = {"tenant_id": TENANT, "client_id": CLIENT}
WITH_SECRET = {**APPLICATION, "client_secret": SECRET}


class Hosts:
    """The API, and one server in the place of all that give out tokens."""

    def __init__(self, api: FakeUpstream, login: FakeUpstream) -> None:
        self.api = api
        self.login = login
        self.tokens: list[str] = []
        self.refused: set[str] = set()
        self.expires_in: Any = 3599
        api.otherwise = self.answer
        login.otherwise = self.give
        self.plugin = AzureOpenAI()
        self.plugin.info = replace(self.plugin.info, hosts=(login.origin,) * (len(AUTHORITIES) + 1))

    def give(self, request: ReceivedRequest) -> Answer:
        self.tokens.append(f"token-canary-{len(self.tokens)}-{uuid.uuid4().hex}")
        return Answer.json({"token_type": "Bearer", "expires_in": self.expires_in, "access_token": self.tokens[-1]})

    def answer(self, request: ReceivedRequest) -> Answer:
        token = request["headers"].get("authorization", "").removeprefix("Bearer ")
        if token in self.refused:
            return Answer.json({"error": {"code": "401", "message": f"token {token} has expired"}}, 401)
        return Answer.json(ANSWER)

    @property
    def sent(self) -> list[str | None]:
        """What each call was authorized with."""
        return [request["headers"].get("authorization") for request in self.api.received]

    @property
    def asked(self) -> list[tuple[str, str, dict[str, str]]]:
        """Method, path and fields of each request for a token."""
        found = []
        for request in self.login.received:
            parts = urlsplit(request["path"])
            fields = parse_qsl(request["body"].decode()) + parse_qsl(parts.query)
            found.append((request["method"], parts.path, dict(fields)))
        return found

    def client(self, options: dict[str, str] | None = None, **more: Any) -> Any:
        return self.equipped(Client(**self.known(options, **more)))

    def known(self, options: dict[str, str] | None, **more: Any) -> dict[str, Any]:
        return {
            "api_base": self.api.origin,
            "max_retries": 0,
            "settings": Settings(),
            "provider_options": options,
            **more,
        }

    def equipped(self, client: Any) -> Any:
        client.add_plugin(self.plugin, family="chat", prefix="azure", replace=True)
        return client

    def call(self, mode: str, options: dict[str, str] | None, *, calls: int = 1, **more: Any) -> None:
        """Make several calls at the same time."""
        if mode == "async":
            asyncio.run(self._acall(options, calls, more))
            return
        with self.client(options, **more) as client:
            failures: list[BaseException] = []

            def one() -> None:
                try:
                    client.completion("azure/dep", HI)
                except errors.LLMGateError as error:
                    failures.append(error)

            threads = [threading.Thread(target=one) for _ in range(calls)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for failure in failures:
                raise failure

    async def _acall(self, options: dict[str, str] | None, calls: int, more: dict[str, Any]) -> None:
        async with self.equipped(AsyncClient(**self.known(options, **more))) as client:
            await asyncio.gather(*(client.completion("azure/dep", HI) for _ in range(calls)))


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    for variable in ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_AD_TOKEN", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"):
        monkeypatch.delenv(variable, raising=False)
    with fake_upstream() as api, fake_upstream() as login:
        yield Hosts(api, login)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_secret_is_exchanged_once_for_all_callers(mode: str, hosts: Hosts) -> None:
    hosts.call(mode, WITH_SECRET, calls=8)
    (asked,) = hosts.asked
    assert asked == (
        "POST",
        f"/{TENANT}/oauth2/v2.0/token",
        {
            "grant_type": "client_credentials",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "scope": "https://ai.azure.com/.default",
        },
    )
    assert hosts.sent == [f"Bearer {hosts.tokens[0]}"] * 8
    assert all("api-key" not in request["headers"] for request in hosts.api.received)
    assert SECRET not in repr(hosts.api.received)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_workloads_token_is_read_each_time_that_one_is_needed(mode: str, hosts: Hosts, tmp_path: Path) -> None:
    file = tmp_path / "token"
    hosts.expires_in = 0
    for content in ("one.two.three", "four.five.six"):
        file.write_text(content + "\n")
        hosts.call(mode, {**APPLICATION, "federated_token_file": str(file)})
    assert [fields["client_assertion"] for _, _, fields in hosts.asked] == ["one.two.three", "four.five.six"]
    assert {fields["client_assertion_type"] for _, _, fields in hosts.asked} == {
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    }


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("client_id", [None, CLIENT])
def test_a_managed_identity_asks_the_metadata_service(mode: str, client_id: str | None, hosts: Hosts) -> None:
    hosts.expires_in = "86399"  # the service writes numbers as strings
    options = {"azure_credential": "managed_identity", **({"client_id": client_id} if client_id else {})}
    hosts.call(mode, options, calls=2)
    ((method, path, fields),) = hosts.asked
    assert (method, path) == ("GET", "/metadata/identity/oauth2/token")
    own = {"client_id": client_id} if client_id else {}
    assert fields == {"api-version": "2018-02-01", "resource": "https://ai.azure.com", **own}
    assert hosts.login.received[0]["headers"]["metadata"] == "true"
    assert hosts.sent == [f"Bearer {hosts.tokens[0]}"] * 2


def test_the_metadata_service_is_never_asked_unless_it_is_named(hosts: Hosts) -> None:
    with pytest.raises(errors.AuthenticationError) as caught:
        hosts.call("sync", {"client_id": CLIENT})
    assert (caught.value.code, caught.value.phase) == ("missing_api_key", "credentials")
    assert hosts.login.received == hosts.api.received == []


@pytest.mark.parametrize("kind", ["pem", "encrypted pem", "pfx"])
def test_a_certificate_signs_an_assertion(kind: str, hosts: Hosts, tmp_path: Path) -> None:
    key, certificate = made_certificate()
    path = tmp_path / "certificate"
    path.write_bytes(content_of(kind, key, certificate))
    options = {**APPLICATION, "client_certificate_path": str(path)}
    if kind != "pem":
        options["client_certificate_password"] = PASSWORD
    hosts.call("async", options)
    ((_, path_asked, fields),) = hosts.asked
    header, claims, signature = fields["client_assertion"].split(".")
    digest = hashes.SHA256()
    key.public_key().verify(
        unbase64(signature), f"{header}.{claims}".encode(), padding.PSS(padding.MGF1(digest), 32), digest
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    assert json.loads(unbase64(header)) == {"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}
    said = json.loads(unbase64(claims))
    assert (said["iss"], said["sub"]) == (CLIENT, CLIENT)
    assert said["aud"] == f"https://login.microsoftonline.com{path_asked}"
    assert 0 < said["exp"] - said["nbf"] <= 600
    uuid.UUID(said["jti"])


def test_the_assertion_has_what_microsofts_own_library_has(tmp_path: Path) -> None:
    import msal.oauth2cli.assertion as msal  # type: ignore[import-untyped]
    from llmgate_azure.secret_files import certificate_assertion

    key, certificate = made_certificate()
    path = tmp_path / "c.pem"
    path.write_bytes(content_of("pem", key, certificate))
    ours = certificate_assertion(str(path), None, CLIENT, "https://login.example/t")
    thumbprint = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
    signer = msal.JwtAssertionCreator(key, algorithm="PS256", sha256_thumbprint=thumbprint)
    theirs = signer.create_normal_assertion(audience="https://login.example/t", issuer=CLIENT)
    theirs = theirs.decode() if isinstance(theirs, bytes) else theirs
    (mine, my_claims), (other, other_claims) = (
        tuple(json.loads(unbase64(part)) for part in token.split(".")[:2]) for token in (ours, theirs)
    )
    other["x5t#S256"] = other["x5t#S256"].rstrip("=")  # RFC 7515, section 2, has no padding
    assert mine == other
    assert set(other_claims) <= set(my_claims)
    assert {name: my_claims[name] for name in ("aud", "iss", "sub")} == {
        name: other_claims[name] for name in ("aud", "iss", "sub")
    }


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_token_that_is_refused_is_replaced_once(mode: str, hosts: Hosts) -> None:
    async def twice() -> None:
        async with hosts.equipped(AsyncClient(**hosts.known(WITH_SECRET))) as client:
            await client.completion("azure/dep", HI)
            hosts.refused.update(hosts.tokens)
            await client.completion("azure/dep", HI)

    if mode == "async":
        asyncio.run(twice())
    else:
        with hosts.client(WITH_SECRET) as client:
            client.completion("azure/dep", HI)
            hosts.refused.update(hosts.tokens)
            client.completion("azure/dep", HI)
    first, second = hosts.tokens
    assert hosts.sent == [f"Bearer {first}", f"Bearer {first}", f"Bearer {second}"]


def test_a_ready_token_that_is_refused_is_the_callers_error(hosts: Hosts) -> None:
    token = "ready-token-canary-7Qw"
    hosts.refused.add(token)
    with pytest.raises(errors.AuthenticationError) as caught:
        hosts.call("sync", {"azure_ad_token": token})
    assert hosts.sent == [f"Bearer {token}"] * 2
    assert token not in f"{caught.value} {caught.value.body}"


@pytest.mark.parametrize(
    ("key", "options", "sent"),
    [
        ("a-key", {}, ("a-key", None)),
        ("a-key", WITH_SECRET, ("a-key", None)),
        ("a-key", {"azure_ad_token": "t-1"}, (None, "Bearer t-1")),
        ("a-key", {"azure_ad_token": "t-1", "azure_credential": "api_key"}, ("a-key", None)),
        (None, {"azure_ad_token": "t-1", **WITH_SECRET}, (None, "Bearer t-1")),
    ],
)
def test_one_way_is_chosen_and_no_other_is_sent(
    key: str | None, options: dict[str, str], sent: tuple[str | None, str | None], hosts: Hosts
) -> None:
    hosts.call("sync", options, api_key=key)
    (request,) = hosts.api.received
    assert (request["headers"].get("api-key"), request["headers"].get("authorization")) == sent
    assert hosts.login.received == []


@pytest.mark.parametrize(
    "name", ["client_secret", "ClientSecretCredential"], ids=["ours", "of azure-identity, as LiteLLM has it"]
)
def test_a_named_way_wins_over_a_key(name: str, hosts: Hosts) -> None:
    hosts.call("sync", {**WITH_SECRET, "azure_credential": name}, api_key="a-key")
    assert hosts.sent == [f"Bearer {hosts.tokens[0]}"]
    assert all("api-key" not in request["headers"] for request in hosts.api.received)


@pytest.mark.parametrize(
    ("options", "scope"),
    [
        ({}, "https://ai.azure.com/.default"),
        ({"api_version": "2024-10-21"}, "https://cognitiveservices.azure.com/.default"),
        ({"azure_authority": "https://login.microsoftonline.us/"}, "https://cognitiveservices.azure.us/.default"),
        ({"azure_authority": "login.partner.microsoftonline.cn"}, "https://cognitiveservices.azure.cn/.default"),
        ({"azure_scope": "api://mine/.default"}, "api://mine/.default"),
    ],
)
def test_the_scope_is_that_of_the_api_and_of_the_cloud(options: dict[str, str], scope: str, hosts: Hosts) -> None:
    hosts.call("sync", {**WITH_SECRET, **options})
    assert [fields["scope"] for _, _, fields in hosts.asked] == [scope]


def test_every_variable_is_read(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("AZURE_SCOPE", "api://mine/.default")
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/")
    hosts.call("sync", None)
    ((_, path, fields),) = hosts.asked
    assert (path, fields["scope"], fields["client_secret"]) == (
        f"/{TENANT}/oauth2/v2.0/token",
        "api://mine/.default",
        SECRET,
    )


@pytest.mark.parametrize(
    ("options", "kind", "word"),
    [
        ({"azure_credential": "magic"}, errors.ConfigError, "azure_credential"),
        ({"azure_credential": "api_key"}, errors.ConfigError, "api_key"),
        ({"azure_credential": "azure_ad_token"}, errors.ConfigError, "azure_ad_token"),
        ({"azure_credential": "client_secret", "tenant_id": TENANT}, errors.ConfigError, "client_id"),
        ({**APPLICATION, "azure_credential": "certificate"}, errors.ConfigError, "client_certificate_path"),
        ({**APPLICATION, "azure_credential": "workload_identity"}, errors.ConfigError, "federated_token_file"),
        ({**WITH_SECRET, "azure_authority": "login.evil.example"}, errors.ConfigError, "azure_authority"),
        ({**WITH_SECRET, "tenant_id": "../common"}, errors.ConfigError, "tenant_id"),
        ({**APPLICATION, "federated_token_file": "/nowhere/token"}, errors.ConfigError, "federated_token_file"),
        ({**APPLICATION, "client_certificate_path": "/nowhere/c"}, errors.ConfigError, "client_certificate_path"),
        (APPLICATION, errors.AuthenticationError, "AZURE_API_KEY"),
    ],
)
def test_what_is_missing_or_malformed_is_named(
    options: dict[str, str], kind: type[Exception], word: str, hosts: Hosts
) -> None:
    with pytest.raises(kind) as caught:
        hosts.call("async", options)
    assert word in str(caught.value)
    assert SECRET not in str(caught.value)
    assert hosts.api.received == hosts.login.received == []


@pytest.mark.parametrize("content", [b"", b"not a certificate", b"-----BEGIN CERTIFICATE-----\nxx\n"])
def test_a_file_without_a_certificate_is_named(content: bytes, hosts: Hosts, tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(content)
    with pytest.raises(errors.ConfigError) as caught:
        hosts.call("sync", {**APPLICATION, "client_certificate_path": str(path)})
    assert "client_certificate_path" in caught.value.message


def test_a_wrong_password_shows_nowhere(hosts: Hosts, tmp_path: Path) -> None:
    key, certificate = made_certificate()
    path = tmp_path / "c.pem"
    path.write_bytes(content_of("encrypted pem", key, certificate))
    wrong = "wrong-canary-3Jd"
    options = {**APPLICATION, "client_certificate_path": str(path), "client_certificate_password": wrong}
    with pytest.raises(errors.ConfigError) as caught:
        hosts.call("sync", options)
    assert wrong not in f"{caught.value} {caught.value.__context__} {caught.value.__cause__}"


REFUSED = {
    "error": "invalid_client",
    "error_description": f"AADSTS7000215: Invalid client secret {SECRET} provided.",
    "error_codes": [7000215],
}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer.json(REFUSED, 401), errors.AuthenticationError),
        (Answer.json({"error": "invalid_request"}, 400), errors.BadRequestError),
        (Answer.json({"token_type": "Bearer"}), errors.APIResponseValidationError),
        (Answer.json({"access_token": 5}), errors.APIResponseValidationError),
        (Answer.json([1]), errors.APIResponseValidationError),
        (Answer(200, b"<html>sign in</html>", {"content-type": "text/html"}), errors.APIResponseValidationError),
        (Answer.json({"access_token": "two\nlines"}), errors.APIResponseValidationError),
        (Answer(302, b"", {"location": "https://evil.example/"}), errors.APIError),
        (Answer.json({"error": "temporarily_unavailable"}, 503), errors.ServiceUnavailableError),
    ],
)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_wrong_answer_of_the_token_server_is_a_typed_error(
    mode: str, answer: Answer, kind: type[Exception], hosts: Hosts
) -> None:
    hosts.login.otherwise = answer
    with pytest.raises(kind) as caught:
        hosts.call(mode, WITH_SECRET)
    shown = f"{caught.value} {vars(caught.value)} {caught.value.__cause__}"
    assert SECRET not in shown
    assert hosts.api.received == []
    if isinstance(caught.value, errors.APIError):
        assert caught.value.phase == "credentials"


@pytest.mark.parametrize("life", ["soon", None, True, -5, [1]])
def test_a_life_that_cannot_be_read_keeps_the_token_until_it_is_refused(life: Any, hosts: Hosts) -> None:
    hosts.expires_in = life
    with hosts.client(WITH_SECRET) as client:
        for _ in range(3):
            client.completion("azure/dep", HI)
    assert len(hosts.tokens) == 1


def test_a_token_is_kept_for_its_own_application_only(hosts: Hosts) -> None:
    with hosts.client() as client:
        for secret in (SECRET, "another-secret-5Tg", SECRET):
            client.completion("azure/dep", HI, provider_options={**WITH_SECRET, "client_secret": secret})
    assert [fields["client_secret"] for _, _, fields in hosts.asked] == [SECRET, "another-secret-5Tg"]


def test_no_token_goes_to_a_host_that_is_not_declared() -> None:
    declared = set(AzureOpenAI.info.hosts)
    assert declared == {*(f"https://{host}" for host in AUTHORITIES), "http://169.254.169.254"}


@pytest.mark.parametrize("life", [10**400, "1e999", -1, "9" * 400, [], True])
def test_a_life_of_any_kind_costs_no_token(life: Any, hosts: Hosts) -> None:
    said = json.dumps({"access_token": "t", "expires_in": life}).replace('"1e999"', "1e999")
    hosts.login.otherwise = Answer(200, said.encode(), {"content-type": "application/json"})
    hosts.call("sync", WITH_SECRET)
    assert hosts.sent == ["Bearer t"]


@pytest.mark.parametrize("token", ["canary\nx: y", "canary\r\nx: y", "canary\u0000x", "canary\u2028x"])
def test_a_token_that_no_header_can_have_is_never_sent_nor_shown(token: str, hosts: Hosts) -> None:
    hosts.login.otherwise = Answer.json({"access_token": token})
    with pytest.raises(errors.APIResponseValidationError) as caught:
        hosts.call("sync", WITH_SECRET)
    with pytest.raises(errors.ConfigError) as own:
        hosts.call("sync", {"azure_ad_token": token})
    assert "canary" not in f"{caught.value} {own.value}"
    assert hosts.api.received == []


def made_certificate() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "llmgate test")])
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )
    return key, builder.sign(key, hashes.SHA256())


def content_of(kind: str, key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> bytes:
    encryption = serialization.BestAvailableEncryption(PASSWORD.encode())
    if kind == "pfx":
        return pkcs12.serialize_key_and_certificates(b"me", key, certificate, None, encryption)
    plain: Any = serialization.NoEncryption() if kind == "pem" else encryption
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return pem + certificate.public_bytes(serialization.Encoding.PEM)


def unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
