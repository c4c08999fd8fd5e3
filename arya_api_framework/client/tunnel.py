"""`Tunnel`: what is said to a proxy for a tunnel, and what its answer means (RFC 9110 9.3.6).

Bytes in, decisions out, the same for both clients; nothing here reads or writes.
"""

from __future__ import annotations

from ..errors import ProtocolError, ProxyError, ResponseTooLarge
from .http1 import find_head, render_head
from .proxies import Proxy, tunnel_refused

__all__ = ["Tunnel"]


class Tunnel:
    """A tunnel that a proxy is asked for.

    Args:
        proxy: The proxy.
        host: Where it shall lead.
        port: The port there.

    Attributes:
        request: What is sent.
        is_open: Whether all that comes from now on comes from the host.
    """

    def __init__(self, proxy: Proxy, host: str, port: int) -> None:
        self._proxy = proxy
        self._place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        login = proxy.authorization
        fields = [] if login is None else [("Proxy-Authorization", login)]
        self.request = render_head("CONNECT", self._place, self._place, fields)
        self.is_open = False
        self._buffer = b""
        self._interim = 0

    def feed(self, data: bytes) -> bool:
        """Take what the proxy says next, nothing where it is gone; return whether it is open.

        Raises:
            ProxyError: It refuses, says what is no answer, or more than one.
        """
        try:
            # As the answer to HEAD it has no body.
            head, buffer, self._interim = find_head(self._buffer + data, "HEAD", self._interim)
        except (ProtocolError, ResponseTooLarge) as error:
            raise self._broken() from error
        self._buffer = buffer
        if head is None:
            if not data:
                raise self._broken()
            return False
        if not 200 <= head.status < 300:
            raise tunnel_refused(
                self._proxy, head.status, head.reason, f"a tunnel to {self._place}"
            )
        if len(buffer) > head.end:
            raise ProxyError(
                f"the proxy {self._proxy.authority} said more than that there is a tunnel"
            )
        self.is_open = True
        return True

    def _broken(self) -> ProxyError:
        return ProxyError(f"the proxy {self._proxy.authority} gave no valid answer to CONNECT")
