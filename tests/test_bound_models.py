"""Models that remember their client call on, and are otherwise like any other model."""

import copy
import gc
import json
import pickle
import weakref
from collections.abc import Callable
from contextlib import aclosing
from typing import Annotated, Any, Generic, TypeVar, cast

import pytest
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationInfo, field_validator

from arya_api_framework import (
    BaseModel,
    BoundResponse,
    LinkHeader,
    PaginatedResponse,
    Response,
    StatusCode,
    StatusField,
    SubClient,
    SyncClient,
)
from arya_api_framework.client.formats import find_format
from arya_api_framework.client.tie import Tie
from arya_api_framework.errors import (
    ClientClosedError,
    ConfigurationError,
    HTTPNotFound,
    ResponseValidationError,
)
from tests.app import Server
from tests.conftest import Kind
from tests.scripted import Scripted, answer

T = TypeVar("T")


class Owner(BoundResponse["Any"]):
    """Whose it is."""

    login: str


class Plain(BaseModel):
    """What is not bound, and holds what is."""

    owner: Owner


class Repo(BoundResponse["Any"]):
    """What models call on with."""

    id: int
    owner: Owner | None = None
    others: dict[str, list[Plain]] = Field(default_factory=dict)

    def again(self) -> Any:
        """Ask for it anew."""
        return self.model_client.get(f"/repos/{self.id}", response_format=Repo)


class Free(Response):
    """A model that is not bound."""

    id: int


class Holder(BaseModel, Generic[T]):
    """A page of some."""

    items: list[T]


class Pages(PaginatedResponse, BoundResponse["Any"]):
    """Both a page and bound."""

    id: int

    def is_paginating(self) -> bool:
        """Return that there is no more."""
        return False

    def next(self) -> Any:
        """Return nothing."""

    def previous(self) -> Any:
        """Return nothing."""

    def end(self) -> Any:
        """Return nothing."""

    def start(self) -> Any:
        """Return nothing."""


def is_bound(model: Any) -> bool:
    """Return whether a model has a client."""
    try:
        return model.model_client is not None
    except ConfigurationError:
        return False


def page(value: Any, *fields: str) -> bytes:
    """Return a response with this as its JSON."""
    return answer(200, *fields, body=json.dumps(value).encode())


REPO = {
    "id": 1,
    "owner": {"login": "ada"},
    "others": {"a": [{"owner": {"login": "bela"}}]},
}


async def test_models_call_on(kind: Kind) -> None:
    """A method of a model makes a call with the client that the model came from."""
    async with Scripted(page(REPO), page({"id": 2})) as server:
        client = kind.client(server.url, headers={"X-A": "b"})
        repo = await client.get("/repos/7", response_format=Repo)
        assert repo.model_client is client.target
        again = await kind.call(repo.again)
        assert again.id == 2
        assert again.model_client is client.target
        assert [read.target for read in server.log] == ["/repos/7", "/repos/1"]
        assert server.log[1].headers["X-A"] == "b"


async def test_nested_models_are_bound(kind: Kind) -> None:
    """Every model of a bound class is, wherever in the response it stands."""
    async with Scripted(page(REPO)) as server:
        client = kind.client(server.url)
        repo = await client.get("/", response_format=Repo)
    assert repo.owner.model_client is client.target
    assert repo.others["a"][0].owner.model_client is client.target
    # Which response it came in only the outermost one knows.
    assert repo.model_response.status == 200
    assert repo.owner.model_response is None


@pytest.mark.parametrize(
    ("form", "value", "find"),
    [
        (list[Repo], [REPO], lambda found: found[0]),
        (dict[str, Repo], {"a": REPO}, lambda found: found["a"]),
        (tuple[Repo, ...], [REPO], lambda found: found[0]),
        (Repo | None, REPO, lambda found: found),
        (Holder[Repo], {"items": [REPO]}, lambda found: found.items[0]),
        (Plain, {"owner": {"login": "a"}}, lambda found: found.owner),
        (Pages, {"id": 1}, lambda found: found),
    ],
)
async def test_formats(kind: Kind, form: Any, value: Any, find: Callable[[Any], Any]) -> None:
    """Elements of lists and dicts, and what models hold that are not bound, are bound."""
    async with Scripted(page(value)) as server:
        client = kind.client(server.url)
        found = await client.get("/", response_format=form)
    assert find(found).model_client is client.target


