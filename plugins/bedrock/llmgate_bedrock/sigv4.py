"""Signature Version 4: what authorizes a request to AWS.

Pure: the time is an argument.

Source: AWS IAM User Guide, "Create a signed AWS API request"; the tests compare every part with botocore.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from llmgate_core.plugin import Secret, UpstreamRequest

__all__ = ["AccessKeys", "Scope", "signed"]

ALGORITHM = "AWS4-HMAC-SHA256"
TIME_FORMAT = "%Y%m%dT%H%M%SZ"
DATE_CHARACTERS = 8
AWS_HEADER = "x-amz-"
SIGNED_HEADERS = frozenset({"content-type", "host"})
"""Signed besides those of AWS. The others may be changed on the way, by a proxy for example."""
UNSIGNED_BODY = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True, slots=True)
class AccessKeys:
    """What a signature is made with. No string shows them."""

    key_id: Secret
    secret_key: Secret
    session_token: Secret | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """For what a signature holds: a service of a region."""

    service: str
    region: str

    def on(self, date: str) -> str:
        """Return the scope of one day, given as `YYYYMMDD`."""
        return f"{date}/{self.region}/{self.service}/aws4_request"


def signed(request: UpstreamRequest, keys: AccessKeys, scope: Scope, now: float) -> UpstreamRequest:
    """Return a final request with its date, its session token and its signature as headers.

    Args:
        request: with `url`, and a body of bytes or none. A streamed body is not part of the signature.
        keys: of the caller.
        scope: service and region.
        now: seconds since 1970.
    """
    at = time.strftime(TIME_FORMAT, time.gmtime(now))
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers["x-amz-date"] = at
    if keys.session_token is not None:
        headers["x-amz-security-token"] = keys.session_token.reveal()
    body = b"" if request.body is None else request.body
    digest = hashlib.sha256(body).hexdigest() if isinstance(body, bytes) else UNSIGNED_BODY
    if digest is UNSIGNED_BODY:
        headers["x-amz-content-sha256"] = digest
    names, canonical = canonical_request(request.method, request.url, headers, digest)
    date = at[:DATE_CHARACTERS]
    text = "\n".join([ALGORITHM, at, scope.on(date), hashlib.sha256(canonical.encode()).hexdigest()])
    signature = _hmac(_signing_key(keys, scope, date), text).hex()
    credential = f"{keys.key_id.reveal()}/{scope.on(date)}"
    headers["authorization"] = f"{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return request.with_headers(headers)


def canonical_request(method: str, url: str, headers: Mapping[str, str], digest: str) -> tuple[str, str]:
    """Return the names of the signed headers, and the request in the form that is signed.

    Args:
        method: in upper case.
        url: absolute, percent-encoded.
        headers: by their lower-case names.
        digest: of the body.
    """
    parts = urlsplit(url)
    chosen = {"host": _host_of(url)} | {name: value for name, value in headers.items() if _is_signed(name)}
    pairs = sorted((name, " ".join(value.split())) for name, value in chosen.items())
    names = ";".join(name for name, _ in pairs)
    lines = [method, quote(_normalized(parts.path), safe="/~"), _sorted_query(parts.query)]
    return names, "\n".join([*lines, *(f"{name}:{value}" for name, value in pairs), "", names, digest])


def _is_signed(name: str) -> bool:
    return name in SIGNED_HEADERS or name.startswith(AWS_HEADER)


def _host_of(url: str) -> str:
    parts = urlsplit(url)
    is_usual = parts.port is None or (parts.scheme, parts.port) in (("https", 443), ("http", 80))
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if is_usual else f"{host}:{parts.port}"


def _normalized(path: str) -> str:
    """Return a path without `.`, `..` and empty segments. Its percent signs are encoded once more for the signature."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")


def _sorted_query(query: str) -> str:
    pairs = [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _signing_key(keys: AccessKeys, scope: Scope, date: str) -> bytes:
    key = f"AWS4{keys.secret_key.reveal()}".encode()
    for text in (date, scope.region, scope.service, "aws4_request"):
        key = _hmac(key, text)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
