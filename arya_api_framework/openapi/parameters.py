"""The arguments of an endpoint as the parameters of an operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticOmit

from ..client.redaction import is_credential, is_safe_header
from ..client.shapes import is_mapping, is_sequence
from ..endpoints.markers import Cookie, Header, Path, Query
from ..options import UNSET
from .schemas import Schema, Schemas, dumped

if TYPE_CHECKING:
    from ..endpoints.argument import Argument

__all__ = ["Parameters", "default_of"]

_NULL = {"type": "null"}
_NONE: Mapping[str, Any] = {}


class Parameters:
    """The parameters of one operation.

    Args:
        schemas: Those of the document.
        renamed: What the fields of the path are called in the document, by their names.
        in_query: The fields that stand in the query of the path.
        described: What the docstring says of each argument.
    """

    def __init__(
        self,
        schemas: Schemas,
        renamed: Mapping[str, str],
        in_query: Mapping[str, str],
        described: Mapping[str, str],
    ) -> None:
        self._schemas = schemas
        self._renamed = renamed
        self._in_query = in_query
        self._described = described
        self._made: list[tuple[dict[str, Any], bool]] = []

    def add(self, arguments: Iterable[Argument]) -> None:
        """Add the arguments that are parameters."""
        for one in arguments:
            if isinstance(one.marker, Path):
                # What fills the path of a sub-client above is nowhere, where that is not above.
                if one.sent in self._renamed or one.sent in self._in_query:
                    self._made.append(self._of(one))
            elif isinstance(one.marker, Query | Header | Cookie):
                self._made.append(self._of(one))

    def add_path(self, names: Iterable[str], hints: Mapping[str, Any] = _NONE) -> None:
        """Add fields of the path that no marked argument stands for.

        Args:
            names: The fields.
            hints: The types of arguments by name.
        """
        for name in names:
            schema = self._schemas.add(hints.get(name, str), "serialization")
            self.add_plain(self._renamed[name], "path", schema, required=True)

    def add_plain(self, name: str, where: str, schema: Schema, *, required: bool = False) -> None:
        """Add a parameter that no argument stands for, unless there is one of its name."""
        if any(one["name"] == name and one["in"] == where for one, _ in self._made):
            return
        made = {"name": name, "in": where, **_required(required), "schema": schema}
        self._made.append((made, False))

    def finish(self) -> list[dict[str, Any]]:
        """Return the parameters; only once the schemas are there."""
        found: list[dict[str, Any]] = []
        for made, is_flat in self._made:
            made["schema"] = without_null(made["schema"])
            found += self._flattened(made) if is_flat else [made]
        return found

    def _of(self, argument: Argument) -> tuple[dict[str, Any], bool]:
        marker: Any = argument.marker
        place, name = argument.place, argument.sent
        is_path = place == "path"
        style = getattr(marker, "style", None)
        explode = getattr(marker, "explode", None)
        if is_path and name in self._in_query:
            place, name, style, explode = "query", self._in_query[name], None, None
        elif is_path:
            name = self._renamed[name]
        made: dict[str, Any] = {"name": name, "in": place}
        about = marker.description or self._described.get(argument.name)
        if about:
            made["description"] = about
        made |= _required(is_path or (argument.is_required and not argument.may_be_unset))
        if marker.deprecated:
            made["deprecated"] = True
        is_form = style is None and place == "query"  # As OpenAPI takes it.
        if style is not None:
            made["style"] = style
        if style == "deepObject":
            made["explode"] = True
        elif explode is not None and explode != (style == "form" or is_form):
            made["explode"] = explode
        schema = self._schemas.add(argument.annotation, "serialization")
        made["schema"] = schema
        default = default_of(argument)
        if default is not UNSET and may_show(argument):
            self._schemas.later(lambda: schema.update(default=default))
        return made, place == "query" and argument.is_whole

    def _flattened(
        self, made: dict[str, Any], prefix: str = "", above: tuple[Schema, ...] = ()
    ) -> list[dict[str, Any]]:
        """Return a parameter of each field of an object, which are sent under their own names.

        Names of nested fields are joined by dots, for which OpenAPI has no style.
        """
        schema = self._schemas.resolve(made["schema"])
        fields = schema.get("properties")
        if not is_mapping(fields) or any(one is schema for one in above):
            return [made]
        found: list[dict[str, Any]] = []
        for name, inner in fields.items():
            one: dict[str, Any] = {"name": prefix + name, "in": "query"}
            about = inner.get("description")
            if about:
                one["description"] = about
            one |= _required(bool(made.get("required")) and name in schema.get("required", ()))
            if made.get("deprecated") or inner.get("deprecated"):
                one["deprecated"] = True
            one["schema"] = without_null(inner)
            found += self._flattened(one, f"{prefix}{name}.", (*above, schema))
        return found


def _required(is_required: bool) -> dict[str, bool]:
    return {"required": True} if is_required else {}


def default_of(argument: Argument) -> Any:
    """Return the default of an argument as JSON has it, `UNSET` where it has none."""
    default = argument.default
    if argument.is_required or default is UNSET or default is None:
        return UNSET
    try:
        return dumped(argument.annotation, default)
    except PydanticOmit:
        return UNSET


def may_show(argument: Argument) -> bool:
    """Return whether the default of an argument is surely no credential."""
    if isinstance(argument.marker, Cookie):
        return False
    if isinstance(argument.marker, Header) and is_safe_header(argument.sent):
        return True
    return not is_credential(argument.sent) and not is_credential(argument.name)


def without_null(schema: Schema) -> Schema:
    """Return the schema of what is left out where it is `None`."""
    either = schema.get("anyOf")
    if not is_sequence(either) or _NULL not in either:
        return dict(schema)
    rest = [one for one in either if one != _NULL]
    if len(rest) > 1:
        return {**schema, "anyOf": rest}
    kept = {key: one for key, one in schema.items() if key != "anyOf"}
    if kept.get("default", UNSET) is None:
        del kept["default"]
    return {**rest[0], **kept} if rest else kept
