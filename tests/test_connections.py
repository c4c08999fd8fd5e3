"""`Pool` and `Dns`: the values they take."""

import math
import pickle
from typing import Any

import pytest

from arya_api_framework import Dns, Pool
from arya_api_framework.errors import ConfigurationError

NO_WHOLES: list[Any] = ["5", -1, True, 1.5, None, math.nan]
NO_SECONDS: list[Any] = ["5", -1, True, False, math.nan, math.inf, []]


@pytest.mark.parametrize(
    ("part", "value"),
    [
        *[("total", value) for value in [*NO_WHOLES, 0]],
        *[("per_host", value) for value in NO_WHOLES],
        *[("keepalive", value) for value in [*NO_SECONDS, None]],
        *[("wait", value) for value in [*NO_SECONDS, 0]],
    ],
)
def test_a_pool_refuses_what_can_never_work(part: str, value: Any) -> None:
    """A part that is no such number is refused by name."""
    with pytest.raises(ConfigurationError, match=f"{part} of a Pool"):
        Pool(**{part: value})


@pytest.mark.parametrize(
    ("part", "value"),
    [
        *[("ttl", value) for value in NO_SECONDS],
        *[("max_size", value) for value in [*NO_WHOLES, 0]],
        *[("resolver", value) for value in [5, "8.8.8.8", []]],
    ],
)
def test_a_dns_refuses_what_can_never_work(part: str, value: Any) -> None:
    """A part that is no such number, or no function, is refused by name."""
    with pytest.raises(ConfigurationError, match=f"{part} of a Dns"):
        Dns(**{part: value})


@pytest.mark.parametrize("value", [Pool(1, 1, 0, 0.5), Dns(None, 1), Dns(0)])
def test_values_are_hashable_and_picklable(value: Any) -> None:
    """A value can be shared, kept in a set and sent to another process."""
    assert {value, pickle.loads(pickle.dumps(value))} == {value}
