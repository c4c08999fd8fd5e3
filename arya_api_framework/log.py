"""Logs without secrets: a filter for the logs of others, and the debug switch for our own."""

from __future__ import annotations

import logging
import os
import re
import stat
import sys
import threading
import warnings
from typing import TYPE_CHECKING, TextIO

from typing_extensions import override

from .client.redaction import redact_url

__all__ = ["RedactingFilter"]

_QUERY = re.compile(r"\?[^\s\"<>]+")
_USER = re.compile(r"(?<=://)[^/?#\s@\"]*@")
_WHOLE_URL = re.compile(r"(?:/|https?://)\S*")

if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[TextIO]
else:
    _StreamHandler = logging.StreamHandler

_lock = threading.Lock()
_OFF = frozenset({"0", "false", "no", "off"})
_STDERR = frozenset({"1", "true", "yes", "on"})


class RedactingFilter(logging.Filter):
    """Hides the query values and logins of the URLs in log records, and lets every record pass.

    A traceback becomes text, in which they are hidden too.

    The libraries below log whole URLs at DEBUG. Add it to their loggers, or to a handler, which
    sees the records of all loggers:

    Example:
        >>> import logging
        >>> from arya_api_framework.log import RedactingFilter
        >>> logging.getLogger("urllib3.connectionpool").addFilter(RedactingFilter())
    """

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args
        if isinstance(arguments, tuple) and all(
            isinstance(one, str | int | float | None) for one in arguments
        ):
            record.msg = _redact(str(record.msg)) if not arguments else record.msg
            record.args = tuple(_redact(one) if isinstance(one, str) else one for one in arguments)
        else:
            record.msg = _redact(record.getMessage())
            record.args = ()
        if record.exc_info:
            # A formatter takes the text where there is one.
            record.exc_text = _redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


def _redact(text: str) -> str:
    if _WHOLE_URL.fullmatch(text):
        return redact_url(text)
    return _QUERY.sub(lambda found: redact_url(found[0]), _USER.sub("", text))


def switch_on(value: str) -> None:
    """Write what clients log into a file, or to standard error.

    A switch for finding a fault must not make another: where there can be no file, a warning says
    so and all goes on.

    Args:
        value: The value of `ARYA_API_FRAMEWORK_DEBUG`: `1`, the name of a file, or `0` for nothing.
    """
    if value.lower() in _OFF:
        return
    with _lock:
        # Two threads may have made the first client at once.
        logger = logging.getLogger(__package__)
        if not any(isinstance(one, _DebugHandler) for one in logger.handlers):
            _add_handler(logger, value)


def _add_handler(logger: logging.Logger, value: str) -> None:
    stream: TextIO = sys.stderr
    if value.lower() not in _STDERR:
        try:
            stream = _open(value)
        except (OSError, ValueError) as error:
            warnings.warn(
                f"ARYA_API_FRAMEWORK_DEBUG names a file that cannot be written: {error}; nothing "
                "is logged there",
                RuntimeWarning,
                stacklevel=5,
            )
            return
    handler = _DebugHandler(stream)
    handler.setLevel(logging.DEBUG)
    handler.setFormatter(_Formatter("%(asctime)s %(process)d %(name)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)


def _open(name: str) -> TextIO:
    """Open a file that its owner alone can read, to write at its end.

    Raises:
        OSError: It cannot be opened, or is a link.
        ValueError: It is none of ours, or others can read it.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    # A pipe without a reader would wait for one.
    flags |= getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(name, flags, 0o600)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{name!r} is no regular file")
        if os.name == "posix" and (found.st_uid != os.geteuid() or found.st_mode & 0o077):
            raise ValueError(
                f"{name!r} belongs to another user, or others can read it; remove it, or "
                "`chmod 600` it"
            )
    except ValueError:
        os.close(descriptor)
        raise
    return open(descriptor, "a", encoding="utf-8", errors="backslashreplace", buffering=1)


class _DebugHandler(_StreamHandler):
    """The handler of the debug switch."""


class _Formatter(logging.Formatter):
    """Writes the header fields of a record below its line."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        headers: dict[str, str] = getattr(record, "http_headers", {})
        return text + "".join(f"\n    {name}: {value}" for name, value in headers.items())
