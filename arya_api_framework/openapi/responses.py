"""The result of an endpoint, and its errors, as the responses of an operation."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ..client.json_place import split_place
from ..client.mappings import merge_error_responses
from ..client.outcome import is_factory
from ..endpoints.kinds import members_of
from ..errors import HTTPError
from ..options import UNSET
from .docstrings import Docstring, read_docstring
from .forms import JSON
from .schemas import Schema, Schemas

if TYPE_CHECKING:
    from ..endpoints.results import Result

__all__ = ["error_responses", "result_responses"]

_ANY_SUCCESS = "2XX"
_INDEX = re.compile("-?[0-9]+")
_NEAR = re.compile("[0-9]{1,2}")
_RANGES = {
    "2XX": "Success",
    "3XX": "Redirection",
    "4XX": "Client error",
    "5XX": "Server error",
    "default": "Any other status",
}


def result_responses(
    result: Result,
    options: Mapping[str, Any],
    accepted: list[str],
    schemas: Schemas,
    about: Docstring,
) -> dict[str, Any]:
    """Return the responses that are no errors.

    A call takes any success for one; so a response of `2XX` stands for what it becomes.
    """
    what = about.returns or _RANGES[_ANY_SUCCESS]
    if result.by_status is not None:
        return _by_status(result, result.by_status, accepted, schemas, about)
    if result.is_raw or result.how == "stream":
        return {_ANY_SUCCESS: _response(what, bytes, accepted, schemas)}
    if result.how != "items":
        return {_ANY_SUCCESS: _response(what, result.form, accepted, schemas)}
    items: Any = list
    made = _response(what, items[Any if result.form is UNSET else result.form], accepted, schemas)
    at = options.get("at")
    if at:
        for content in made["content"].values():
            content["schema"] = _nested(split_place(at), content["schema"])
    return {_ANY_SUCCESS: made}


def _by_status(
    result: Result,
    types: Mapping[int, Any],
    accepted: list[str],
    schemas: Schemas,
    about: Docstring,
) -> dict[str, Any]:
    """Return the responses of the statuses that are named, and of the others.

    The others are left out where each type has a status of its own: so statuses alone are what
    generators of code read.
    """
    what = about.returns or _RANGES[_ANY_SUCCESS]
    made = {
        str(status): _response(_phrase(status), form, accepted, schemas)
        for status, form in types.items()
    }
    named = [one for form in types.values() for one in members_of(form)]
    successes = [str(status) for status in types if status < 300]
    if not successes or any(one not in named for one in members_of(result.form)):
        made[_ANY_SUCCESS] = _response(what, result.form, accepted, schemas)
    elif len(successes) == 1 and about.returns:
        made[successes[0]]["description"] = what
    return made


def _nested(names: list[str], schema: Schema) -> Schema:
    for name in reversed(names):
        if _NEAR.fullmatch(name):
            schema = {"type": "array", "prefixItems": [*[{}] * int(name), schema]}
        elif _INDEX.fullmatch(name):  # It is far away, or counted from the end.
            schema = {"type": "array"}
        else:
            schema = {"type": "object", "properties": {name: schema}, "required": [name]}
    return schema


def error_responses(
    base: Mapping[Any, Any], declared: Any, accepted: list[str], schemas: Schemas
) -> dict[str, Any]:
    """Return the responses that raise, of the client and of the endpoint."""
    entries = merge_error_responses(base, declared or {})
    made: dict[str, Any] = {}
    for key in sorted(entries, key=_order):
        entry = entries[key]
        what = _phrase(key)
        is_error = isinstance(entry, type) and issubclass(entry, HTTPError)
        if is_error or is_factory(entry):
            made[str(key)] = {"description": _about(entry) or what}
        else:
            made[str(key)] = _response(what, entry, accepted, schemas)
    return made


def _order(key: Any) -> tuple[int, str]:
    """Return the place of a key: statuses, then ranges, then the default."""
    return (key, "") if isinstance(key, int) else (1000 if key != "default" else 1001, key)


def _about(entry: Any) -> str | None:
    """Return what a class of errors, or a function that makes one, says of itself."""
    is_ours = entry.__module__.partition(".")[0] == __name__.partition(".")[0]
    if is_ours or not (inspect.isclass(entry) or inspect.isroutine(entry)):
        return None  # Errors of the framework describe the class, not the response.
    return read_docstring(entry.__doc__).summary


def _phrase(key: Any) -> str:
    if key in _RANGES:
        return _RANGES[key]
    try:
        return HTTPStatus(int(key)).phrase
    except ValueError:
        return f"Status {key}"


def _response(what: str, form: Any, accepted: list[str], schemas: Schemas) -> dict[str, Any]:
    made: dict[str, Any] = {"description": what}
    if form is None or form is type(None):
        return made
    if form is bytes:
        made["content"] = {one: {} for one in accepted or ["*/*"]}
        return made
    if form is str:
        texts = {one: {} if _is_json(one) else {"schema": {"type": "string"}} for one in accepted}
        made["content"] = texts or {"text/*": {"schema": {"type": "string"}}}
        return made
    types = [one for one in accepted if _is_json(one)] or [JSON]
    schema = {} if form is UNSET else schemas.add(form, "validation")
    made["content"] = {one: {"schema": schema} for one in types}
    return made


def _is_json(media_type: str) -> bool:
    return media_type.endswith(("/json", "+json"))
