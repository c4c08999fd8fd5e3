"""From what a call is given to its `Explanation`: it is prepared as it would be, and not sent."""

# It tells what a client keeps to itself.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..client.checks import near_miss
from ..client.paging import ItemWalk, Walk
from ..client.prepare import CALL_OPTIONS
from ..constants import HTTPMethod
from ..endpoints.markers import Body, Cookie, File, Header, Marker, Path, Query
from ..errors import ConfigurationError
from ..options import UNSET
from .parts import find_body, find_cookies, find_headers, find_path, find_query, find_url
from .prepared import Plan, Prepared, prepare
from .rules import (
    find_auth,
    find_circuit,
    find_concurrency,
    find_hooks,
    find_limits,
    find_paging,
    find_responses,
    find_settings,
    find_wait,
)
from .shown import holds_secret, is_closed
from .sources import CallSources, ClientSources, plain_name
from .values import Explanation, Source

if TYPE_CHECKING:
    from ..endpoints.argument import Argument

__all__ = ["explain", "explain_endpoint"]

_OPTIONS: dict[type[Marker], str] = {
    Path: "path_parameters",
    Query: "parameters",
    Header: "headers",
    Cookie: "cookies",
}
_METHOD = re.compile(r"[A-Z][A-Z0-9\-]*")


def explain(
    node: Any, endpoint: Any, args: tuple[Any, ...], named: Mapping[str, Any]
) -> Explanation:
    """Return what a call of a client or sub-client would send.

    Args:
        node: The client or sub-client.
        endpoint: The name of an endpoint, with those of sub-clients before it; or a method, such as
            `"GET"`.
        args: What the endpoint is given by position; or the path.
        named: What it is given by name; or the options of the call.

    Raises:
        ConfigurationError: There is no such endpoint, or its call could never be sent.
    """
    if isinstance(endpoint, HTTPMethod):
        endpoint = endpoint.value
    if isinstance(endpoint, str) and _METHOD.fullmatch(endpoint):
        return _explain_written(node, endpoint, args, named)
    if not isinstance(endpoint, str):
        raise ConfigurationError(
            "explain takes the name of an endpoint, such as 'user' or 'users.list', or a method "
            f"and a path, got {type(endpoint).__name__}"
        )
    *above, name = endpoint.split(".")
    for one in above:
        children = node._children
        if one not in children:
            raise ConfigurationError(
                f"{type(node).__name__} has no sub-client {one!r}{near_miss(one, children)}"
            )
        node = children[one]
    if name not in node.endpoints:
        raise _no_endpoint(node, name)
    return explain_endpoint(node.endpoints[name].__get__(node, type(node)), args, named)


def _no_endpoint(node: Any, name: str) -> ConfigurationError:
    kind: Any = node.__class__
    if name.upper() in HTTPMethod.__members__:
        hint = f"; did you mean {name.upper()!r}?"
    elif callable(getattr(kind, name, None)):
        return ConfigurationError(
            f"{kind.__name__}.{name} is written by hand, and only its calls know what they send: "
            "explain one with its method and path, as `explain('GET', '/path', ...)`"
        )
    else:
        hint = near_miss(name, node.endpoints)
    return ConfigurationError(f"{kind.__name__} declares no endpoint {name!r}{hint}")


def _explain_written(
    node: Any, method: str, args: tuple[Any, ...], named: Mapping[str, Any]
) -> Explanation:
    """Return what a call written by hand would send."""
    if len(args) > 1:
        raise ConfigurationError(
            f"explain takes a method and one path, got {len(args)} positional arguments after "
            f"{method!r}"
        )
    sources = CallSources(ClientSources(_client_of(node)), named, named)
    path = args[0] if args else None
    form = named.get("response_format", UNSET)
    return _explanation(Plan(node, method, path, named, sources, form=form))


