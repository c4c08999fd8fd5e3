"""`Verbs`: the methods that send, written once.

`SyncVerbs` and `AsyncVerbs` say what they return; nothing here waits or sends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from os import PathLike
from pathlib import Path
from typing import Any

from yarl import URL

from ..errors import ConfigurationError
from ..options import URLPath
from ..streaming.multipart import guess_type
from .body import file_name
from .request import Request

__all__ = ["Verbs", "path_text"]


class Verbs(ABC):
    """The methods of clients and sub-clients that send a request."""

    @abstractmethod
    def _request(self, method: str, path: URLPath, options: Any) -> Any:
        """Send what the options mean and return its result, or an awaitable of it."""

    @abstractmethod
    def _send(self, request: Request, options: Any) -> Any:
        """Send a built request and return its result, or an awaitable of it."""

    def request(self, method: str, path: URLPath = None, **options: Any) -> Any:
        """Send a request and return its result.

        Args:
            method: The method, such as `"GET"`.
            path: Relative to `uri`, or an absolute URL of the client's or a trusted origin. Holds
                `{names}` for `path_parameters`, and may hold a query.
            options: `response_format`, any type that pydantic validates; `raw=True` for the
                `RawResponse`; and the options of `RequestOptions`.

        Returns:
            The content as `response_format`: `str` for the text, `bytes` for the content, `None`
            for nothing; parsed JSON where no format is given.

        Raises:
            ConfigurationError: The request can never be sent; nothing was.
            ClientClosedError: The client is closed.
            TransportError: No whole response came.
            HTTPError: The status is no success.
            ResponseParseError: The content is not what was expected.
        """
        return self._request(method, path, options)

    def get(self, path: URLPath = None, **options: Any) -> Any:
        """Send a GET; see `request`."""
        return self._request("GET", path, options)

    def post(self, path: URLPath = None, **options: Any) -> Any:
        """Send a POST; see `request`."""
        return self._request("POST", path, options)

    def put(self, path: URLPath = None, **options: Any) -> Any:
        """Send a PUT; see `request`."""
        return self._request("PUT", path, options)

    def patch(self, path: URLPath = None, **options: Any) -> Any:
        """Send a PATCH; see `request`."""
        return self._request("PATCH", path, options)

    def delete(self, path: URLPath = None, **options: Any) -> Any:
        """Send a DELETE; see `request`."""
        return self._request("DELETE", path, options)

    def options(self, path: URLPath = None, **options: Any) -> Any:
        """Send an OPTIONS; see `request`."""
        return self._request("OPTIONS", path, options)

    def head(self, path: URLPath = None, **options: Any) -> Any:
        """Send a HEAD and return the `RawResponse`, which has no content."""
        return self._request("HEAD", path, options)

    def upload_file(
        self, file: Any, path: URLPath = None, *, field: str = "file", **options: Any
    ) -> Any:
        """Send a file as `multipart/form-data`.

        Args:
            file: Its path, a `Path`, bytes or an open binary file, which is not closed.
            path: See `request`.
            field: The name of the form field.
            options: `response_format`, `raw`, and the options of `FileOptions`.

        Raises:
            ConfigurationError: The file cannot be read; nothing was sent.
        """
        shape = self._file(file, options)
        method = options.pop("method", "POST")
        return self._request(method, path, {**options, "files": {field: shape}})

    def stream_file(self, file: Any, path: URLPath = None, **options: Any) -> Any:
        """Send the bytes of a file as the body, piece by piece, never whole in memory.

        Args:
            file: Its path, a `Path`, bytes or an open binary file, which is not closed.
            path: See `request`.
            options: `response_format`, `raw`, and the options of `FileOptions`.

        Raises:
            ConfigurationError: The file cannot be read; nothing was sent.
        """
        shape = self._file(file, options)
        method = options.pop("method", "POST")
        return self._request(method, path, {**options, "data": shape})

    def send(self, request: Request, **options: Any) -> Any:
        """Send a request that `build` made.

        Args:
            request: The request; its headers may have been changed.
            options: `response_format`, `raw`, and the options of `SendOptions`.

        Raises:
            ConfigurationError: A header cannot be sent, or an option belongs to `build`.
        """
        return self._send(request, options)

    @staticmethod
    def _file(file: Any, options: dict[str, Any]) -> tuple[str, Any, str]:
        source = _as_source(file)
        name = file_name(source) or "file"
        return name, source, options.pop("content_type", None) or guess_type(name)


def _as_source(file: object) -> Any:
    if isinstance(file, str):
        return Path(file)
    known: Any = file
    if isinstance(file, bytes | bytearray | memoryview | PathLike) or hasattr(file, "read"):
        return known
    raise ConfigurationError(
        f"a file must be a path, bytes or an open binary file, got {type(file).__name__}"
    )


def path_text(path: URLPath) -> str:
    """Return a path as text; the braces of a `yarl.URL` are those of a template again."""
    if path is None:
        return ""
    if isinstance(path, URL):
        return str(path).replace("%7B", "{").replace("%7D", "}")
    if isinstance(path, str):
        return path
    raise ConfigurationError(f"a path must be text or a URL, got {type(path).__name__}")
