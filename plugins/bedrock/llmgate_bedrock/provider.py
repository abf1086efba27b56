"""What Bedrock needs besides a model: options and variables, under LiteLLM's and AWS's names. Data.

Source: LiteLLM's page on Bedrock; AWS SDKs and Tools Reference Guide, "Environment variables".
"""

from __future__ import annotations

from llmgate_bedrock.regions import DEFAULT_REGION, FIPS, HOSTS, REGION, RUNTIME_URL, STS_HOSTS
from llmgate_core.plugin import Option, ProviderInfo

__all__ = ["KEY_VARIABLES", "OPTIONS", "runtime_info"]

KEY_VARIABLES = ("AWS_BEARER_TOKEN_BEDROCK",)
OPTIONS = (
    Option(
        REGION,
        env=("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"),
        default=DEFAULT_REGION,
        help="the region that calls go to",
    ),
    Option("aws_access_key_id", env=("AWS_ACCESS_KEY_ID",), secret=True, help="for a signature instead of a key"),
    Option("aws_secret_access_key", env=("AWS_SECRET_ACCESS_KEY",), secret=True, help="belongs to aws_access_key_id"),
    Option("aws_session_token", env=("AWS_SESSION_TOKEN",), secret=True, help="of temporary access keys"),
    Option(FIPS, env=("AWS_USE_FIPS_ENDPOINT",), help="true: the FIPS endpoints of the region"),
)


def runtime_info() -> ProviderInfo:
    """Return the facts of the endpoint `bedrock-runtime`."""
    return ProviderInfo(
        api=(1, 1),
        name="bedrock",
        base_url=RUNTIME_URL,
        env_base_url=("AWS_BEDROCK_RUNTIME_ENDPOINT", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
        env_key=KEY_VARIABLES,
        env_key_optional=True,
        request_id_header="x-amzn-requestid",
        hosts=(*HOSTS, *STS_HOSTS),
        options=OPTIONS,
    )
