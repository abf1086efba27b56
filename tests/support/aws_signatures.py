"""Check a signature of AWS on a request that came, with AWS's own signer. Needs botocore."""

from __future__ import annotations

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from llmgate_core.testing import ReceivedRequest

__all__ = ["is_signed"]

MADE_BY_THE_SIGNER = ("host", "x-amz-date", "x-amz-security-token")


def is_signed(
    request: ReceivedRequest, keys: tuple[str, str, str | None], *, region: str, service: str = "bedrock"
) -> bool:
    """Sign what came with the keys (id, secret, session token), and return whether the signature is the same."""
    headers = request["headers"]
    names = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    own = {name: headers[name] for name in names if name not in MADE_BY_THE_SIGNER}
    url = f"http://{headers['host']}{request['path']}"
    again = AWSRequest(method=request["method"], url=url, headers=own, data=request["body"])
    signer = SigV4Auth(Credentials(*keys), service, region)
    again.context["timestamp"] = headers["x-amz-date"]
    signer._modify_request_before_signing(again)
    canonical = signer.canonical_request(again)
    signer._inject_signature_to_request(again, signer.signature(signer.string_to_sign(again, canonical), again))
    return str(again.headers["Authorization"]) == headers["authorization"]
