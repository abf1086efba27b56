"""What Bedrock needs besides a model: options and variables, under LiteLLM's and AWS's names. Data.

Source: LiteLLM's page on Bedrock; AWS SDKs and Tools Reference Guide, "Environment variables".
"""

from __future__ import annotations

from types import MappingProxyType

from llmgate_bedrock.credentials import HOSTS as CREDENTIAL_HOSTS
from llmgate_bedrock.failures import EXPIRED, NAME_HEADER
from llmgate_bedrock.regions import DEFAULT_REGION, FIPS, HOSTS, REGION, RUNTIME_URL
from llmgate_core.plugin import Option, ProviderInfo

__all__ = ["CREDENTIAL_HOSTS", "EXPIRED_HEADERS", "KEY_VARIABLES", "OPTIONS", "runtime_info"]

KEY_VARIABLES = ("AWS_BEARER_TOKEN_BEDROCK",)
EXPIRED_HEADERS = MappingProxyType({NAME_HEADER: EXPIRED})
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
    Option("aws_profile_name", env=("AWS_PROFILE",), help="a profile of the shared files of AWS"),
    Option(
        "aws_shared_credentials_file",
        env=("AWS_SHARED_CREDENTIALS_FILE",),
        default="~/.aws/credentials",
        help="profiles with access keys",
    ),
    Option("aws_config_file", env=("AWS_CONFIG_FILE",), default="~/.aws/config", help="profiles with roles"),
    Option("aws_role_name", help="the ARN of a role to assume"),
    Option("aws_session_name", env=("AWS_ROLE_SESSION_NAME",), help="how logs of AWS name the session of a role"),
    Option("aws_external_id", help="what the owner of the role wants to be named"),
    Option("aws_role_arn", env=("AWS_ROLE_ARN",), help="the role of a web identity"),
    Option("aws_web_identity_token", secret=True, help="a token of another provider of identities"),
    Option("aws_web_identity_token_file", env=("AWS_WEB_IDENTITY_TOKEN_FILE",), help="the file with such a token"),
    Option(
        "aws_container_credentials_relative_uri",
        env=("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",),
        help="where the keys of a task of ECS are",
    ),
    Option(
        "aws_container_credentials_full_uri",
        env=("AWS_CONTAINER_CREDENTIALS_FULL_URI",),
        help="where the keys of a pod of EKS are",
    ),
    Option(
        "aws_container_authorization_token",
        env=("AWS_CONTAINER_AUTHORIZATION_TOKEN",),
        secret=True,
        help="what the container's host of keys wants to see",
    ),
    Option(
        "aws_container_authorization_token_file",
        env=("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",),
        help="the file with it",
    ),
    Option("aws_use_instance_metadata", help="true: ask the metadata service of the virtual machine for keys"),
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
        hosts=(*HOSTS, *CREDENTIAL_HOSTS),
        options=OPTIONS,
        expired_headers=EXPIRED_HEADERS,
    )
