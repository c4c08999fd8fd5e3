"""By which rules a call is made: its options, limits, credentials, hooks, and what comes of it."""

# It tells what a client keeps to itself.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

from ..auth.base import Auth
from ..auth.fixed import ApiKeyAuth
from ..client.concurrency import ConcurrencyLimit
from ..client.conversation import is_wanted
from ..client.hook_chain import overridden_by
from ..client.placed import ClientText, KeyText
from ..client.redaction import HIDDEN
from ..client.security import Incomplete
from ..client.stream import body_timeout
from ..endpoints.results import is_nothing
from ..options import UNSET
from ..rate_limit.limit import RateLimit
from ..rate_limit.window import SlidingWindow
from ..tls import TLS
from .prepared import Prepared
from .shown import form_text, retry_text, setting_text, timeout_text
from .values import (
    Authentication,
    Circuit,
    Concurrency,
    HookUse,
    Limit,
    Paging,
    ResponseForm,
    Setting,
    Source,
)

__all__ = [
    "find_auth",
    "find_circuit",
    "find_concurrency",
    "find_hooks",
    "find_limits",
    "find_paging",
    "find_responses",
    "find_settings",
    "find_wait",
]

_OF_POLICY = (
    "timeout deadline deadline_header retry hedge follow_redirects max_redirects max_response_size "
    "json_content_types encoding allow_early_response cost priority checksum"
).split()


def find_settings(made: Prepared) -> dict[str, Setting]:
    """Return the options that say how the call is made."""
    policy, request, sources = made.call.policy, made.request, made.sources
    found: dict[str, Setting] = {}
    for name in _OF_POLICY:
        value = getattr(policy, name)
        if name == "timeout":
            value, text = _timeout(made)
        elif name == "retry":
            may_repeat = value is not None and (
                request.method in value.methods or value.idempotency_header in request.headers
            )
            text = retry_text(value, may_repeat=may_repeat, is_replayable=request.replayable)
            if policy.hedge is not None:
                text = "none, as the call is hedged"
        else:
            text = setting_text(name, value)
        found[name] = Setting(value, text, sources.of(name))
    config = made.client._own_config
    coding = made.question.options.get("compress", config.compress)
    found["compress"] = Setting(coding, setting_text("compress", coding), sources.of("compress"))
    policy_of_cookies = config.cookie_policy
    found["cookie_policy"] = Setting(
        policy_of_cookies, policy_of_cookies, sources.client.of("cookie_policy")
    )
    return found


def _timeout(made: Prepared) -> tuple[Any, str]:
    timeout, given = made.call.policy.timeout, made.question.options.get("timeout", UNSET)
    if made.question.how != "stream":
        return timeout, timeout_text(timeout)
    timeout = body_timeout(timeout, given)
    # Where only the client says a total, a body may take longer.
    end = "; the total is for the head" if given is UNSET else ""
    return timeout, timeout_text(timeout) + end


def find_limits(made: Prepared) -> tuple[Limit, ...]:
    """Return the rate limits that the call must pass; it takes a slot of none."""
    client, policy = made.client, made.call.policy
    source, found = made.sources.client.of("rate_limit"), list[Limit]()
    window = client._limiter
    if window is not None:
        wait = _wait(window, policy.cost, policy.priority)
        limit, per = client.rate_limit, client.rate_limit_interval
        assert isinstance(limit, int | float), "a window of its own belongs to a number"
        found.append(Limit(limit, per, "client", policy.cost, wait, source))
    controls = client._controls
    for one in () if controls is None else controls.limits:
        # What functions of the user's do with a request does not change this one.
        limit_of_one = _of_limit(one, made, source)
        if limit_of_one is not None:
            found.append(limit_of_one)
    return tuple(found)


def _wait(window: SlidingWindow, cost: int, priority: int) -> float:
    return math.inf if cost > window.limit else window.eta(cost, priority)


def _of_limit(limit: RateLimit, made: Prepared, source: Source) -> Limit | None:
    """Return what one limit means for the call, `None` where it does not apply."""
    policy, request = made.call.policy, copy.copy(made.request)
    try:
        if not limit.applies(request):
            return None
        key, cost = limit.key_of(request), limit.cost_of(request, policy.cost)
    except Exception:  # noqa: BLE001 - a function of the user's that needs what is not there yet
        return Limit(limit.limit, limit.per, HIDDEN, policy.cost, None, source)
    wait = None
    if not limit.is_shared:
        wait = (
            math.inf
            if cost > limit.limit >= 1
            else limit.eta(cost, priority=policy.priority, key=key)
        )
    bucket = "client" if key is None else str(key) if limit.has_plain_keys else HIDDEN
    return Limit(limit.limit, limit.per, bucket, cost, wait, source)


def find_wait(made: Prepared, limits: tuple[Limit, ...]) -> float | None:
    """Return in how many seconds the call would be sent, `None` where that cannot be known here."""
    waits = [limit.wait for limit in limits]
    waits.append(made.client._origins.pause_left(made.request.origin.prefix))
    credentials = made.client._credentials
    if credentials is not None and _carries_key(made):
        waits.append(credentials.eta())
    known = [wait for wait in waits if wait is not None]
    return max(known) if len(known) == len(waits) else None


def _carries_key(made: Prepared) -> bool:
    return any(isinstance(value, KeyText) for value in made.request.headers.values())