def explain_endpoint(bound: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> Explanation:
    """Return what the call of an endpoint would send.

    Args:
        bound: The endpoint of a client or sub-client.
        args: What it is given by position.
        named: What it is given by name.

    Raises:
        ConfigurationError: Its call could never be sent.
    """
    endpoint, node = bound.endpoint, bound.__self__
    declaration, compiled = endpoint.declaration, endpoint.plan or endpoint.compile(node)
    result = compiled.result
    options = compiled.options(args, dict(named), bound.options)
    arguments: tuple[Argument, ...] = compiled.arguments
    by_position = [one.name for one, _ in zip(arguments, args, strict=False)]
    names = {one.name for one in arguments}
    own = {name: value for name, value in named.items() if name not in names}
    paging: dict[str, Any] = {}
    paged: tuple[str, ...] = ()
    method, path = declaration.method, declaration.path
    if result.how in ("items", "pages"):
        kind = ItemWalk if result.how == "items" else Walk
        walk = kind(path, result.form, {**options, "method": method})
        paging, paged = options, tuple(walk.position.parameters)
        method, path, options = walk.call(walk.position)
        del options["response_format"]
    elif result.how == "stream":
        options = node._streamed(method, path, options)._call_options()
    name = plain_name(declaration.function)
    sources = CallSources(
        ClientSources(_client_of(node)),
        {**paging, **options},
        own,
        bound.options,
        declaration.options,
        name,
        _argument_sources(arguments, {*by_position, *named}, name),
        paged,
    )
    plan = Plan(
        node,
        method,
        path,
        {name: value for name, value in options.items() if name in _SENT},
        sources,
        result.how,
        result.form,
        result.by_status,
        _public(arguments) if declaration.validate else {},
        frozenset(one.sent for one in arguments if holds_secret(one.annotation)),
        paging,
    )
    return _explanation(plan)


_SENT = CALL_OPTIONS | {"stream"}


def _client_of(node: Any) -> Any:
    """Return the client at the root, which sends."""
    return node if node._is_client else node._locate(None)[0]


def _argument_sources(
    arguments: tuple[Argument, ...], given: set[str], endpoint: str
) -> dict[str, dict[str, Source]]:
    """Return where what the arguments became comes from, by option and name sent."""
    found: dict[str, dict[str, Source]] = {}
    for one in arguments:
        source = Source("argument", one.name) if one.name in given else Source("endpoint", endpoint)
        found.setdefault(_option_of(one), {})[one.sent] = source
    return found


def _option_of(argument: Argument) -> str:
    """Return the option of a call that an argument goes into."""
    marker = argument.marker
    if isinstance(marker, Body):
        return "data" if marker.raw else "body"
    if isinstance(marker, File):
        return "files"
    return _OPTIONS.get(type(marker), "data")


def _public(arguments: tuple[Argument, ...]) -> dict[str, frozenset[str]]:
    """Return the names, by option, whose values can only be what is written down in code."""
    found: dict[str, set[str]] = {}
    for one in arguments:
        if is_closed(one.annotation):
            option = _option_of(one)
            found.setdefault(option, set()).add(
                one.sent.lower() if option == "headers" else one.sent
            )
    return {option: frozenset(names) for option, names in found.items()}


def _explanation(plan: Plan) -> Explanation:
    made: Prepared = prepare(plan)
    query, limits = find_query(made), find_limits(made)
    return Explanation(
        endpoint=plan.sources.endpoint,
        method=made.request.method,
        url=find_url(made, query),
        path=find_path(made),
        query=query,
        headers=find_headers(made),
        cookies=find_cookies(made),
        body=find_body(made),
        settings=find_settings(made),
        limits=limits,
        wait=find_wait(made, limits),
        circuit=find_circuit(made),
        concurrency=find_concurrency(made),
        auth=find_auth(made),
        hooks=find_hooks(made),
        responses=find_responses(made),
        paging=find_paging(made),
        request=made.request,
    )
