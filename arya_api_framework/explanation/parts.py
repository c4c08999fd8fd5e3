"""The parts of a request, each with where it comes from: path, query, headers, cookies, body."""

# It tells what a client keeps to itself.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

from ..auth.base import Auth
from ..auth.fixed import ApiKeyAuth
from ..client.body import Body, BytesBody
from ..client.codings import CompressedBytes
from ..client.cookie_jar import CookieText
from ..client.encoding import as_pairs, encode_json, encode_query, encode_scalar
from ..client.placed import AuthText, KeyText
from ..client.redaction import HIDDEN, clean_text, redact_url
from ..client.shapes import is_bytes, is_sequence, is_tuple
from ..client.subclient import SubClient
from ..client.url import compile_path
from ..client.verbs import path_text
from ..retry import Retry
from .contents import contains_secret
from .prepared import Prepared, UnreadBody
from .shown import hide_values, is_private, show_header, show_parameter
from .sources import DEFAULT, flat_name, name_key
from .values import BodyShape, Source, Value

__all__ = ["find_body", "find_cookies", "find_headers", "find_path", "find_query", "find_url"]

_NO_LENGTH = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_USUAL = Retry()
_LATER = "known when it is sent"
_PLACE = "hidden-by-explain"
"""Stands in a path for a value that is then hidden."""


def find_url(made: Prepared, query: tuple[Value, ...]) -> str:
    """Return the URL as it may be shown."""
    path = made.request.target.partition("?")[0]
    hidden = _private_fields(made)
    if hidden:
        base = "" if compile_path(path_text(made.path)).origin is not None else _base(made)
        path = (base + _fill(made, hidden)[0]).replace(_PLACE, HIDDEN)
    url = redact_url(made.request.origin.prefix + path)
    return f"{url}?{'&'.join(map(_pair, query))}" if query else url


def _base(made: Prepared) -> str:
    return made.client._origin_path[1]


def _pair(value: Value) -> str:
    if value.name == HIDDEN:
        return HIDDEN
    if value.value == HIDDEN:
        return encode_query([(value.name, "")]) + HIDDEN
    return encode_query([(value.name, value.value)])


def _path_values(made: Prepared) -> dict[str, Any]:
    return dict(as_pairs("`path_parameters`", made.question.options.get("path_parameters") or {}))


def _private_fields(made: Prepared) -> frozenset[str]:
    """Return the fields of the path whose values are secrets."""
    values = _path_values(made)
    given = {name: made.sources.argument_of("path_parameters", name) for name in values}
    return frozenset(
        name
        for name, value in values.items()
        if is_private(name, value) or ((one := given[name]) is not None and one.is_private)
    )


def _fill(made: Prepared, hidden: frozenset[str]) -> tuple[str, str]:
    """Return path and query of the template, what is hidden of them marked."""
    shown = {name: _PLACE if name in hidden else one for name, one in _path_values(made).items()}
    return compile_path(path_text(made.path)).fill(shown, encode_scalar)


def find_path(made: Prepared) -> tuple[Value, ...]:
    """Return what the URL before its query is made of."""
    sources, node = made.sources, made.question.node
    text = path_text(made.question.path).partition("?")[0]
    parts: list[Value] = []
    if compile_path(path_text(made.path)).origin is None:
        parts.append(Value("uri", redact_url(str(made.client.uri)), sources.client.of("uri")))
        above = [one for one in node._upwards() if isinstance(one, SubClient)]
        parts += [
            Value("relative_path", one._subclient_path, Source("sub-client", one.name))
            for one in reversed(above)
            if one._subclient_path
        ]
    if text:
        parts.append(Value("path", redact_url(text), sources.declaration))
    hidden, query = _private_fields(made), compile_path(path_text(made.path)).query
    for name, value in _path_values(made).items():
        is_hidden = name in hidden or f"{{{name}}}" in query
        shown = HIDDEN if is_hidden else clean_text(encode_scalar(value))
        given = sources.argument_of("path_parameters", name)
        parts.append(Value(f"{{{name}}}", shown, Source("call") if given is None else given.source))
    return tuple(parts)


def find_query(made: Prepared) -> tuple[Value, ...]:
    """Return the parameters in their order, those of an `Auth` at the end."""
    hidden = _private_fields(made)
    written = _fill(made, hidden)[1].split("&") if "?" in path_text(made.path) else []
    pieces = made.request.target.partition("?")[2].split("&")
    found = [_parameter(made, piece, written) for piece in pieces if piece]
    for source, auth in _keys_in(made, "query"):
        found = [one for one in found if one.name != auth.name]
        found.append(Value(auth.name, HIDDEN, source))
    return tuple(found)


