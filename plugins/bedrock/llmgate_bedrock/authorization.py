"""Authorize requests: with a Bedrock API key as a bearer token, else with a signature of access keys.

Pure.

Source: AWS, "Amazon Bedrock API keys"; IAM User Guide, "AWS Signature Version 4".
"""

from __future__ import annotations

from llmgate_bedrock.credentials import access_keys, credentials
from llmgate_bedrock.model_ids import model_id_of
from llmgate_bedrock.regions import region_of, runtime_url
from llmgate_bedrock.sigv4 import Scope, signed
from llmgate_core.plugin import Credential, Credentials, Route, UpstreamRequest, errors, hookimpl

__all__ = ["AWSAuthorized"]


class AWSAuthorized:
    """The hooks `base_url`, `credentials` and `auth` of every endpoint of Bedrock.

    Attributes:
        service: for which requests are signed.
    """

    service = "bedrock"

    @hookimpl
    def base_url(self, route: Route) -> str | None:
        """Return the endpoint of the region: that of the model string or the ARN, else that of the options.

        Raises:
            BadRequestError: the model string names a region that is not known.
        """
        return runtime_url(route, model_id_of(route).region)

    @hookimpl
    def credentials(self, route: Route) -> Credentials | None:
        """Return the steps that fetch access keys; None: what the caller gave is enough."""
        return credentials(route)

    @hookimpl
    def auth(
        self, request: UpstreamRequest, route: Route, credential: Credential | None, now: float
    ) -> UpstreamRequest | None:
        """Return the request with a signature; None: core sends the key.

        Raises:
            AuthenticationError: there is neither a key nor access keys.
        """
        if route.api_key is not None:
            return None
        keys = access_keys(route, credential)
        if keys is None:
            raise errors.AuthenticationError("there are no access keys", status_code=401, code="missing_api_key")
        return signed(request, keys, Scope(self.service, region_of(route, model_id_of(route).region)), now)
