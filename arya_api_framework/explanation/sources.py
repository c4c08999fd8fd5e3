"""Where the values of a call come from: the layers of a client, and what lies over them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..client.config import ClientConfig, merge_config
from ..client.encoding import as_pairs
from ..client.layers import layer_of
from ..client.mappings import status_key
from .values import Source

if TYPE_CHECKING:
    from ..client.base import BaseClient

__all__ = ["DEFAULT", "CallSources", "ClientSources", "flat_name", "plain_name"]

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
        key = _key(option, name)
        given = (
            source
            for source, names in reversed(self._layers)
            if any(_key(option, one) == key for one in names.get(option, ()))
        )
        return next(given, DEFAULT)

    def of_hooks(self, count: int) -> list[Source]:
        """Return where each of so many hooks comes from."""
        found: list[Source] = []
        for source, names in self._layers:
            found += [source] * (names.get("hooks", 0) - len(found))
        return found[:count]


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
        arguments: Where what the arguments became comes from, by option and name sent.
        paged: The parameters that ask for the first page.
    """

    client: ClientSources
    options: Mapping[str, Any]
    named: Mapping[str, Any]
    bound: Mapping[str, Any] = field(default_factory=dict[str, Any])
    declared: Mapping[str, Any] = field(default_factory=dict[str, Any])
    endpoint: str | None = None
    arguments: Mapping[str, Mapping[str, Source]] = field(
        default_factory=dict[str, Mapping[str, Source]]
    )
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
        found = list(self.arguments.get(option, {}).values())
        return found[0] if len(found) == 1 else self.declaration

    def of_name(self, option: str, name: Any) -> Source | None:
        """Return where a name in a mapping of the call comes from, `None` where it is not there."""
        key = _key(option, name)
        if option == "parameters" and key in self.paged:
            return Source("pagination")
        if key not in _keys(option, self.options):
            return None
        if key in _keys(option, self.named):
            return CALL
        if key in _keys(option, self.bound):
            return BOUND
        return self._of_argument(option, key) or self.declaration

    def _of_argument(self, option: str, key: Any) -> Source | None:
        """Return the argument that became a name, `None` where the endpoint declares it."""
        arguments = {
            _key(option, sent): source for sent, source in self.arguments.get(option, {}).items()
        }
        name = flat_name(str(key), arguments)
        if name is not None:
            return arguments[name]
        if key in _keys(option, self.declared):
            return None
        # A field of a model, whose own name is not sent.
        sent = _keys(option, self.options)
        whole = [source for one, source in arguments.items() if one not in sent]
        return whole[0] if len(whole) == 1 else None

    def of_parameter(self, sent: str) -> Source | None:
        """Return where a parameter of the query comes from that the call gave, by the name sent."""
        name = flat_name(sent, [*_keys("parameters", self.options), *self.paged])
        return None if name is None else self.of_name("parameters", name)


def plain_name(value: Any) -> str:
    """Return the name of a class or function, without the function it is made in."""
    name: str = value.__qualname__
    return name.rpartition("<locals>.")[2]


def flat_name(sent: str, names: Iterable[Any]) -> str | None:
    """Return which of the names a name that is sent belongs to: `address` for `address.city`."""
    found = [one for one in names if sent == one or sent.startswith((f"{one}.", f"{one}["))]
    return max(found, key=len, default=None)


def _keys(option: str, options: Mapping[str, Any]) -> set[Any]:
    values = options.get(option)
    if values is None:
        return set()
    names = values if option == "error_responses" else dict(as_pairs(f"`{option}`", values))
    return {_key(option, name) for name in names}


def _key(option: str, name: Any) -> Any:
    """Return a name as it is told from others."""
    if option == "error_responses":
        return status_key(name)
    return name.lower() if option == "headers" else name
