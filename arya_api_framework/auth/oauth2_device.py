"""OAuth 2 on a device without a browser: the person logs in on another one (RFC 8628)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

from typing_extensions import Unpack, override
from yarl import URL

from ..errors import (
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    IncompleteResponse,
    RequestTimeout,
    TLSError,
    TokenRefreshError,
    TransportError,
)
from .base import Step
from .oauth2_login import OAuth2Login, OAuth2LoginOptions
from .secret import is_async
from .token import Token, is_own_end
from .token_endpoint import find_endpoint, read_seconds, read_token

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DevicePrompt", "OAuth2DeviceCode", "print_prompt"]

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_INTERVAL = 5.0
_LIFE = 1800.0
"""Seconds for which a code is taken to be good where the server does not say."""

_LONGEST = 2048
_LONGEST_CODE = 64


@dataclass(frozen=True, slots=True)
class DevicePrompt:
    """What a person must know to log in on another device (RFC 8628 3.2).

    Attributes:
        user_code: What they enter there.
        verification_uri: Where.
        verification_uri_complete: The same with the code in it, as for a QR code, where given.
        expires_in: How long they have, in seconds.
    """

    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: float


def print_prompt(prompt: DevicePrompt) -> None:
    """Tell a person on standard error what to do."""
    sys.stderr.write(f"Open {prompt.verification_uri} and enter the code {prompt.user_code}\n")


@dataclass(slots=True)
class _Login:
    code: str
    life: float
    ends: float
    interval: float


class OAuth2DeviceCode(OAuth2Login):
    """A person who logs in with a browser on another device (RFC 8628).

    Args:
        device_url: The device authorization endpoint, by https or on this machine.
        show: Called with what the person must know; by default it is printed on standard error.
        options: See `OAuth2Login`.

    Raises:
        ConfigurationError: A value can never work.

    Example:
        ```python
        login = OAuth2DeviceCode(
            device_url="https://login.test/device",
            token_url="https://login.test/token",
            client_id="tv",
            store=FileTokenStore("tokens.json"),
        )
        ```
    """

    _unscoped = frozenset({"refresh_token", _GRANT})

    def __init__(
        self,
        *,
        device_url: str | URL,
        show: Callable[[DevicePrompt], object] = print_prompt,
        **options: Unpack[OAuth2LoginOptions],
    ) -> None:
        super().__init__(**options)
        me = type(self).__name__
        self._device = find_endpoint(me, "device_url", "device authorization endpoint", device_url)
        given: object = show
        if not callable(given) or is_async(given):
            raise ConfigurationError(f"show of {me} must be a plain function, got {show!r}")
        self._show = show
        self._least_interval = 1.0

    @override
    def start_over(self) -> None:
        """Forget what is under way: in a forked child nobody does it."""
        super().start_over()
        self._login: _Login | None = None

    @override
    def log_in(self) -> Generator[Step, Any, Token]:
        # A login outlives the call that began it, so that the next goes on with it.
        login = self._login
        if login is None or time.monotonic() >= login.ends:
            begun = time.monotonic()
            answer = yield from self._post(self._device, {})
            code, prompt, interval = self._read(answer)
            login = self._login = _Login(
                code, prompt.expires_in, begun + prompt.expires_in, interval
            )
            self._show(prompt)
        try:
            return (yield from self._poll(login))
        except TokenRefreshError:
            self._login = None
            raise

    def _poll(self, login: _Login) -> Generator[Step, Any, Token]:
        form = {"grant_type": _GRANT, "device_code": login.code}
        failure: TransportError | None = None
        while (left := login.ends - time.monotonic()) > 0:
            yield min(login.interval, left)
            try:
                answer = yield from self._post(self._endpoint, form, attempts=1)
            except TokenRefreshError as error:
                if error.code == "slow_down":
                    login.interval += _INTERVAL
                elif error.code != "authorization_pending":
                    raise
            except (ConnectError, ConnectionLost, IncompleteResponse, RequestTimeout) as error:
                if is_own_end(error) or isinstance(error, TLSError):
                    raise
                failure = error
                login.interval *= 2  # RFC 8628 3.5.
            else:
                self._login = None
                return read_token(answer, self._clock(), self._endpoint.refusal)
        raise TokenRefreshError(f"nobody has logged in within {login.life:g} s") from failure

    def _read(self, answer: Mapping[str, Any]) -> tuple[str, DevicePrompt, float]:
        code, shown = answer.get("device_code"), answer.get("user_code")
        # Some servers write it as an earlier draft had it.
        uri = answer.get("verification_uri", answer.get("verification_url"))
        complete = answer.get("verification_uri_complete")
        if not (_is_text(code) and _is_text(shown, _LONGEST_CODE) and _is_address(uri)):
            raise self._device.refusal("gave no device_code, user_code and verification_uri")
        expires_in = read_seconds(answer, "expires_in", self._device.refusal)
        interval = read_seconds(answer, "interval", self._device.refusal)
        prompt = DevicePrompt(
            shown,
            uri,
            complete if _is_address(complete) else None,
            _LIFE if expires_in is None else expires_in,
        )
        interval = _INTERVAL if interval is None else interval
        return code, prompt, max(interval, self._least_interval)


def _is_text(value: object, longest: int = _LONGEST) -> TypeGuard[str]:
    """Return whether a terminal may show it: no control characters, which could hide another."""
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= longest


def _is_address(value: object) -> TypeGuard[str]:
    if not _is_text(value) or " " in value:
        return False
    try:
        url = URL(value)
        is_named = url.user is None and url.password is None and bool(url.host)
    except ValueError:
        return False
    return is_named and url.scheme in ("https", "http")
