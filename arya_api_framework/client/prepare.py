"""From the options of a call to the `Call`: pure, and the same for both clients."""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from multidict import CIMultiDict

from ..errors import ConfigurationError
from ..hooks import Hook
from ..options import UNSET, Compression, RequestOptions, SendOptions, URLPath
from ..rate_limit.limit import check_cost
from ..retry import Retry
from ..version import __version__
from .body import Body
from .call import Call, Policy
from .checks import (
    check_auth,
    check_checksum,
    check_compress,
    check_deadline,
    check_deadline_header,
    check_flag,
    check_hedge,
    check_hooks,
    check_media_types,
    check_priority,
    check_progress,
    check_redirects,
    check_retry,
    check_whole,
    make_timeout,
    near_miss,
    settle_hedge,
    with_pool_wait,
)
from .codings import accept_encoding, compress_body
from .defaults import Defaults, lay_headers
from .encoding import as_pairs, encode_scalar
from .formats import find_format
from .hook_chain import HookChain
from .mappings import Values, merge_error_responses
from .placed import NO_AUTH_YET, AuthText, ClientText, KeyText
from .redaction import redact_url
from .request import Request, choose_content
from .response import check_encoding
from .shapes import is_mapping, is_secret
from .stream import check_stream
from .url import Encoded, Origin, PathTemplate, compile_path
from .verbs import path_text

__all__ = ["automatic_headers", "build_request", "check_options", "make_call", "path_secrets"]

CALL_OPTIONS = RequestOptions.__optional_keys__ | {"raw", "response_format"}
SEND_OPTIONS = SendOptions.__optional_keys__ | {"raw", "response_format"}
_INTERNAL = {"stream", "watch", "path_secrets"}
_KNOWN = CALL_OPTIONS | _INTERNAL
POLICY_CHECKS: dict[str, Callable[[Any, Any], Any]] = {
    "timeout": make_timeout,
    "deadline": check_deadline,
    "deadline_header": check_deadline_header,
    "retry": check_retry,
    "hedge": check_hedge,
    "auth": lambda _, value: () if value is None else (check_auth(None, value),),
    "allow_early_response": check_flag("allow_early_response"),
    "error_responses": lambda base, value: merge_error_responses(base, value or {}),
    "follow_redirects": check_redirects,
    "max_redirects": check_whole("max_redirects"),
    "max_response_size": check_whole("max_response_size"),
    "json_content_types": check_media_types,
    "encoding": check_encoding,
    "cost": lambda _, value: check_cost(value),
    "priority": check_priority,
    "hooks": check_hooks,
    "checksum": lambda _, value: check_checksum(value),
    "progress": lambda _, value: check_progress(value),
    "trace": lambda _, value: value,
    "stream": check_stream,
}
_ABOUT_THE_CALL = frozenset({*POLICY_CHECKS, "watch"})
_PLAIN = 10**18
_SHOWN = frozenset({str, int, float, bool})
"""The usual types of path values, which are no secrets."""
_METHODS = "GET POST PUT PATCH DELETE HEAD OPTIONS".split()
_METHOD = re.compile(r"[A-Za-z][A-Za-z0-9\-]*")


@functools.cache
def automatic_headers() -> dict[str, str]:
    """Return what is sent unless the client or call gives, or removes, it."""
    return {
        "Accept": "application/json, */*;q=0.5",
        "Accept-Encoding": accept_encoding(),
        "User-Agent": f"arya-api-framework/{__version__}",
    }


def check_options(
    options: Mapping[str, Any], *, sending: bool = False, also: Collection[str] = ()
) -> None:
    """Check the names of a call's options.

    Args:
        options: The options.
        sending: Whether the request is built already, so that only its way can be chosen.
        also: Names that are options beside those.

    Raises:
        ConfigurationError: One is unknown; the text names the near miss.
    """
    known = SEND_OPTIONS if sending else _KNOWN
    if also:
        known = known.union(also)
    if not options.keys() <= known:
        name = next(name for name in options if name not in known)
        known = known - _INTERNAL
        raise ConfigurationError(f"got an unknown option {name!r}{near_miss(name, known)}")


