"""The models that answers come back as."""

import copy
import pickle
from typing import Any, Generic, NewType, TypeVar

import pydantic
import pytest
from multidict import CIMultiDict
from pydantic import ConfigDict, Field, PrivateAttr, RootModel, TypeAdapter

from arya_api_framework import BaseModel, PaginatedResponse, Request, Response
from arya_api_framework.client.response import ResponseInfo
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import ConfigurationError
from arya_api_framework.models import set_info
from tests.app import Server
from tests.conftest import Kind

T = TypeVar("T")


class Address(BaseModel):
    """A nested model."""

    city: str
    zipcode: str | None = None


class User(Response):
    """A response of one record."""

    name: str
    address: Address | None = None


class Page(Response, Generic[T]):
    """A response of any records."""

    items: list[T]


class Numbers(PaginatedResponse):
    """A page of numbers."""

    page: int
    pages: int = 3

    def is_paginating(self) -> bool:
        """Tell whether there is a page after this one."""
        return self.page < self.pages

    def next(self) -> int | None:
        """Give the number of the next page."""
        return self.page + 1 if self.is_paginating() else None

    def previous(self) -> int | None:
        """Give the number of the page before."""
        return self.page - 1 or None

    def end(self) -> int:
        """Give the number of the last page."""
        return self.pages

    def start(self) -> int:
        """Give the number of the first page."""
        return 1


INFO = ResponseInfo(
    200,
    ((b"ETag", b'"v1"'),),
    Request("GET", Origin("https", "api.test", 443), "/users/1", CIMultiDict()),
)


def received(model: Any) -> Any:
    """Give a model what a call would have given it."""
    set_info(model, INFO)
    return model


def test_unknown_fields_are_ignored() -> None:
    """An API that adds a field breaks no client."""
    user = User.model_validate({"name": "Ada", "age": 36, "address": {"city": "Rome", "x": 1}})
    assert user.model_dump() == {"name": "Ada", "address": {"city": "Rome", "zipcode": None}}


def test_validation_errors_do_not_show_the_input() -> None:
    """What did not fit may be private, so it is not in the text."""
    with pytest.raises(pydantic.ValidationError) as error:
        Address.model_validate({"city": ["hunter2"]})
    assert "hunter2" not in str(error.value)


def test_flatten_joins_names_with_a_dot() -> None:
    """Set fields come as one flat dict; lists stay, unset fields are left out."""

    class Order(BaseModel):
        user: User
        tags: list[str]
        extra: dict[str, Any]
        note: str | None = "none"

    order = Order(
        user=User(name="Ada", address=Address(city="Rome")),
        tags=["a", "b"],
        extra={"deep": {"er": 1}, "empty": {}},
    )
    flat = {
        "user.name": "Ada",
        "user.address.city": "Rome",
        "tags": ["a", "b"],
        "extra.deep.er": 1,
    }
    assert order.flatten() == flat
    assert order.flatten(prefix="o") == {f"o.{name}": value for name, value in flat.items()}
    assert Address(city="Rome", zipcode=None).flatten("a") == {"a.city": "Rome", "a.zipcode": None}


def test_a_model_made_by_hand_came_with_no_response() -> None:
    """There is nothing to tell about a response that never was."""
    for user in (User(name="Ada"), User.model_construct(name="Ada")):
        assert user.model_response is None
        assert copy.copy(user).model_response is None


def test_what_came_with_a_response_is_no_field() -> None:
    """It is never dumped, compared, hashed, shown or part of the schema."""

    class Frozen(User):
        model_config = ConfigDict(frozen=True)

    plain, filled = Frozen(name="Ada"), received(Frozen(name="Ada"))
    assert filled.model_response is INFO
    assert filled.model_dump() == plain.model_dump() == {"name": "Ada", "address": None}
    assert filled.model_dump_json() == plain.model_dump_json()
    assert filled == plain
    assert hash(filled) == hash(plain)
    assert repr(filled) == repr(plain)
    assert dict(filled) == dict(plain)
    assert "model_response" not in Frozen.model_json_schema()["properties"]
    assert set(Frozen.model_fields) == {"name", "address"}


def test_copies_keep_it_and_pickles_drop_it() -> None:
    """A copy of either depth came with the same response; another process knows nothing of it."""
    user = received(User(name="Ada", address=Address(city="Rome")))
    for made in (
        copy.copy(user),
        copy.deepcopy(user),
        user.model_copy(),
        user.model_copy(deep=True),
        user.model_copy(update={"name": "Eve"}),
    ):
        assert made.model_response is INFO
    assert copy.deepcopy([user, user])[1].model_response is INFO
    unpickled = pickle.loads(pickle.dumps(user))
    assert unpickled == user
    assert unpickled.model_response is None


def test_it_cannot_be_assigned() -> None:
    """Only a call writes it."""
    user: Any = User(name="Ada")
    with pytest.raises((AttributeError, ValueError)):
        user.model_response = INFO


