"""An image call -> POST /images/generations (JSON), /images/edits (a form, or JSON), /images/variations (a form).

Pure: files stay where they are, core streams them. Images that are references instead of files make an edit JSON.

Source: OpenAPI 2.3.0, `CreateImageRequest`, `CreateImageEditRequest`, `EditImageBodyJsonParam`,
`CreateImageVariationRequest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmgate_core.plugin import (
    Call,
    FilePart,
    JsonObject,
    Ledger,
    LedgerEntry,
    Route,
    UpstreamRequest,
    as_form,
    endpoint_request,
    errors,
    hookimpl,
    is_verified,
    judge_value,
)
from llmgate_openai_images.values import ENDPOINTS, MOST_IMAGES, PROMPT, SOURCE

REFERENCES = "{'image_url': ...} or {'file_id': ...}"


@hookimpl
def transform_request(call: Call, route: Route) -> UpstreamRequest:
    """Send files as a form with the model in it, everything else as JSON.

    Raises:
        BadRequestError: no image, files and references mixed, or an image that is neither.
        UnsupportedParamsError: the model does not serve this endpoint, or takes no prompt so long.
    """
    entries = (*_endpoint_entries(call, route), *_input_entries(call, route))
    request = endpoint_request(call, route)
    if call.operation == "create" or (call.operation == "edit" and "image" not in call.body and "images" in call.body):
        return replace(request, ledger=entries)
    images = _images(call, route)
    if call.operation == "edit" and all(isinstance(image, Mapping) for image in images):
        return _edit_of_references(call, route, request, images, entries)
    if call.operation == "variation" and len(images) > 1:
        raise _bad(route, "image", "a variation takes one image")
    if not all(isinstance(image, FilePart) for image in images):
        raise _bad(route, "image", "give only files, or (to edit) only references: " + REFERENCES)
    if not isinstance(call.body.get("mask"), (FilePart, type(None))):
        raise _bad(route, "mask", "the images are files, so the mask must be one file too")
    return replace(request, body=as_form({"model": route.model, **call.body}), ledger=entries)


def _endpoint_entries(call: Call, route: Route) -> tuple[LedgerEntry, ...]:
    """Refuse a model of which the catalogue knows that it serves other endpoints."""
    facts, name = route.facts, ENDPOINTS[call.operation]
    known = None if facts is None else facts.get("endpoints")
    if facts is None or not known or name in known or not is_verified(facts, "endpoints"):
        return ()
    ledger = Ledger(route, "catalogue: " + ", ".join(facts.get("sources") or ()))
    _refuse(ledger, route, "model", f"{route.model!r} does not serve {name}; it serves {', '.join(known)}")
    return ledger.entries


def _input_entries(call: Call, route: Route) -> tuple[LedgerEntry, ...]:
    """Refuse what no model takes; core judges parameters, inputs are the plugin's."""
    ledger = Ledger(route, SOURCE)
    if call.stream and call.operation == "variation":
        raise ledger.refuse("stream", "variations come whole; leave stream out")
    if route.facts is None:
        return ()
    refused = judge_value("prompt", call.body.get("prompt"), PROMPT, SOURCE)
    if refused is not None:
        _refuse(ledger, route, "prompt", refused.reason)
    images = call.body.get("image")
    if isinstance(images, list) and len(images) > MOST_IMAGES:
        _refuse(ledger, route, "image", f"at most {MOST_IMAGES} images, not {len(images)}")
    return ledger.entries


def _refuse(ledger: Ledger, route: Route, name: str, reason: str) -> None:
    """Raise, or note what the policy sends all the same; an input is never dropped."""
    if route.param_policy != "forward":
        raise ledger.refuse(name, reason)
    ledger.forwards(name, reason)


def _images(call: Call, route: Route) -> list[Any]:
    given = call.body.get("image")
    images = given if isinstance(given, list) else [given]
    if given is None or not images:
        raise _bad(route, "image", "there is no image: give a file, or a list of files")
    return images


def _edit_of_references(
    call: Call, route: Route, request: UpstreamRequest, images: list[Any], entries: tuple[LedgerEntry, ...]
) -> UpstreamRequest:
    if not isinstance(call.body.get("mask"), (Mapping, type(None))):
        raise _bad(route, "mask", f"the images are references, so the mask must be one too: {REFERENCES}")
    ledger = Ledger(route, SOURCE)
    ledger.bridged("image", "references are sent as `images`, in JSON")
    rest = {name: value for name, value in call.body.items() if name != "image"}
    body: JsonObject = {"model": route.model, "images": images, **rest}
    return replace(request, body=body, ledger=(*entries, *ledger.entries))


def _bad(route: Route, param: str, message: str) -> errors.BadRequestError:
    return errors.BadRequestError(
        message, status_code=400, param=param, provider=route.provider, model=route.model, attempts=0
    )
