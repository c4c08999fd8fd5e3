"""The `Hedge` value."""

import dataclasses
import math
from typing import Any

import pytest

from arya_api_framework.errors import ConfigurationError
from arya_api_framework.hedge import Hedge


@pytest.mark.parametrize("after", [0, -1, True, math.nan, math.inf, 1e300, "1", None, [1]])
def test_after_must_be_seconds(after: Any) -> None:
    """A second request is never sent at once, nor never."""
    with pytest.raises(ConfigurationError, match="after of a Hedge"):
        Hedge(after=after)


@pytest.mark.parametrize("attempts", [0, 1, 6, -2, True, 2.0, math.nan, math.inf, "2", None])
def test_attempts_must_be_from_2_to_5(attempts: Any) -> None:
    """One request is no hedge, and more than five are an attack."""
    with pytest.raises(ConfigurationError, match="attempts of a Hedge"):
        Hedge(attempts=attempts)


def test_a_hedge_is_an_immutable_value() -> None:
    """Two of the same numbers are the same."""
    assert Hedge() == Hedge(0.5, 2)
    assert hash(Hedge(attempts=5)) == hash(Hedge(attempts=5))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Hedge().after = 1  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
