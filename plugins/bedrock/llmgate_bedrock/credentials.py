"""Where access keys come from: options, a profile, a role, a web identity, a container, a machine, or botocore.

Pure: a generator of requests, and of functions that core calls in a thread. The first source that is named is used; of
those that need not be named, the first that has keys.

Source: AWS SDKs and Tools Reference Guide, "Standardized credential providers"; Security Token Service API Reference;
EC2 User Guide, "Instance metadata"; ECS Developer Guide, "Task IAM role".
"""

from __future__ import annotations

import calendar
import importlib
import re
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from llmgate_bedrock.profiles import MAX_BYTES, Profile, is_key, read_profile
from llmgate_bedrock.regions import STS_HOSTS, region_of, sts_host
from llmgate_bedrock.sigv4 import AccessKeys, Scope, signed
from llmgate_core.plugin import (
    Blocking,
    Credential,
    Credentials,
    Route,
    Secret,
    UpstreamRequest,
    UpstreamResponse,
    errors,
)

__all__ = ["HOSTS", "access_keys", "credentials"]

KEY_ID, SECRET_KEY, SESSION_TOKEN = "aws_access_key_id", "aws_secret_access_key", "aws_session_token"
ROLE, WEB_ROLE, SESSION_NAME = "aws_role_name", "aws_role_arn", "aws_session_name"
EXTERNAL_ID = "aws_external_id"
WEB_TOKEN, WEB_TOKEN_FILE = "aws_web_identity_token", "aws_web_identity_token_file"
PROFILE = "aws_profile_name"
CREDENTIALS_FILE, CONFIG_FILE = "aws_shared_credentials_file", "aws_config_file"
RELATIVE_URI, FULL_URI = "aws_container_credentials_relative_uri", "aws_container_credentials_full_uri"
CONTAINER_TOKEN, CONTAINER_TOKEN_FILE = "aws_container_authorization_token", "aws_container_authorization_token_file"
USE_INSTANCE = "aws_use_instance_metadata"
CONTAINER_HOSTS = ("http://169.254.170.2", "http://169.254.170.23")
INSTANCE_HOST = "http://169.254.169.254"
HOSTS = (*STS_HOSTS, *CONTAINER_HOSTS, INSTANCE_HOST)
"""What keys are fetched from: the last of `ProviderInfo.hosts`, in this order."""
INSTANCE_PATH = "/latest/meta-data/iam/security-credentials/"
INSTANCE_SESSION_SECONDS = "300"
TRUE = frozenset({"true", "1", "yes"})
FORM = "application/x-www-form-urlencoded"
STS_VERSION = "2011-06-15"
OWN_SESSION = "llmgate"
READ_AGAIN_SECONDS = 900.0
"""After so long a profile is read again: other programs renew the keys in it."""
MAX_SOURCES = 5
"""So many profiles may lead from one to another by `source_profile`."""
ASKED_ONLY_BY_US = ("container-role", "iam-role")
"""Sources of botocore on the network, which are used only where the caller has said so."""
ISO_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)")
Steps = Generator["UpstreamRequest | Blocking", Any, Any]


def access_keys(route: Route, credential: Credential | None) -> AccessKeys | None:
    """Return the access keys of a call: those that were fetched, else those of the options; None: there are none."""
    if credential is not None:
        return AccessKeys(credential.token, credential.secrets[SECRET_KEY], credential.secrets.get(SESSION_TOKEN))
    key_id, secret_key = route.secrets.get(KEY_ID), route.secrets.get(SECRET_KEY)
    if key_id is None or secret_key is None:
        return None
    return AccessKeys(key_id, secret_key, route.secrets.get(SESSION_TOKEN))


def credentials(route: Route) -> Credentials | None:
    """Return the steps that fetch access keys; None: an API key or the keys of the options are enough."""
    own = access_keys(route, None)
    if route.api_key is not None or (own is not None and not route.options.get(ROLE)):
        return None
    return _fetched(route, own)


def _fetched(route: Route, own: AccessKeys | None) -> Credentials:
    options = route.options
    if own is not None:
        return (yield from _assumed(route, own, _role_of(options)))
    if options.get(WEB_TOKEN_FILE) or WEB_TOKEN in route.secrets:
        return (yield from _by_web_identity(route, options.get(ROLE) or options.get(WEB_ROLE)))
    profile = yield from _profile(route, options.get(PROFILE) or "default")
    if profile.keys is not None or profile.role is not None:
        return (yield from _of_profile(route, profile))
    if options.get(PROFILE):
        return (yield from _by_botocore(route, options[PROFILE]))
    if options.get(RELATIVE_URI) or options.get(FULL_URI):
        return (yield from _of_container(route))
    if options.get(USE_INSTANCE, "").lower() in TRUE:
        return (yield from _of_instance(route))
    return (yield from _by_botocore(route, None))


# --- profiles ---


