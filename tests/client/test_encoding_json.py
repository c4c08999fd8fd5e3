"""JSON bodies: what pydantic makes of a value, with secrets as their values."""

import io
import json
import math
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    Field,
    RootModel,
    Secret,
    SecretBytes,
    SecretStr,
    TypeAdapter,
    field_serializer,
)

from arya_api_framework import BaseModel, Form
from arya_api_framework.client.encoding import encode_json
from arya_api_framework.errors import ConfigurationError
from tests.app import Server
from tests.conftest import Kind

texts = st.text(st.characters(exclude_categories=["Cs"]))


class Color(Enum):
    """A choice."""

    RED = "red"


class Address(BaseModel):
    """A model in a model."""

    city: str
    zip_code: str | None = Field(default=None, alias="zip")


class Numbers(RootModel[list[int]]):
    """A model that is a list."""


class Broken(BaseModel):
    """A model that cannot be serialised."""

    value: int

    @field_serializer("value")
    def _fail(self, value: int) -> int:
        raise KeyError(value)


class Payload(BaseModel):
    """A model with all that changes its JSON."""

    name: str = Field(alias="fullName")
    note: str | None = None
    address: Address | None = None
    token: SecretStr | None = None


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (Payload(fullName="Ä"), {"fullName": "Ä"}),
        (Payload(fullName="x", note=None), {"fullName": "x", "note": None}),
        (
            Payload(fullName="x", address=Address(city="y", zip="1")),
            {"fullName": "x", "address": {"city": "y", "zip": "1"}},
        ),
        ({"when": datetime(2024, 1, 1, tzinfo=UTC)}, {"when": "2024-01-01T00:00:00Z"}),
        (
            [Payload(fullName="x"), {"id": UUID(int=1)}],
            [{"fullName": "x"}, {"id": str(UUID(int=1))}],
        ),
        ((n for n in range(3)), [0, 1, 2]),
        (
            {"set": {1}, "tuple": (1, 2), "enum": Color.RED},
            {"set": [1], "tuple": [1, 2], "enum": "red"},
        ),
        (Numbers([1, 2]), [1, 2]),
        ("text", "text"),
        (0, 0),
        (False, False),
        ([], []),
        ({}, {}),
        ({"a": Decimal("1.10")}, {"a": "1.10"}),
    ],
)
def test_a_body_is_what_pydantic_makes_of_it(value: Any, data: Any) -> None:
    """Aliases are used, unset fields left out, a `None` that was set is null."""
    assert json.loads(encode_json(value)) == data


class Vault(BaseModel):
    """Secrets in every place."""

    text: SecretStr
    data: SecretBytes
    number: Secret[int]
    many: list[SecretStr]
    unique: set[SecretStr]
    named: dict[str, SecretStr]
    inner: Payload
    pair: tuple[SecretStr, int]
    stars: str
    wrapped: Secret[list[SecretStr]]
    missing: SecretStr | None = None


def test_secrets_in_a_body_are_sent_as_their_values() -> None:
    """Wherever a secret stands, the server gets the value, never the asterisks it is shown as."""
    vault = Vault.model_validate(
        {
            "text": "s1",
            "data": b"s2",
            "number": 3,
            "many": ["s4", "s5"],
            "unique": {"s6"},
            "named": {"a": "s7"},
            "inner": {"fullName": "x", "token": "s8", "unknown": 1},
            "pair": ["s9", 1],
            "stars": "**********",
            "wrapped": ["s10"],
        }
    )
    assert json.loads(encode_json({"vault": [vault], "own": SecretStr("s0")})) == {
        "vault": [
            {
                "text": "s1",
                "data": "s2",
                "number": 3,
                "many": ["s4", "s5"],
                "unique": ["s6"],
                "named": {"a": "s7"},
                "inner": {"fullName": "x", "token": "s8"},
                "pair": ["s9", 1],
                "stars": "**********",
                "wrapped": ["s10"],
            }
        ],
        "own": "s0",
    }


class Order(BaseModel):
    """An iterator beside a secret."""

    items: Iterable[int]
    code: SecretStr


class Codes(BaseModel):
    """An iterator of secrets."""

    codes: Iterable[SecretStr]


def test_iterators_beside_a_secret_are_sent_whole() -> None:
    """Though they can be read once, and secrets take a second time."""
    order = Order(items=iter([1, 2]), code=SecretStr("c"))
    assert json.loads(encode_json(order)) == {"items": [1, 2], "code": "c"}
    body = {"items": (n for n in range(3)), "code": SecretStr("c")}
    assert json.loads(encode_json([body])) == [{"items": [0, 1, 2], "code": "c"}]
    secrets = TypeAdapter(Iterable[SecretStr]).validate_python(["a", "b"])
    assert json.loads(encode_json(secrets)) == ["a", "b"]
    secrets = TypeAdapter(Iterable[SecretStr]).validate_python(["a"])
    with pytest.raises(ConfigurationError, match="an iterator in a JSON body holds secrets"):
        encode_json({"secrets": secrets})
    with pytest.raises(ConfigurationError, match="make it a list"):
        encode_json(Codes(codes=iter([SecretStr("a")])))
    assert json.loads(encode_json(Codes(codes=iter([])))) == {"codes": []}


