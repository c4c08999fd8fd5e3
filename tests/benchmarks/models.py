"""One user as our models and as plain ones of pydantic, and the JSON that both read."""

import json

import pydantic

from arya_api_framework import BaseModel, Response

__all__ = ["HEADERS", "TOKEN", "USER", "USERS", "PlainUser", "User"]

HEADERS = {"Accept-Language": "en", "X-Client": "benchmark"}
TOKEN = "0123456789abcdef"
"""What either client sends with every call, besides its own automatic fields."""


class Geo(BaseModel):
    """Where a user lives, as a model of ours."""

    lat: float
    lng: float


class Address(BaseModel):
    """How to write to a user, as a model of ours."""

    street: str
    suite: str
    city: str
    zipcode: str
    geo: Geo


class Company(BaseModel):
    """Whom a user works for, as a model of ours."""

    name: str
    catch_phrase: str


class User(Response):
    """A user, as a response model of ours."""

    id: int
    name: str
    username: str
    email: str
    address: Address
    phone: str
    website: str
    company: Company


class PlainGeo(pydantic.BaseModel):
    """Where a user lives, as pydantic has it."""

    lat: float
    lng: float


class PlainAddress(pydantic.BaseModel):
    """How to write to a user, as pydantic has it."""

    street: str
    suite: str
    city: str
    zipcode: str
    geo: PlainGeo


class PlainCompany(pydantic.BaseModel):
    """Whom a user works for, as pydantic has it."""

    name: str
    catch_phrase: str


class PlainUser(pydantic.BaseModel):
    """A user, as pydantic has it."""

    id: int
    name: str
    username: str
    email: str
    address: PlainAddress
    phone: str
    website: str
    company: PlainCompany


_USER = {
    "id": 1,
    "name": "Leanne Graham",
    "username": "Bret",
    "email": "leanne.graham@example.com",
    "address": {
        "street": "Kulas Light",
        "suite": "Apt. 556",
        "city": "Gwenborough",
        "zipcode": "92998-3874",
        "geo": {"lat": -37.3159, "lng": 81.1496},
    },
    "phone": "1-770-736-8031 x56442",
    "website": "hildegard.example.org",
    "company": {
        "name": "Romaguera-Crona",
        "catch_phrase": "Multi-layered client-server neural-net",
    },
}
USER = json.dumps(_USER)
"""One user, about 400 bytes."""

USERS = json.dumps([{**_USER, "id": number} for number in range(100)])
"""A list of 100 users."""
