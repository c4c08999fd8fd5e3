"""`SyncClient`: calls over requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from typing_extensions import override

from ..errors import FrameworkException, SyncClientError
from ..options import URLPath
from .base import BaseClient
from .body import check_sync_body
from .budget import end_of
from .call import REDIRECTS, Call
from .call_log import DEBUG
from .config import ClientConfig, check_sync_connections
from .forgotten import Made
from .hook_chain import HookChain
from .request import Request, check_request
from .sync_gate import SyncGate
from .sync_hooks import Send, SyncHooks
from .sync_verbs import SyncVerbs

if TYPE_CHECKING:
    import requests

    from ..bulk.batch import Batch
    from ..rate_limit.window import SlidingWindow
    from .paging import Walk
    from .sync_transport import SyncTransport
    from .transfer import Transfer
    from .tus_upload import TusTransfer
    from .waiting import Waiting

__all__ = ["SyncClient"]


class SyncClient(SyncVerbs, BaseClient):
    """A client of a REST API, to be subclassed.

    Class keywords, which are also arguments of the instance, configure it: see `ClientOptions`.

    Example:
        ```python
        class GitHub(SyncClient, uri="https://api.github.com", rate_limit=10):
            def repo(self, owner: str, name: str) -> Repo:
                return self.get(
                    "/repos/{owner}/{name}",
                    path_parameters={"owner": owner, "name": name},
                    response_format=Repo,
                )


        with GitHub(bearer_token="...") as github:
            repo = github.repo("pydantic", "pydantic")
        ```
    """

    _missing_uri = SyncClientError
    _check_body = staticmethod(check_sync_body)
    _check_connections = staticmethod(check_sync_connections)
    _transport: SyncTransport | None

    _logger_name = "arya_api_framework.SyncClient"

    def __enter__(self) -> Self:
        if self.closed:
            raise self._closed_error()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @override
    def close(self) -> None:
        """Close the connections and unload extensions and sub-clients; a second time does nothing.

        A copy made by `with_options` closes only itself, and an original its copies too; a session
        of yours stays open.
        """
        with self._mutex:
            if self._closing:
                return
            self._closing = True
        self._unload()
        self._closed = True
        for copy in tuple(self._copies):
            copy.close()
        for transport in tuple(self._certified.values()):
            transport.close()
        if self._owns_transport and self._transport is not None:
            self._transport.close()

    @property
    def session(self) -> requests.Session:
        """The session that sends, made when it is first asked for."""
        if self.closed:
            raise self._closed_error()
        return self._open_transport().session

    @override
    def _open_transport(self) -> SyncTransport:
        with self._mutex:
            if self._transport is None:
                self._transport = self._make_transport(self._own_config)
            return self._transport

    @override
    def _make_transport(self, config: ClientConfig) -> SyncTransport:
        from .sync_transport import SyncTransport

        return SyncTransport(config, self._trusted(), Made(type(self).__name__, *self._made_at))

    @override
    def _check_hooks(self, hooks: HookChain) -> None:
        _ = hooks.sync_plan

    @override
    def _paged(self, walk: Walk, request: Callable[..., Any]) -> Any:
        from .paging import ItemWalk
        from .sync_pages import SyncItems, SyncPages

        if isinstance(walk, ItemWalk):
            return SyncItems[Any](walk, request)
        return SyncPages[Any](walk, request)

    @override
    def _streamed(self, method: str, path: URLPath, options: Any) -> Any:
        from .sync_stream import SyncStream

        return SyncStream(self._request, method, path, options)

    @override
    def _waited(self, waiting: Waiting, request: Callable[..., Any]) -> Any:
        from .sync_operations import wait

        limit = self._own_config.deadline
        return wait(waiting, request, self._origins, limit, set(self.parameters))

    @override
    def _mapped(self, batch: Batch) -> Any:
        from ..bulk.sync_results import SyncResults

        batch.client = self
        return SyncResults[Any](batch)

    @override
    def _carry_out(self, transfer: Transfer, target: Any) -> Any:
        from .sync_transfers import carry_out

        self._persist(transfer)
        return carry_out(transfer, target, self._rest)

    @override
    def _tus(self, transfer: TusTransfer, target: Any) -> Any:
        from .sync_transfers import SyncTusUpload

        self._persist(transfer)
        return SyncTusUpload(transfer, target, self._rest)

    @override
    def _downloaded(self, path: URLPath, to: Any, options: Any) -> Any:
        from .download import Wish
        from .sync_download import SyncDownload

        return SyncDownload(self, Wish(path, to, options)).run()

    @override
    def _send(self, request: Request, options: Any) -> Any:
        check_request(request)
        return self._request(request.method, None, options, request)

    @override
    def _request(
        self, method: str, path: URLPath, options: Any, request: Request | None = None
    ) -> Any:
        """Make a call. One flat function: every layer on the way is paid by each call."""
        call = self._prepare(method, path, options, request)
        del options  # Ten thousand of these frames may wait at once.
        transport = self._transport or self._open_transport()
        if call.policy.tls is not None:
            transport = self._with_certificate(call.policy.tls)
        limiter, origins = self._limiter, self._origins
        if origins.budgets:
            call.bound(end_of(origins))
        send: Send = transport.send
        hooks = response = None
        try:
            if call.policy.hooks or self._log.isEnabledFor(DEBUG):
                hooks = SyncHooks(call, send, self._log)
                response = hooks.before_call()
                send = hooks.send
            send_elsewhere = send
            if call.policy.hedge is not None:
                from .sync_hedging import SyncHedge

                log = self._log
                send = SyncHedge(self._controls, limiter, origins, send, hooks, log).send
                limiter = None
            elif self._controls is not None or origins.budgets or not call.policy.is_plain:
                send = SyncGate(self._controls, limiter, origins, send).send
                limiter = None
            if call.policy.auth:
                from .sync_auth import SyncAuth

                for auth in call.policy.auth:
                    send = SyncAuth(auth, send, send_elsewhere).send
            while response is None:
                if origins.paused or (limiter is not None and not limiter.try_acquire()):
                    self._queue(limiter, call)
                call.begin()
                try:
                    response = send(call.request, call)
                    while response.status in REDIRECTS and call.redirect(response):
                        if call.policy.events is not None:
                            transport.report_redirect(response.request, call, response)
                        if origins.paused or (limiter is not None and not limiter.try_acquire()):
                            self._queue(limiter, call)
                        response = send(call.request, call)
                except FrameworkException as error:
                    if hooks is not None and hooks.has_raised(error):
                        raise
                    wait = call.after_error(error, origins, self._log)
                    if wait is None:
                        raise
                else:
                    if response.status < 400:
                        if origins.spent or call.retries is not None:
                            call.succeed(origins)
                        break
                    wait = call.after_response(response, origins, self._log)
                    if wait is None:
                        break
                response = None
                self._rest(wait)
            if hooks is not None:
                response = hooks.after_call(response)
            return call.result(response)
        except BaseException as error:
            if origins.budgets and isinstance(error, FrameworkException):
                spent = call.over_budget(error, origins)
                if spent is not None:
                    if hooks is not None:
                        hooks.call_failed(spent)
                    raise spent from error
            if hooks is not None:
                hooks.call_failed(error)
            elif isinstance(error, FrameworkException):
                call.conclude(error)
            raise
        finally:
            call.retries = None  # Its errors lead back here.

    def _queue(self, limiter: SlidingWindow | None, call: Call) -> None:
        """Wait until the origin may be sent to again, and for a slot of the rate limit."""
        from ..rate_limit.sync_wait import acquire

        start = time.monotonic()
        origin = call.request.origin.prefix
        while True:
            while (left := self._origins.pause_left(origin)) > 0:
                call.check_wait(left)
                self._rest(left)
            if limiter is None:
                break
            acquire(limiter, call.deadline)
            if self._origins.pause_left(origin) <= 0:
                break
        call.extend(time.monotonic() - start)

    def _rest(self, seconds: float) -> None:
        from ..rate_limit.sync_wait import sleep

        sleep(seconds)
