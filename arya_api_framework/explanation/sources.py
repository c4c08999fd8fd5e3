"""Where the values of a call come from: the layers of a client, and what lies over them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from ..client.config import ClientConfig, merge_config
from ..client.encoding import as_pairs, encode_query, flatten
from ..client.layers import layer_of
from ..client.mappings import status_key
from .values import Source

if TYPE_CHECKING:
    from ..client.base import BaseClient

__all__ = [
    "DEFAULT",
    "CallSources",
    "ClientSources",
    "Given",
    "flat_name",
    "name_key",
    "pieces_of",
    "plain_name",
]

DEFAULT = Source("default")
CALL = Source("call")
BOUND = Source("with_options", "of the endpoint")

_OFF = {"hedge": ("hedge", "retry")}
"""Options that another one switches off."""


class ClientSources:
    """The layers of options of a client, each laid over those before it.

    They are found when somebody asks: what a client keeps of them are the names of the options that
    its instance and `with_options` were given.
    """

    def __init__(self, client: BaseClient) -> None:
        layers: list[tuple[Source, Mapping[str, Any]]] = []
        config = ClientConfig()
        for base in reversed(type(client).__mro__):
            own = base.__dict__.get("_own_options")
            if own:
                is_own = base is type(client)
                source = Source("class" if is_own else "parent class", plain_name(base))
                merged = merge_config(config, own, "class keyword")
                layers.append((source, layer_of("class", own, config, merged).names))
                config = merged
        given = (*client._layers, *client._written())  # pyright: ignore[reportPrivateUsage]
        layers += [(Source(layer.kind), layer.names) for layer in given]
        self._layers = layers

    def of(self, option: str) -> Source:
        """Return where an option comes from."""
        options = _OFF.get(option, (option,))
        found = [source for source, names in self._layers if any(one in names for one in options)]
        return found[-1] if found else DEFAULT

    def of_name(self, option: str, name: Any) -> Source:
        """Return where a name in one of the mappings comes from."""
        key = name_key(option, name)
        given = (
            source
            for source, names in reversed(self._layers)
            if any(name_key(option, one) == key for one in names.get(option, ()))
        )
        return next(given, DEFAULT)

    def of_hooks(self, count: int) -> list[Source]:
        """Return where each of so many hooks comes from."""
        found: list[Source] = []
        for source, names in self._layers:
            found += [source] * (names.get("hooks", 0) - len(found))
        return found[:count]


@dataclass(frozen=True, slots=True)
class Given:
    """What one argument of an endpoint became, by itself.

    Attributes:
        source: The argument; for the default of one the endpoint.
        sent: The name that it is sent under.
        option: The option of the call that it went into.
        names: The names in that option which it gave a value.
        pieces: What it is in a query, encoded.
        is_public: Whether its values are all written down in code.
        is_private: Whether it may be a secret, whatever the name that it is sent under.
    """

    source: Source
    sent: str
    option: str
    names: frozenset[str] = frozenset()
    pieces: frozenset[str] = frozenset()
    is_public: bool = False
    is_private: bool = False


@dataclass(frozen=True, slots=True)
class CallSources:
    """Where the values of one call come from.

    What lies over what: the options of the call, those of `with_options` of the endpoint, what its
    arguments became, what it declares, and then the client.

    Attributes:
        client: The layers of the client.
        options: The options of the call, all that was given laid together.
        named: Those that the call gave by their name.
        bound: Those that `with_options` of the endpoint gave.
        declared: Those that the endpoint declares.
        endpoint: What to call the endpoint, `None` for a call written by hand.
        arguments: What the arguments became that were given, or have a default that is sent.
        paged: The parameters that ask for the first page.
    """

    client: ClientSources
    options: Mapping[str, Any]
    named: Mapping[str, Any]
    bound: Mapping[str, Any] = field(default_factory=dict[str, Any])
    declared: Mapping[str, Any] = field(default_factory=dict[str, Any])
    endpoint: str | None = None
    arguments: tuple[Given, ...] = ()
    paged: Collection[str] = ()

    @property
    def declaration(self) -> Source:
        """The declaration of the endpoint; for a call written by hand the call."""
        return CALL if self.endpoint is None else Source("endpoint", self.endpoint)

    def of(self, option: str) -> Source:
        """Return where an option comes from."""
        return self.of_given(option) or self.client.of(option)

    def of_given(self, option: str) -> Source | None:
        """Return where an option of the call comes from, `None` where it has none of the name."""
        for one in _OFF.get(option, (option,)):
            if one in self.options:
                return self._of_option(one)
        return None

    def _of_option(self, option: str) -> Source:
        if option in self.named:
            return CALL
        if option in self.bound:
            return BOUND
        found = [one.source for one in self.arguments if one.option == option]
        return found[0] if len(found) == 1 else self.declaration

    def of_name(self, option: str, name: Any) -> Source | None:
        """Return where a name in a mapping of the call comes from, `None` where it is not there."""
        key = name_key(option, name)
        if key not in _keys(option, self.options):
            return None
        given = self.argument_of(option, key)
        if given is not None:
            return given.source
        return self._laid_over(lambda one: key in _keys(option, one)) or self.declaration

    def argument_of(self, option: str, name: Any) -> Given | None:
        """Return the argument whose value a name has, `None` where that comes from elsewhere."""
        key = name_key(option, name)
        if self._laid_over(lambda one: key in _keys(option, one)) is not None:
            return None
        found = (one for one in self.arguments if one.option == option and key in one.names)
        return next(found, None)

    def of_piece(self, piece: str) -> Source | None:
        """Return where a parameter comes from, `None` where the call did not give it.

        Args:
            piece: The parameter as it is sent: `name=value`, encoded.
        """
        if flat_name(unquote_plus(piece.partition("=")[0]), self.paged) is not None:
            return Source("pagination")
        if piece not in _pieces_in(self.options):
            return None
        given = self.argument_in(piece)
        if given is not None:
            return given.source
        return self._laid_over(lambda one: piece in _pieces_in(one)) or self.declaration

    def argument_in(self, piece: str) -> Given | None:
        """Return the argument that became a parameter, `None` where that comes from elsewhere."""
        if self._laid_over(lambda one: piece in _pieces_in(one)) is not None:
            return None
        return next((one for one in self.arguments if piece in one.pieces), None)

    def _laid_over(self, has: Callable[[Mapping[str, Any]], bool]) -> Source | None:
        """Return which options over those of the endpoint have something, `None` where none do."""
        layers = ((CALL, self.named), (BOUND, self.bound))
        return next((source for source, options in layers if has(options)), None)

    def of_hooks(self, count: int) -> list[Source]:
        """Return where each of so many hooks of the call comes from."""
        layers = ((self.declaration, self.declared), (BOUND, self.bound), (CALL, self.named))
        found = [source for source, one in layers for _ in one.get("hooks") or ()]
        return found[len(found) - count :]


def plain_name(value: Any) -> str:
    """Return the name of a class or function, without the function it is made in."""
    name: str = value.__qualname__
    return name.rpartition("<locals>.")[2]


def flat_name(sent: str, names: Iterable[Any]) -> str | None:
    """Return which of the names a name that is sent belongs to: `address` for `address.city`."""
    found = [one for one in names if sent == one or sent.startswith((f"{one}.", f"{one}["))]
    return max(found, key=len, default=None)


def pieces_of(parameters: Any) -> frozenset[str]:
    """Return what parameters are in a query, each as `name=value`, encoded."""
    pairs = flatten("`parameters`", parameters)
    query = encode_query((name, text) for name, text in pairs if text is not None)
    return frozenset(query.split("&")) - {""}


def _pieces_in(options: Mapping[str, Any]) -> frozenset[str]:
    return pieces_of(options.get("parameters") or {})


def _keys(option: str, options: Mapping[str, Any]) -> set[Any]:
    values = options.get(option)
    if values is None:
        return set()
    names = values if option == "error_responses" else dict(as_pairs(f"`{option}`", values))
    return {name_key(option, name) for name in names}


def name_key(option: str, name: Any) -> Any:
    """Return a name as it is told from others."""
    if option == "error_responses":
        return status_key(name)
    return name.lower() if option == "headers" else name
