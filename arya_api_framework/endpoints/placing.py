"""Where the arguments of an endpoint go in the options of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias

from ..client.checks import make_timeout
from ..client.encoding import as_pairs
from ..errors import ConfigurationError
from ..options import Timeout
from ..streaming.multipart import is_json_type
from .argument import Argument
from .markers import Body, File, Form, Header, Part, Path, Query
from .styles import fields_of, write_cookie, write_header, write_path, write_query

__all__ = ["Put", "find_puts", "lay_over"]

Put: TypeAlias = Callable[[dict[str, Any], dict[str, Any]], None]
"""Put values, by the name of their argument, into the options of a call."""

_MERGED = ("headers", "cookies", "parameters", "error_responses", "hooks", "timeout")

Names: TypeAlias = tuple[tuple[str, str], ...]
Write: TypeAlias = Callable[[Any], Any]


def find_puts(arguments: Iterable[Argument]) -> tuple[Put, ...]:
    """Return what puts the arguments of an endpoint into the options of a call.

    Raises:
        ConfigurationError: A marker holds what cannot be sent.
    """
    by_place: dict[str, list[Argument]] = {}
    for one in arguments:
        place = "form" if isinstance(one.marker, Form | File | Part) else one.place
        by_place.setdefault(place, []).append(one)
    return tuple(put for place, found in by_place.items() for put in _PLACES[place](found))


def lay_over(options: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return options with others laid over them, as those of a call over those of its client.

    What has keys is laid over key by key, hooks are added, and a number keeps the parts of a
    `Timeout`.
    """
    laid = {**options, **over}
    for name in _MERGED:
        if name in options and name in over:
            laid[name] = _over(name, options[name], over[name])
    return laid


def _over(option: str, base: Any, given: Any) -> Any:
    """Return the values of an option with others laid over them, name by name."""
    if option == "timeout":
        return make_timeout(base, given) if isinstance(base, Timeout) else given
    if not base or not given:
        return given or base
    if option == "hooks":
        return [*base, *given]
    if option == "error_responses":
        return {**base, **given}
    # Fields of headers are called the same in any case.
    fold: Callable[[str], str] = str.lower if option == "headers" else str
    pairs = as_pairs(f"`{option}`", given)
    taken = {fold(name) for name, _ in pairs}
    kept = [pair for pair in as_pairs(f"`{option}`", base) if fold(pair[0]) not in taken]
    return [*kept, *pairs]


def _names(arguments: Iterable[Argument]) -> Names:
    return tuple((one.name, one.sent) for one in arguments)


def _is_single(argument: Argument) -> bool:
    return argument.kinds <= {"single"}


def _put_path(arguments: list[Argument]) -> list[Put]:
    names = _names(arguments)
    writers = {one.name: _path_writer(one) for one in arguments if not _is_plain_path(one)}

    def put(options: dict[str, Any], values: dict[str, Any]) -> None:
        options["path_parameters"] = {sent: values[name] for name, sent in names}

    def put_written(options: dict[str, Any], values: dict[str, Any]) -> None:
        options["path_parameters"] = {
            sent: writers[name](values[name]) if name in writers else values[name]
            for name, sent in names
        }

    return [put_written if writers else put]


def _is_plain_path(argument: Argument) -> bool:
    return _is_single(argument) and getattr(argument.marker, "style", None) in (None, "simple")


def _path_writer(argument: Argument) -> Write:
    marker, sent = argument.marker, argument.sent
    assert isinstance(marker, Path)
    style, explode = marker.style or "simple", marker.explode
    return lambda value: write_path(sent, value, style, explode)


def _put_query(arguments: list[Argument]) -> list[Put]:
    puts: list[Put] = []
    plain = [one for one in arguments if _is_plain_query(one)]
    if plain:
        names = _names(plain)

        def put(options: dict[str, Any], values: dict[str, Any]) -> None:
            # What was not given is not there.
            query = {sent: values[name] for name, sent in names if name in values}
            if "parameters" in options:
                query = _over("parameters", options["parameters"], query)
            options["parameters"] = query

        puts.append(put)
    taken = {one.sent for one in arguments if not one.is_whole}
    puts += [_put_written(one, taken) for one in arguments if one not in plain]
    return puts


def _is_plain_query(argument: Argument) -> bool:
    marker: Any = argument.marker
    return argument.kinds <= {"single", "list"} and marker.explode is not False and not marker.style