async def test_raw_response(kind: Kind) -> None:
    """A response that is parsed later binds, too, as long as the client is there."""
    async with Scripted(page(REPO)) as server:
        client = kind.client(server.url)
        raw = await client.get("/", raw=True)
    assert raw.parse(Repo).model_client is client.target
    assert not is_bound(pickle.loads(pickle.dumps(raw)).parse(Repo))
    left = copy.copy(raw)
    with SyncClient("https://api.example.com") as other:
        left._client = weakref.ref(other)
    del other
    gc.collect()
    with pytest.raises(ConfigurationError, match="bound to no client"):
        _ = left.parse(Repo).model_client


async def test_error_responses(kind: Kind) -> None:
    """The models of errors are bound as well."""
    steps = answer(404, body=json.dumps(REPO).encode())
    async with Scripted(steps) as server:
        client = kind.client(server.url, error_responses={404: Repo})
        with pytest.raises(HTTPNotFound) as caught:
            await client.get("/")
    assert caught.value.response.model_client is client.target


async def test_pages_and_items(kind: Kind) -> None:
    """Pages and items are bound, also where they stand in the page."""
    steps = [page({"data": [REPO]}), page([REPO]), page([REPO]), page({"data": [REPO]})]
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        following = anext if kind.is_async else next
        inside = await kind.call(
            following, client.items("/", Repo, at="data", pagination=LinkHeader())
        )
        flat = await kind.call(following, client.items("/", Repo, pagination=LinkHeader()))
        [one] = await kind.call(following, client.pages("/", list[Repo], pagination=LinkHeader()))

        unhashable: Any = Annotated[Repo, ["a note without hash"]]
        other = await kind.call(
            following, client.items("/", unhashable, at="data", pagination=LinkHeader())
        )
    for found in (inside, flat, one, other):
        assert found.model_client is client.target
        assert found.owner.model_client is client.target


def first_of(client: Any, way: str, form: Any) -> Any:
    """Return the first thing that a stream gives."""
    with client.stream("GET", "/") as body:
        return next(getattr(body, way)(form))


async def first_of_async(client: Any, way: str, form: Any) -> Any:
    """Return the first thing that a stream gives."""
    async with client.stream("GET", "/") as body, aclosing(getattr(body, way)(form)) as found:
        return await anext(found)


@pytest.mark.parametrize("form", [Repo, Annotated[Repo, ["a note without hash"]]])
@pytest.mark.parametrize("way", ["iter_items", "iter_json_lines", "iter_events"])
async def test_streams(kind: Kind, way: str, form: Any) -> None:
    """What is streamed is bound."""
    text, fields = json.dumps(REPO), ["Content-Type: application/json"]
    if way == "iter_items":
        text = f"[{text}]"
    elif way == "iter_json_lines":
        text += "\n"
    else:
        text = f"data: {text}\n\n"
        fields = ["Content-Type: text/event-stream"]
    async with Scripted(answer(200, *fields, body=text.encode())) as server:
        client = kind.client(server.url)
        first = first_of_async if kind.is_async else first_of
        found = await kind.call(first, client.target, way, form)
    found = found.data if way == "iter_events" else found
    assert found.model_client is client.target
    assert found.owner.model_client is client.target


async def test_results_of_operations(kind: Kind) -> None:
    """What a client waits for is bound, also where it stands in the answer."""
    done = {"status": "done", "result": REPO}
    async with Scripted(page(done), page(REPO)) as server:
        client = kind.client(server.url)
        inside = await client.wait_for("/a", Repo, polling=StatusField(result="result"))
        whole = await client.wait_for("/a", Repo, polling=StatusCode())
    assert inside.owner.model_client is client.target
    assert whole.owner.model_client is client.target


