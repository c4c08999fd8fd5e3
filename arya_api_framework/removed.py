"""What became of the names of 0.3.9 that are gone: asking for one says what replaces it."""

from __future__ import annotations

__all__ = ["GONE_ATTRIBUTES", "RENAMED_ATTRIBUTES", "explain"]

_GONE = {
    "ClientBranch": "`SyncClient` and `AsyncClient` are told apart by class, not by a branch",
    "ClientInternal": "the base of both clients is `arya_api_framework.client.base.BaseClient`",
    "FrameworkEncoder": "bodies are serialised by pydantic (`body=`)",
    "ENCODERS_BY_TYPE": "bodies are serialised by pydantic (`body=`); use its field serializers",
    "YarlURL": "pass a `str` or a `yarl.URL`",
    "chunk_file_reader": "use `client.stream_file(...)`, which reads in chunks",
    "flatten_obj": "use `model.model_dump(exclude_unset=True)`",
    "flatten_params": "use `model.flatten()`",
    "merge_dicts": "use `{**defaults, **changes}`; clients merge their options themselves",
    "sleep_and_retry": "use the class keywords `rate_limit=` and `rate_limit_interval=`",
    "validate_type": "use `isinstance`, or pydantic's `TypeAdapter`",
}

RENAMED_ATTRIBUTES = {
    "base_uri": "model_response.url",
    "time": "model_response.received_at",
}
"""Attributes of 0.3.9's `Response` to what holds the value now."""

GONE_ATTRIBUTES = {
    "branch": "tell the kinds apart with `isinstance(client, SyncClient)`",
}
"""Attributes of 0.3.9's clients that are gone, to what to do instead."""


def explain(module: str, name: str) -> Exception:
    """Return the error for a name that a module does not have.

    Names of 0.3.9 get an `ImportError` with the replacement: `from module import name` would drop
    the text of an `AttributeError`.
    """
    hint = _GONE.get(name)
    if hint is None:
        return AttributeError(f"module {module!r} has no attribute {name!r}")
    return ImportError(f"{module}.{name} was dropped after 0.3.9: {hint}", name=name)
