"""Access keys from every source: asked for as AWS documents it, kept, and fetched again when they have expired."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from llmgate_bedrock import plugin as bedrock

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.plugin import errors
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream
from tests.support.aws_signatures import is_signed

HI: Any = [{"role": "user", "content": "hi"}]
ROLE = "arn:aws:iam::123456789012:role/caller"
ANSWER = {"output": {"message": {"content": [{"text": "Hello!"}]}}, "stopReason": "end_turn", "usage": {}}
KEYS = {"aws_access_key_id": "AKIDSTATIC", "aws_secret_access_key": "static/secret"}
STS = """<{0}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{0}Result><Credentials>
<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role/secret+</SecretAccessKey>
<SessionToken>role/token==</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></{0}Result></{0}Response>"""
FOUND = {"AccessKeyId": "ASIAFOUND", "SecretAccessKey": "found/secret", "Token": "found/token"}
FOUND |= {"Expiration": "2099-01-01T00:00:00Z"}
BOTH = pytest.mark.parametrize("mode", ["sync", "async"])


class Cloud:
    """AWS on the loopback: one host for models, one for all that gives out keys."""

    def __init__(self, api: FakeUpstream, keys: FakeUpstream, folder: Path) -> None:
        self.api, self.keys, self.folder = api, keys, folder
        api.otherwise = Answer.json(ANSWER)
        keys.otherwise = self.give_keys
        self.plugin = copy(bedrock)
        self.plugin.info = replace(bedrock.info, hosts=tuple(keys.origin for _ in bedrock.info.hosts))

    def give_keys(self, request: ReceivedRequest) -> Answer:
        if request["method"] == "PUT":
            return Answer(200, b"imds-token", {"content-type": "text/plain"})
        if request["path"].endswith("security-credentials/"):
            return Answer(200, b"machine-role\n", {"content-type": "text/plain"})
        if request["method"] == "GET":
            return Answer.json(FOUND)
        action = parse_qs(request["body"].decode())["Action"][0]
        return Answer(200, STS.format(action).encode(), {"content-type": "text/xml"})

    def file(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_text(content, "utf-8")
        return str(path)

    def call(self, mode: str, times: int = 1, **options: str) -> None:
        """Call a model so many times with one client."""
        none = str(self.folder / "none")
        given = {
            "aws_region_name": "eu-west-1",
            "aws_shared_credentials_file": none,
            "aws_config_file": none,
            **options,
        }
        known: dict[str, Any] = {"api_base": self.api.origin, "max_retries": 0, "provider_options": given}
        if mode == "sync":
            with Client(settings=Settings(), **known) as client:
                client.add_plugin(self.plugin, family="chat", prefix="bedrock", replace=True)
                for _ in range(times):
                    assert client.completion("bedrock/m", HI).choices[0].message.content == "Hello!"
            return

        async def main() -> None:
            async with AsyncClient(settings=Settings(), **known) as client:
                client.add_plugin(self.plugin, family="chat", prefix="bedrock", replace=True)
                for _ in range(times):
                    assert (await client.completion("bedrock/m", HI)).choices[0].message.content == "Hello!"

        asyncio.run(main())

    def forms(self) -> list[dict[str, str]]:
        """Return what the Security Token Service was asked for."""
        posts = [request for request in self.keys.received if request["method"] == "POST"]
        return [{name: value for name, (value,) in parse_qs(post["body"].decode()).items()} for post in posts]


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with fake_upstream() as api, fake_upstream() as keys:
        yield Cloud(api, keys, tmp_path)


def uses_role(cloud: Cloud) -> bool:
    sent = cloud.api.received[-1]
    return is_signed(sent, ("ASIAROLE", "role/secret+", "role/token=="), region="eu-west-1")


def uses_found(cloud: Cloud) -> bool:
    return is_signed(cloud.api.received[-1], ("ASIAFOUND", "found/secret", "found/token"), region="eu-west-1")


@BOTH
def test_a_role_is_assumed_once_with_a_signed_request(mode: str, cloud: Cloud) -> None:
    cloud.call(mode, 3, **KEYS, aws_role_name=ROLE, aws_session_name="s1", aws_external_id="x1")
    assert cloud.forms() == [
        {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": ROLE,
            "RoleSessionName": "s1",
            "ExternalId": "x1",
        }
    ]
    assert is_signed(cloud.keys.received[0], ("AKIDSTATIC", "static/secret", None), region="eu-west-1", service="sts")
    assert uses_role(cloud)


@BOTH
def test_a_web_identity_is_exchanged_without_a_signature(mode: str, cloud: Cloud) -> None:
    path = cloud.file("token", "header.payload.signature\n")
    cloud.call(mode, aws_web_identity_token_file=path, aws_role_arn=ROLE)
    (form,) = cloud.forms()
    assert (form["Action"], form["WebIdentityToken"]) == ("AssumeRoleWithWebIdentity", "header.payload.signature")
    assert "authorization" not in cloud.keys.received[0]["headers"]
    assert uses_role(cloud)


@BOTH
def test_a_profile_has_keys(mode: str, cloud: Cloud) -> None:
    path = cloud.file(
        "credentials",
        "[default]\naws_access_key_id=A\naws_secret_access_key=%x\n\n[work]\n"
        "aws_access_key_id = ASIAFOUND\naws_secret_access_key = found/secret\naws_session_token=found/token\n",
    )
    cloud.call(mode, aws_shared_credentials_file=path, aws_profile_name="work")
    assert uses_found(cloud)
    cloud.call(mode, aws_shared_credentials_file=path)
    assert is_signed(cloud.api.received[-1], ("A", "%x", None), region="eu-west-1")
    assert not cloud.keys.received


@BOTH
def test_a_profile_names_a_role_and_the_profile_that_may_assume_it(mode: str, cloud: Cloud) -> None:
    keys = cloud.file("credentials", "[base]\naws_access_key_id=AKIDSTATIC\naws_secret_access_key=static/secret\n")
    config = cloud.file("config", f"[profile work]\nrole_arn={ROLE}\nsource_profile=base\nexternal_id=x2\n")
    cloud.call(mode, aws_shared_credentials_file=keys, aws_config_file=config, aws_profile_name="work")
    assert [(form["RoleArn"], form["ExternalId"]) for form in cloud.forms()] == [(ROLE, "x2")]
    assert is_signed(cloud.keys.received[0], ("AKIDSTATIC", "static/secret", None), region="eu-west-1", service="sts")
    assert uses_role(cloud)


@BOTH
def test_a_container_has_keys(mode: str, cloud: Cloud) -> None:
    cloud.call(mode, aws_container_credentials_relative_uri="/v2/credentials/1")
    assert cloud.keys.received[0]["path"] == "/v2/credentials/1"
    token = cloud.file("token", "pod-token")
    cloud.call(
        mode,
        aws_container_credentials_full_uri="http://169.254.170.23/v1/credentials",
        aws_container_authorization_token_file=token,
    )
    assert cloud.keys.received[1]["path"] == "/v1/credentials"
    assert cloud.keys.received[1]["headers"]["authorization"] == "pod-token"
    assert uses_found(cloud)


@BOTH
def test_a_machine_has_a_role_which_is_asked_for_only_where_the_caller_says_so(mode: str, cloud: Cloud) -> None:
    cloud.call(mode, aws_use_instance_metadata="true")
    put, names, keys = cloud.keys.received
    assert (put["path"], put["headers"]["x-aws-ec2-metadata-token-ttl-seconds"]) == ("/latest/api/token", "300")
    assert names["headers"]["x-aws-ec2-metadata-token"] == "imds-token"
    assert keys["path"] == "/latest/meta-data/iam/security-credentials/machine-role"
    assert uses_found(cloud)


@BOTH
def test_keys_that_have_expired_are_fetched_again_once(mode: str, cloud: Cloud) -> None:
    head = {"content-type": "application/json", "x-amzn-errortype": "ExpiredTokenException:http://internal"}
    cloud.api.answers.append(Answer(403, b'{"message": "expired"}', head))
    cloud.call(mode, aws_use_instance_metadata="true")
    assert len(cloud.keys.received) == 6
    cloud.api.answers += [Answer(403, b'{"message": "expired"}', head)] * 2
    with pytest.raises(errors.AuthenticationError) as caught:
        cloud.call(mode, aws_use_instance_metadata="true")
    assert caught.value.code == "ExpiredTokenException"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"aws_profile_name": "nobody-has-this"},
        {"aws_web_identity_token": "a.b.c"},
        {"aws_web_identity_token_file": "/nowhere/token", "aws_role_arn": ROLE},
        {"aws_container_credentials_full_uri": "https://evil.example/keys"},
    ],
)
@BOTH
def test_without_keys_nothing_is_sent(mode: str, cloud: Cloud, options: dict[str, str]) -> None:
    with pytest.raises(errors.AuthenticationError) as caught:
        cloud.call(mode, **options)
    assert caught.value.code == "missing_api_key"
    assert not cloud.api.received
    assert not cloud.keys.received


def test_botocore_finds_what_the_plugin_does_not_know(cloud: Cloud) -> None:
    said = {"Version": 1, "AccessKeyId": "ASIAFOUND", "SecretAccessKey": "found/secret", "SessionToken": "found/token"}
    answer = cloud.file("answer.json", json.dumps(said))
    config = cloud.file("config", f"[profile work]\ncredential_process = cat {answer}\n")
    cloud.call("sync", aws_config_file=config, aws_profile_name="work")
    assert uses_found(cloud)


def test_a_file_that_is_not_one_of_profiles_is_named_and_not_shown(cloud: Cloud) -> None:
    path = cloud.file("credentials", "aws_secret_access_key = very-secret\n")
    with pytest.raises(errors.AuthenticationError) as caught:
        cloud.call("sync", aws_shared_credentials_file=path)
    assert path in caught.value.message
    assert "very-secret" not in f"{caught.value!r} {caught.value} {caught.value.__cause__} {caught.value.__context__}"


def test_profiles_that_lead_in_a_circle_are_an_error(cloud: Cloud) -> None:
    config = cloud.file(
        "config", "".join(f"[profile p{n}]\nrole_arn={ROLE}\nsource_profile=p{(n + 1) % 9}\n" for n in range(9))
    )
    with pytest.raises(errors.AuthenticationError):
        cloud.call("sync", aws_config_file=config, aws_profile_name="p0")


@pytest.mark.parametrize("answer", [b"<html>", b"", b"<AccessKeyId>a</AccessKeyId>", json.dumps(FOUND).encode()])
def test_an_answer_without_keys_is_the_upstreams_fault(cloud: Cloud, answer: bytes) -> None:
    cloud.keys.otherwise = Answer(200, answer, {"content-type": "text/xml"})
    with pytest.raises(errors.APIResponseValidationError):
        cloud.call("sync", **KEYS, aws_role_name=ROLE)


def test_a_refusal_of_the_security_token_service_is_the_callers_error_and_shows_no_secret(cloud: Cloud) -> None:
    said = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>static/secret</Message></Error></ErrorResponse>"
    cloud.keys.otherwise = Answer(403, said.encode(), {"content-type": "text/xml"})
    with pytest.raises(errors.PermissionDeniedError) as caught:
        cloud.call("sync", **KEYS, aws_role_name=ROLE)
    assert caught.value.phase == "credentials"
    assert "static/secret" not in repr(vars(caught.value))


@pytest.mark.parametrize("moment", ["2099-99-99T99:99:99Z", "0000-00-00T00:00:00Z", 10**400, None, [], "soon"])
def test_a_time_that_is_none_costs_no_keys(cloud: Cloud, moment: Any) -> None:
    def give(request: ReceivedRequest) -> Answer:
        return Answer.json({**FOUND, "Expiration": moment})

    cloud.keys.otherwise = give
    cloud.call("sync", aws_container_credentials_relative_uri="/v2/credentials")
    assert uses_found(cloud)


@pytest.mark.parametrize("key", ["canary\nx: y", "canary\r\nx: y", "canary\u0000x", "canary\u2028x"])
@pytest.mark.parametrize("name", ["AccessKeyId", "SecretAccessKey", "Token"])
def test_keys_that_no_header_can_have_are_never_used_nor_shown(cloud: Cloud, name: str, key: str) -> None:
    cloud.keys.otherwise = Answer.json({**FOUND, name: key})
    with pytest.raises(errors.APIResponseValidationError) as caught:
        cloud.call("sync", aws_container_credentials_relative_uri="/v2/credentials")
    assert "canary" not in str(caught.value)
    path = cloud.file("credentials", "[default]\naws_access_key_id=AK\n canary\naws_secret_access_key=b\n")
    with pytest.raises(errors.AuthenticationError) as own:
        cloud.call("sync", aws_shared_credentials_file=path)
    assert "canary" not in str(own.value)
    assert not cloud.api.received


def test_the_query_of_a_containers_uri_is_kept(cloud: Cloud) -> None:
    cloud.call("sync", aws_container_credentials_relative_uri="/v2/credentials?id=a%2Fb&x=")
    cloud.call("sync", aws_container_credentials_full_uri="http://169.254.170.23/v1?id=1")
    assert [request["path"] for request in cloud.keys.received] == ["/v2/credentials?id=a%2Fb&x=", "/v1?id=1"]


@pytest.mark.parametrize("uri", ["@evil.example/", "//evil.example/", "../x", ":80/x", "x y", ".evil.example/"])
def test_a_containers_uri_reaches_no_other_host(cloud: Cloud, uri: str) -> None:
    for option in ("relative_uri", "full_uri"):
        for value in (uri, "http://[", f"http://169.254.170.2{uri}"):
            with pytest.raises(errors.AuthenticationError):
                cloud.call("sync", **{f"aws_container_credentials_{option}": value})
    assert not cloud.keys.received


@pytest.mark.parametrize("content", ["", "two\nlines", "x" * 2_000_000 + "\n"])
def test_a_file_with_a_token_is_read_so_far_and_judged(cloud: Cloud, content: str) -> None:
    for path in (cloud.file("token", content), "~user-that-nobody-is/token", "/dev/zero"):
        with pytest.raises(errors.AuthenticationError):
            cloud.call("sync", aws_web_identity_token_file=path, aws_role_arn=ROLE)
        with pytest.raises(errors.AuthenticationError):
            cloud.call("sync", aws_container_credentials_relative_uri="/x", aws_container_authorization_token_file=path)
    with pytest.raises(errors.AuthenticationError):
        cloud.call("sync", aws_shared_credentials_file="~user-that-nobody-is/credentials")
    assert not cloud.keys.received
