"""The arguments of an endpoint as the parameters of an operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Union

from pydantic_core import PydanticOmit

from ..client.encoding import format_http_date
from ..client.redaction import is_credential, is_safe_header
from ..endpoints.kinds import members_of
from ..endpoints.markers import Cookie, Header, Path, Query
from ..options import UNSET
from .cleaning import is_password, is_public
from .objects import leaves_of
from .schemas import Schema, Schemas, dumped, either, is_nullable, without_null

if TYPE_CHECKING:
    from ..endpoints.argument import Argument

__all__ = ["Parameters", "described_schema", "schema_of"]

_NONE: Mapping[str, Any] = {}


class Parameters:
    """The parameters of one operation.

    Args:
        schemas: Those of the document.
        renamed: What the fields of the path are called in the document, by their names; one that is
            there twice has two.
        in_query: The fields that stand in the query of the path.
        described: What the docstring says of each argument.
    """

    def __init__(
        self,
        schemas: Schemas,
        renamed: Mapping[str, list[str]],
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
                if one.sent in self._in_query:
                    self._made.append(self._of(one, self._in_query[one.sent]))
                    continue
                # What fills the path of a sub-client above is nowhere, where that is not above.
                for name in self._renamed.get(one.sent, ()):
                    self._made.append(self._of(one, name))
            elif isinstance(one.marker, Query | Header | Cookie):
                self._made.append(self._of(one, one.sent))

    def add_path(self, names: Iterable[str], hints: Mapping[str, Any] = _NONE) -> None:
        """Add fields of the path that no marked argument stands for.

        Args:
            names: The fields.
            hints: The types of arguments by name.
        """
        for name in names:
            schema = self._schemas.add(hints.get(name, str), "serialization")
            about = self._described.get(name)
            for called in self._renamed[name]:
                self.add_plain(called, "path", schema, required=True, about=about)

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

    def _of(self, argument: Argument, name: str) -> tuple[dict[str, Any], bool, str | None]:
        marker: Any = argument.marker
        place = argument.place
        is_path = place == "path"
        style = getattr(marker, "style", None)
        explode = getattr(marker, "explode", None)
        if is_path and argument.sent in self._in_query:
            place, style, explode = "query", None, None
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
        schema = schema_of(argument, self._schemas)
        made["schema"] = schema
        self._schemas.later(lambda: schema.update(_default(argument, schema, self._schemas)))
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


def schema_of(argument: Argument, schemas: Schemas) -> Schema:
    """Return what will be the schema of an argument, without values that may be credentials."""
    return schemas.add(_as_sent(argument), "serialization", is_secret=not _may_show(argument))


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


def described_schema(
    argument: Argument, schema: Schema, about: str | None, schemas: Schemas
) -> Schema:
    """Return the schema of a property with what is said of its argument.

    Args:
        argument: The argument.
        schema: The schema of its type.
        about: What is said of it elsewhere, where neither its marker nor its field says it.
        schemas: The schemas of the document, finished.
    """
    about = argument.marker.description or schema.get("description") or about
    # A reference may have others beside it (JSON Schema 2020-12 8.2.3.1).
    return {
        **schema,
        **_default(argument, schema, schemas),
        **({"description": about} if about else {}),
        **({"deprecated": True} if argument.marker.deprecated else {}),
    }


def _default(argument: Argument, schema: Schema, schemas: Schemas) -> Schema:
    """Return the default of an argument as JSON has it, where it has one that may be shown."""
    default = argument.default
    if argument.is_required or default is UNSET or default is None:
        return {}
    if is_password(schema) or not (_may_show(argument) and is_public(default)):
        return {}
    if isinstance(argument.marker, Header) and isinstance(default, datetime):
        return {"default": format_http_date(default)}
    try:
        made = dumped(argument.annotation, default)
    except PydanticOmit:
        return {}
    return {"default": made} if schemas.is_public(made) else {}


def _may_show(argument: Argument) -> bool:
    """Return whether the default of an argument is surely no credential."""
    if isinstance(argument.marker, Cookie):
        return False
    if isinstance(argument.marker, Header) and is_safe_header(argument.sent):
        return True
    return not is_credential(argument.sent) and not is_credential(argument.name)
