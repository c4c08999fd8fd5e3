"""`BaseClient`: everything both clients decide alike, with no input or output."""

from __future__ import annotations

import dataclasses
import logging
import threading
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import SecretStr
from typing_extensions import Unpack
from yarl import URL

from ..errors import ClientClosedError, ClientError, ConfigurationError, FrameworkException
from ..options import ClientOptions, RequestOptions, URLPath
from ..rate_limit.window import SlidingWindow
from .call import Call, Policy
from .config import ClientConfig, merge_config, near_miss
from .defaults import Defaults
from .extensions import Extensions
from .live import LiveCookies, LiveErrorResponses, LiveHeaders, LiveParameters
from .prepare import AUTOMATIC_HEADERS, build_request, check_options, make_call
from .redaction import is_safe_header, redact_url
from .request import Request
from .server_variables import resolve_uri
from .subclient import Node, declared_subclients
from .url import Origin

if TYPE_CHECKING:
    from types import ModuleType


__all__ = ["BaseClient", "ClientMeta"]

if TYPE_CHECKING:
    # A metaclass of our own makes mypy stop checking class keywords; as ABCMeta they are checked
    # against `BaseClient.__init_subclass__`.
    ClientMeta = ABCMeta
else:

    class ClientMeta(ABCMeta):
        """Collect the class keywords of a client into one frozen `ClientConfig`."""

        def __new__(mcs, name, bases, namespace, **options):
            """Make the class and its `config`."""
            cls = super().__new__(mcs, name, bases, namespace)
            cls._own_options = options
            config = ClientConfig()
            for base in reversed(cls.__mro__):
                own = base.__dict__.get("_own_options", {})
                config = merge_config(config, own, "class keyword")
            cls.config = config
            return cls

        def __init__(cls, name, bases, namespace, **options):
            super().__init__(name, bases, namespace)

        def __call__(cls, *args, **kwargs):
            """Make an instance, whole even if its `__init__` calls no `super()`."""
            client = super().__call__(*args, **kwargs)
            client._complete()
            return client