class Repos(SubClient, relative_path="/repos"):
    """A part of an API."""


async def test_sub_clients_bind_the_client(kind: Kind) -> None:
    """A call of a sub-client binds the client at the root."""
    async with Scripted(page(REPO)) as server:
        client = kind.client(server.url)
        client.target.add_subclient(Repos())
        repos = client.target.Repos
        repo = await kind.call(repos.get, "/1", response_format=Repo)
        assert server.log[0].target == "/repos/1"
    assert repo.model_client is client.target


async def test_copies_of_clients_bind_themselves(kind: Kind) -> None:
    """A copy with other options is what its models lead to, though nobody else keeps it."""
    async with Scripted(page(REPO), page(REPO)) as server:
        client = kind.client(server.url)
        repo = await client.with_options(headers={"X-A": "copy"}).get("/", response_format=Repo)
        gc.collect()
        await kind.call(repo.again)
        assert server.log[1].headers["X-A"] == "copy"
        await client.close()
        with pytest.raises(ClientClosedError):
            _ = repo.model_client


async def test_closed_client(kind: Kind, server: Server) -> None:
    """A model of a closed client says so, and does not keep the client."""

    async def awaited(found: Any) -> Any:
        # Without a thread, which would keep the client for a while.
        return await found if kind.is_async else found

    client = kind.base(server.url, retry=None)
    user = await awaited(client.get("/users/1", response_format=Named))
    other = await awaited(client.get("/users/1", response_format=Named))
    await awaited(client.close())
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
    for one in (user, other, user):
        with pytest.raises(ClientClosedError, match=rf"{kind.base.__name__}, is closed"):
            _ = one.model_client
    # Only the way to the client is gone.
    assert user.id == 1
    assert user.model_response.status == 200


def test_client_that_nobody_keeps(server: Server) -> None:
    """An open client lives as long as its models, and not longer."""
    client = SyncClient(server.url)
    users: list[Any] = [client.get("/users/1", response_format=Free | Named)]
    users = [*users, copy.copy(users[0])]
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert isinstance(users[0], Named)
    assert users[1].model_client is gone()
    users.clear()
    with pytest.warns(ResourceWarning, match="was not closed"):
        gc.collect()
    assert gone() is None


class Named(BoundResponse):
    """A model that says of no client."""

    id: int
    name: str


def test_no_client(server: Server) -> None:
    """A model that was made by hand is bound to no client, and says how to bind it."""
    repo = Repo(id=1)
    assert not is_bound(repo)
    with pytest.raises(
        ConfigurationError, match=r"this Repo is bound to no client.*model_validate"
    ):
        _ = repo.model_client
    with pytest.raises(ConfigurationError):
        _ = Repo.model_construct(id=1).model_client
    assert not is_bound(Repo.model_validate({"id": 1}, context={"other": 1}))
    assert not is_bound(Repo.model_validate({"id": 1}, context=object()))


def test_binding_by_hand() -> None:
    """The context of a validation binds: to a client, or to what stands for one in a test."""
    with SyncClient("https://api.example.com") as client:
        context = {"model_client": client}
        repo = Repo.model_validate(REPO, context=context)
        assert repo.model_client is client
        assert repo.owner is not None
        assert repo.owner.model_client is client
        found = TypeAdapter(list[Repo]).validate_python([REPO], context=context)
        assert found[0].model_client is client
    with pytest.raises(ClientClosedError):
        _ = repo.model_client
    double = object()
    repo = Repo.model_validate({"id": 1}, context={"model_client": double})
    assert repo.model_client is double
    assert repo.model_copy().model_client is double


