"""What tests ask of an `Explanation`."""

import json
from typing import Any

from arya_api_framework import Explanation

__all__ = ["CANARY", "shown", "sources", "tells_nothing"]

CANARY = "hunter2-canary"
FORMS = (CANARY, "hunter2", "YW5uOmh1bnRlcjItY2FuYXJ5", "aHVudGVyMi1jYW5hcnk")


def sources(values: Any) -> dict[str, str]:
    """Return the sources of parts by their names, as texts."""
    return {one.name: str(one.source) for one in values}


def shown(values: Any) -> dict[str, str]:
    """Return the values of parts by their names."""
    return {one.name: one.value for one in values}


def tells_nothing(explained: Explanation) -> None:
    """Look for the canary in all that an explanation says."""
    told = [
        str(explained),
        repr(explained),
        json.dumps(explained.as_dict()),
        *(repr(getattr(explained, name)) for name in explained.as_dict()),
    ]
    for text in told:
        assert not [one for one in FORMS if one in text], text