def build_request(
    defaults: Defaults,
    trusted: frozenset[Origin],
    method: str,
    path: URLPath,
    options: Any,
    compress: Compression | None = None,
    retry: Retry | None = None,
) -> Request:
    """Return the request that a method, a path and options mean, on top of a client's defaults.

    Args:
        defaults: What the client sends with every request.
        trusted: Origins that are given it, too.
        method: The method.
        path: The path.
        options: The options of the call.
        compress: The content coding for the body where the options name none.
        retry: The `Retry` of the client, which names the header of idempotency keys.

    Raises:
        ConfigurationError: It can never be sent.
    """
    if method not in _METHODS:
        method = _method_text(method)
    template = compile_path(path if isinstance(path, str) else path_text(path))
    origin = defaults.origin
    if template.origin is not None:
        origin = template.origin
        if _is_foreign(origin, defaults.origin, trusted, template, options):
            # Nothing of the client goes to an origin that is not its own.
            defaults = Defaults(origin, "", automatic_headers(), {}, {}, {}, None)
    elif options.get("foreign"):
        raise ConfigurationError("`foreign=True` needs an absolute URL of another origin")
    base = defaults.path if template.origin is None else ""
    shape = base + template.path or "/"
    target, written = shape, template.query
    values = options.get("path_parameters")
    secrets: tuple[str, ...] = ()
    if values or template.fields:
        if values.__class__ is not dict and not is_mapping(values):
            values = dict(as_pairs("`path_parameters`", values or {}))
        target, written = template.fill(values, _encode_path_value)
        target = base + target or "/"
        if not _SHOWN.issuperset(map(type, values.values())):
            secrets = path_secrets(values)
    elif template.origin is not None:
        secrets = options.get("path_secrets", ())
    parameters = options.get("parameters")
    if parameters is not None or written:
        query = defaults.with_parameters(written, parameters)
    else:
        query = defaults.query
    if query:
        target = f"{target}?{query}"
    headers = defaults.headers.copy()
    cookies = options.get("cookies")
    if cookies is not None:
        defaults.with_cookies(headers, cookies)
    given = options.get("headers")
    if given is not None:
        lay_headers(headers, given)
    key = options.get("idempotency_key")
    if key is not None:
        if isinstance(key, bool) or not str(key).strip():
            raise ConfigurationError(
                f"idempotency_key must be text that is not empty, such as a UUID, got {key!r}"
            )
        retry = check_retry(None, options.get("retry", retry)) or Retry()
        lay_headers(headers, {retry.idempotency_header: key})
    if "compress" in options:
        compress = check_compress(None, options["compress"])
    body = None
    if "body" in options or "data" in options or "files" in options:
        content = choose_content(options)
        body = content.body
        if content.media_type is not None:
            _set_media_type(headers, content.media_type, content.fixed, given)
        if compress is not None and body is not None:
            body = _compress(body, compress, headers)
    request = Request(method, origin, target, headers, body, shape)
    request.path_secrets = secrets
    return request


def path_secrets(values: object) -> tuple[str, ...]:
    """Return the path values that are secrets, in each form that may be met; the longest first."""
    found: set[str] = set()
    for _, value in as_pairs("`path_parameters`", values or {}):
        if isinstance(value, Encoded):
            written = value.secrets
        else:
            written = (quote(encode_scalar(value), safe=""),) if is_secret(value) else ()
        for one in written:
            plain = unquote(one)
            found.update((one, plain, quote(plain), quote_plus(plain)))
    return tuple(sorted(found, key=len, reverse=True))


def make_call(policy: Policy, request: Request, options: Any, *, sending: bool = False) -> Call:
    """Return the call that sends a request, its policy changed by the options.

    Args:
        policy: That of the client.
        request: The request.
        options: The options of the call.
        sending: Whether the request was built before.

    Raises:
        ConfigurationError: An option can never work.
    """
    if not _ABOUT_THE_CALL.isdisjoint(options):
        if "watch" in options:
            rest = {**options}
            watch: Callable[[Call], object] = rest.pop("watch")
            call = make_call(policy, request, rest, sending=sending)
            watch(call)
            return call
        changes = {
            name: check(getattr(policy, name), options[name])
            for name, check in POLICY_CHECKS.items()
            if name in options
        }
        settle_hedge(changes)
        if "stream" in changes:
            changes["hedge"] = None  # Of two bodies one would be left unread.
        if "timeout" in changes:
            changes["timeout"] = with_pool_wait(changes["timeout"], policy.pool_wait)
        policy = policy._replace(**changes)
        if request.body is not None and (policy.progress or policy.checksum):
            policy = _with_body_hooks(policy, request)
    if "auth" in options or "security" in options or policy.security is not None or sending:
        policy, request = _authenticate(policy, request, options, sending=sending)
    elif policy.auth and request.origin not in policy.trusted_origins:
        policy = policy._replace(auth=())  # That of the client stays at home.
    get = options.get
    return Call(
        request,
        find_format(get("response_format", UNSET)),
        get("raw", False),
        policy,
    )


def _with_body_hooks(policy: Policy, request: Request) -> Policy:
    """Return a policy with the hooks that go by the body that is sent: the innermost ones.

    Raises:
        ConfigurationError: The body can be read only once, which leaves no checksum; or there is no
            library that draws a bar.
    """
    hooks: list[Hook] = [*policy.hooks]
    if policy.checksum:
        from .checksums import ChecksumHook, check_replayable

        check_replayable(policy.checksum, request.body)
        hooks.append(ChecksumHook(policy.checksum))
    if policy.progress:
        from ..progress import ProgressHook

        hooks.append(ProgressHook(policy.progress, f"{request.method} {request.template or ''}"))
    return policy._replace(hooks=HookChain(hooks))


