"""What core needs to know of Azure OpenAI: addresses, variables, options. Data.

Source: Microsoft's "Azure OpenAI in Azure AI Foundry Models API lifecycle" and REST reference; the variables are those
of LiteLLM 1.110, openai-python 3.54 and azure-identity 1.27. Checked 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from llmgate_core.plugin import Option, ProviderInfo

__all__ = ["AUTHORITIES", "METADATA", "OPTIONS", "SCOPES", "azure_info"]

AUTHORITIES = (
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
)
"""The hosts that give out tokens: of the public cloud, and of those of the US government and of China."""

METADATA = "http://169.254.169.254"
"""The metadata service of the machine, for managed identities."""

SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "v1": "https://ai.azure.com/.default",
        "login.microsoftonline.com": "https://cognitiveservices.azure.com/.default",
        "login.microsoftonline.us": "https://cognitiveservices.azure.us/.default",
        "login.partner.microsoftonline.cn": "https://cognitiveservices.azure.cn/.default",
        "login.chinacloudapi.cn": "https://cognitiveservices.azure.cn/.default",
    }
)
"""What a token is asked for: of the v1 API in the public cloud, else by the authority.

Source: openai-node, docs/azure.md, for the v1 API; LiteLLM and azure-identity's samples for the dated one.
"""

DOMAINS = (
    "openai.azure.com",
    "services.ai.azure.com",
    "cognitiveservices.azure.com",
    "openai.azure.us",
    "services.ai.azure.us",
    "cognitiveservices.azure.us",
    "openai.azure.cn",
    "cognitiveservices.azure.cn",
)

OPTIONS = (
    Option(
        "resource",
        env=("AZURE_RESOURCE_NAME",),
        help="the name of the resource, where neither api_base nor AZURE_API_BASE says where to go",
    ),
    Option(
        "api_version",
        env=("AZURE_API_VERSION", "OPENAI_API_VERSION"),
        help="v1, preview, or the date of an older API such as 2024-10-21; none: v1",
    ),
    Option(
        "azure_credential",
        env=("AZURE_CREDENTIAL",),
        help="how to sign in, such as managed_identity; none: by what is set",
    ),
    Option("azure_ad_token", env=("AZURE_AD_TOKEN", "AZURE_OPENAI_AD_TOKEN"), secret=True, help="a token of Entra ID"),
    Option("tenant_id", env=("AZURE_TENANT_ID",), help="the directory in which the application is registered"),
    Option("client_id", env=("AZURE_CLIENT_ID",), help="the application, or the managed identity"),
    Option("client_secret", env=("AZURE_CLIENT_SECRET",), secret=True, help="the application's secret"),
    Option(
        "client_certificate_path",
        env=("AZURE_CLIENT_CERTIFICATE_PATH",),
        help="a file with the application's certificate and key, PEM or PKCS 12",
    ),
    Option(
        "client_certificate_password",
        env=("AZURE_CLIENT_CERTIFICATE_PASSWORD",),
        secret=True,
        help="what the file of the certificate is encrypted with",
    ),
    Option(
        "federated_token_file",
        env=("AZURE_FEDERATED_TOKEN_FILE",),
        help="a file with the token of a workload, which Kubernetes renews",
    ),
    Option("azure_scope", env=("AZURE_SCOPE",), help="what the token is asked for; none: by the API"),
    Option(
        "azure_authority",
        env=("AZURE_AUTHORITY_HOST",),
        default=AUTHORITIES[0],
        help=f"the host that gives out tokens, one of {', '.join(AUTHORITIES)}",
    ),
)


def azure_info(operations: Iterable[str] = ()) -> ProviderInfo:
    """Return the facts of the provider for a plugin that serves these operations besides `create`."""
    return ProviderInfo(
        api=(1, 1),
        name="azure",
        base_url="https://{resource}.openai.azure.com",
        env_key=("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"),
        env_base_url=("AZURE_API_BASE", "AZURE_OPENAI_ENDPOINT"),
        env_key_optional=True,  # Entra ID needs none; the hook `credentials` says what is missing
        key_header="api-key",
        request_id_header="apim-request-id",
        operations=frozenset(operations),
        hosts=(*(f"https://{host}" for host in AUTHORITIES), METADATA),
        domains=DOMAINS,
        options=OPTIONS,
    )
