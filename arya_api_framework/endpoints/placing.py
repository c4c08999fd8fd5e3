"""Where the arguments of an endpoint go, other than into the path and the plain query."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from ..client.shapes import is_mapping, is_model
from .arguments import Argument
from .markers import Body, Cookie, File, Form, Header, Marker, Part

__all__ = ["Put", "find_puts", "sent_as"]

Put: TypeAlias = Callable[[dict[str, Any], dict[str, Any]], None]
"""Put values, by the name of their argument, into the options of a call."""

Sent: TypeAlias = tuple[tuple[str, str], ...]


def sent_as(arguments: Iterable[Argument], kind: type[Marker]) -> Sent:
    """Return the names of arguments of one kind, each with the name that is sent."""
    return tuple((one.name, one.sent) for one in arguments if isinstance(one.marker, kind))


def find_puts(arguments: tuple[Argument, ...]) -> tuple[Put, ...]:
    """Return what puts headers, cookies and bodies into the options of a call."""
    puts: list[Put] = []
    for kind, option in ((Header, "headers"), (Cookie, "cookies")):
        sent = sent_as(arguments, kind)
        if sent:
            puts.append(_put_fields(option, sent))
    bodies = [one for one in arguments if isinstance(one.marker, Body)]
    if bodies:
        puts.append(_put_body(bodies))
    forms = [one for one in arguments if isinstance(one.marker, Form | Part)]
    files = sent_as(arguments, File)
    if forms or files:
        puts.append(_put_form(forms, files))
    return tuple(puts)


def _put_fields(option: str, sent: Sent) -> Put:
    def put(options: dict[str, Any], values: dict[str, Any]) -> None:
        given = {name: values[one] for one, name in sent if one in values}
        if given:
            declared = options.get(option)
            options[option] = given if declared is None else {**dict(declared), **given}

    return put


def _put_body(bodies: list[Argument]) -> Put:
    [first, *_] = bodies
    marker = first.marker
    assert isinstance(marker, Body)
    if marker.embed:
        sent = tuple((one.name, one.sent) for one in bodies)

        def put_names(options: dict[str, Any], values: dict[str, Any]) -> None:
            options["body"] = {name: values[one] for one, name in sent if one in values}

        return put_names
    option, name, media_type = "data" if marker.raw else "body", first.name, marker.content_type

    def put_whole(options: dict[str, Any], values: dict[str, Any]) -> None:
        if name in values:
            options[option] = values[name]
            if media_type is not None:
                options["headers"] = {"Content-Type": media_type, **(options.get("headers") or {})}

    return put_whole


def _put_form(fields: list[Argument], files: Sent) -> Put:
    from ..forms import Encoding
    from ..forms import Form as FormValue

    encoding: dict[str, Any] = {}
    for one in fields:
        marker: Any = one.marker
        if isinstance(marker, Part):
            encoding[one.sent] = Encoding(content_type=marker.content_type, headers=marker.headers)
        elif marker.style is not None or marker.explode is not None:
            encoding[one.sent] = Encoding(style=marker.style, explode=marker.explode)
    is_multipart = True if any(isinstance(one.marker, Part) for one in fields) else None
    whole = fields[0].name if len(fields) == 1 and not encoding else None

    def put(options: dict[str, Any], values: dict[str, Any]) -> None:
        given: Any = {one.sent: values[one.name] for one in fields if one.name in values}
        if whole is not None and (is_mapping(values.get(whole)) or is_model(values.get(whole))):
            given = values[whole]
        if encoding or is_multipart:
            known = {name: one for name, one in encoding.items() if name in given}
            given = FormValue(given, encoding=known, multipart=is_multipart)
        if given:
            options["data"] = given
        attached = {name: values[one] for one, name in files if values.get(one) is not None}
        if attached:
            options["files"] = attached

    return put