def _compress(body: bytes | Body, coding: Compression, headers: CIMultiDict[str]) -> bytes | Body:
    packed = compress_body(body, coding)
    if packed is not body:
        if "Content-Encoding" in headers:
            raise ConfigurationError(
                f"the header Content-Encoding says that the body is compressed already; leave it "
                f"out, or give `compress=None` in place of {coding!r}"
            )
        headers["Content-Encoding"] = coding
    return packed


def _authenticate(
    policy: Policy, request: Request, options: Any, *, sending: bool
) -> tuple[Policy, Request]:
    """Return policy and request with what authenticates the call.

    A field that the call gave itself stays as it is.

    Raises:
        ConfigurationError: `security` of the call names a scheme that is not declared.
    """
    headers = request.headers
    own = (
        [name for name, value in headers.items() if not isinstance(value, ClientText)]
        if sending
        else _names(options.get("headers"))
    )
    is_given = "auth" in options
    if not is_given and (is_given := "security" in options):
        from .security import check_requirements

        schemes: Values = {} if policy.security is None else policy.security.schemes
        required = check_requirements(options["security"] or (), schemes)
        if required and request.origin not in policy.trusted_origins:
            raise ConfigurationError(
                "`security` stands for credentials of the client, which do not go to another "
                "origin; give `auth` to authenticate there"
            )
        policy = _secure(policy._replace(auth=(), required=required), own)
    elif not is_given and request.origin not in policy.trusted_origins:
        policy = policy._replace(auth=())  # That of the client stays at home.
    elif not is_given and policy.required:
        policy = _secure(policy, own)
    is_marked = any(isinstance(one, AuthText | KeyText) for one in headers.values())
    if not (is_given or policy.auth or is_marked):
        return policy, request
    return policy, _with_room(request, policy, own, is_given)


def _secure(policy: Policy, own: list[str]) -> Policy:
    """Return a policy that is authenticated as its `required` says."""
    if policy.security is None:
        return policy
    found = policy.security.find(policy.required or (), own)
    return policy._replace(auth=found.auth, tls=found.tls)


def _with_room(request: Request, policy: Policy, own: list[str], is_given: bool) -> Request:
    """Return a request with room for what each `Auth` makes, in place of what the client put there.

    Args:
        request: The request.
        policy: What authenticates it.
        own: The fields that the call gave.
        is_given: Whether the call says what authenticates it.
    """
    request = copy.copy(request)
    headers = request.headers
    for name in [name for name, value in headers.items() if isinstance(value, ClientText)]:
        is_key = isinstance(headers[name], KeyText)
        is_alien = is_key and name.lower() != policy.key_field  # Of a client with a pool of keys.
        if is_given or is_alien or isinstance(headers[name], AuthText):
            headers.popall(name, None)
    taken = {name.lower() for name in own}
    for one in policy.auth:
        if one.header is not None and one.header.lower() not in taken:
            headers.popall(one.header, None)
            headers[one.header] = NO_AUTH_YET
    return request


def _names(headers: Any) -> list[str]:
    return [] if headers is None else [name for name, _ in as_pairs("`headers`", headers)]


def _set_media_type(headers: CIMultiDict[str], media_type: str, fixed: bool, given: Any) -> None:
    if "content-type" not in (name.lower() for name in _names(given)):
        if fixed or "Content-Type" not in headers:
            headers["Content-Type"] = media_type
    elif media_type.startswith("multipart/"):
        raise ConfigurationError(
            "Content-Type of a multipart body is made with its boundary and cannot be given"
        )


def _is_foreign(
    origin: Origin, own: Origin, trusted: frozenset[Origin], template: PathTemplate, options: Any
) -> bool:
    if origin == own or origin in trusted:
        return False
    if options.get("foreign"):
        return True
    raise ConfigurationError(
        f"{redact_url(template.text)!r} leaves the client's origin {own.prefix!r}; add its origin "
        "to `trusted_origins` to send it your credentials, or give `foreign=True` to send nothing "
        "of the client"
    )


def _method_text(method: object) -> str:
    text = method.value if isinstance(method, Enum) else method
    if not isinstance(text, str) or not _METHOD.fullmatch(text):
        raise ConfigurationError(f"method must be an HTTP method such as 'GET', got {method!r}")
    if text.upper() == "ANY":
        raise ConfigurationError("method ANY stands for any method in a declaration, name one")
    if text.upper() == "CONNECT":
        raise ConfigurationError("method CONNECT asks a proxy for a tunnel, which is no call")
    return text.upper()


def _encode_path_value(value: Any) -> str:
    if type(value) is str:
        return value
    if type(value) is int and -_PLAIN < value < _PLAIN:
        return str(value)
    if value is None:
        raise ConfigurationError("a path parameter is None; each needs a value")
    return encode_scalar(value, "a path parameter")
