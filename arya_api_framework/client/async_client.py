"""`AsyncClient`: calls over aiohttp."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from typing_extensions import override

from ..errors import AsyncClientError, FrameworkException
from ..options import URLPath
from .async_gate import AsyncGate
from .async_hooks import AsyncHooks, Send
from .async_verbs import AsyncVerbs
from .base import BaseClient
from .body import check_async_body
from .budget import end_of
from .call import REDIRECTS, Call
from .call_log import DEBUG
from .config import ClientConfig, check_async_connections
from .forgotten import Made
from .hook_chain import HookChain
from .request import Request, check_request

if TYPE_CHECKING:
    import aiohttp

    from ..bulk.batch import Batch
    from ..rate_limit.window import SlidingWindow
    from .async_transport import AsyncTransport
    from .paging import Walk
    from .transfer import Transfer
    from .tus_upload import TusTransfer
    from .waiting import Waiting

__all__ = ["AsyncClient"]


class AsyncClient(AsyncVerbs, BaseClient):
    """A client of a REST API, to be subclassed.

    Class keywords, which are also arguments of the instance, configure it: see `ClientOptions`.

    Example:
        ```python
        class GitHub(AsyncClient, uri="https://api.github.com", rate_limit=10):
            async def repo(self, owner: str, name: str) -> Repo:
                return await self.get(
                    "/repos/{owner}/{name}",
                    path_parameters={"owner": owner, "name": name},
                    response_format=Repo,
                )


        async with GitHub(bearer_token="...") as github:
            repo = await github.repo("pydantic", "pydantic")
        ```
    """

    _missing_uri = AsyncClientError
    _check_body = staticmethod(check_async_body)
    _check_connections = staticmethod(check_async_connections)
    _transport: AsyncTransport | None

    _logger_name = "arya_api_framework.AsyncClient"

    async def __aenter__(self) -> Self:
        if self.closed:
            raise self._closed_error()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @override
    async def close(self) -> None:
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
            await copy.close()
        for transport in tuple(self._certified.values()):
            await transport.close()
        if self._owns_transport and self._transport is not None:
            await self._transport.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session that sends, made when it is first asked for."""
        if self.closed:
            raise self._closed_error()
        return self._open_transport().session

    @override
    def _open_transport(self) -> AsyncTransport:
        with self._mutex:
            if self._transport is None:
                self._transport = self._make_transport(self._own_config)
            return self._transport

    @override
    def _make_transport(self, config: ClientConfig) -> AsyncTransport:
        from .async_transport import AsyncTransport

        return AsyncTransport(config, self._trusted(), Made(type(self).__name__, *self._made_at))

    @override
    def _check_hooks(self, hooks: HookChain) -> None:
        _ = hooks.async_plan

    @override
    def _paged(self, walk: Walk, request: Callable[..., Any]) -> Any:
        from .async_pages import AsyncItems, AsyncPages
        from .paging import ItemWalk

        if isinstance(walk, ItemWalk):
            return AsyncItems[Any](walk, request)
        return AsyncPages[Any](walk, request)

    @override
    def _streamed(self, method: str, path: URLPath, options: Any) -> Any:
        from .async_stream import AsyncStream

        return AsyncStream(self._request, method, path, options)

    @override
    def _waited(self, waiting: Waiting, request: Callable[..., Any]) -> Any:
        from .async_operations import wait

        limit = self._own_config.deadline
        return wait(waiting, request, self._origins, limit, set(self.parameters))

    @override
    def _mapped(self, batch: Batch) -> Any:
        from ..bulk.async_results import AsyncResults

        batch.client = self
        return AsyncResults[Any](batch)

    @override
    def _carry_out(self, transfer: Transfer, target: Any) -> Any:
        from .async_transfers import carry_out

        self._persist(transfer)
        return carry_out(transfer, target, self._rest)

    @override
    def _tus(self, transfer: TusTransfer, target: Any) -> Any:
        from .async_transfers import AsyncTusUpload

        self._persist(transfer)
        return AsyncTusUpload(transfer, target, self._rest)

    @override
    async def _downloaded(self, path: URLPath, to: Any, options: Any) -> Any:
        from .async_download import AsyncDownload
        from .download import Wish

        return await AsyncDownload(self, Wish(path, to, options)).run()

    @override
    def _send(self, request: Request, options: Any) -> Any:
        check_request(request)
        return self._request(request.method, None, options, request)

    @override
    async def _request(
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
                hooks = AsyncHooks(call, send, self._log)
                response = await hooks.before_call()
                send = hooks.send
            send_elsewhere = send
            if call.policy.hedge is not None:
                from .async_hedging import AsyncHedge

                log = self._log
                send = AsyncHedge(self._controls, limiter, origins, send, hooks, log).send
                limiter = None
            elif self._controls is not None or origins.budgets or not call.policy.is_plain:
                send = AsyncGate(self._controls, limiter, origins, send).send
                limiter = None
            if call.policy.auth:
                from .async_auth import AsyncAuth

                for auth in call.policy.auth:
                    send = AsyncAuth(auth, send, send_elsewhere).send
            while response is None:
                if origins.paused or (limiter is not None and not limiter.try_acquire()):
                    await self._queue(limiter, call)
                call.begin()
                try:
                    response = await send(call.request, call)
                    while response.status in REDIRECTS and call.redirect(response):
                        if call.policy.events is not None:
                            await transport.report_redirect(response.request, call, response)
                        if origins.paused or (limiter is not None and not limiter.try_acquire()):
                            await self._queue(limiter, call)
                        response = await send(call.request, call)
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
                await self._rest(wait)
            if hooks is not None:
                response = await hooks.after_call(response)
            return call.result(response)
        except BaseException as error:
            if origins.budgets and isinstance(error, FrameworkException):
                spent = call.over_budget(error, origins)
                if spent is not None:
                    if hooks is not None:
                        await hooks.call_failed(spent)
                    raise spent from error
            if hooks is not None:
                await hooks.call_failed(error)
            elif isinstance(error, FrameworkException):
                call.conclude(error)
            raise
        finally:
            call.retries = None  # Its errors lead back here.

    async def _queue(self, limiter: SlidingWindow | None, call: Call) -> None:
        """Wait until the origin may be sent to again, and for a slot of the rate limit."""
        from ..rate_limit.async_wait import acquire

        start = time.monotonic()
        origin = call.request.origin.prefix
        while True:
            while (left := self._origins.pause_left(origin)) > 0:
                call.check_wait(left)
                await self._rest(left)
            if limiter is None:
                break
            await acquire(limiter, call.deadline)
            if self._origins.pause_left(origin) <= 0:
                break
        call.extend(time.monotonic() - start)

    async def _rest(self, seconds: float) -> None:
        from ..rate_limit.async_wait import sleep

        await sleep(seconds)
