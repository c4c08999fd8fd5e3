"""`Prepared`: a call as it would be sent, and what is needed to explain it."""

# It tells what a client keeps to itself.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..client.budget import end_of
from ..client.call import Call
from ..client.request import Request
from ..options import URLPath
from .sources import CallSources, ClientSources

if TYPE_CHECKING:
    from ..client.base import BaseClient

__all__ = ["How", "Plan", "Prepared", "prepare"]

How: TypeAlias = Literal["call", "items", "pages", "stream"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for.

    Attributes:
        node: The client or sub-client that was asked.
        method: The method.
        path: The path below `node`.
        options: The options of the call.
        sources: Where these come from.
        how: What the call gives.
        form: What an item or a page becomes.
        by_status: What a response of each status becomes, where that differs.
        public: The names, by option, whose values may be shown.
        private: The names of the path whose values are secrets.
        paging: The options of pages.
    """

    node: Any
    method: str
    path: URLPath
    options: Mapping[str, Any]
    sources: CallSources
    how: How = "call"
    form: Any = None
    by_status: Mapping[int, Any] | None = None
    public: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    private: frozenset[str] = frozenset()
    paging: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call, ready to be sent.

    Attributes:
        plan: What was asked for.
        client: The client that would send it.
        path: The path below the client.
        call: The call.
        planned: Its request, before what is added when it is sent.
        is_foreign: Whether it carries nothing of the client.
    """

    plan: Plan
    client: BaseClient
    path: URLPath
    call: Call
    planned: Request
    is_foreign: bool

    @property
    def request(self) -> Request:
        """The request of the first attempt."""
        return self.call.request

    @property
    def sources(self) -> CallSources:
        """Where its values come from."""
        return self.plan.sources

    @property
    def of_client(self) -> ClientSources | None:
        """The layers of the client, `None` where the call carries nothing of it."""
        return None if self.is_foreign else self.sources.client


def prepare(plan: Plan) -> Prepared:
    """Prepare a call as a client does, up to where it would take a slot.

    Raises:
        ConfigurationError: It could never be sent.
        ClientClosedError: The client is closed.
        SubClientNoParent: The sub-client belongs to no client.
    """
    node, path = plan.node, plan.path
    client: BaseClient = node
    if not node._is_client:
        client, path = node._locate(path)
    call = client._prepare(plan.method, path, dict(plan.options))
    planned = call.request
    if client._origins.budgets:
        call.bound(end_of(client._origins))
    call.begin()  # Adds what depends on the time: cookies of the jar, keys, the time that is left.
    is_foreign = planned.origin not in call.policy.trusted_origins
    return Prepared(plan, client, path, call, planned, is_foreign)
