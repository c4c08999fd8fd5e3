"""The variables of a `uri`, as OpenAPI's server variables."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import ConfigurationError
from ..options import ServerVariable
from .url import Origin, parse_uri

__all__ = ["resolve_uri", "variable_names"]

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_VARIABLE = re.compile(r"\{([A-Za-z0-9_.\-]+)\}")
_HOST_VALUE = re.compile(r"[A-Za-z0-9.\-]+(?::[0-9]{1,5})?")
_PATH_VALUE = re.compile(r"[A-Za-z0-9._~\-]+(?:/[A-Za-z0-9._~\-]+)*")


def resolve_uri(
    uri: str | None, variables: Mapping[str, ServerVariable | str]
) -> tuple[Origin, str] | None:
    """Return origin and path of a `uri` with its variables filled, `None` if it is not absolute.

    Raises:
        ConfigurationError: A variable has no value, or one that could lead to another host.
    """
    if uri is None:
        return None
    host_end = uri.find("/", uri.find("://") + 3)

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        variable = variables.get(name)
        value = variable.default if isinstance(variable, ServerVariable) else variable
        if value is None:
            raise ConfigurationError(f"`uri` needs the server variable {name!r}")
        in_host = host_end < 0 or match.start() < host_end
        if not (_HOST_VALUE if in_host else _PATH_VALUE).fullmatch(value):
            raise ConfigurationError(
                f"server variable {name!r} must be part of a {'host' if in_host else 'path'}, "
                f"got {value!r}"
            )
        return value

    filled = _VARIABLE.sub(fill, uri)
    return parse_uri(filled) if _ABSOLUTE.match(filled) else None


def variable_names(uri: str) -> list[str]:
    """Return the names of the variables that a `uri` has."""
    return _VARIABLE.findall(uri)