def _parameter(made: Prepared, piece: str, written: list[str]) -> Value:
    """Return a parameter.

    Args:
        made: The call.
        piece: The parameter as it is sent.
        written: Those that are written in the path, what is hidden of them marked.
    """
    name, given = _name(piece), made.sources.argument_in(piece)
    in_path = [one for one in written if _name(one) == name]
    source = made.sources.of_piece(piece)
    if source is None:
        source = made.sources.declaration if in_path else _of_client_parameter(made, name)
    if "=" not in piece:  # It may be a value as well as a name.
        return Value(HIDDEN, HIDDEN, source)
    is_private = any(_PLACE in one for one in in_path) or _is_secret(made, "parameters", name)
    if given is not None:
        is_private = is_private or given.is_private
    text = unquote_plus(piece.partition("=")[2])
    is_public = given is not None and given.is_public
    shown = HIDDEN if is_private else show_parameter(name, text, is_public=is_public)
    return Value(clean_text(name), shown, source)


def _name(piece: str) -> str:
    return unquote_plus(piece.partition("=")[0])


def _is_secret(made: Prepared, option: str, name: str) -> bool:
    """Return whether a value of this name was given as a secret, to the call or to the client."""
    key = name_key(option, name)
    given = made.question.options.get(option)
    pairs = [*as_pairs(f"`{option}`", given or ()), *getattr(made.client, option).items()]
    return any(
        contains_secret(value)
        for one, value in pairs
        if flat_name(key, [name_key(option, one)]) is not None
    )


def _of_client_parameter(made: Prepared, name: str) -> Source:
    key = flat_name(name, made.client.parameters)
    return DEFAULT if key is None else made.sources.client.of_name("parameters", key)


def _keys_in(made: Prepared, location: str) -> Iterator[tuple[Source, ApiKeyAuth]]:
    """Return the keys that an `Auth` puts into a place."""
    for auth in made.call.policy.auth:
        if isinstance(auth, ApiKeyAuth) and auth.location == location:
            yield Source("auth", made.title_of(auth)), auth


def find_headers(made: Prepared) -> tuple[Value, ...]:
    """Return the header fields, with those that a connection adds."""
    cookies = find_cookies(made)
    found: list[Value] = [
        Value("Host", made.request.origin.authority, Source("connection")),
    ]
    for name, value in made.request.headers.items():
        if not _is_later(made, name, value):
            found.append(_field(made, name, value, _of_header(made, name, value, cookies)))
    if cookies and "Cookie" not in made.request.headers:
        found.append(Value("Cookie", HIDDEN, cookies[0].source))
    digests = list(_digests(made))  # They take the place of what was given by hand.
    names = {one.name.lower() for one in digests}
    found = [one for one in found if one.name.lower() not in names]
    return (*found, *digests, *_framing(made))


def _is_later(made: Prepared, name: str, value: str) -> bool:
    """Return whether a field is filled only once the server has asked for it."""
    return isinstance(value, AuthText) and made.is_unasked(_filler(made, name))


def _field(made: Prepared, name: str, value: str, source: Source) -> Value:
    given = made.sources.argument_of("headers", name)
    is_public = source.kind == "retry"
    is_private = _is_secret(made, "headers", name)
    if given is not None and given.source == source:
        is_public, is_private = given.is_public, is_private or given.is_private
    shown = HIDDEN if is_private else show_header(name, str(value), is_public=is_public)
    return Value(str(name), shown, source)


def _of_header(made: Prepared, name: str, value: str, cookies: tuple[Value, ...]) -> Source:
    """Return where a field comes from."""
    sources, lower = made.sources, name.lower()
    if isinstance(value, KeyText):
        return Source("credentials", "CredentialPool")
    if isinstance(value, AuthText):
        return Source("auth", made.title_of(_filler(made, name)))
    if isinstance(value, CookieText):
        found = {one.source for one in cookies}
        return found.pop() if len(found) == 1 else Source("cookies")
    given = sources.of_name("headers", name)
    own = made.planned.headers
    retry = made.call.policy.retry or _USUAL
    if lower == retry.idempotency_header.lower():
        if name not in own:
            return Source("retry")
        if made.question.options.get("idempotency_key") is not None:
            return Source("call", option="idempotency_key")
    told = made.call.policy.deadline_header
    if told is not None and lower == told.lower() and made.call.ends is not None:
        source = sources.of("deadline_header")
        return Source(source.kind, source.name, "deadline_header")
    if given is not None:
        return given
    if lower == "content-encoding" and made.request.body is not None:
        return sources.of("compress")
    if lower == "content-type" and made.request.body is not None:
        is_own = not made.is_foreign and made.client.headers.get(name) == value
        return _of_client_header(made, name) if is_own else Source("body")
    return _of_client_header(made, name)