def _put_written(argument: Argument, taken: AbstractSet[str]) -> Put:
    name, sent, marker = argument.name, argument.sent, argument.marker
    assert isinstance(marker, Query)
    style, explode = marker.style, marker.explode

    def put(options: dict[str, Any], values: dict[str, Any]) -> None:
        if name in values:
            given = write_query(sent, values[name], style, explode)
            both = next((key for key in given if key in taken), None)
            if both is not None and argument.is_whole:
                raise ConfigurationError(
                    f"{name!r} holds {both!r}, which is another argument of the query"
                )
            options["parameters"] = _over("parameters", options.get("parameters"), given)

    return put


def _put_headers(arguments: list[Argument]) -> list[Put]:
    names = _names(arguments)
    writers = {one.name: _header_writer(one) for one in arguments if not _is_single(one)}

    def put(options: dict[str, Any], values: dict[str, Any]) -> None:
        given = {
            sent: writers[name](values[name]) if name in writers else values[name]
            for name, sent in names
            if name in values
        }
        options["headers"] = _over("headers", options.get("headers"), given)

    return [put]


def _header_writer(argument: Argument) -> Write:
    marker, sent = argument.marker, argument.sent
    assert isinstance(marker, Header)
    return lambda value: write_header(sent, value, marker.explode)


def _put_cookies(arguments: list[Argument]) -> list[Put]:
    names = _names(arguments)
    # Others may be single values only.
    joined = {one.name for one in arguments if getattr(one.marker, "explode", None) is False}

    def put(options: dict[str, Any], values: dict[str, Any]) -> None:
        given = {
            sent: write_cookie(sent, values[name]) if name in joined else values[name]
            for name, sent in names
            if name in values
        }
        options["cookies"] = _over("cookies", options.get("cookies"), given)

    return [put]


def _put_body(arguments: list[Argument]) -> list[Put]:
    [first, *_] = arguments
    marker = first.marker
    assert isinstance(marker, Body)
    types = (getattr(one.marker, "content_type", None) for one in arguments)
    media_type = next(filter(None, types), None)
    if marker.embed:
        names = _names(arguments)

        def put_names(options: dict[str, Any], values: dict[str, Any]) -> None:
            options["body"] = {sent: values[name] for name, sent in names if name in values}
            _set_media_type(options, media_type)

        return [put_names]
    option, name, may_be_nothing = "data" if marker.raw else "body", first.name, not marker.raw

    def put_whole(options: dict[str, Any], values: dict[str, Any]) -> None:
        if name not in values:
            return
        value = values[name]
        if value is None and may_be_nothing:
            # As `body` it would stand for no body; so does a default.
            if first.default is not None:
                options["data"] = b"null"
                _set_media_type(options, media_type or "application/json")
            return
        options[option] = value
        _set_media_type(options, media_type)

    return [put_whole]


def _set_media_type(options: dict[str, Any], media_type: str | None) -> None:
    if media_type is not None:
        options["headers"] = _over(
            "headers", {"Content-Type": media_type}, options.get("headers") or {}
        )


def _put_form(arguments: list[Argument]) -> list[Put]:
    from ..forms import Form as FormValue

    fields = [one for one in arguments if not isinstance(one.marker, File)]
    files = _names(one for one in arguments if isinstance(one.marker, File))
    encoding: dict[str, Any] = {}
    for one in fields:
        assert isinstance(one.marker, Form | Part)
        if one.marker.encoding is not None:
            encoding[one.sent] = one.marker.encoding
    nulls = {one.name for one in fields if _is_json_part(one)}
    has_parts = True if any(isinstance(one.marker, Part) for one in fields) else None
    alone = fields[0] if len(fields) == 1 else None

    def put(options: dict[str, Any], values: dict[str, Any]) -> None:
        given: Any = {}
        for one in fields:
            if one.name in values:
                value = values[one.name]
                if value is None and one.name in nulls:
                    value = b"null"
                inner = fields_of(f"form {one.name!r}", value) if one.is_whole else None
                given.update({one.sent: value} if inner is None else inner)
        if alone is not None and alone.is_whole and alone.name in values:
            given = values[alone.name]  # What the annotations of a model say of its fields counts.
        known = {name: one for name, one in encoding.items() if name in given}
        if given:
            options["data"] = FormValue(given, encoding=known, multipart=has_parts)
        attached = {sent: values[name] for name, sent in files if values.get(name) is not None}
        if attached:
            options["files"] = attached

    return [put]


def _is_json_part(argument: Argument) -> bool:
    marker = argument.marker
    return isinstance(marker, Part) and is_json_type(marker.content_type or "")


_PLACES: dict[str, Callable[[list[Argument]], list[Put]]] = {
    "path": _put_path,
    "query": _put_query,
    "header": _put_headers,
    "cookie": _put_cookies,
    "body": _put_body,
    "form": _put_form,
}
