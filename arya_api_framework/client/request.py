"""`Request`: what is sent, built once and sent byte for byte."""

from __future__ import annotations

import re
from typing import Any

from multidict import CIMultiDict

from ..errors import BodyNotReplayable, ConfigurationError
from ..options import RequestOptions
from ..streaming.multipart import split_shape
from .body import Body, BytesBody, encode_text, file_body
from .encoding import encode_header, encode_json
from .redaction import hide_secrets, is_safe_header, redact_url
from .shapes import is_form, is_mapping, is_model, is_sequence
from .url import Origin

__all__ = ["Content", "Request", "choose_content"]

_METHOD = re.compile(r"(?!CONNECT$)[A-Z][A-Z0-9\-]*")
_TARGET = re.compile(r"/[\x21-\x7e]*")


class Request:
    """A request, ready to be sent.

    Attributes:
        method: The method.
        origin: Where it is sent.
        target: Path and query, encoded (RFC 9112 3.2.1).
        headers: The fields that will be sent, to be changed until then; the framing of the
            connection is added by the transport.
        body: The bytes, or the `Body` that gives them, `None` for none.
        template: The path with its fields not filled, such as `/v1/users/{id}`, for the names of
            logs and traces; `None` where nobody wrote one, as for a redirect.
        path_secrets: What in the target is a secret of the path, and not shown.
    """

    __slots__ = (
        "_state",
        "body",
        "headers",
        "method",
        "origin",
        "path_secrets",
        "target",
        "template",
    )

    def __init__(
        self,
        method: str,
        origin: Origin,
        target: str,
        headers: CIMultiDict[str],
        body: bytes | Body | None = None,
        template: str | None = None,
    ) -> None:
        self.method = method
        self.origin = origin
        self.target = target
        self.headers = headers
        self.body = body
        self.template = template
        self.path_secrets: tuple[str, ...] = ()

    @property
    def state(self) -> dict[Any, Any]:
        """What hooks keep of the call: one dict for all its requests, gone when the call is."""
        try:
            return self._state
        except AttributeError:
            self._state: dict[Any, Any] = {}
            return self._state

    @state.setter
    def state(self, state: dict[Any, Any]) -> None:
        self._state = state

    @property
    def url(self) -> str:
        """The absolute URL, as it is sent."""
        return self.origin.prefix + self.target

    @property
    def shown_url(self) -> str:
        """The URL as it may be shown: secrets of the path and values of the query hidden."""
        url = self.url
        return redact_url(hide_secrets(url, self.path_secrets) if self.path_secrets else url)

    @property
    def replayable(self) -> bool:
        """Whether the body can be sent a second time."""
        return not isinstance(self.body, Body) or self.body.replayable

    def validate(self) -> None:
        """Check what may have been changed by hand; values become their text.

        Raises:
            ConfigurationError: It cannot be sent.
            BodyNotReplayable: The body can be read once, and has been.
        """
        fields = [(name, encode_header(name, value)) for name, value in self.headers.items()]
        self.headers = CIMultiDict(fields)
        self.method, self.target = str(self.method), str(self.target)
        if not _METHOD.fullmatch(self.method):
            raise ConfigurationError(
                "the method of a request must be one of HTTP in capitals, other than CONNECT, got "
                f"{self.method!r}"
            )
        if not _TARGET.fullmatch(self.target):
            raise ConfigurationError("the target of a request must be encoded, and start with '/'")
        if isinstance(self.body, Body) and self.body.is_spent:
            spent = BodyNotReplayable("the body of this request can be read once, and has been")
            spent.sent = "no"
            raise spent

    def to_curl(self) -> str:
        """Return a command of `curl` that sends this request, safe to paste into a shell and show.

        Nothing secret is in it: header values outside the safe list and query values are `***`, to
        be filled in by hand, and the body is read from standard input.
        """
        from .curl import curl_command

        return curl_command(self)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.shown_url}>"

    def __copy__(self) -> Request:
        copy = Request(
            self.method, self.origin, self.target, self.headers.copy(), self.body, self.template
        )
        copy.state = dict(self.state)
        copy.path_secrets = self.path_secrets
        return copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Request:
        # The default would go by what a pickle may hold, and lose the credentials.
        return self.__copy__()

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        """Return what a pickle may hold: nothing of the body, no header outside the safe list."""
        shown = self.shown_url
        safe = ((name, value) for name, value in self.headers.items() if is_safe_header(name))
        return None, {
            "method": self.method,
            "origin": self.origin,
            "target": shown.removeprefix(self.origin.prefix),
            "headers": CIMultiDict(safe),
            "body": None,
            "template": self.template,
            "path_secrets": (),
        }


def check_request(request: object) -> None:
    """Refuse what `build` has not made.

    Raises:
        ConfigurationError: It is no `Request`.
    """
    if not isinstance(request, Request):
        raise ConfigurationError(
            f"send takes a Request that `build` made, got {type(request).__name__}"
        )


class Content:
    """The body of a call and the media type that goes with it.

    Attributes:
        body: The body, `None` for none.
        media_type: Its `Content-Type`, unless the call or client gives another.
        fixed: Whether no other type can be right, as with the boundary of a multipart body.
    """

    __slots__ = ("body", "fixed", "media_type")

    def __init__(
        self, body: bytes | Body | None, media_type: str | None, *, fixed: bool = False
    ) -> None:
        self.body = body
        self.media_type = media_type
        self.fixed = fixed


def choose_content(options: RequestOptions) -> Content:
    """Return what `body`, `data` and `files` of a call mean.

    Raises:
        ConfigurationError: They contradict, or hold what cannot be sent.
    """
    body = options.get("body")
    data = options.get("data")
    files = options.get("files")
    if body is not None:
        if data is not None or files is not None:
            raise ConfigurationError("`body` is JSON and goes with neither `data` nor `files`")
        content = Content(encode_json(body), "application/json")
    elif (files is not None and not _is_empty(files)) or _is_form(data):
        from .form_fields import form_content

        if _is_empty(files):
            files = None
        elif files is not None and not (data is None or _is_form(data)):
            raise ConfigurationError(
                "`data` beside `files` must be a mapping, a model, a list of pairs or a Form, got "
                f"{type(data).__name__}"
            )
        content = Content(*form_content(data, files), fixed=True)
    elif data is not None:
        content = _data(data)
    else:
        content = Content(None, None)
    progress = options.get("on_progress")
    if progress is not None:
        from .checks import check_callback

        check_callback("on_progress", progress)
        if isinstance(content.body, bytes):
            content.body = BytesBody(content.body)
        if content.body is not None:
            content.body.on_progress = progress
    return content


def _is_empty(files: object) -> bool:
    """Return whether files hold none: servers read no multipart body without a part."""
    return (is_mapping(files) or is_sequence(files)) and not files


def _data(data: Any) -> Content:
    if isinstance(data, str):
        return Content(encode_text(data, "`data`"), "text/plain; charset=utf-8")
    media_type = None
    if isinstance(data, tuple):
        _, data, media_type, headers = split_shape(data, "`data`")
        if headers:
            raise ConfigurationError("headers of a single file are given as `headers` of the call")
        if media_type is not None:
            media_type = encode_header("Content-Type", media_type)
    return Content(file_body(data, "`data`"), media_type or "application/octet-stream")


def _is_form(data: object) -> bool:
    if is_mapping(data) or is_model(data) or is_form(data):
        return True
    return is_sequence(data) and all(is_sequence(item) for item in data)