def _of_client_header(made: Prepared, name: str) -> Source:
    layers = made.of_client
    if layers is None:
        return DEFAULT
    if name.lower() == "authorization" and made.client.bearer_token is not None:
        source = layers.of("bearer_token")
        return Source(source.kind, source.name, "bearer_token")
    return layers.of_name("headers", name)


def _filler(made: Prepared, field: str) -> Auth:
    """Return the `Auth` that fills a field."""
    return next(
        auth for auth in made.call.policy.auth if (auth.header or "").lower() == field.lower()
    )


def _digests(made: Prepared) -> Iterator[Value]:
    """Return the fields whose values are computed of the body when it is sent."""
    if made.request.body is None:
        return
    source = made.sources.of("checksum")
    for name in {one.header.lower(): one.header for one in made.call.policy.checksum}.values():
        yield Value(name, _LATER, Source(source.kind, source.name, "checksum"))


def _framing(made: Prepared) -> Iterator[Value]:
    """Return the fields that say where the body ends, and whether the connection does."""
    source, body = Source("connection"), made.request.body
    if body is None:
        if made.request.method not in _NO_LENGTH:
            yield Value("Content-Length", "0", source)
    elif (length := _length(body)) is not None:
        yield Value("Content-Length", str(length), source)
    elif isinstance(body, CompressedBytes | UnreadBody):
        yield Value("Content-Length", _LATER, source)
    else:
        yield Value("Transfer-Encoding", "chunked", source)
    if not made.call.policy.keeps_alive:
        yield Value("Connection", "close", source)


def _length(body: bytes | Body) -> int | None:
    return len(body) if isinstance(body, bytes) else body.length


def find_cookies(made: Prepared) -> tuple[Value, ...]:
    """Return what the `Cookie` field is made of, where it was not given by hand."""
    text = made.request.headers.get("Cookie")
    found: list[Value] = []
    if isinstance(text, CookieText):
        own = text.own.split("; ")
        found = [_cookie(made, pair, is_own=pair in own) for pair in text.split("; ")]
    for source, auth in _keys_in(made, "cookie"):
        found = [one for one in found if one.name != auth.name]
        found.append(Value(auth.name, HIDDEN, source))
    return tuple(found)


def _cookie(made: Prepared, pair: str, *, is_own: bool) -> Value:
    name, _, value = pair.partition("=")
    if not is_own:
        return Value(name, HIDDEN, Source("cookie jar"))
    given = made.sources.argument_of("cookies", name)
    source = made.sources.of_name("cookies", name) or made.sources.client.of_name("cookies", name)
    is_shown = given is not None and given.is_public and not given.is_private
    return Value(name, clean_text(value) if is_shown else HIDDEN, source)


def find_body(made: Prepared) -> BodyShape | None:
    """Return the body without its values, `None` for none."""
    body, options = made.request.body, made.question.options
    if body is None:
        return None
    kind, structure = _shape(made, options)
    option = next(one for one in ("body", "data", "files") if options.get(one) is not None)
    arguments = [one for one in made.sources.arguments if one.option in ("body", "data", "files")]
    fields = [Value(one.sent, HIDDEN, one.source) for one in arguments if len(arguments) > 1]
    return BodyShape(
        kind,
        made.request.headers.get("Content-Type"),
        _length(body),
        made.request.replayable,
        structure,
        made.sources.of(option),
        tuple(fields),
    )


def _shape(made: Prepared, options: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return what kind of body it is, and its structure."""
    if options.get("body") is not None:
        import json

        body = made.request.body
        if isinstance(body, UnreadBody):
            return "JSON", None
        content = body.content if type(body) is BytesBody else body
        if made.request.headers.get("Content-Encoding") or not isinstance(content, bytes):
            content = encode_json(options["body"])  # What is sent is compressed.
        return "JSON", hide_values(json.loads(content))
    data, files = options.get("data"), options.get("files")
    media_type = made.request.headers.get("Content-Type", "")
    if files is not None or media_type.startswith("multipart/form-data; boundary="):
        return "multipart", _names(data) | _names(files)
    if media_type == "application/x-www-form-urlencoded" and not isinstance(data, str | bytes):
        return "form", _names(data)
    if isinstance(data, str):
        return "text", None
    content = data[1] if is_tuple(data) else data
    if isinstance(content, os.PathLike) or hasattr(content, "read"):
        return "file", None
    return "bytes" if is_bytes(content) or is_sequence(content) else "iterator", None


def _names(values: Any) -> dict[str, str]:
    """Return the names of a form."""
    if hasattr(values, "encoding"):  # A `Form`.
        values = values.values
    pairs = as_pairs("a form", values) if values is not None else []
    return {clean_text(name, 100): HIDDEN for name, _ in pairs}
