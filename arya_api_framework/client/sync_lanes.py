"""Which of the two ways to a socket a request takes.

It has no asynchronous twin: aiohttp is always sent through its session.
"""

# The private parts of requests that are asked for are those that mocks take the place of.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from types import FunctionType
from typing import Any

import requests
from requests import adapters, sessions
from urllib3 import connection, connectionpool

from ..tls import TLS
from .proxies import Proxy
from .url import Origin

__all__ = ["IS_URLLIB3", "Lane", "TLSAdapter", "is_stock"]

# Other libraries take the place of urllib3. Told by name, as a recorder may be at work already.
IS_URLLIB3 = any(
    base.__module__ == http.client.__name__
    for base in connectionpool.HTTPConnection.__mro__  # type: ignore[attr-defined]
)


class TLSAdapter(adapters.HTTPAdapter):
    """An adapter with one TLS context for all its connections, made when it is first needed.

    Requests would load certifi's authorities into the context it is given, and without one read
    them again for every connection.
    """

    def __init__(self, find_tls: Callable[[], TLS], **options: Any) -> None:
        self._find_tls = find_tls
        self._lock = threading.Lock()
        self._options: dict[str, Any] | None = None
        super().__init__(**options)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the context as it is."""

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> Any:
        """Return host and port, and the context that all connections share."""
        host, _pool = super().build_connection_pool_key_attributes(request, True, None)
        return host, self.pool_options()

    def pool_options(self) -> dict[str, Any]:
        """Return what tells pools apart: the same for all threads, or each had pools of its own.

        Raises:
            ConfigurationError: A file cannot be used.
        """
        with self._lock:
            if self._options is None:
                tls = self._find_tls()
                self._options = {
                    "ssl_context": tls.build_context(),
                    "server_hostname": getattr(tls, "server_name", None),
                }
            return self._options.copy()


class Lane:
    """How requests to one origin are sent, decided once for a state of the session.

    Attributes:
        is_fast: Whether nothing of the session is in the way of the fast lane.
        pool: The connection pool for it, once it is open.
        proxy: The proxy that requests take.
    """

    __slots__ = ("_adapter", "_prefix", "_state", "_url", "is_fast", "pool", "proxy")

    def __init__(self, session: requests.Session, origin: Origin, proxy: Proxy | None) -> None:
        self.proxy = proxy
        url = self._url = f"{origin.prefix}/"
        prefixes = tuple(session.adapters)
        self._prefix = next((one for one in prefixes if url.startswith(one.lower())), "")
        self._state = self._state_of(session)
        adapter: Any = session.adapters.get(self._prefix)
        self._adapter = adapter
        self.pool: connectionpool.HTTPConnectionPool | None = None
        self.is_fast = bool(
            type(adapter) in (adapters.HTTPAdapter, TLSAdapter)
            and not any(one.lower().startswith(url) and one != self._prefix for one in prefixes)
            and not session.hooks.get("response")
            and not session.proxies
            and _is_unchanged(session, adapter)
            and IS_URLLIB3
        )

    def open(self, session: requests.Session) -> connectionpool.HTTPConnectionPool:
        """Return the connection pool."""
        if isinstance(self._adapter, TLSAdapter):
            self._adapter.pool_options()  # What it raises requests would take for a wrong URL.
        prepared = requests.PreparedRequest()
        prepared.url = self._url
        pool: connectionpool.HTTPConnectionPool = self._adapter.get_connection_with_tls_context(
            prepared, session.verify, proxies=None, cert=session.cert
        )
        self._adapter.cert_verify(pool, self._url, session.verify, session.cert)
        self.pool = pool
        return pool

    def fits(self, session: requests.Session) -> bool:
        """Return whether the session is as it was when this was decided."""
        return self._state_of(session) == self._state

    def _state_of(self, session: requests.Session) -> tuple[Any, ...]:
        found = session.adapters
        adapter = found.get(self._prefix)
        # What is put on an instance, as some mocks do, makes its dict longer.
        return (
            adapter,
            len(found),
            len(session.__dict__),
            adapter and len(adapter.__dict__),
            session.verify,
            session.cert,
            bool(session.hooks.get("response")),
            bool(session.proxies),
        )


def _is_unchanged(session: requests.Session, adapter: adapters.HTTPAdapter) -> bool:
    """Return whether nothing was put in the way on these objects or in their classes."""
    return (
        getattr(session.send, "__func__", None) is sessions.Session.send
        and getattr(session.get_adapter, "__func__", None) is sessions.Session.get_adapter
        and set(vars(adapter)).isdisjoint(dir(adapters.HTTPAdapter))
        and adapter.max_retries.total in (0, False)
    )


def _read_code() -> tuple[Any, ...]:
    """Return the code between a session and a socket, as it is now."""
    session, adapter = sessions.Session, adapters.HTTPAdapter
    pool, tls_pool = connectionpool.HTTPConnectionPool, connectionpool.HTTPSConnectionPool
    plain, tls, base = (
        connection.HTTPConnection,
        connection.HTTPSConnection,
        http.client.HTTPConnection,
    )
    return (
        plain,
        tls,
        pool.ConnectionCls,
        tls_pool.ConnectionCls,
        session.send,
        session.get_adapter,
        adapter.send,
        adapter.get_connection_with_tls_context,
        pool.urlopen,
        pool._make_request,
        pool._get_conn,
        tls_pool._get_conn,
        pool._new_conn,
        tls_pool._new_conn,
        plain.connect,
        plain.request,
        plain.getresponse,
        tls.connect,
        base.putrequest,
        base.getresponse,
    )


_MODULES = (sessions, adapters, connectionpool, connection, http.client)


_known_code: list[tuple[Any, ...]] = [()]


def is_stock() -> bool:
    """Return whether requests and urllib3 run their own code, as mocks and recorders replace it."""
    try:
        code = _read_code()
    except AttributeError:
        return False
    return code == _known_code[0] or _learn(code)


def _learn(code: tuple[Any, ...]) -> bool:
    """Remember code as the libraries' own, if it is; a mock may be there before we are.

    A function knows the module it was written in; its name can be copied by a wrapper.
    """
    for one in code:
        if isinstance(one, type):
            if one.__module__ != connection.__name__:
                return False
        elif type(one) is not FunctionType or not any(
            one.__globals__ is vars(module) for module in _MODULES
        ):
            return False
    _known_code[0] = code
    return True
