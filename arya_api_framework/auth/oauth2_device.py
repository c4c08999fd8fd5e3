"""OAuth 2 on a device without a browser: the person logs in on another one (RFC 8628)."""

from __future__ import annotations

import inspect
import math
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

from typing_extensions import Unpack, override
from yarl import URL

from ..errors import ConfigurationError, TokenRefreshError, TransportError
from .base import Step
from .oauth2_login import OAuth2Login, OAuth2LoginOptions
from .token import Token, is_own_end
from .token_endpoint import find_endpoint, read_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DevicePrompt", "OAuth2DeviceCode", "print_prompt"]

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_INTERVAL = 5.0
_LONGEST_INTERVAL = 60.0
_LONGEST = 2048


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
        if not callable(given) or inspect.iscoroutinefunction(given):
            raise ConfigurationError(f"show of {me} must be a plain function, got {show!r}")
        self._show = show

    @override
    def log_in(self) -> Generator[Step, Any, Token]:
        begun = time.monotonic()
        answer = yield from self._post(self._device, self._parameters)
        code, prompt, interval = self._read(answer)
        self._show(prompt)
        form = {"grant_type": _GRANT, "device_code": code}
        while time.monotonic() + interval < begun + prompt.expires_in:
            yield interval
            try:
                return (yield from self.ask(form))
            except TokenRefreshError as error:
                if error.code == "slow_down":
                    interval += _INTERVAL
                elif error.code != "authorization_pending":
                    raise
            except TransportError as error:
                if is_own_end(error):
                    raise
                interval *= 2  # RFC 8628 3.5.
            interval = min(interval, _LONGEST_INTERVAL)
        raise TokenRefreshError(f"nobody has logged in within {prompt.expires_in:g} s")

    def _read(self, answer: Mapping[str, Any]) -> tuple[str, DevicePrompt, float]:
        code, shown = answer.get("device_code"), answer.get("user_code")
        # Some servers write it as an earlier draft had it.
        uri = answer.get("verification_uri", answer.get("verification_url"))
        complete = answer.get("verification_uri_complete")
        if not (_is_text(code) and _is_text(shown) and _is_address(uri)):
            raise self._device.refusal("gave no device_code, user_code and verification_uri")
        expires_in = read_seconds(answer, "expires_in", self._device.refusal)
        interval = read_seconds(answer, "interval", self._device.refusal)
        prompt = DevicePrompt(
            shown,
            uri,
            complete if _is_address(complete) else None,
            math.inf if expires_in is None else expires_in,
        )
        return code, prompt, _INTERVAL if interval is None else min(interval, _LONGEST_INTERVAL)


def _is_text(value: object) -> TypeGuard[str]:
    """Return whether a terminal may show it: no control characters, which could hide another."""
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= _LONGEST


def _is_address(value: object) -> TypeGuard[str]:
    if not _is_text(value):
        return False
    try:
        return URL(value).scheme in ("https", "http")
    except ValueError:
        return False
