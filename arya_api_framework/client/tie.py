"""`Tie`: what leads from models to the client they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ClientClosedError

if TYPE_CHECKING:
    from .base import BaseClient

__all__ = ["NAME", "Binding", "Tie"]

NAME = "model_client"
"""The name of the client in the context of a validation, and of models."""


class Binding(dict[str, Any]):
    """The context in which bound models are validated, told from any other by its class."""


class Tie:
    """Leads from models to an open client; one for all models of a client.

    A closed client is let go of, so that models do not keep what it holds.
    """

    __slots__ = ("__weakref__", "_client", "_name")

    def __init__(self, client: BaseClient) -> None:
        self._client: BaseClient | None = client
        self._name = type(client).__name__

    def find(self) -> Any:
        """Return the client.

        Raises:
            ClientClosedError: It is closed.
        """
        client = self._client
        if client is None or client.closed:
            self.cut()
            raise ClientClosedError(
                f"the client that this model came from, {self._name}, is closed; use its "
                "models before, or get them anew from an open client"
            )
        return client

    def cut(self) -> None:
        """Let go of the client."""
        self._client = None
