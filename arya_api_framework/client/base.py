"""`BaseClient`: everything both clients decide alike, with no input or output."""

from __future__ import annotations

import dataclasses
import functools
import os
import threading
import weakref
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, overload

from typing_extensions import Unpack, override
from yarl import URL

from ..errors import ClientClosedError, ClientError, ConfigurationError, FrameworkException
from ..fork import start_over_in_child
from ..options import UNSET, ClientOptions, RequestOptions, Unset, URLPath
from ..rate_limit.limit import check_cost
from ..rate_limit.window import SlidingWindow
from .body import Body
from .budget import Budget
from .call import Call, Policy
from .checks import near_miss, with_pool_wait
from .config import (
    CONNECTION_OPTIONS,
    ClientConfig,
    check_credentials,
    given_connections,
    merge_config,
)
from .controls import Controls
from .cookie_jar import CookieJar
from .credentials import Credentials
from .defaults import Defaults
from .extensions import Extensions
from .forgotten import find_caller
from .hook_chain import HookChain
from .layers import Layer, LayerKind, find_written, layer_of
from .live import Live, LiveCookies, LiveErrorResponses, LiveHeaders, LiveParameters
from .meta import ClientMeta
from .node import Node, made_anew
from .origins import Origins
from .prepare import SEND_OPTIONS, automatic_headers, build_request, check_options, make_call
from .redaction import is_safe_header, redact_url
from .request import Request
from .server_variables import resolve_uri
from .shapes import is_mapping
from .tree import OpenAPI
from .url import Origin

if TYPE_CHECKING:
    import logging
    from types import ModuleType

    from pydantic import SecretStr

    from ..auth.base import Auth
    from ..rate_limit.limit import RateLimit
    from ..tls import TLS
    from .security import Security
    from .subclient import SubClient
    from .tie import Tie
    from .transfer import Transfer

__all__ = ["BaseClient"]

_MOST_CERTIFICATES = 8
"""Of how many that were given to `authenticate` the connections are kept."""

_LEFT_AT_HOME = ("bearer_token", "auth", "credentials")
"""What a copy for another host does not have, other than in its mappings."""


@functools.cache
def _read_debug_switch() -> None:
    value = os.environ.get("ARYA_API_FRAMEWORK_DEBUG", "")
    if value:
        from ..log import switch_on

        switch_on(value)


