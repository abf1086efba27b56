"""Where Bedrock is: regions, the hosts in them, and which region a call goes to.

Pure.

Source: endpoint rules and `endpoints.json` of botocore 1.44.8; AWS General Reference, "Amazon Bedrock endpoints".
"""

from __future__ import annotations

from types import MappingProxyType

from llmgate_core.plugin import Route

__all__ = ["HOSTS", "REGIONS", "RUNTIME_URL", "STS_HOSTS", "region_of", "runtime_url", "sts_host"]

REGION = "aws_region_name"
FIPS = "aws_use_fips_endpoint"
DEFAULT_REGION = "us-west-2"
"""That of LiteLLM, whose model strings people bring. The AWS SDKs have none."""
RUNTIME_URL = f"https://bedrock-runtime.{{{REGION}}}.amazonaws.com"
REGIONS = frozenset(
    {
        *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1"),
        *("ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ca-central-1", "ca-west-1"),
        *("eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2"),
        *("eu-west-3", "il-central-1", "me-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1"),
        *("us-west-2", "us-gov-east-1", "us-gov-west-1"),
    }
)
"""Those that a model string may name: `bedrock/eu-west-1/MODEL`. The option may name any other, too."""
SUFFIXES = MappingProxyType({"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"})
"""First part of a region -> the domain of its partition, where it is not `amazonaws.com`."""
USUAL_SUFFIX = "amazonaws.com"
TRUE = frozenset({"true", "1", "yes"})

HOSTS = (
    *(f"https://bedrock-runtime.{region}.{USUAL_SUFFIX}" for region in sorted(REGIONS)),
    *(f"https://bedrock-runtime.{{{REGION}}}.{suffix}" for suffix in SUFFIXES.values()),
    *(f"https://bedrock-runtime-fips.{{{REGION}}}.{suffix}" for suffix in (USUAL_SUFFIX, *SUFFIXES.values())),
)
STS_HOSTS = tuple(f"https://sts.{{{REGION}}}.{suffix}" for suffix in (USUAL_SUFFIX, *SUFFIXES.values()))


def region_of(route: Route, region: str = "") -> str:
    """Return the region that a call is signed for: the model string's, else the option's."""
    return region or route.options.get(REGION) or DEFAULT_REGION


def runtime_url(route: Route, region: str = "") -> str | None:
    """Return the endpoint of a region; None: the caller has named the host, which then serves whatever the region is.

    Raises:
        BadRequestError: the model string names a region that is not known.
    """
    if not route.is_provider_host:
        return None
    chosen = region_of(route, region)
    fips = "-fips" if route.options.get(FIPS, "").lower() in TRUE else ""
    url = f"https://bedrock-runtime{fips}.{chosen}.{_suffix_of(chosen)}"
    if url != route.base_url and url not in route.hosts:
        raise route.bad_request("model", f"the region {chosen!r:.40} of the model is not known; set {REGION} to it")
    return url


def sts_host(route: Route) -> str:
    """Return the host of the Security Token Service, as `STS_HOSTS` has it, for the option's region."""
    return f"https://sts.{{{REGION}}}.{_suffix_of(region_of(route))}"


def _suffix_of(region: str) -> str:
    return SUFFIXES.get(region.partition("-")[0], USUAL_SUFFIX)
