"""Authorize requests: with a Bedrock API key as a bearer token, else with a signature of access keys.

Pure.

Source: AWS, "Amazon Bedrock API keys"; IAM User Guide, "AWS Signature Version 4".
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from llmgate_bedrock.model_ids import model_id_of
from llmgate_bedrock.regions import region_of, runtime_origin
from llmgate_bedrock.sigv4 import AccessKeys, Scope, signed
from llmgate_core.plugin import Credential, Route, Secret, UpstreamRequest, errors, hookimpl

__all__ = ["AWSAuthorized", "access_keys"]

KEY_ID, SECRET_KEY, SESSION_TOKEN = "aws_access_key_id", "aws_secret_access_key", "aws_session_token"
NO_KEY = (
    "there is no key for Bedrock: set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "or name another source of access keys in provider_options"
)


class AWSAuthorized:
    """The hook `auth` of every endpoint of Bedrock.

    Attributes:
        service: for which requests are signed.
    """

    service = "bedrock"

    @hookimpl
    def auth(
        self, request: UpstreamRequest, route: Route, credential: Credential | None, now: float
    ) -> UpstreamRequest | None:
        """Send the request to the host of its region, with the key or a signature.

        Raises:
            AuthenticationError: there is neither a key nor access keys.
        """
        if request.origin is not None:  # of an exchange, which authorizes itself
            return None
        region = model_id_of(route).region
        request = self.to_host(request, route, region)
        if route.api_key is not None:
            return request.with_headers(self.key_header(route.family, route.api_key))
        keys = access_keys(route, credential)
        if keys is None:
            raise errors.AuthenticationError(
                NO_KEY, status_code=401, code="missing_api_key", provider=route.provider, model=route.model, attempts=0
            )
        return signed(request, keys, Scope(self.service, region_of(route, region)), now)

    def key_header(self, family: str, key: Secret) -> dict[str, str]:
        """Return the header with the key."""
        return {"authorization": f"Bearer {key.reveal()}"}

    def to_host(self, request: UpstreamRequest, route: Route, region: str) -> UpstreamRequest:
        """Return the request for the host of the model's region."""
        origin = runtime_origin(route, region)
        if origin is None:
            return request
        parts = urlsplit(request.url)
        return replace(request, origin=origin, url=parts._replace(netloc=urlsplit(origin).netloc).geturl())


def access_keys(route: Route, credential: Credential | None) -> AccessKeys | None:
    """Return the access keys of a call: those that were fetched, else those of the options; None: there are none."""
    if credential is not None:
        return AccessKeys(credential.token, credential.secrets[SECRET_KEY], credential.secrets.get(SESSION_TOKEN))
    key_id: Secret | None = route.secrets.get(KEY_ID)
    secret_key: Secret | None = route.secrets.get(SECRET_KEY)
    if key_id is None or secret_key is None:
        return None
    return AccessKeys(key_id, secret_key, route.secrets.get(SESSION_TOKEN))
