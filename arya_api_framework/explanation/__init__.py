"""What a call would send, and where each value of it comes from, without sending it."""

from .values import (
    Authentication,
    BodyShape,
    Circuit,
    Concurrency,
    Explanation,
    HookUse,
    Limit,
    Paging,
    ResponseForm,
    Setting,
    Source,
    Value,
)

__all__ = [
    "Authentication",
    "BodyShape",
    "Circuit",
    "Concurrency",
    "Explanation",
    "HookUse",
    "Limit",
    "Paging",
    "ResponseForm",
    "Setting",
    "Source",
    "Value",
]
