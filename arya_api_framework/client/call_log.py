"""What clients write into their logs, as text and as fields of the record."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from ..hooks import Hook
from .redaction import clean_text, hide_secrets, is_safe_header, secrets_in

if TYPE_CHECKING:
    from logging import Logger

    from .call import Call
    from .hook_chain import Layer
    from .request import Request
    from .response import RawResponse

__all__ = ["DEBUG", "CallLog", "log_hook_error"]

DEBUG = 10
"""`logging.DEBUG`, known without the import."""


class CallLog(Hook):
    """Tells the log what a call sends, and what comes of it. There is one for each call."""

    def __init__(self, logger: Logger, call: Call) -> None:
        self._logger = logger
        self._call = call
        # By the identity of a request: several may be under way at once.
        self._begun: dict[int, tuple[float, int]] = {}

    @override
    def before_attempt(self, request: Request) -> None:
        started, number = time.monotonic(), self._call.attempts
        self._begun[id(request)] = started, number
        fields = self._fields(request, number)
        fields["http_headers"] = safe_headers(request, request.headers.items())
        self._logger.debug("%s %s", request.method, fields["http_url"], extra=fields)

    @override
    def after_attempt(self, request: Request, response: RawResponse) -> None:
        started, number = self._begun.pop(id(request))
        fields = self._fields(request, number)
        elapsed = fields["http_elapsed"] = time.monotonic() - started
        fields["http_status"] = response.status
        fields["http_headers"] = safe_headers(request, response.headers.items())
        self._logger.debug(
            "%s %s -> %d in %.1f ms",
            request.method,
            fields["http_url"],
            response.status,
            elapsed * 1000,
            extra=fields,
        )

    @override
    def attempt_failed(self, request: Request, error: BaseException) -> None:
        started, number = self._begun.pop(id(request))
        fields = self._fields(request, number)
        elapsed = fields["http_elapsed"] = time.monotonic() - started
        fields["http_error"] = type(error).__name__
        self._logger.debug(
            "%s %s -> %s in %.1f ms",
            request.method,
            fields["http_url"],
            type(error).__name__,
            elapsed * 1000,
            extra=fields,
        )

    def _fields(self, request: Request, number: int) -> dict[str, Any]:
        return {
            "http_method": request.method,
            "http_url": request.shown_url,
            "http_template": request.template,
            "http_attempts": number,
        }


def safe_headers(request: Request, headers: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Return the header fields that may be shown, without what a server told back of a request."""
    secrets = secrets_in(request)
    shown: dict[str, str] = {}
    for name, value in headers:
        if is_safe_header(name):
            text = clean_text(hide_secrets(str(value), secrets))
            shown[name] = f"{shown[name]}, {text}" if name in shown else text
    return shown


def log_hook_error(logger: Logger, layer: Layer, own: Exception, error: BaseException) -> None:
    """Tell what a hook raised when it was told of an error, which goes on all the same."""
    where = f"the hook {layer.hook.name!r} raised {type(own).__name__} in {layer.level}_failed"
    error.add_note(where)
    logger.error("%s", where, exc_info=own)