class BaseClient(Node, metaclass=ClientMeta):
    """The part of a client that is the same for `SyncClient` and `AsyncClient`.

    Attributes:
        config: The class keywords, merged down the bases. On an instance, its own configuration.
    """

    config: ClassVar[ClientConfig]
    _own_options: ClassVar[Mapping[str, Any]]
    _missing_uri: ClassVar[type[ClientError]] = ClientError

    _logger: ClassVar[logging.Logger] = logging.getLogger("arya_api_framework")

    _base: tuple[Origin, str] | None
    _closed: bool
    _completed: bool
    _config: ClientConfig
    _cookies: LiveCookies
    _copied_from: BaseClient | None
    _defaults: Defaults | None
    _error_responses: LiveErrorResponses
    _extensions: Extensions
    _headers: LiveHeaders
    _limiter: SlidingWindow | None
    _mutex: threading.RLock
    _parameters: LiveParameters
    _policy: Policy | None
    _token: SecretStr | None
    _transport: Any

    if TYPE_CHECKING:

        def __init_subclass__(cls, **options: Unpack[ClientOptions]) -> None: ...

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Lay the class configuration, so that an `__init__` of the user's needs no `super()`."""
        self = super().__new__(cls)
        self._mutex = threading.RLock()
        self._closed = False
        self._copied_from = None
        self._transport = None
        self._completed = False
        self._children = {}
        self._extensions = Extensions(self)
        self._configure(cls.config)
        return self

    def __init__(
        self, base: str | URL | None = None, /, *args: Any, **options: Unpack[ClientOptions]
    ) -> None:
        """Lay instance arguments over the class keywords.

        Args:
            base: The `uri`, which is also a keyword.
            args: Given to `__post_init__`.
            options: See `ClientOptions`; any other keyword is given to `__post_init__`.

        Raises:
            ConfigurationError: An option can never work, or nobody takes it.
            ClientError: There is no absolute `uri`.
        """
        given: dict[str, Any] = {**options}
        if base is not None:
            given["uri"] = base
        own = {
            name: given.pop(name) for name in list(given) if name in ClientOptions.__optional_keys__
        }
        if own:
            self._configure(merge_config(self._config, own, "option"))
        if given or args:
            self._check_post_init(args, given)
        self._complete()
        self.__post_init__(*args, **given)

    def _check_post_init(self, args: tuple[Any, ...], options: Mapping[str, Any]) -> None:
        if type(self).__post_init__ is not BaseClient.__post_init__:
            return
        if options:
            name = next(iter(options))
            known = ClientOptions.__optional_keys__
            raise ConfigurationError(
                f"{type(self).__name__} got an unknown option {name!r}{near_miss(name, known)}"
            )
        raise ConfigurationError(
            f"{type(self).__name__} takes one positional argument, the `uri`, got {len(args)} more"
        )

    def __post_init__(self, *args: Any, **kwargs: Any) -> None:
        """Do what the client needs once it is configured; override this instead of `__init__`.

        Receives every argument that the client itself does not know.
        """

    def _complete(self) -> None:
        """Do once, when the configuration is final, what needs a working client."""
        if self._completed:
            return
        if self._base is None:
            shown = redact_url(self._config.uri) if self._config.uri else None
            raise self._missing_uri(
                f"{type(self).__name__} needs an absolute `uri`, got {shown!r}; give it as a class "
                "keyword or as the first argument"
            )
        self._completed = True
        for subclient in declared_subclients(type(self)).values():
            self._adopt(subclient.bound_copy())
        try:
            for extension in self._config.extensions:
                if isinstance(extension, str):
                    self.load_extension(extension)
                else:
                    self.load_extension(extension[0], package=extension[1])
        except BaseException:
            self._unload()
            raise

    def _configure(self, config: ClientConfig) -> None:
        self._config = config
        self._limiter = (
            None
            if config.rate_limit is None
            else SlidingWindow(config.rate_limit, config.rate_limit_interval)
        )
        self._base = resolve_uri(config.uri, config.server_variables)
        self._token = config.bearer_token
        lock, changed = self._mutex, self._forget
        self._headers = LiveHeaders(config.headers, lock, changed)
        self._cookies = LiveCookies(config.cookies, lock, changed)
        self._parameters = LiveParameters(config.parameters, lock, changed)
        self._error_responses = LiveErrorResponses(config.error_responses, lock, changed)
        self._defaults = None
        self._policy = None

    # Configuration

    @property
    def uri(self) -> URL:
        """The base of every path."""
        return URL(self._origin_path[0].prefix + self._origin_path[1], encoded=True)

    @property
    def uri_root(self) -> URL:
        """The origin of `uri`."""
        return self.uri.origin()

    @property
    def uri_path(self) -> URL:
        """The path of `uri`."""
        return self.uri.relative()

    @property
    def headers(self) -> LiveHeaders:
        """The header fields sent with every request; write to it, or assign a mapping or model."""
        return self._headers

    @headers.setter
    def headers(self, values: Any) -> None:
        self._headers.replace(values)

    @property
    def cookies(self) -> LiveCookies:
        """The cookies sent with every request; write to it, or assign a mapping or model."""
        return self._cookies

    @cookies.setter
    def cookies(self, values: Any) -> None:
        self._cookies.replace(values)

    @property
    def parameters(self) -> LiveParameters:
        """The query of every request; write to it, or assign a mapping or model."""
        return self._parameters

    @parameters.setter
    def parameters(self, values: Any) -> None:
        self._parameters.replace(values)

    @property
    def error_responses(self) -> LiveErrorResponses:
        """What error statuses are turned into; write to it, or assign a mapping."""
        return self._error_responses

    @error_responses.setter
    def error_responses(self, values: Any) -> None:
        self._error_responses.replace(values)

    @property
    def bearer_token(self) -> SecretStr | None:
        """The token sent as `Authorization: Bearer ...`; takes text or a `SecretStr`."""
        return self._token

    @bearer_token.setter
    def bearer_token(self, token: str | SecretStr | None) -> None:
        checked = merge_config(ClientConfig(), {"bearer_token": token}, "option").bearer_token
        with self._mutex:
            self._token = checked
            self._forget()

    @property
    def rate_limit(self) -> float | None:
        """Requests that may be sent in any `rate_limit_interval`."""
        return self._config.rate_limit

    @property
    def rate_limit_interval(self) -> float:
        """Seconds that `rate_limit` counts for."""
        return self._config.rate_limit_interval

    @property
    def rate_limited(self) -> bool:
        """Whether there is a rate limit."""
        return self._limiter is not None

    @property
    def logger(self) -> logging.Logger:
        """The logger of clients of this kind, such as `arya_api_framework.SyncClient`."""
        return self._logger

    @property
    def closed(self) -> bool:
        """Whether the client, or the one it is a copy of, was closed."""
        return self._closed or (self._copied_from is not None and self._copied_from.closed)

    @property
    def extensions(self) -> Mapping[str, ModuleType]:
        """The loaded extensions by name."""
        return self._extensions.loaded

    def load_extension(self, name: str, *, package: str | None = None) -> None:
        """Load a module and call its `setup(client)`.

        Args:
            name: The module, such as `"plugins.repos"`; `".repos"` is relative to `package`.
            package: What a relative name is relative to.

        Raises:
            ExtensionNotFound: There is no such module.
            ExtensionAlreadyLoaded: It is loaded already.
            ExtensionEntryPointError: It has no function `setup`.
            ExtensionFailed: It raised; nothing of it stays.
        """
        self._extensions.load(name, package)

    def unload_extension(self, name: str, *, package: str | None = None) -> None:
        """Call the module's `teardown(client)`, if it has one, and remove its sub-clients.

        Raises:
            ExtensionNotFound: The name is relative and `package` is missing.
            ExtensionNotLoaded: It is not loaded.
            ExtensionFailed: `teardown` raised; the extension is unloaded all the same.
        """
        self._extensions.unload(name, package)

    def reload_extension(self, name: str, *, package: str | None = None) -> None:
        """Unload an extension and load its module anew from its file.

        Raises:
            ExtensionNotLoaded: It is not loaded.
            ExtensionError: The new version cannot be loaded; the old one is in place again.
        """
        self._extensions.reload(name, package)

    def tree(self, serialized: bool = False, indent: int | None = None) -> Any:
        """Return what the client holds: its endpoints and sub-clients, as nested dicts.

        Args:
            serialized: Return JSON text instead.
            indent: The indentation of that text.
        """
        root = {
            "__info__": {"uri": str(self.uri), "uri_root": str(self.uri_root)},
            **self._branches(),
        }
        return self._render({"root": root}, serialized, indent)

    def with_options(self, **options: Unpack[ClientOptions]) -> Self:
        """Return a cheap copy with other options.

        The copy shares the connections and the rate limit, unless it is given one of its own.
        Closing it leaves the original open; closing the original closes both. Sub-clients and
        extensions of the original are there as copies.

        With a `uri` of another origin the copy has a rate limit of its own, and nothing that may
        be a credential goes along: the token, cookies, parameters, and headers other than a
        few such as `Accept`, unless they are given again or the origin is one of
        `trusted_origins`.

        Raises:
            ConfigurationError: An option can never work, or belongs to the session.
        """
        given: dict[str, Any] = {**options}
        for name in ("session", "session_factory", "tls", "extensions"):
            if name in given:
                raise ConfigurationError(
                    f"{name!r} belongs to the connections, which a copy shares; make a new client"
                )
        current = dataclasses.replace(
            self._config,
            headers=MappingProxyType(dict(self._headers)),
            cookies=MappingProxyType(dict(self._cookies)),
            parameters=MappingProxyType(dict(self._parameters)),
            error_responses=MappingProxyType(dict(self._error_responses)),
            bearer_token=self._token,
        )
        config = merge_config(current, given, "option")
        base = resolve_uri(config.uri, config.server_variables)
        elsewhere = base is not None and base[0] != self._origin_path[0]
        if elsewhere and base is not None and base[0] not in config.trusted_origins:
            safe = {n: v for n, v in current.headers.items() if is_safe_header(n)}
            bare = dataclasses.replace(
                current, headers=safe, cookies={}, parameters={}, bearer_token=None
            )
            config = merge_config(bare, given, "option")
        self._open_transport()
        copy = self.__new__(type(self))
        vars(copy).update(
            {name: value for name, value in self.__dict__.items() if name not in copy.__dict__}
        )
        copy._copied_from = self
        copy._transport = self._transport
        copy._configure(config)
        if not elsewhere and not given.keys() & {"rate_limit", "rate_limit_interval"}:
            copy._limiter = self._limiter
        if copy._base is None:
            copy._complete()
        copy._completed = True
        for subclient in self._children.values():
            copy._adopt(subclient.bound_copy())
        copy._extensions.share(self._extensions)
        return copy

    # Calls

    def build(
        self, method: str, path: URLPath = None, **options: Unpack[RequestOptions]
    ) -> Request:
        """Return the request that a call would send, without sending it.

        Its headers may be changed before it is given to `send`.

        Args:
            method: The method.
            path: See `request`.
            options: See `RequestOptions`.

        Raises:
            ConfigurationError: It can never be sent.
        """
        return self._prepare(method, path, options).request

    def _prepare(
        self, method: str, path: URLPath, options: Any, request: Request | None = None
    ) -> Call:
        """Return the call that a method with these options means."""
        if self._closed or (self._copied_from is not None and self.closed):
            self.logger.warning("a call was made on a closed %s", type(self).__name__)
            raise ClientClosedError(
                f"this {type(self).__name__} is closed; make a new one, or close it later"
            )
        try:
            check_options(options, sending=request is not None)
            if request is None:
                defaults = self._defaults or self._encode_defaults()
                trusted = self._config.trusted_origins
                request = build_request(defaults, trusted, method, path, options)
            else:
                request.validate()
            return make_call(self._policy or self._make_policy(), request, options)
        except FrameworkException as error:
            error.method = method
            error.url = redact_url(str(path or ""))
            raise

    def _make_policy(self) -> Policy:
        with self._mutex:
            config = self._config
            self._policy = Policy(
                config.timeout,
                config.deadline,
                self._error_responses.snapshot,
                config.follow_redirects,
                config.max_redirects,
                config.max_response_size,
                config.json_content_types,
                config.trusted_origins,
            )
            return self._policy

    def _encode_defaults(self) -> Defaults:
        with self._mutex:
            origin, path = self._origin_path
            self._defaults = Defaults(
                origin,
                path,
                AUTOMATIC_HEADERS,
                self._headers.snapshot,
                self._cookies.snapshot,
                self._parameters.snapshot,
                self._token,
            )
            return self._defaults

    def _forget(self) -> None:
        self._defaults = None
        self._policy = None

    @property
    def _origin_path(self) -> tuple[Origin, str]:
        if self._base is None:
            raise self._missing_uri(f"{type(self).__name__} has no absolute `uri`")
        return self._base

    @abstractmethod
    def _open_transport(self) -> Any:
        """Return the transport, made at the first call; its copies share it."""

    def _unload(self) -> None:
        """Unload extensions and sub-clients, whatever they raise."""
        self._extensions.unload_all()
        for name in list(self._children):
            self.remove_subclient(name)

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        uri = redact_url(str(self.uri)) if self._base is not None else None
        return f"<{type(self).__name__} {uri} {state}>"

    def __reduce_ex__(self, protocol: Any, /) -> Any:
        raise TypeError(
            f"{type(self).__name__} cannot be pickled or copied: it holds connections; pickle its "
            "class and arguments, or use `with_options()` for a copy"
        )
