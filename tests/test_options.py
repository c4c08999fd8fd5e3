"""The values that options take."""

import dataclasses
import math
import pickle
import re
from typing import Any

import pytest

import arya_api_framework
from arya_api_framework import (
    Cookie,
    Download,
    Event,
    Explanation,
    RateLimit,
    RedisShare,
    Retry,
    ServerSentEvent,
    ServerVariable,
    Timeout,
    TusServer,
)
from arya_api_framework.errors import ConfigurationError
from arya_api_framework.options import LARGEST, UNSET, check_number, strict


def test_a_timeout_has_a_total_unless_none_is_asked_for() -> None:
    """A total is always on; its parts are off, save connecting."""
    assert Timeout() == Timeout(total=300, connect=30, read=None, write=None, pool=None)
    assert Timeout(total=None).total is None


@pytest.mark.parametrize("part", ["total", "connect", "read", "write", "pool"])
@pytest.mark.parametrize("value", ["5", 0, -1, True, math.nan, math.inf, 10**400, []])
def test_a_timeout_refuses_what_is_no_time(part: str, value: Any) -> None:
    """A part that can never work is refused by name."""
    with pytest.raises(ConfigurationError, match=f"timeout {part} must be a number above 0"):
        Timeout(**{part: value})


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda any_: any_(retries=3),
            "Retry got an unknown argument 'retries'; it takes attempts",
        ),
        (lambda any_: any_(attempt=3), "did you mean 'attempts'"),
        (lambda any_: any_(*range(20)), "Retry: too many positional arguments; it takes attempts"),
    ],
)
def test_arguments_that_a_value_does_not_take(make: Any, text: str) -> None:
    """The error says what it takes instead."""
    with pytest.raises(ConfigurationError, match=re.escape(text)):
        make(Retry)


def test_arguments_that_a_value_needs() -> None:
    """The error names what is missing; errors from within are left alone."""
    share: Any = RedisShare
    with pytest.raises(ConfigurationError, match="missing a required argument: 'name'"):
        share("redis://127.0.0.1")

    @strict
    class Broken:
        def __init__(self) -> None:
            raise TypeError("inside")

    with pytest.raises(TypeError, match="inside"):
        Broken()


MADE_BY_US = (Cookie, Download, Event, Explanation, ServerSentEvent, TusServer)


def test_every_value_is_strict_with_its_arguments() -> None:
    """None of them shows an error of Python's."""
    values: list[Any] = [getattr(arya_api_framework, name) for name in arya_api_framework.__all__]
    kinds = [one for one in values if dataclasses.is_dataclass(one) and isinstance(one, type)]
    # Those are made by the framework, not by who uses it.
    kinds = [one for one in kinds if one not in MADE_BY_US]
    assert len(kinds) > 5
    for kind in [*kinds, RateLimit]:
        with pytest.raises(ConfigurationError, match=f"{kind.__name__}.* 'nonsense'"):
            kind(nonsense=5)


@pytest.mark.parametrize("value", [1, 0.001, LARGEST])
def test_a_number_is_given_back(value: float) -> None:
    """A number that clocks and sockets can take is as good as it came."""
    assert check_number("x", value) is value


@pytest.mark.parametrize("value", [Timeout(total=5, connect=None), ServerVariable("eu", ["eu"])])
def test_values_are_frozen_hashable_and_picklable(value: Any) -> None:
    """A value can be shared, kept in a set and sent to another process, and never changes."""
    name = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, 1)
    assert {value, pickle.loads(pickle.dumps(value))} == {value}


def test_a_server_variable_keeps_a_copy_of_its_enum() -> None:
    """A list that is changed afterwards changes no variable."""
    allowed = ["eu", "us"]
    variable = ServerVariable(default="eu", enum=allowed, description="Where the data is")
    allowed.append("evil")
    assert variable.enum == ("eu", "us")
    assert (variable.default, variable.description) == ("eu", "Where the data is")


@pytest.mark.parametrize(
    "options",
    [
        {"default": 5},
        {"default": ""},
        {"default": "xx", "enum": ["eu", "us"]},
        {"enum": "eu"},
        {"enum": 5},
        {"enum": ["eu", 5]},
        {"enum": [""]},
    ],
)
def test_a_server_variable_refuses_what_contradicts(options: dict[str, Any]) -> None:
    """A default must be text and one of the values that are allowed."""
    with pytest.raises(ConfigurationError):
        ServerVariable(**options)


def test_unset_is_false_and_says_what_it_is() -> None:
    """The mark for "not given" is falsy and readable in a signature."""
    assert not UNSET
    assert repr(UNSET) == "UNSET"


def test_the_values_are_importable_from_the_package() -> None:
    """Users find every value at the root."""
    for name in ("Timeout", "Retry", "TLS", "Pool", "Dns", "ServerVariable"):
        assert name in arya_api_framework.__all__
        assert getattr(arya_api_framework, name).__name__ == name