def find_circuit(made: Prepared) -> Circuit | None:
    """Return the circuit breaker of the origin, `None` where there is none."""
    config, controls = made.client._own_config, made.client._controls
    if config.circuit_breaker is None or controls is None:
        return None
    circuit, _ = controls.look_up(made.request.origin.prefix)
    source = made.sources.client.of("circuit_breaker")
    if circuit is None:
        return Circuit("closed", None, source)
    return Circuit(circuit.state, circuit.retry_after, source)


def find_concurrency(made: Prepared) -> Concurrency | None:
    """Return the limit of calls in flight to the origin, `None` where there is none."""
    config, controls = made.client._own_config, made.client._controls
    if config.concurrency is None or controls is None:
        return None
    _, found = controls.look_up(made.request.origin.prefix)
    source = made.sources.client.of("concurrency")
    if found is None:
        return Concurrency(ConcurrencyLimit(config.concurrency).limit, 0, source)
    return Concurrency(found.limit, found.window.in_use, source)


def find_auth(made: Prepared) -> tuple[Authentication, ...]:
    """Return what authenticates the call; no credential is asked for."""
    policy, found = made.call.policy, list[Authentication]()
    for auth in policy.auth:
        if isinstance(auth, Incomplete):
            found.append(Authentication("none", None, (), auth.missing, _auth_source(made)))
        elif is_wanted(auth, made.request, made.call):
            found.append(_authentication(made, auth, _place_of(made, auth)))
    if policy.tls is not None:
        found.append(_authentication(made, policy.tls, "connection"))
    pool = made.client._own_config.credentials
    if pool is not None and _carries_key(made):
        source = made.sources.client.of("credentials")
        found.append(Authentication("CredentialPool", f"header {pool.header}", (), None, source))
    if made.client.bearer_token is not None and not found and _has_token(made):
        source = made.sources.client.of("bearer_token")
        found.append(Authentication("bearer_token", "header Authorization", (), None, source))
    return tuple(found)


def _authentication(made: Prepared, credential: Auth | TLS, place: str | None) -> Authentication:
    name = made.scheme_of(credential)
    source = _auth_source(made) if name is None else Source("authenticate", name)
    requirement = () if name is None else (name,)
    return Authentication(made.title_of(credential), place, requirement, None, source)


def _place_of(made: Prepared, auth: Auth) -> str | None:
    """Return where an `Auth` puts the credential, `None` where only it knows."""
    if isinstance(auth, ApiKeyAuth) and auth.location != "header":
        return f"{auth.location} {auth.name}"
    if auth.header is None:
        return None
    later = ", once it is challenged" if made.is_unasked(auth) else ""
    return f"header {auth.header}{later}"


def _auth_source(made: Prepared) -> Source:
    sources = made.sources
    for option in ("auth", "security"):
        source = sources.of_given(option)
        if source is not None:
            return source
    return sources.client.of("security" if made.call.policy.required else "auth")


def _has_token(made: Prepared) -> bool:
    return isinstance(made.request.headers.get("Authorization"), ClientText)


def find_hooks(made: Prepared) -> tuple[HookUse, ...]:
    """Return the hooks that see the call, in their order."""
    hooks, options = [*made.call.policy.hooks], made.question.options
    of_client = made.sources.client.of_hooks(len(made.client._own_config.hooks))
    # They make a hook each, where there is a body.
    of_body = [
        made.sources.of(option)
        for option in ("checksum", "progress")
        if options.get(option) and made.request.body is not None
    ]
    of_call = made.sources.of_hooks(len(hooks) - len(of_client) - len(of_body))
    return tuple(
        HookUse(hook.name, methods, source)
        for hook, source in zip(hooks, [*of_client, *of_call, *of_body], strict=True)
        if (methods := overridden_by(hook))
    )


def find_responses(made: Prepared) -> tuple[ResponseForm, ...]:
    """Return what responses become, those that are no errors first."""
    return (*_successes(made), *_errors(made))


def _successes(made: Prepared) -> Iterator[ResponseForm]:
    question, call = made.question, made.call
    source = made.sources.of_given("response_format") or made.sources.declaration
    if question.by_status is not None:
        for status, form in question.by_status.items():
            yield ResponseForm(status, form, form_text(form), is_error=False, source=source)
        yield ResponseForm(
            "2XX", question.form, form_text(question.form), is_error=False, source=source
        )
        return
    form, text = question.form, call.format.name
    if call.raw or (call.request.method == "HEAD" and not is_nothing(form)):
        text = "RawResponse"
    elif question.how == "items":
        text = f"items of {form_text(form)}"
    elif question.how == "pages":
        text = f"pages of {form_text(form)}"
    yield ResponseForm("2XX", form, text, is_error=False, source=source)


def _errors(made: Prepared) -> Iterator[ResponseForm]:
    returned = made.question.by_status or {}
    for status, form in made.call.policy.error_responses.items():
        if status in returned:
            continue
        source = made.sources.of_name("error_responses", status)
        if source is None:
            source = made.sources.client.of_name("error_responses", status)
        yield ResponseForm(status, form, form_text(form), is_error=True, source=source)


def find_paging(made: Prepared) -> Paging | None:
    """Return how pages follow one another, `None` where there are none."""
    question = made.question
    if question.how not in ("items", "pages"):
        return None
    get = question.paging.get
    strategy = get("pagination") or question.form
    name = getattr(strategy, "__name__", type(strategy).__name__)
    return Paging(
        question.how,
        name,
        get("at"),
        get("max_pages"),
        get("max_items"),
        get("ahead", 0),
        made.sources.of_given("pagination") or made.sources.declaration,
    )