async def test_an_endpoint_sends_iterators_and_secrets(kind: Kind, server: Server) -> None:
    """What a server reads is what was given."""
    client = kind.client(server.url)
    await client.post("/echo", body=Order(items=(n for n in (1, 2)), code=SecretStr("c")))
    assert server.log[-1].json() == {"items": [1, 2], "code": "c"}


def _endless() -> Any:
    loop: list[Any] = []
    loop.append(loop)
    return loop


class Opaque:
    """Nothing that pydantic knows."""


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {"a": Opaque()},
        Broken(value=1),
        _endless(),
        "\ud800",
        {"a": SecretBytes(b"\xff")},
    ],
)
async def test_a_body_that_does_not_serialise_is_refused(
    kind: Kind, server: Server, value: Any
) -> None:
    """It is one clear error, before anything is sent."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match="`body`") as caught:
        await client.post("/echo", body=value)
    assert caught.value.__cause__ is not None
    assert server.log == []


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | texts
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(value=json_values)
def test_plain_data_survives(value: Any) -> None:
    """Another JSON parser reads what was given."""
    assert json.loads(encode_json(value)) == value


@given(value=json_values)
def test_plain_data_beside_a_secret_survives(value: Any) -> None:
    """The way that secrets take changes nothing else."""
    found = json.loads(encode_json({"secret": SecretStr("s"), "value": value}))
    assert found == {"secret": "s", "value": value}


@pytest.mark.parametrize("value", [b"{}", bytearray(b"x"), memoryview(b"x")])
def test_bytes_are_no_json(value: Any) -> None:
    """What is JSON already is `data`; as `body` it would become a text."""
    with pytest.raises(ConfigurationError, match="give bytes as `data`"):
        encode_json(value)


async def _pieces() -> AsyncIterator[bytes]:
    yield b""


@pytest.mark.parametrize(
    "value", [Path("a.json"), io.BytesIO(b"{}"), io.StringIO(), _pieces(), Form({"a": 1})]
)
def test_files_are_no_json(value: Any) -> None:
    """Nor what is awaited: they are `data`."""
    with pytest.raises(ConfigurationError, match="give forms, files and iterators as `data`"):
        encode_json(value)


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": -float("inf")}])
def test_json_has_no_infinite_numbers(value: Any) -> None:
    """No server could read them (RFC 8259 6)."""
    with pytest.raises(ConfigurationError, match="`body`"):
        encode_json(value)


def test_the_names_of_infinite_numbers_are_text() -> None:
    """Only the numbers are refused."""
    assert json.loads(encode_json(["NaN", "-Infinity"])) == ["NaN", "-Infinity"]


class Measured(BaseModel):
    """A model with a number."""

    value: float
    rest: list[float | None] = Field(default_factory=list)


class Priced(BaseModel):
    """A model with a decimal number."""

    price: Decimal = Field(allow_inf_nan=True)


class Named(BaseModel, ser_json_inf_nan="strings"):
    """A model that is told to write names."""

    value: float
    price: Decimal = Field(allow_inf_nan=True)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_a_decimal_that_is_no_number_is_refused(text: str) -> None:
    """As a float is, though pydantic would write its name."""
    value = Decimal(text)
    for body in (value, [value], {"a": [{1: value}]}, Priced(price=value), (value,)):
        with pytest.raises(ConfigurationError, match="does not serialise"):
            encode_json(body)
    told = encode_json(Named(value=math.nan, price=value))
    assert json.loads(told) == {"value": "NaN", "price": text}
    assert json.loads(encode_json([text, Decimal(1)])) == [text, "1"]


class Lenient(Measured, ser_json_inf_nan="null"):
    """The same, told what to write for what is no number."""


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_have_is_refused_in_models_too(value: float) -> None:
    """Pydantic would write `null`, and the server read another thing than was meant."""
    for body in (
        Measured(value=value),
        Measured(value=1, rest=[None, value]),
        {"a": [Measured(value=value)]},
        {"a": {1.5, value}, "b": None},
    ):
        with pytest.raises(ConfigurationError, match="does not serialise"):
            encode_json(body)
    assert encode_json(Measured(value=1, rest=[None])) == b'{"value":1.0,"rest":[null]}'
    assert encode_json(Lenient(value=value)) == b'{"value":null}'