def test_it_is_no_field(server: Server) -> None:
    """A bound model dumps, compares, prints and hashes as one that is not."""
    with SyncClient(server.url) as client:
        user = client.get("/users/1", response_format=Named)
        made = Named(id=1, name="Ada")
        assert user == made
        assert repr(user) == repr(made)
        assert user.model_dump() == made.model_dump() == {"id": 1, "name": "Ada"}
        assert user.model_dump_json() == made.model_dump_json()
        assert dict(user) == dict(made)
        assert "model_client" not in Named.model_fields
        assert "model_client" not in json.dumps(Named.model_json_schema())
        assert user.model_fields_set == {"id", "name"}
        with pytest.raises((AttributeError, ValueError)):
            user.model_client = None  # type: ignore[misc]


def test_copies(server: Server) -> None:
    """Copies keep the client, deep copies and pickles drop it."""
    with SyncClient(server.url) as client:
        user = client.get("/users/1", response_format=Named)
        for kept in (copy.copy(user), user.model_copy(), user.model_copy(update={"id": 2})):
            assert kept.model_client is client
            assert kept.model_response.status == 200
        for dropped in (
            copy.deepcopy(user),
            user.model_copy(deep=True),
            pickle.loads(pickle.dumps(user)),
            copy.copy(Named(id=1, name="")),
        ):
            assert not is_bound(dropped)
        assert copy.deepcopy(user).model_response.status == 200


def test_assignment_keeps_the_client() -> None:
    """A model that is validated again when a field is assigned stays bound."""

    class Checked(BoundResponse, validate_assignment=True):
        id: int

    double = object()
    made = Checked.model_validate({"id": 1}, context={"model_client": double})
    made.id = 2
    assert made.model_client is double


async def test_validators_see_the_client(kind: Kind) -> None:
    """Validators of a user's find the client where they find any context."""
    seen: list[Any] = []

    class Curious(BoundResponse):
        id: int

        @field_validator("id")
        @classmethod
        def look(cls, value: int, info: ValidationInfo) -> int:
            seen.append(sorted(info.context or {}))
            return value

    async with Scripted(page({"id": 1})) as server:
        await kind.client(server.url).get("/", response_format=Curious)
    assert seen == [["model_client"]]


async def test_errors_of_bound_formats(kind: Kind) -> None:
    """What does not fit is told as for any format."""
    async with Scripted(page([{"id": "x"}])) as server:
        client = kind.client(server.url)
        with pytest.raises(ResponseValidationError, match=r"does not fit list\[Repo\]: 0.id"):
            await client.get("/", response_format=list[Repo])


def test_only_what_is_bound_pays() -> None:
    """The format of other models is the plain one, whatever text there is in their schema."""

    class Odd(BaseModel):
        id: Annotated[int, Field(json_schema_extra={"type": "model"})]

    for form in (Free, list[Free], Odd, dict[str, Any]):
        assert type(find_format(form)).__name__ == "TypedFormat"
    assert find_format(list[Repo]).name == "list[Repo]"


@pytest.mark.parametrize("name", ["model_client", "model_response"])
def test_field_of_that_name(name: str) -> None:
    """A field cannot have the name of what comes beside the fields."""
    with pytest.raises(ConfigurationError, match=rf"Bad has a field `{name}`"):
        cast("Any", type(BoundResponse))("Bad", (BoundResponse,), {"__annotations__": {name: int}})


def test_generic_models() -> None:
    """A bound model may have type variables of its own."""

    class Listed(BoundResponse["Any"], Generic[T]):
        items: list[T]

    double = object()
    made = Listed[Owner].model_validate(
        {"items": [{"login": "a"}]}, context={"model_client": double}
    )
    assert made.model_client is double
    assert made.items[0].model_client is double


def test_many_threads(server: Server) -> None:
    """Whatever many threads read, closing the client lets go of it for all models."""
    from concurrent.futures import ThreadPoolExecutor

    client = SyncClient(server.url)
    with client, ThreadPoolExecutor(8) as threads:
        users = list(
            threads.map(lambda _: client.get("/users/1", response_format=Named), range(40))
        )
        assert all(one.model_client is client for one in users)
    for one in users:
        with pytest.raises(ClientClosedError):
            _ = one.model_client


