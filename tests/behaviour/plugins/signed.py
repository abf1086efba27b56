"""A provider whose requests are signed over what goes over the wire, in the manner of AWS; and the check of its host.

Source: the idea, not the format, of AWS Signature Version 4: method, URL, signed headers, digest of the body, date.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from typing import Any

from llmgate_core.plugin import (
    Credential,
    OpenAICompatible,
    Option,
    Progress,
    ProviderInfo,
    Route,
    UpstreamRequest,
    hookimpl,
)
from llmgate_core.testing import ReceivedRequest

ACCESS_KEY = "AK-canary-5Jd0Qw7Ls"
SECRET_KEY = "SK-canary-9Bn2Xc4Vm6"
INFO = ProviderInfo(
    api=(1, 1),
    name="acme",
    base_url="https://api.acme.example/v1",
    env_key="ACME_ACCESS_KEY",
    headers={"x-api-version": "2026-01-01"},
    options=(Option("secret_key", env=("ACME_SECRET_KEY",), secret=True, required=True),),
)
STREAMED = "STREAMED"
SIGNED_HEADERS = ("content-type", "x-api-version", "x-date", "x-content-sha256")


def signature(secret: str, method: str, url: str, headers: dict[str, str]) -> str:
    signed = [f"{name}:{headers.get(name, '')}" for name in SIGNED_HEADERS]
    return hmac.new(secret.encode(), "\n".join([method, url, *signed]).encode(), hashlib.sha256).hexdigest()


class SignedPlugin(OpenAICompatible):
    info = INFO

    @hookimpl
    def auth(self, request: UpstreamRequest, route: Route, credential: Credential | None, now: float) -> Any:
        body = request.body
        is_whole = body is None or isinstance(body, bytes)
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        digest = hashlib.sha256(body if isinstance(body, bytes) else b"").hexdigest() if is_whole else STREAMED
        request = request.with_headers({"x-date": date, "x-content-sha256": digest})
        signed = signature(route.secrets["secret_key"].reveal(), request.method, request.url, dict(request.headers))
        key = "" if route.api_key is None else route.api_key.reveal()
        return request.with_headers({"authorization": f"ACME {key}:{signed}"})


class SignedPoller(SignedPlugin):
    """The same for a provider whose answers are polled."""

    @hookimpl
    def exchange(self, call: Any) -> Iterator[Any]:
        job = yield UpstreamRequest("POST", "/jobs of mine", {"input": call.body["messages"]}, query={"a": "b c&d"})
        yield Progress(job.json())
        answer = yield UpstreamRequest("GET", f"/jobs of mine/{job.json()['id']}")
        return answer.json()


def problem_of(request: ReceivedRequest) -> str | None:
    """Return what is wrong with the signature of a request, as a host would: from the bytes alone."""
    headers = request["headers"]
    url = f"http://{headers['host']}{request['path']}"
    wanted = f"ACME {ACCESS_KEY}:{signature(SECRET_KEY, request['method'], url, headers)}"
    if headers.get("authorization") != wanted:
        return f"the signature does not hold for {request['method']} {url}"
    digest = hashlib.sha256(request["body"]).hexdigest()
    if headers["x-content-sha256"] not in (digest, STREAMED):
        return "the body is not the one that was signed"
    return None if headers["x-api-version"] == INFO.headers["x-api-version"] else "no version"