def _profile(route: Route, name: str) -> Steps:
    paths = (route.options[CREDENTIALS_FILE], route.options[CONFIG_FILE])
    return (yield Blocking(lambda: read_profile(name, *paths)))


def _of_profile(route: Route, profile: Profile) -> Credentials:
    """Return the keys of a profile, or of the role that it names, with the keys of another profile."""
    chain = [profile]
    while chain[-1].role is not None and chain[-1].source is not None and chain[-1].source != chain[-1].name:
        if len(chain) == MAX_SOURCES:
            raise _failure(f"more than {MAX_SOURCES} profiles lead from one to another by source_profile")
        chain.append((yield from _profile(route, chain[-1].source)))
    keys, credential = chain[-1].keys, None
    if keys is None:
        return (yield from _by_botocore(route, profile.name))
    for step in reversed(chain):
        if step.role is not None:
            credential = yield from _assumed(route, keys, step.role)
            keys = access_keys(route, credential)
            assert keys is not None  # noqa: S101  # of a credential there always are
    return credential or _credential(keys, READ_AGAIN_SECONDS)


# --- the Security Token Service ---


def _role_of(options: Mapping[str, str]) -> Mapping[str, str]:
    named = {"RoleArn": options.get(ROLE, ""), "RoleSessionName": options.get(SESSION_NAME) or OWN_SESSION}
    return {**named, **({"ExternalId": options[EXTERNAL_ID]} if options.get(EXTERNAL_ID) else {})}


def _assumed(route: Route, keys: AccessKeys, role: Mapping[str, str]) -> Credentials:
    """Exchange keys for those of a role."""
    now: float = yield Blocking(time.time)
    request = _sts_request(route, {"Action": "AssumeRole", **role})
    response = yield signed(request, keys, Scope("sts", region_of(route)), now)
    return _sts_credential(response, now)


def _by_web_identity(route: Route, role: str | None) -> Credentials:
    """Exchange a token of another provider of identities for keys."""
    if not role:
        raise _failure("a web identity needs a role: set AWS_ROLE_ARN, or aws_role_name in provider_options")
    path, given = route.options.get(WEB_TOKEN_FILE), route.secrets.get(WEB_TOKEN)
    token = given.reveal() if given is not None else (yield Blocking(lambda: _content_of(str(path))))
    fields = {**_role_of(route.options), "RoleArn": role, "WebIdentityToken": token}
    now: float = yield Blocking(time.time)
    response = yield _sts_request(route, {"Action": "AssumeRoleWithWebIdentity", **fields})
    return _sts_credential(response, now)


def _sts_request(route: Route, fields: Mapping[str, str]) -> UpstreamRequest:
    origin = _origin(route, sts_host(route))
    body = urlencode({"Version": STS_VERSION, **fields}).encode()
    return UpstreamRequest("POST", "/", body, {"content-type": FORM}, origin=origin, url=f"{origin}/")


def _sts_credential(response: UpstreamResponse, now: float) -> Credential:
    """Return the keys of an answer, which is XML of a few fields, none of which has markup in it."""
    text = response.content.decode("utf-8", "replace")
    return _expiring(dict(re.findall(r"<(\w+)>([^<]+)</\1>", text)), now, "SessionToken")


# --- containers and machines ---


def _of_container(route: Route) -> Credentials:
    uri = route.options.get(RELATIVE_URI)
    host, path, query = _parts_of(f"{CONTAINER_HOSTS[0]}{uri}" if uri else route.options[FULL_URI])
    token, token_file = route.secrets.get(CONTAINER_TOKEN), route.options.get(CONTAINER_TOKEN_FILE)
    headers = {}
    if token is not None or token_file:
        text = token.reveal() if token is not None else (yield Blocking(lambda: _content_of(str(token_file))))
        headers["authorization"] = text
    now: float = yield Blocking(time.time)
    response = yield UpstreamRequest("GET", path, headers=headers, query=query, origin=_origin(route, host))
    return _expiring(response.json(), now, "Token")