CACHED = Owner(login="cached")


def from_cache(value: Any) -> Any:
    """Return an instance that all validations share."""
    return CACHED if value == "cached" else value


class Team(BoundResponse):
    """Models that were there before the validation."""

    lead: Annotated[Owner, BeforeValidator(from_cache)]
    others: list[Owner] = Field(default_factory=list[Owner])


async def test_shared_instances_are_not_bound_to_two_clients(kind: Kind) -> None:
    """Each client gets its own copy, and what is shared stays bound to nothing."""
    async with Scripted(page({"lead": "cached"}), page({"lead": "cached"})) as server:
        alice, bob = kind.client(server.url), kind.client(server.url)
        of_alice = await alice.get("/", response_format=Team)
        of_bob = await bob.get("/", response_format=Team)
    assert of_alice.lead.model_client is of_alice.model_client is alice.target
    assert of_bob.lead.model_client is of_bob.model_client is bob.target
    assert of_alice.lead == of_bob.lead == CACHED
    assert not is_bound(CACHED)
    assert not is_bound(Team(lead=CACHED).lead)


def made_by_hand() -> Team:
    """A model that nothing is bound to."""
    return Team(lead=Owner(login="a"), others=[Owner(login="b")])


@pytest.mark.parametrize(
    "make",
    [
        made_by_hand,
        lambda: Team.model_construct(lead=Owner(login="a"), others=[Owner(login="b")]),
        lambda: copy.copy(made_by_hand()),
        lambda: copy.deepcopy(made_by_hand()),
        lambda: pickle.loads(pickle.dumps(made_by_hand())),
    ],
    ids=["by hand", "constructed", "copied", "copied deeply", "unpickled"],
)
def test_an_instance_is_bound_as_a_copy(make: Callable[[], Team]) -> None:
    """What was there before a validation stays as it is; its copy is bound, with all in it."""
    alice, bob = object(), object()
    team = make()
    bound = Team.model_validate(team, context={"model_client": alice})
    again = Team.model_validate(bound, context={"model_client": bob})
    for one, client in ((bound, alice), (again, bob)):
        assert one == team
        assert one.model_client is client
        assert one.lead.model_client is client
        assert one.others[0].model_client is client
    assert not any(map(is_bound, (team, team.lead, team.others[0])))
    assert Team.model_validate(bound, context={"model_client": alice}) is bound
    assert Team.model_validate(bound) is bound


def test_models_that_are_made_anew_lose_the_client() -> None:
    """Where instances are validated again, the context is what binds."""

    class Anew(BoundResponse, revalidate_instances="always"):
        id: int

    client = object()
    bound = Anew.model_validate({"id": 1}, context={"model_client": client})
    assert bound.model_client is client
    assert not is_bound(Anew.model_validate(bound))
    again = Anew.model_validate(bound, context={"model_client": client})
    assert again.model_client is client
    assert again is not bound


def test_a_model_that_is_being_made_is_not_bound_yet() -> None:
    """What runs before its fields are all there finds no client."""
    found: list[bool] = []

    class Early(BoundResponse):
        id: int

        def model_post_init(self, context: Any, /) -> None:
            found.append(is_bound(self))

    made = Early.model_validate({"id": 1}, context={"model_client": object()})
    assert (found, is_bound(made)) == ([False], True)


def test_a_tie_lets_go_of_a_client_that_is_closing() -> None:
    """One that is closed counts as gone at once, though it has not cut the tie yet."""

    class Closing:
        closed = True

    client: Any = Closing()
    gone = weakref.ref(client)
    tie = Tie(client)
    with pytest.raises(ClientClosedError, match="Closing, is closed"):
        tie.find()
    del client
    gc.collect()
    assert gone() is None
    with pytest.raises(ClientClosedError, match="Closing, is closed"):
        tie.find()