def test_generic_and_mixed_models_carry_it() -> None:
    """Generics, mixins and subclasses with slots of their own have room for it."""

    class Mixin:
        __slots__ = ()

        def shout(self) -> str:
            return "!"

    class Mixed(User, Mixin):
        pass

    for model in (Page[int](items=[1]), Mixed(name="Ada"), Numbers(page=1)):
        assert received(model).model_response is INFO


def test_elements_cost_no_more_than_those_of_pydantic() -> None:
    """A model has neither private attributes nor a hook after init, which cost every element."""
    assert User.__private_attributes__ == {}
    assert User.__pydantic_post_init__ is None
    assert TypeAdapter(list[User]).validate_json(b'[{"name": "Ada"}]')[0].model_response is None


def test_a_field_of_that_name_is_an_error_that_says_so() -> None:
    """An API field `model_response` is refused at class definition, and the text names the way."""
    with pytest.raises(ConfigurationError, match=r"field `model_response`.*alias"):

        class Own(Response):
            model_response: str

    class Mixin(pydantic.BaseModel):
        model_response: str

    with pytest.raises(ConfigurationError, match="field `model_response`"):

        class Inherited(Mixin, Response):
            pass


def test_the_way_named_by_that_error_works() -> None:
    """A field under another name takes the API's `model_response` as its alias."""

    class Aliased(Response):
        answer: str = Field(alias="model_response")

    model = received(Aliased.model_validate({"model_response": "x"}))
    assert (model.answer, model.model_response) == ("x", INFO)


@pytest.mark.parametrize(
    ("old", "new"),
    [("base_uri", "model_response.url"), ("time", "model_response.received_at")],
)
def test_a_renamed_attribute_names_the_new_one(old: str, new: str) -> None:
    """Asking for a name of 0.3.9 says where the value is now."""
    with pytest.raises(AttributeError, match=rf"{old}.*`{new}`"):
        getattr(User(name="Ada"), old)
    with pytest.raises(AttributeError, match="nothing"):
        _ = User(name="Ada").nothing  # type: ignore[attr-defined]


def test_a_field_may_have_a_renamed_name() -> None:
    """`time` is a field like any other where a model declares it."""

    class Event(Response):
        time: str

    assert Event(time="now").time == "now"


def test_a_page_must_say_how_it_pages() -> None:
    """A page without its methods cannot be made; one with them tells where to go."""
    with pytest.raises(TypeError, match="abstract"):
        PaginatedResponse()  # type: ignore[abstract]
    first, last = Numbers(page=1), Numbers(page=3)
    assert (first.is_paginating(), first.next(), first.previous()) == (True, 2, None)
    assert (last.is_paginating(), last.next(), last.previous()) == (False, None, 2)
    assert (last.start(), last.end()) == (1, 3)


async def test_a_call_fills_it(kind: Kind, server: Server) -> None:
    """A result tells status, headers, URL, times and request of the response it came in."""
    client = kind.client(server.url)
    user = await client.get("/users/1", parameters={"page": 7}, response_format=User)
    info = user.model_response
    assert info is not None
    assert info.status == 200
    assert info.headers["content-type"] == "application/json; charset=utf-8"
    assert str(info.url) == f"{server.url}/users/1?page=7"
    assert info.received_at.utcoffset().total_seconds() == 0
    assert 0 < info.elapsed < 60
    assert info.history == ()
    assert (info.request.method, info.request.url) == ("GET", str(info.url))


def test_an_unknown_field_may_have_a_renamed_name() -> None:
    """A model that keeps unknown fields keeps one named as an attribute of 0.3.9."""

    class Open(Response):
        model_config = ConfigDict(extra="allow")

    assert Open.model_validate({"time": 5}).time == 5  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"model_response\.url"):
        Open().base_uri  # type: ignore[attr-defined]  # noqa: B018


def test_a_private_attribute_of_any_name_is_the_models() -> None:
    """What came with a response does not take a name that a model could want."""

    class Own(Response):
        _info: int = PrivateAttr(default=4)

    assert Own().model_response is None
    assert Own()._info == 4


async def test_root_models_carry_it(kind: Kind, server: Server) -> None:
    """A `Response` may be a root model of pydantic's too."""

    class Numbers(Response, RootModel[list[int]]):
        """A list with a name."""

    numbers = await kind.client(server.url).get(
        "/json", parameters={"value": "[1,2]"}, response_format=Numbers
    )
    assert numbers.root == [1, 2]
    assert numbers.model_response.status == 200


class Id(Response):
    """A model with another name."""

    id: int


Other = NewType("Other", Id)


async def test_new_types_carry_it(kind: Kind, server: Server) -> None:
    """Another name for a model carries it as the model does."""
    client = kind.client(server.url)
    one = await client.get("/json", parameters={"value": '{"id":1}'}, response_format=Other)
    many = await client.get(
        "/json", parameters={"value": '[{"id":1}]'}, response_format=list[Other]
    )
    assert one.model_response.status == many[0].model_response.status == 200
