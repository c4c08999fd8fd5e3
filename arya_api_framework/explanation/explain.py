"""From what a call is given to its `Explanation`: it is prepared as it would be, and not sent."""

# It tells what a client keeps to itself.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..client.checks import near_miss
from ..client.encoding import as_pairs
from ..client.paging import ItemWalk, Walk
from ..client.prepare import CALL_OPTIONS
from ..client.redaction import is_credential
from ..constants import HTTPMethod
from ..endpoints.binding import make_validator
from ..endpoints.markers import Body, Header
from ..endpoints.placing import find_puts
from ..errors import ConfigurationError
from ..options import UNSET, URLPath
from .contents import contains_iterator, contains_secret, holds_secret, is_closed, is_iterator
from .parts import find_body, find_cookies, find_headers, find_path, find_query, find_url
from .prepared import Prepared, Question, prepare
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
from .sources import CallSources, ClientSources, Given, name_key, pieces_of, plain_name
from .values import Explanation, Source

if TYPE_CHECKING:
    from ..endpoints.argument import Argument
    from ..endpoints.declaration import Declaration
    from ..endpoints.plan import Plan
    from ..endpoints.results import Result

__all__ = ["explain", "explain_endpoint"]

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
    named = {name: _kept(name, value) for name, value in named.items()}
    if isinstance(endpoint, HTTPMethod):
        return _explain_written(node, endpoint.value, args, named)
    if not isinstance(endpoint, str):
        raise ConfigurationError(
            "explain takes the name of an endpoint, such as 'user' or 'users.list', or a method "
            f"and a path, got {type(endpoint).__name__}"
        )
    if endpoint not in node.endpoints and _METHOD.fullmatch(endpoint):
        return _explain_written(node, endpoint, args, named)
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
    return _explanation(Question(node, method, path, named, sources, form=form))


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
    declaration: Declaration = endpoint.declaration
    named = {name: _kept(name, value) for name, value in named.items()}
    plan = _without_reading(declaration, endpoint.plan or endpoint.compile(node), args, named)
    result, names = plan.result, {one.name for one in plan.arguments}
    values, over = plan._take(args, dict(named), bound.options)
    options = plan._place(values, over)
    first = _first_call(node, declaration, result, options)
    given = {*(one.name for one, _ in zip(plan.arguments, args, strict=False)), *named}
    sources = CallSources(
        ClientSources(_client_of(node)),
        {**options, **first.options},
        {name: value for name, value in named.items() if name not in names},
        bound.options,
        declaration.options,
        plain_name(declaration.function),
        tuple(_arguments(declaration, plan, values, given)),
        first.paged,
    )
    question = Question(
        node,
        first.method,
        first.path,
        {name: value for name, value in first.options.items() if name in _SENT},
        sources,
        result.how,
        result.form,
        result.by_status,
        options if result.how in ("items", "pages") else {},
    )
    return _explanation(question)


_SENT = CALL_OPTIONS | {"stream"}
_LISTED = frozenset({"headers", "cookies", "parameters", "path_parameters", "hooks"})


def _kept(name: str, value: Any) -> Any:
    """Return an option that can be read several times."""
    return [*value] if name in _LISTED and is_iterator(value) else value


def _client_of(node: Any) -> Any:
    """Return the client at the root, which sends."""
    return node if node._is_client else node._locate(None)[0]


class _FirstCall(NamedTuple):
    """The first call that an endpoint makes."""

    method: str
    path: URLPath
    options: Mapping[str, Any]
    paged: tuple[str, ...] = ()


def _first_call(
    node: Any, declaration: Declaration, result: Result, options: dict[str, Any]
) -> _FirstCall:
    method: str = declaration.method
    path: URLPath = declaration.path
    if result.how in ("items", "pages"):
        kind = ItemWalk if result.how == "items" else Walk
        walk = kind(path, result.form, {**options, "method": method})
        method, path, options = walk.call(walk.position)
        del options["response_format"]
        return _FirstCall(method, path, options, tuple(walk.position.parameters))
    if result.how == "stream":
        options = node._streamed(method, path, options)._call_options()
    return _FirstCall(method, path, options)


def _without_reading(
    declaration: Declaration, plan: Plan, args: tuple[Any, ...], named: Mapping[str, Any]
) -> Plan:
    """Return a plan that reads no iterator in a body: to check it would use it up."""
    given = {**dict(zip((one.name for one in plan.arguments), args, strict=False)), **named}
    unread = {
        one.name
        for one in plan.arguments
        if isinstance(one.marker, Body) and contains_iterator(given.get(one.name))
    }
    if not unread or not declaration.validate:
        return plan
    arguments = [
        one._replace(annotation=Any) if one.name in unread else one for one in plan.arguments
    ]
    plan = copy.copy(plan)
    plan._bind = make_validator(declaration, tuple(arguments))
    return plan


def _arguments(
    declaration: Declaration, plan: Plan, values: dict[str, Any], given: Collection[str]
) -> Iterator[Given]:
    """Return what each argument became, by itself: what was left out became nothing."""
    endpoint = Source("endpoint", plain_name(declaration.function))
    for one in plan.arguments:
        if one.name not in values:
            continue
        placed: dict[str, Any] = {}
        for put in find_puts((one,)):
            put(placed, values)
        if not isinstance(one.marker, Header):
            placed.pop("headers", None)  # The media type of a body, which the endpoint declares.
        for option, found in placed.items():
            yield Given(
                Source("argument", one.name) if one.name in given else endpoint,
                one.sent,
                option,
                _names(option, found),
                pieces_of(found) if option == "parameters" else frozenset(),
                is_public=declaration.validate and is_closed(one.annotation),
                is_private=_is_private(one, values[one.name]),
            )


def _names(option: str, values: Any) -> frozenset[str]:
    if option not in _LISTED:
        return frozenset()
    pairs = as_pairs(f"`{option}`", values)
    return frozenset(name_key(option, name) for name, value in pairs if value is not None)


def _is_private(argument: Argument, value: Any) -> bool:
    return (
        is_credential(argument.name)
        or is_credential(argument.sent)
        or holds_secret(argument.annotation)
        or contains_secret(value)
    )


def _explanation(question: Question) -> Explanation:
    made: Prepared = prepare(question)
    query, limits = find_query(made), find_limits(made)
    return Explanation(
        endpoint=question.sources.endpoint,
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
