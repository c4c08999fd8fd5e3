"""One endpoint as an operation of OpenAPI."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from typing_extensions import get_type_hints

from ..client.encoding import as_pairs
from ..client.redaction import is_credential
from ..client.url import compile_path
from ..pagination import Pagination
from .bodies import request_body
from .docstrings import Docstring, read_docstring
from .parameters import Parameters
from .responses import error_responses, result_responses
from .schemas import Schemas

if TYPE_CHECKING:
    from ..client.config import ClientConfig
    from ..endpoints.endpoint import Endpoint
    from .security import SecuritySchemes

__all__ = ["Operations", "Target", "find_target"]

_FIELD = re.compile(r"\{([^{}/?]+)\}")


class Target(NamedTuple):
    """Where an operation is.

    Attributes:
        path: The path, with the names of its fields.
        fields: These names.
        query: The pairs of the query that is written in the path, as they are written.
        server: The origin, where it is not that of the client.
    """

    path: str
    fields: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    server: str | None

    @property
    def shape(self) -> str:
        """The path without the names of its fields, by which servers tell paths apart."""
        return _FIELD.sub("{}", self.path)

    @property
    def unique_path(self) -> str:
        """The path, in which names of fields that are there already have a number."""
        names = set(self.fields)
        seen: set[str] = set()

        def name(match: re.Match[str]) -> str:
            found, number = match[1], 1
            while found in seen or (number > 1 and found in names):
                number += 1
                found = f"{match[1]}{number}"
            seen.add(found)
            return f"{{{found}}}"

        return _FIELD.sub(name, self.path)

    @property
    def in_query(self) -> dict[str, str]:
        """The parameters of the query by the fields that fill them."""
        return {field: name for name, value in self.query for field in _FIELD.findall(value)}


def find_target(prefix: str, path: str) -> Target:
    """Return where an operation is.

    Args:
        prefix: The path of the sub-client.
        path: The path below it.
    """
    template = compile_path(path)
    if template.origin is None:
        joined = f"{prefix}/{path.removeprefix('/')}" if path and path[0] != "?" else prefix + path
        template = compile_path(joined)
    pairs = (pair.partition("=") for pair in template.query.split("&") if pair)
    return Target(
        template.path or "/",
        tuple(_FIELD.findall(template.path)),
        tuple((name, value) for name, _, value in pairs),
        None if template.origin is None else template.origin.prefix,
    )


class Operations:
    """Makes the operations of a document.

    Args:
        config: The configuration of the client.
        schemas: The schemas of the document.
        security: Its security schemes.
    """

    def __init__(self, config: ClientConfig, schemas: Schemas, security: SecuritySchemes) -> None:
        self._config = config
        self._schemas = schemas
        self._security = security

    def of_endpoint(
        self, endpoint: Endpoint[..., Any], node: Any, name: str, target: Target, path: str
    ) -> dict[str, Any]:
        """Return the operation of a declared endpoint.

        Args:
            endpoint: The endpoint.
            node: The client, sub-client or class that has it.
            name: Its name from the client down.
            target: Where it is.
            path: What its path is called in the document.
        """
        about, plan = endpoint.declaration, endpoint.compile(node)
        doc = read_docstring(about.function.__doc__)
        made = self._head(doc, about.name, about.function.__name__, about.href, name)
        given = about.description
        if given and given != inspect.cleandoc(about.function.__doc__ or ""):
            made["description"] = given
        if about.deprecated:
            made["deprecated"] = True
        if target.server is not None:
            made["servers"] = [{"url": target.server}]
        parameters = self._parameters(target, path, doc.arguments)
        parameters.add(plan.arguments)
        self._add_rest(parameters, target)
        if plan.result.how in ("items", "pages"):
            _add_pages(parameters, about.options.get("pagination"))
        self._put_parameters(made, parameters)
        own_type, usual_type = (
            next(iter(_media_types(headers, "content-type")), None)
            for headers in (about.options.get("headers"), self._config.headers)
        )
        body = request_body(
            plan.arguments, self._schemas, doc.arguments, declared=own_type, usual=usual_type
        )
        if body is not None:
            made["requestBody"] = body
        accepted = self._accepted(about.options.get("headers"))
        own = self._config.error_responses
        failed = error_responses(own, about.options.get("error_responses"), accepted, self._schemas)
        found = result_responses(plan.result, about.options, accepted, self._schemas, doc)
        made["responses"] = {**found, **{k: one for k, one in failed.items() if k not in found}}
        if about.method == "HEAD":
            for one in made["responses"].values():
                one.pop("content", None)
        required = self._security.of_endpoint(about.options)
        if required is not None:
            made["security"] = required
        return made

    def of_notes(
        self,
        notes: Mapping[str, Any],
        function: Any,
        name: str,
        target: Target,
        path: str,
    ) -> dict[str, Any]:
        """Return the operation of a method that is written by hand, as far as it is known."""
        doc = read_docstring(getattr(function, "__doc__", None))
        own = getattr(function, "__name__", "")
        made = self._head(doc, str(notes["name"]), own, notes.get("href"), name)
        if notes.get("description"):
            made["description"] = notes["description"]
        if target.server is not None:
            made["servers"] = [{"url": target.server}]
        parameters = self._parameters(target, path, doc.arguments)
        self._add_rest(parameters, target, _hints(function))
        self._put_parameters(made, parameters)
        failed = error_responses(
            self._config.error_responses, None, self._accepted(None), self._schemas
        )
        made["responses"] = {"2XX": {"description": doc.returns or "Success"}, **failed}
        return made

    def _head(
        self, doc: Docstring, title: str, own: str, href: str | None, name: str
    ) -> dict[str, Any]:
        tag = name.rpartition(".")[0]
        made: dict[str, Any] = {"operationId": name}
        if tag:
            made["tags"] = [tag]
        summary = doc.summary if title == own else title
        description = doc.description
        if title != own and doc.summary:
            description = "\n\n".join(filter(None, (doc.summary, description)))
        if summary:
            made["summary"] = summary
        if description:
            made["description"] = description
        if href:
            made["externalDocs"] = {"url": href}
        return made

    def _parameters(self, target: Target, path: str, described: Mapping[str, str]) -> Parameters:
        renamed: dict[str, list[str]] = {}
        for field, called in zip(target.fields, _FIELD.findall(path), strict=True):
            renamed.setdefault(field, []).append(called)
        return Parameters(self._schemas, renamed, target.in_query, described)

    def _add_rest(
        self, parameters: Parameters, target: Target, hints: Mapping[str, Any] | None = None
    ) -> None:
        """Add what the path alone says."""
        parameters.add_path(target.fields, hints or {})
        for name, value in target.query:
            schema = {"type": "string"}
            # Some servers take a `;` for another `&`.
            is_secret = is_credential(unquote(name)) or ";" in value
            if not is_secret and _FIELD.search(value) is None:
                schema["const"] = value
            parameters.add_plain(name, "query", schema, required=True)

    def _put_parameters(self, made: dict[str, Any], parameters: Parameters) -> None:
        made["parameters"] = []

        def finish() -> None:
            made["parameters"] = parameters.finish()
            if not made["parameters"]:
                del made["parameters"]

        self._schemas.later(finish)

    def _accepted(self, headers: Any) -> list[str]:
        """Return the media types that are asked for, without those that say nothing."""
        types = _media_types(headers, "accept") or _media_types(self._config.headers, "accept")
        found = [one for one in types if one != "*/*"]
        if not found and self._config.json_content_types:
            found = [one for one in self._config.json_content_types if "*" not in one]
        return found


def _media_types(headers: Any, name: str) -> list[str]:
    """Return the media types that a header names, in small letters and without parameters."""
    pairs = [] if headers is None else as_pairs("`headers`", headers)
    text = next((value for key, value in pairs if key.lower() == name), None)
    types = (one.partition(";")[0].strip().lower() for one in str(text or "").split(","))
    return [one for one in types if one]


def _add_pages(parameters: Parameters, pagination: Any) -> None:
    """Add the parameters that lead from page to page, as far as the strategy tells them."""
    if not isinstance(pagination, Pagination):
        return
    first = pagination.first()
    names: Iterable[str] = dict.fromkeys([*first, getattr(pagination, "_parameter", "")])
    for name in names:
        if name:
            is_number = isinstance(first.get(name), int)
            parameters.add_plain(name, "query", {"type": "integer"} if is_number else {})


def _hints(function: Any) -> dict[str, Any]:
    """Return the annotations of a method, as far as they can be evaluated."""
    try:
        return get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - of a method by hand anything may be annotated
        return {}