class BaseClient(Node, metaclass=ClientMeta):
    """The part of a client that is the same for `SyncClient` and `AsyncClient`.

    Attributes:
        config: The class keywords, merged down the bases. On an instance, its own configuration.
    """

    _class_config: ClassVar[ClientConfig]
    _own_options: ClassVar[Mapping[str, Any]]
    _missing_uri: ClassVar[type[ClientError]] = ClientError
    _check_body: Callable[[bytes | Body], None]
    _check_connections: Callable[[ClientConfig], None]

    _logger_name: ClassVar[str] = "arya_api_framework"

    _resolved_uri: tuple[Origin, str] | Unset | None
    _closed: bool
    _closing: bool
    _completed: bool
    _own_config: ClientConfig
    _layers: tuple[Layer, ...] = ()
    _is_written: bool = False
    _live_cookies: LiveCookies
    _copied_from: BaseClient | None
    _copies: weakref.WeakSet[BaseClient]
    _encoded_defaults: Defaults | None
    _live_error_responses: LiveErrorResponses
    _extensions: Extensions
    _live_headers: LiveHeaders
    _limiter: SlidingWindow | None
    _controls: Controls | None
    _credentials: Credentials | None
    _security: Security | None
    _certified: OrderedDict[tuple[TLS, frozenset[Origin]], Any]
    _log: logging.Logger
    _made_at: tuple[str, int]
    _mutex: threading.RLock
    _live_parameters: LiveParameters
    _call_policy: Policy | None
    _tie: weakref.ref[Tie] | None
    _jar: CookieJar | None
    _bearer: SecretStr | None
    _origins: Origins
    _owns_transport: bool
    _transport: Any

    if TYPE_CHECKING:
        config: ClassVar[ClientConfig]

        def __init_subclass__(cls, **options: Unpack[ClientOptions]) -> None: ...

    else:

        @property
        def config(self):
            """The configuration of this instance, as it was given."""
            return self._own_config

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Lay the class configuration, so that an `__init__` of the user's needs no `super()`."""
        _read_debug_switch()
        self = super().__new__(cls)
        self._mutex = threading.RLock()
        start_over_in_child(self._mutex, "_at_fork_reinit")
        self._made_at = find_caller()
        self._closed = False
        self._closing = False
        self._copied_from = None
        self._copies = weakref.WeakSet()
        self._tie = None
        self._origins = Origins()
        self._transport = None
        self._owns_transport = True
        self._completed = False
        self._children = {}
        self._extensions = Extensions(self)
        self._security = None
        self._certified = OrderedDict()
        self._configure(cls._class_config)
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
            if given.get("uri") is not None:
                raise ConfigurationError(f"{type(self).__name__} got `uri` twice")
            given["uri"] = base
        own = {
            name: given.pop(name) for name in list(given) if name in ClientOptions.__optional_keys__
        }
        loaded = self._own_config.extensions
        if own:
            current = self._current_config()
            merged = merge_config(current, own, "option")
            layers = self._laid("instance", own, current, merged)
            self._configure(merged)
            vars(self)["_layers"] = layers  # An assignment costs as much as the layers do.
        if given or args:
            self._check_post_init(args, given)
        if self._completed:  # What the class declares was asked for before.
            self._origin_path  # noqa: B018 - raises where there is no absolute `uri`
            self._check_session()
            self._load_extensions(one for one in self._own_config.extensions if one not in loaded)
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
        self._origin_path  # noqa: B018 - raises where there is no absolute `uri`
        self._check_session()
        self._completed = True
        try:
            self._adopt_declared()
            self._load_extensions(self._own_config.extensions)
        except BaseException:
            self._unload()
            raise

    @override
    def _wake(self) -> bool:
        # An `__init__` of the user's that asks for a sub-client before, or without, `super()`.
        if vars(self).get("_completed", True) or self._own_config.uri is None:
            return False
        self._complete()
        return True

    def _load_extensions(self, extensions: Iterable[str | tuple[str, str]]) -> None:
        for extension in extensions:
            if isinstance(extension, str):
                self.load_extension(extension)
            else:
                self.load_extension(extension[0], package=extension[1])

    def _check_session(self) -> None:
        """Refuse connections that cannot be made, and a session that cannot be used."""
        type(self)._check_connections(self._own_config)
        if self._own_config.session is None:
            return
        if self._own_config.session_factory is not None:
            raise ConfigurationError("give `session` or `session_factory`, not both")
        lost = given_connections(self._own_config)
        if lost:
            raise ConfigurationError(
                f"`{lost[0]}` does not reach the connections of a `session` of yours; set it up "
                "there, or use `session_factory`"
            )
        self._open_transport()

    @abstractmethod
    def _check_hooks(self, hooks: HookChain) -> None:
        """Refuse hooks that this kind of client cannot run."""

    def _trusted(self) -> frozenset[Origin]:
        """Return the origins that may be shown what identifies this client."""
        return self._own_config.trusted_origins | {self._origin_path[0]}

    def _configure(self, config: ClientConfig) -> None:
        self._check_hooks(config.hooks)
        check_credentials(config)
        self._own_config = config
        self._limiter, self._controls = _make_limits(config)
        pool = config.credentials
        self._share_credentials(None if pool is None else Credentials(pool))
        self._security = _make_security(config, self._security)
        self._resolved_uri = UNSET
        self._bearer = config.bearer_token
        lock, changed = self._mutex, self._forget
        self._live_headers = LiveHeaders(config.headers, lock, changed)
        self._live_cookies = LiveCookies(config.cookies, lock, changed)
        self._live_parameters = LiveParameters(config.parameters, lock, changed)
        self._live_error_responses = LiveErrorResponses(config.error_responses, lock, changed)
        self._encoded_defaults = None
        self._call_policy = None
        self._jar = None
        if self._is_written:
            self._is_written = False

    def _laid(
        self,
        kind: LayerKind,
        options: Mapping[str, Any],
        before: ClientConfig,
        after: ClientConfig,
    ) -> tuple[Layer, ...]:
        """Return the layers of this client with one more over them; see `layer_of`."""
        return (*self._layers, *self._written(), layer_of(kind, options, before, after))

    def _written(self) -> tuple[Layer, ...]:
        """Return the layer of what was written to the live mappings."""
        if not self._is_written:
            return ()
        *snapshots, token = self._live_values()
        return find_written(self._own_config, snapshots, token)

    def _share_credentials(self, credentials: Credentials | None) -> None:
        self._credentials = credentials
        if credentials is not None or self._controls is not None:
            self._controls = (self._controls or Controls()).with_credentials(credentials)

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
        return self._live_headers

    @headers.setter
    def headers(self, values: Any) -> None:
        self._live_headers.replace(values)

    @property
    def cookies(self) -> LiveCookies:
        """The cookies sent with every request; write to it, or assign a mapping or model."""
        return self._live_cookies

    @cookies.setter
    def cookies(self, values: Any) -> None:
        self._live_cookies.replace(values)

    @property
    def cookie_jar(self) -> CookieJar:
        """The cookies that servers set, kept and sent by `cookie_policy`."""
        with self._mutex:
            if self._jar is None:
                self._jar = CookieJar(self._own_config.cookie_policy)
                start_over_in_child(self._jar.mutex, "_at_fork_reinit")
            return self._jar

    @property
    def parameters(self) -> LiveParameters:
        """The query of every request; write to it, or assign a mapping or model."""
        return self._live_parameters

    @parameters.setter
    def parameters(self, values: Any) -> None:
        self._live_parameters.replace(values)

    @property
    def error_responses(self) -> LiveErrorResponses:
        """What error statuses are turned into; write to it, or assign a mapping."""
        return self._live_error_responses

    @error_responses.setter
    def error_responses(self, values: Any) -> None:
        self._live_error_responses.replace(values)

    @property
    def bearer_token(self) -> SecretStr | None:
        """The token sent as `Authorization: Bearer ...`; takes text or a `SecretStr`."""
        return self._bearer

    @bearer_token.setter
    def bearer_token(self, token: str | SecretStr | None) -> None:
        checked = merge_config(ClientConfig(), {"bearer_token": token}, "option").bearer_token
        with self._mutex:
            check_credentials(dataclasses.replace(self._current_config(), bearer_token=checked))
            self._bearer = checked
            self._forget()

    @property
    def auth(self) -> Auth | None:
        """What authenticates the calls; `with_options(auth=...)` makes a copy with another."""
        return self._own_config.auth

    def authenticate(self, forget: Unset | None = UNSET, /, **credentials: Any) -> None:
        """Give credentials for the `security_schemes` of the client, by the names of the schemes.

        What was given before stays, until it is given anew or as `None`. Calls that are under way
        keep what they have. Copies that are made later have them too.

        Args:
            forget: `None` alone forgets all.
            credentials: `(user, password)` for Basic and Digest, text or a `SecretStr` for keys and
                tokens, `(cert, key)` or `(cert, key, password)` for mutual TLS; an `Auth` for any
                other than that.

        Raises:
            ConfigurationError: There is no such scheme, a value is no credential of it, or the
                connections of the client cannot show a certificate. Then nothing is kept.

        Example:
            ```python
            client.authenticate(basicAuth=("ann", "secret"))
            client.authenticate(None)
            ```
        """
        given: object = forget
        if is_mapping(given):
            raise ConfigurationError(
                "authenticate takes credentials by the names of their schemes, not as a mapping: "
                "write `authenticate(**...)`"
            )
        if (forget is None) == bool(credentials) or forget not in (None, UNSET):
            raise ConfigurationError(
                "authenticate takes credentials by the names of their schemes, or None alone"
            )
        if self._security is None:
            raise ConfigurationError(
                f"{type(self).__name__} declares no `security_schemes` to authenticate with; a "
                "credential of one kind is given as `auth` or `bearer_token`"
            )
        if credentials:
            self._security.authenticate(credentials)
        else:
            self._security.forget()

    def _with_certificate(self, tls: TLS) -> Any:
        """Return the transport whose connections show a certificate given to `authenticate`.

        It is shared by copies, as all connections are. Of too many, the one used last ends with
        the calls that use it.
        """
        owner = self if self._owns_transport else self._copied_from or self
        key = tls, self._trusted()
        with owner._mutex:
            kept = owner._certified
            transport = kept.pop(key, None)
            if transport is None:
                from .security import with_certificate

                transport = self._make_transport(with_certificate(self._own_config, tls))
            kept[key] = transport
            if len(kept) > _MOST_CERTIFICATES:
                kept.popitem(last=False)[1].let_go()
            return transport

    @property
    def credentials(self) -> Credentials | None:
        """The state of the keys of a `CredentialPool`, shared by copies; `None` where is none."""
        return self._credentials

    @property
    def rate_limit(self) -> float | tuple[RateLimit, ...] | None:
        """Requests that may be sent in any `rate_limit_interval`, or the `RateLimit` values."""
        return self._own_config.rate_limit

    @property
    def rate_limit_interval(self) -> float:
        """Seconds that `rate_limit` counts for."""
        return self._own_config.rate_limit_interval

    @property
    def rate_limited(self) -> bool:
        """Whether there is a rate limit."""
        return self._own_config.rate_limit is not None

    @property
    def concurrency_limits(self) -> dict[str, int]:
        """How many calls may be in flight now, by origin, where `concurrency` is given."""
        return {} if self._controls is None else self._controls.concurrency_limits

    def forecast(self, calls: int = 1, *, priority: int = 0) -> float:
        """Return in how many seconds the last of so many calls, made now, would be sent.

        It counts the rate limits that hold for all calls, those who wait already, a pause that the
        server asked for, and the keys of `credentials`: infinity, where all are revoked for good.
        How many calls may be in flight at once, it does not count.

        Raises:
            ConfigurationError: It is no whole number above 0.
        """
        check_cost(calls)
        wait = self._origins.pause_left(self._origin_path[0].prefix)
        if self._limiter is not None:
            wait = max(wait, self._limiter.eta(calls, priority))
        if self._controls is not None:
            wait = max(wait, self._controls.eta(calls, priority))
        return wait

    def budget(self, *, requests: int | None = None, seconds: float | None = None) -> Budget:
        """Return a bound on all that the client sends within a `with` block.

        Args:
            requests: The most requests, retries and redirects included.
            seconds: The longest time.

        Raises:
            ConfigurationError: Neither is given, or one is no number above 0.
        """
        return Budget(self._origins, requests, seconds)

    @property
    def logger(self) -> logging.Logger:
        """The logger of clients of this kind, such as `arya_api_framework.SyncClient`."""
        import logging

        return logging.getLogger(self._logger_name)

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
            ExtensionFailed: It raised. Its sub-clients, the extensions that it loaded and what it
                wrote to `headers` and the like are gone.
            ClientClosedError: The client is closed.
        """
        if self.closed:
            raise self._closed_error()
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
            ClientClosedError: The client is closed.
        """
        if self.closed:
            raise self._closed_error()
        self._extensions.reload(name, package)

    @override
    def _adopt(self, subclient: SubClient) -> None:
        if self.closed:
            raise self._closed_error()
        super()._adopt(subclient)

    @override
    def _describe(self) -> dict[str, Any]:
        info = {"uri": str(self.uri), "uri_root": str(self.uri_root)}
        return {"root": {"__info__": info, **self._branches(self._children.values())}}

    @classmethod
    @override
    def _describe_class(cls) -> dict[str, Any]:
        uri, root = cls.config.uri, None
        try:
            base = resolve_uri(uri, cls.config.server_variables)
        except ConfigurationError:
            base = None  # Instances give the variables.
        if base is not None:
            uri, root = base[0].prefix + base[1], base[0].prefix
        elif uri is not None:
            uri = redact_url(uri)
        info = {"uri": uri, "uri_root": root}
        return {"root": {"__info__": info, **cls._branches(made_anew(cls), uri)}}

    if TYPE_CHECKING:

        @overload
        @classmethod
        def openapi(
            cls,
            serialized: Literal[True],
            indent: int | None = None,
            *,
            title: str | None = None,
            version: str | None = None,
        ) -> str: ...
        @overload
        @classmethod
        def openapi(
            cls,
            serialized: Literal[False] = False,
            indent: int | None = None,
            *,
            title: str | None = None,
            version: str | None = None,
        ) -> dict[str, Any]: ...
        @classmethod
        def openapi(
            cls,
            serialized: bool = False,
            indent: int | None = None,
            *,
            title: str | None = None,
            version: str | None = None,
        ) -> Any:
            """See `OpenAPI`."""

    else:
        openapi = OpenAPI()

    @classmethod
    def _declared(cls) -> tuple[Any, ...]:
        """Return what the OpenAPI document of the class is made of."""
        return cls, cls.config, list(made_anew(cls))

    def _held(self) -> tuple[Any, ...]:
        """Return what that of this object is made of."""
        return self, self._current_config(), list(self._children.values())

    def with_options(self, **options: Unpack[ClientOptions]) -> Self:
        """Return a cheap copy with other options.

        The copy shares the connections, the rate limit, the circuit breaker, the state of the keys
        of `credentials` and the cookie jar, unless it is given some of its own (`tls`, `proxy`,
        `pool` and all else that belongs to connections; `session`, `session_factory`; `rate_limit`;
        `circuit_breaker`; `concurrency`; `credentials`; another `cookie_policy`). Closing it leaves
        the original open; closing the original closes both. Sub-clients and extensions of the
        original are there as copies.

        With a `uri` of another origin the copy has a rate limit and a cookie jar of its own, and
        nothing that may be a credential goes along: token, auth, keys, cookies, parameters, and
        headers other than a few such as `Accept`, unless they are given again or the origin is one
        of `trusted_origins`.

        Raises:
            ConfigurationError: An option can never work.
        """
        given: dict[str, Any] = {**options}
        if self.closed:
            raise self._closed_error()
        current = self._current_config()
        config = merge_config(current, given, "option")
        own = self._origin_path[0]
        base = resolve_uri(config.uri, config.server_variables)
        elsewhere = base is not None and base[0] != own
        is_trusted = base is None or not elsewhere or base[0] in config.trusted_origins
        laid = given
        if not is_trusted:
            laid = {**dict.fromkeys(_LEFT_AT_HOME), **given}
            safe = {n: v for n, v in current.headers.items() if is_safe_header(n)}
            bare = dataclasses.replace(
                current,
                headers=safe,
                cookies={},
                parameters={},
                bearer_token=None,
                auth=None,
                credentials=None,
            )
            config = merge_config(bare, given, "option")
        copy = self.__new__(type(self))
        vars(copy).update(
            {name: value for name, value in vars(self).items() if name not in vars(copy)}
        )
        copy._origins = self._origins
        original = self if self._owns_transport else self._copied_from or self
        copy._copied_from = original
        copy._configure(config)
        vars(copy)["_layers"] = self._laid("with_options", laid, current, config)
        copy._origin_path  # noqa: B018 - raises where the new `uri` is not absolute
        copy._check_session()
        if not given.keys() & (CONNECTION_OPTIONS | {"session", "session_factory"}):
            copy._owns_transport = False
            copy._transport = self._open_transport()
        else:
            original._copies.add(copy)  # Its connections end with the original.
        if not elsewhere:
            if not given.keys() & {"rate_limit", "rate_limit_interval"}:
                copy._limiter = self._limiter
            if copy._controls is not None and self._controls is not None:
                copy._controls.share(self._controls, given)
        # In controls of its own, or in those it shares.
        if self._security is not None and copy._security is not None and is_trusted:
            copy._security.take(self._security)
        own_keys = "credentials" in given or config.credentials is None
        copy._share_credentials(copy._credentials if own_keys else self._credentials)
        if not elsewhere and config.cookie_policy == current.cookie_policy:
            copy._jar = self.cookie_jar
        copy._completed = True
        copy._take_copies(self)
        copy._extensions.borrow(self._extensions)
        loaded = current.extensions
        copy._load_extensions(one for one in config.extensions if one not in loaded)
        return copy

    if not TYPE_CHECKING:

        def __setattr__(self, name, value):
            # Options that have no attribute would be kept, and do nothing.
            if name in ClientOptions.__optional_keys__ and not hasattr(type(self), name):
                raise AttributeError(
                    f"{name!r} of a {type(self).__name__} cannot be assigned; use "
                    f"`with_options({name}=...)` for a copy that has it"
                )
            super().__setattr__(name, value)

    # Calls

    def build(
        self, method: str, path: URLPath = None, **options: Unpack[RequestOptions]
    ) -> Request:
        """Return the request that a call would send, without sending it.

        Its headers may be changed before it is given to `send`, which takes the options that say
        how it is sent, such as `timeout`.

        Args:
            method: The method.
            path: See `request`.
            options: See `RequestOptions`.

        Raises:
            ConfigurationError: It can never be sent.
        """
        if not options.keys().isdisjoint(SEND_OPTIONS):
            name = next(name for name in options if name in SEND_OPTIONS)
            raise ConfigurationError(f"{name!r} is an option of `send`, not of `build`")
        return self._prepare(method, path, options).request

    def _prepare(
        self, method: str, path: URLPath, options: Any, request: Request | None = None
    ) -> Call:
        """Return the call that a method with these options means."""
        try:
            if self._closed or (self._copied_from is not None and self.closed):
                self.logger.warning("a call was made on a closed %s", type(self).__name__)
                raise self._closed_error()
            sending = request is not None
            check_options(options, sending=sending)
            policy = self._call_policy or self._make_policy()
            if request is None:
                defaults = self._encoded_defaults or self._encode_defaults()
                config = self._own_config
                request = build_request(
                    defaults,
                    config.trusted_origins,
                    method,
                    path,
                    options,
                    config.compress,
                    config.retry,
                )
            else:
                request.validate()
            if request.body is not None:
                self._check_body(request.body)
            return make_call(policy, request, options, sending=sending)
        except FrameworkException as error:
            error.method = str(getattr(method, "value", method)).upper()
            error.url = redact_url(self._shown_url(path)) if request is None else request.shown_url
            raise

    def _shown_url(self, path: URLPath) -> str:
        text = str(path or "")
        if "//" in text:
            return text
        origin, base = self._origin_path
        return f"{origin.prefix}{base}/{text.lstrip('/')}" if text else origin.prefix + base

    def _make_policy(self) -> Policy:
        with self._mutex:
            config = self._own_config
            self._log = self.logger
            self._call_policy = Policy(
                with_pool_wait(config.timeout, config.pool.wait),
                config.deadline,
                self._live_error_responses.snapshot,
                config.follow_redirects,
                config.max_redirects,
                config.max_response_size,
                config.json_content_types,
                config.trusted_origins | {self._origin_path[0]},
                config.pool.wait,
                config.hooks,
                config.events,
                jar=None if config.cookie_policy == "off" else self.cookie_jar,
                retry=config.retry,
                hedge=config.hedge,
                auth=() if config.auth is None else (config.auth,),
                security=self._security,
                required=config.security,
                deadline_header=config.deadline_header,
                allow_early_response=config.allow_early_response,
                keeps_alive=config.pool.keepalive != 0,
                encoding=config.encoding,
                key_field=None if config.credentials is None else config.credentials.header.lower(),
                client=weakref.ref(self),
            )
            return self._call_policy

    def _persist(self, transfer: Transfer) -> None:
        """Let an upload in several requests go on after failures as the client's `retry` says.

        Raises:
            ConfigurationError: Its file is one that the client cannot read.
        """
        if transfer.source.stream is not None:
            self._check_body(transfer.source.stream)
        policy = self._call_policy or self._make_policy()
        transfer.persist(policy.retry, self._origins, self._log)

    def _encode_defaults(self) -> Defaults:
        with self._mutex:
            origin, path = self._origin_path
            pool, auth = self._own_config.credentials, self._own_config.auth
            if pool is not None:
                check_credentials(self._current_config())  # Of what was written to `headers`.
            self._encoded_defaults = Defaults(
                origin,
                path,
                automatic_headers(),
                self._live_headers.snapshot,
                self._live_cookies.snapshot,
                self._live_parameters.snapshot,
                self._bearer,
                None if pool is None else pool.header,
                None if auth is None else auth.header,
            )
            return self._encoded_defaults

    def _forget(self) -> None:
        if not self._is_written:
            self._is_written = True
        self._encoded_defaults = None
        self._call_policy = None

    def _closed_error(self) -> ClientClosedError:
        return ClientClosedError(
            f"this client, {type(self).__name__}, is closed; make a new one, or close it later"
        )

    def _current_config(self) -> ClientConfig:
        """Return the configuration with what was written to the live mappings since."""
        with self._mutex:
            return dataclasses.replace(
                self._own_config,
                headers=MappingProxyType({**self._live_headers.snapshot}),
                cookies=MappingProxyType(self._live_cookies.copy()),
                parameters=MappingProxyType(self._live_parameters.copy()),
                error_responses=MappingProxyType(self._live_error_responses.copy()),
                bearer_token=self._bearer,
            )

    def _live_values(self) -> tuple[Any, ...]:
        """Return what was written to the live mappings, to be put back by `_set_live_values`."""
        return (*(live.snapshot for live in self._lives()), self._bearer)

    def _set_live_values(self, values: tuple[Any, ...]) -> None:
        with self._mutex:
            *snapshots, self._bearer = values
            for live, snapshot in zip(self._lives(), snapshots, strict=True):
                live.restore(snapshot)
            self._forget()

    def _lives(self) -> tuple[Live, ...]:
        return (
            self._live_headers,
            self._live_cookies,
            self._live_parameters,
            self._live_error_responses,
        )

    @property
    def _origin_path(self) -> tuple[Origin, str]:
        base = self._resolved_uri
        if isinstance(base, Unset):
            base = self._resolved_uri = resolve_uri(
                self._own_config.uri, self._own_config.server_variables
            )
        if base is None:
            shown = redact_url(self._own_config.uri) if self._own_config.uri else None
            raise self._missing_uri(
                f"{type(self).__name__} needs an absolute `uri`, got {shown!r}; give it as a class "
                "keyword or as the first argument"
            )
        return base

    @abstractmethod
    def close(self) -> Any:
        """Close the client; that of an `AsyncClient` is to be awaited."""

    @abstractmethod
    def _open_transport(self) -> Any:
        """Return the transport, made at the first call; its copies share it."""

    @abstractmethod
    def _make_transport(self, config: ClientConfig) -> Any:
        """Return a transport of its own, with the connections of a configuration."""

    def _unload(self) -> None:
        """Unload extensions and sub-clients, whatever they raise, and let go of models."""
        self._extensions.close()
        self._close_subclients(self.logger)
        tie = None if self._tie is None else self._tie()
        if tie is not None:
            tie.cut()

    def _make_tie(self) -> Tie:
        """Return what leads from models to this client.

        They keep it, and it keeps the client; the client does not keep it, so that a client that
        nobody uses is gone at once.
        """
        from .tie import Tie

        with self._mutex:
            tie = None if self._tie is None else self._tie()
            if tie is None:
                tie = Tie(self)
                self._tie = weakref.ref(tie)
            return tie

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        uri = redact_url(str(self._own_config.uri))
        return f"<{type(self).__name__} {uri} {state}>"

    def __reduce_ex__(self, protocol: Any, /) -> Any:
        raise TypeError(
            f"{type(self).__name__} cannot be pickled or copied: it holds connections; pickle its "
            "class and arguments, or use `with_options()` for a copy"
        )


def _make_security(config: ClientConfig, earlier: Security | None) -> Security | None:
    """Return what `authenticate` fills, with what it was given for the configuration before."""
    if not config.security_schemes:
        return None
    from .security import Security

    security = Security(config)
    if earlier is not None:
        security.take(earlier)
    return security


def _make_limits(config: ClientConfig) -> tuple[SlidingWindow | None, Controls | None]:
    """Return the window of a client that has nothing else, and all else."""
    limits, breaker, adaptive = config.rate_limit, config.circuit_breaker, config.concurrency
    window = None
    if limits is not None and not isinstance(limits, tuple):
        window, limits = SlidingWindow(limits, config.rate_limit_interval), None
    if limits is None and breaker is None and adaptive is None:
        return window, None
    return window, Controls(limits or (), breaker, adaptive)
