"""`Prepared`: a call as it would be sent, and what is needed to explain it."""

# It tells what a client keeps to itself.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from ..auth.base import Auth
from ..auth.digest import DigestAuth
from ..client.body import Body
from ..client.budget import end_of
from ..client.call import Call
from ..client.request import Request
from ..endpoints.results import How
from ..errors import ConfigurationError
from ..options import URLPath
from ..tls import TLS
from .contents import contains_iterator
from .shown import public_name
from .sources import CallSources, ClientSources

if TYPE_CHECKING:
    from ..client.base import BaseClient

__all__ = ["Prepared", "Question", "UnreadBody", "prepare"]


@dataclass(frozen=True, slots=True)
class Question:
    """The call that is asked about.

    Attributes:
        node: The client or sub-client that was asked.
        method: The method.
        path: The path below `node`.
        options: The options of the call.
        sources: Where these come from.
        how: What the call gives.
        form: What an item or a page becomes.
        by_status: What a response of each status becomes, where that differs.
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
    paging: Mapping[str, Any] = field(default_factory=dict[str, Any])


class UnreadBody(Body):
    """Stands for JSON of an iterator, which can be read once, and is left for the call."""

    @override
    def chunks(self) -> Iterator[bytes]:
        raise ConfigurationError("the body of this request was not made, so as to read no iterator")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call, ready to be sent.

    Attributes:
        question: What was asked.
        client: The client that would send it.
        path: The path below the client.
        call: The call.
        planned: Its request, before what is added when it is sent.
        is_foreign: Whether it carries nothing of the client.
    """

    question: Question
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
        return self.question.sources

    @property
    def of_client(self) -> ClientSources | None:
        """The layers of the client, `None` where the call carries nothing of it."""
        return None if self.is_foreign else self.sources.client

    def scheme_of(self, credential: Auth | TLS) -> str | None:
        """Return the name in `security_schemes` that `authenticate` gave a credential for."""
        security, required = self.call.policy.security, self.call.policy.required
        if "auth" in self.question.options or security is None or not required:
            return None
        given = ((name, security.credential(name)) for names in required for name in names)
        return next((name for name, one in given if one is credential), None)

    def title_of(self, credential: Auth | TLS) -> str:
        """Return what to call a credential: by its scheme, else by the class of the `Auth`."""
        name, security = self.scheme_of(credential), self.call.policy.security
        if name is None or security is None:
            return public_name(credential)
        return type(security.schemes[name]).__name__

    def is_unasked(self, auth: Auth) -> bool:
        """Return whether an `Auth` adds nothing before the server has asked for it."""
        return isinstance(auth, DigestAuth) and auth.session_of(self.request) is None


def prepare(question: Question) -> Prepared:
    """Prepare a call as a client does, up to where it would take a slot.

    Raises:
        ConfigurationError: It could never be sent.
        ClientClosedError: The client is closed.
        SubClientNoParent: The sub-client belongs to no client.
    """
    node, path, options = question.node, question.path, dict(question.options)
    client: BaseClient = node
    if not node._is_client:
        client, path = node._locate(path)
    is_unread = contains_iterator(options.get("body"))
    if is_unread:
        options["body"] = {}
    call = client._prepare(question.method, path, options)
    planned = call.request
    if is_unread:
        planned.body = UnreadBody()
    if client._origins.budgets:
        call.bound(end_of(client._origins))
    call.begin()  # Adds what depends on the time: cookies of the jar, keys, the time that is left.
    is_foreign = planned.origin not in call.policy.trusted_origins
    return Prepared(question, client, path, call, planned, is_foreign)
