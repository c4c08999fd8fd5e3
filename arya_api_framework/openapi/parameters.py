"""The arguments of an endpoint as the parameters of an operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Union

from pydantic_core import PydanticOmit

from ..client.encoding import format_http_date
from ..client.redaction import is_credential, is_safe_header
from ..endpoints.markers import Cookie, Header, Path, Query
from ..options import UNSET
from .objects import leaves_of
from .schemas import Schema, Schemas, dumped, either, is_nullable, members_of, without_null

if TYPE_CHECKING:
    from ..endpoints.argument import Argument

__all__ = ["Parameters", "described_schema"]

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
        self._made: list[tuple[dict[str, Any], bool, str | None]] = []

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
            about = self._described.get(name)
            self.add_plain(self._renamed[name], "path", schema, required=True, about=about)

    def add_plain(
        self,
        name: str,
        where: str,
        schema: Schema,
        *,
        required: bool = False,
        about: str | None = None,
    ) -> None:
        """Add a parameter that no argument stands for, unless there is one of its name."""
        if any(one["name"] == name and one["in"] == where for one, *_ in self._made):
            return
        made = {"name": name, "in": where, **_required(required), "schema": schema}
        self._made.append((made, False, about))

    def finish(self) -> list[dict[str, Any]]:
        """Return the parameters; only once the schemas are there."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for made, is_flat, about in self._made:
            whole = _finished(made, about)
            for one in self._flattened(whole) if is_flat else [whole]:
                key = one["in"], one["name"]
                other = found.setdefault(key, one)
                if other is not one:  # Fields of two objects, or of one and what leads on.
                    other["schema"] = either((other["schema"], one["schema"]))
        return list(found.values())

    def _of(self, argument: Argument) -> tuple[dict[str, Any], bool, str | None]:
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
        if marker.description:
            made["description"] = marker.description
        made |= _required(is_path or (argument.is_required and not argument.may_be_unset))
        if marker.deprecated:
            made["deprecated"] = True
        is_form = style is None and place in ("query", "cookie")  # As OpenAPI takes it.
        if style is not None:
            made["style"] = style
        if style == "deepObject":
            made["explode"] = True
        elif explode is not None and explode != (style == "form" or is_form):
            made["explode"] = explode
        schema = self._schemas.add(_as_sent(argument), "serialization")
        made["schema"] = schema
        default = default_of(argument)
        if default is not UNSET and may_show(argument):
            self._schemas.later(lambda: schema.update(default=default))
        about = self._described.get(argument.name)
        return made, place == "query" and argument.is_whole, about

    def _flattened(self, made: dict[str, Any]) -> list[dict[str, Any]]:
        """Return a parameter of each field of an object, which are sent under their own names.

        Names of nested fields are joined by dots, for which OpenAPI has no style.
        """
        fields = leaves_of(made["schema"], self._schemas)
        is_required, more = made.pop("required", False), _only(made, "deprecated")
        if fields is None:  # Any names, of which there may be none.
            return [made]
        return [
            _finished(
                {
                    "name": one.name,
                    "in": "query",
                    **_required(is_required and one.is_required),
                    **more,
                    "schema": one.schema,
                }
            )
            for one in fields
        ]


def _as_sent(argument: Argument) -> Any:
    """Return the type of an argument, text in place of moments in headers, which have their own."""
    members = members_of(argument.annotation)
    if not isinstance(argument.marker, Header) or datetime not in members:
        return argument.annotation
    return Union[tuple(str if one is datetime else one for one in members)]  # noqa: UP007


def _finished(made: dict[str, Any], about: str | None = None) -> dict[str, Any]:
    """Return a parameter without `null`, and with what its field says of itself, not of its type.

    Args:
        made: The parameter.
        about: What is said of it elsewhere, where neither its marker nor its field says it.
    """
    schema = without_null(made["schema"])
    about = made.get("description") or schema.pop("description", None) or about
    is_required = "required" in made and (made["in"] == "path" or not is_nullable(made["schema"]))
    is_deprecated = schema.pop("deprecated", False) or "deprecated" in made
    return {
        "name": made["name"],
        "in": made["in"],
        **({"description": about} if about else {}),
        **_required(is_required),
        **({"deprecated": True} if is_deprecated else {}),
        **_only(made, "style", "explode"),
        "schema": schema,
    }


def _only(made: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: made[name] for name in names if name in made}


def _required(is_required: bool) -> dict[str, bool]:
    return {"required": True} if is_required else {}


def described_schema(argument: Argument, schema: Schema, about: str | None) -> Schema:
    """Return the schema of a property with what is said of its argument.

    Args:
        argument: The argument.
        schema: The schema of its type.
        about: What is said of it elsewhere, where neither its marker nor its field says it.
    """
    default = default_of(argument) if may_show(argument) else UNSET
    about = argument.marker.description or schema.get("description") or about
    # A reference may have others beside it (JSON Schema 2020-12 8.2.3.1).
    return {
        **schema,
        **({} if default is UNSET else {"default": default}),
        **({"description": about} if about else {}),
        **({"deprecated": True} if argument.marker.deprecated else {}),
    }


def default_of(argument: Argument) -> Any:
    """Return the default of an argument as JSON has it, `UNSET` where it has none."""
    default = argument.default
    if isinstance(argument.marker, Header) and isinstance(default, datetime):
        return format_http_date(default)
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