def _parts_of(uri: str) -> tuple[str, str, Mapping[str, str]]:
    """Return the host of a URI, its path and its query.

    Raises:
        AuthenticationError: the host is not that of a container's keys.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path or "/"
    if origin not in CONTAINER_HOSTS or path.startswith("//"):
        raise _failure(f"access keys of a container are fetched from {' or '.join(CONTAINER_HOSTS)} only")
    return origin, path, dict(parse_qsl(parts.query, keep_blank_values=True))


def _of_instance(route: Route) -> Credentials:
    """Ask the metadata service of a virtual machine, in its second version, which takes a token."""
    origin = _origin(route, INSTANCE_HOST)
    wished = {"x-aws-ec2-metadata-token-ttl-seconds": INSTANCE_SESSION_SECONDS}
    token = yield UpstreamRequest("PUT", "/latest/api/token", headers=wished, origin=origin)
    headers = {"x-aws-ec2-metadata-token": token.content.decode("ascii", "replace").strip()}
    names = yield UpstreamRequest("GET", INSTANCE_PATH, headers=headers, origin=origin)
    name = names.content.decode("utf-8", "replace").strip().partition("\n")[0]
    if re.fullmatch(r"[\w+=,.@-]+", name) is None:
        raise _failure("this machine has no role, by its metadata service")
    now: float = yield Blocking(time.time)
    response = yield UpstreamRequest("GET", f"{INSTANCE_PATH}{name}", headers=headers, origin=origin)
    return _expiring(response.json(), now, "Token")


# --- botocore ---


def _by_botocore(route: Route, profile: str | None) -> Credentials:
    """Let botocore look, where it is installed: it knows SSO, processes and what comes next."""
    found: tuple[AccessKeys, float | None] | None = yield Blocking(
        lambda: _botocore_keys(profile, route.options[CREDENTIALS_FILE], route.options[CONFIG_FILE])
    )
    if found is None:
        what = f"the profile {profile!r} has no access keys that llmgate can use" if profile else "there is no key"
        raise _failure(
            f"{what}: set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name another "
            "source of access keys in provider_options; with botocore installed, SSO and processes are sources too"
        )
    keys, expires_in = found
    return _credential(keys, READ_AGAIN_SECONDS if expires_in is None else expires_in)


def _botocore_keys(
    profile: str | None, credentials_file: str, config_file: str
) -> tuple[AccessKeys, float | None] | None:
    """Return the keys that botocore finds, and for how many seconds they are good; None: it is not there or has none.

    Raises:
        AuthenticationError: it failed.
    """
    try:
        session: Any = importlib.import_module("botocore.session").Session(profile=profile)
    except ImportError:
        return None
    try:
        session.set_config_variable("credentials_file", credentials_file)
        session.set_config_variable("config_file", config_file)
        providers = session.get_component("credential_provider")
        for name in ASKED_ONLY_BY_US:
            providers.remove(name)
        found = session.get_credentials()
        frozen = None if found is None else found.get_frozen_credentials()
    except Exception as error:  # noqa: BLE001  # another library's, whose message may show a key
        raise _failure(f"botocore found no access keys: {type(error).__name__}") from None
    if frozen is None or not frozen.access_key or not frozen.secret_key:
        return None
    expiry = getattr(found, "_expiry_time", None)
    token = None if frozen.token is None else Secret(frozen.token)
    keys = AccessKeys(Secret(frozen.access_key), Secret(frozen.secret_key), token)
    return keys, None if expiry is None else max(0.0, expiry.timestamp() - time.time())


# --- what they share ---


def _origin(route: Route, host: str) -> str:
    """Return one of `HOSTS` as the route has it, with the region filled in."""
    return route.hosts[HOSTS.index(host) - len(HOSTS)]


def _expiring(found: Any, now: float, token_name: str) -> Credential:
    fields = found if isinstance(found, Mapping) else {}
    names = ("AccessKeyId", "SecretAccessKey", token_name)
    key_id, secret_key, token = (fields.get(name) for name in names)
    if not all(isinstance(value, str) and is_key(value) for value in (key_id, secret_key, token)):
        raise errors.APIResponseValidationError(f"the answer has no {', '.join(names)}")
    keys = AccessKeys(Secret(str(key_id)), Secret(str(secret_key)), Secret(str(token)))
    return _credential(keys, _seconds_until(fields.get("Expiration"), now))


def _seconds_until(expiration: Any, now: float) -> float:
    """Return for how long keys are good; a time that cannot be read counts as soon."""
    match = ISO_TIME.match(expiration) if isinstance(expiration, str) else None
    if match is None:
        return READ_AGAIN_SECONDS
    try:
        moment = calendar.timegm(tuple(int(part) for part in match.groups()))
    except ValueError:  # a 13th month
        return READ_AGAIN_SECONDS
    return max(0.0, moment - now)


def _credential(keys: AccessKeys, expires_in: float) -> Credential:
    further = {} if keys.session_token is None else {SESSION_TOKEN: keys.session_token}
    return Credential(keys.key_id, expires_in, {SECRET_KEY: keys.secret_key, **further})


def _content_of(path: str) -> str:
    """Return the token in a file.

    Raises:
        AuthenticationError: it cannot be read, or holds no token.
    """
    try:
        with Path(path).expanduser().open(encoding="utf-8") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: the user before the path is not known
        raise _failure(f"the file with the token cannot be read: {type(error).__name__}") from None
    token = content.strip()
    if len(content) > MAX_BYTES or not is_key(token):
        raise _failure("the file with the token holds none")
    return token


def _failure(message: str) -> errors.AuthenticationError:
    return errors.AuthenticationError(message, status_code=401, code="missing_api_key", provider="bedrock", attempts=0)
