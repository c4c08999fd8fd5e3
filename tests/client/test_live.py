"""The live mappings of a client: like dicts, checked, and whole for every thread."""

import copy
import itertools
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import nullcontext
from typing import Any

import pydantic
import pytest
from pydantic import SecretStr

from arya_api_framework import AsyncClient, SyncClient
from arya_api_framework.client.live import (
    Live,
    LiveCookies,
    LiveErrorResponses,
    LiveHeaders,
    LiveParameters,
)
from arya_api_framework.errors import ConfigurationError, HTTPNotFound
from tests.app import Server
from tests.conftest import Kind

URI = "https://api.test"

# A name and two values that are good for each of the mappings.
KINDS: list[tuple[str, Any, Any, Any]] = [
    ("headers", "X-One", "1", ["2", "3"]),
    ("cookies", "one", "1", "2"),
    ("parameters", "one", "1", {"two": [2, 3]}),
    ("error_responses", 404, dict, HTTPNotFound),
]
each_mapping = pytest.mark.parametrize(("name", "key", "first", "second"), KINDS)


def client_of(**options: Any) -> Any:
    """Make a client that sends nothing."""
    made: type[Any] = SyncClient
    return made(URI, **options)


def live(kind: type[Live], values: Mapping[Any, Any]) -> Any:
    """Make a mapping outside of a client."""
    mapping = kind({}, nullcontext(), lambda: None)
    mapping.replace(values)
    return mapping


@pytest.mark.parametrize("base", [SyncClient, AsyncClient])
@each_mapping
def test_a_mapping_can_be_written_like_a_dict(
    base: type[Any], name: str, key: Any, first: Any, second: Any
) -> None:
    """Every way to write a dict works, and the mapping is equal to the dict it would be."""
    client = base(URI)
    mapping: Any = getattr(client, name)
    assert isinstance(getattr(client, name), MutableMapping)
    assert mapping == {}
    assert not mapping
    mapping[key] = first
    assert mapping == {key: first}
    assert (mapping[key], mapping.get(key), key in mapping, len(mapping)) == (first, first, True, 1)
    assert mapping.setdefault(key, second) == first
    mapping.update({key: second})
    assert (list(mapping), list(mapping.keys())) == ([key], [key])
    assert (list(mapping.values()), list(mapping.items())) == ([second], [(key, second)])
    assert {key: second} == mapping
    assert mapping.pop(key) == second
    assert mapping.pop(key, "none") == "none"
    assert mapping.setdefault(key, first) == first
    assert mapping.popitem() == (key, first)
    mapping |= {key: first}
    assert mapping is getattr(client, name)
    assert mapping | {key: second} == {key: second}
    assert mapping == {key: first}
    del mapping[key]
    mapping.update([(key, first)] if name != "error_responses" else {key: first})
    mapping.clear()
    assert mapping == {}


@each_mapping
def test_none_removes(name: str, key: Any, first: Any, second: Any) -> None:
    """Writing `None` takes a value away, whether there is one or not."""
    mapping: Any = getattr(client_of(**{name: {key: first}}), name)
    mapping[key] = None
    mapping[key] = None
    assert mapping == {}


@each_mapping
def test_a_missing_key_is_a_key_error(name: str, key: Any, first: Any, second: Any) -> None:
    """Reading and removing what is not there fails as with a dict."""
    mapping: Any = getattr(client_of(), name)
    with pytest.raises(KeyError):
        mapping[key]
    with pytest.raises(KeyError):
        del mapping[key]
    with pytest.raises(KeyError):
        mapping.pop(key)
    with pytest.raises(KeyError):
        mapping.popitem()
    assert mapping.get(key) is None
    assert 5.5 not in mapping
    assert mapping != 5
    with pytest.raises(TypeError, match="unhashable"):
        hash(mapping)


@each_mapping
def test_assignment_replaces_everything(name: str, key: Any, first: Any, second: Any) -> None:
    """Assigning a mapping puts it in place of all, assigning `None` leaves an empty mapping."""
    client = client_of(**{name: {key: first}})
    mapping = getattr(client, name)
    setattr(client, name, {key: second})
    assert getattr(client, name) == {key: second}
    setattr(client, name, getattr(client, name))
    assert getattr(client, name) == {key: second}
    setattr(client, name, None)
    assert getattr(client, name) == {}
    assert getattr(client, name) is mapping


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("headers", {"X-Good": "1", "X-Bad": "a\r\nb"}),
        ("headers", {"X-Good": "1", "Host": "evil.test"}),
        ("cookies", {"good": "1", "bad": "b; admin=1"}),
        ("parameters", {"good": "1", "bad": float("nan")}),
        ("error_responses", {404: dict, 4040: dict}),
        ("error_responses", {404: dict, 405: ValueError}),
    ],
)
def test_a_write_that_is_refused_changes_nothing(name: str, bad: Any) -> None:
    """What can never be sent is refused at once, and the good half of it is not kept either."""
    client = client_of()
    mapping: Any = getattr(client, name)
    with pytest.raises(ConfigurationError):
        mapping.update(bad)
    with pytest.raises(ConfigurationError):
        setattr(client, name, bad)
    with pytest.raises(ConfigurationError):
        mapping |= bad
    with pytest.raises(ConfigurationError):
        setattr(client, name, 5)
    assert mapping == {}


def test_a_model_can_be_assigned() -> None:
    """A model gives its set fields under their aliases; secrets stay secrets."""

    class Headers(pydantic.BaseModel):
        key: SecretStr = pydantic.Field(alias="X-Key")
        trace: str = "off"

    client = client_of()
    client.headers = Headers.model_validate({"X-Key": "hunter2"})
    assert client.headers == {"X-Key": SecretStr("hunter2")}


def test_header_names_ignore_case() -> None:
    """One header is one header in whatever case it is read, written, removed or compared."""
    headers = live(LiveHeaders, {"X-Key": "1"})
    assert "x-key" in headers
    assert headers["X-KEY"] == "1"
    assert headers == {"x-kEY": "1"}
    headers["x-key"] = "2"
    assert dict(headers) == {"x-key": "2"}
    del headers["X-Key"]
    assert headers == {}
    assert 5 not in headers
    assert headers != {5: "1"}


@pytest.mark.parametrize("key", [404, "404", " 404 "])
def test_a_status_is_one_key_in_every_form(key: Any) -> None:
    """Number and text of a status are the same entry, as are ranges in either case."""
    entries = live(LiveErrorResponses, {key: dict, "4xx": list})
    assert entries == {404: dict, "4XX": list}
    assert entries == {"404": dict, "4xx": list}
    assert entries[key] is dict
    assert entries["4xX"] is list
    del entries[key]
    assert "404" not in entries
    assert "nonsense" not in entries


@pytest.mark.parametrize("name", ["headers", "parameters"])
def test_a_value_that_is_given_out_is_a_copy(name: str) -> None:
    """Changing a list that was read changes neither this client nor another of its class."""

    class Client(SyncClient, uri=URI, **{name: {"x": ["1"]}}):
        pass

    one, other = Client(), Client()
    for values in (getattr(one, name)["x"], *getattr(one, name).values()):
        values.append("2")
    getattr(one, name).copy()["x"].append("2")
    dict(getattr(one, name).items())["x"].append("2")
    assert getattr(one, name) == getattr(other, name) == {"x": ["1"]}


def test_a_copy_is_a_dict_of_its_own() -> None:
    """`copy`, in whichever form, gives a plain dict that is not tied to the client."""
    client = client_of(headers={"X": "1"})
    for made in (client.headers.copy(), copy.copy(client.headers), copy.deepcopy(client.headers)):
        assert type(made) is dict
        made["X"] = "2"
    assert client.headers == {"X": "1"}


@pytest.mark.parametrize(
    ("mapping", "shown"),
    [
        (
            live(LiveHeaders, {"X-Key": "hunter2", "accept": "text/csv"}),
            "{'X-Key': '***', 'accept': 'text/csv'}",
        ),
        (live(LiveCookies, {"a": "hunter2"}), "{'a': '***'}"),
        (live(LiveParameters, {"key": "hunter2", "page": 7}), "{'key': '***', 'page': 7}"),
        (live(LiveErrorResponses, {404: dict}), "{404: <class 'dict'>}"),
    ],
)
def test_the_repr_shows_names_and_hides_values_that_may_be_secret(mapping: Any, shown: str) -> None:
    """Whatever is not known to be harmless is shown as `***`."""
    assert repr(mapping) == str(mapping) == shown


async def test_a_write_counts_from_the_next_call_on(kind: Kind, server: Server) -> None:
    """What is written to a mapping, or assigned, is what the server reads afterwards."""
    client = kind.client(server.url, headers={"X-A": "1"}, parameters={"a": 1})
    await client.get("/echo")
    client.headers["X-A"] = SecretStr("2")
    client.headers.update({"X-B": ["3", "4"]})
    client.cookies["c"] = "5"
    client.parameters |= {"b": True}
    client.bearer_token = "token"
    await client.get("/echo")
    client.bearer_token = None
    client.headers, client.cookies, client.parameters = None, None, {"d": [6, 7]}
    await client.get("/echo")
    first, second, third = server.log
    assert (first.headers["X-A"], first.query) == ("1", [("a", "1")])
    assert second.headers.getall("X-A") == ["2"]
    assert second.headers.getall("X-B") == ["3", "4"]
    assert (second.headers["Cookie"], second.headers["Authorization"]) == ("c=5", "Bearer token")
    assert second.query == [("a", "1"), ("b", "true")]
    assert not {"X-A", "X-B", "Cookie", "Authorization"} & third.headers.keys()
    assert third.query == [("d", "6"), ("d", "7")]


WRITES: dict[str, Callable[[Any, str], object]] = {
    "assign": lambda client, name: setattr(client, name, {"X": "new"}),
    "assign none": lambda client, name: setattr(client, name, None),
    "set": lambda client, name: getattr(client, name).__setitem__("X", "new"),
    "delete": lambda client, name: getattr(client, name).__delitem__("X"),
    "update": lambda client, name: getattr(client, name).update(X="new"),
    "pop": lambda client, name: getattr(client, name).pop("X"),
    "popitem": lambda client, name: getattr(client, name).popitem(),
    "clear": lambda client, name: getattr(client, name).clear(),
}


@pytest.mark.parametrize("name", ["headers", "cookies", "parameters"])
@pytest.mark.parametrize("write", WRITES)
def test_every_write_counts(name: str, write: str) -> None:
    """No way to write leaves the next request as the one before was."""
    client = client_of(**{name: {"X": "old"}})

    def sent() -> str:
        request = client.build("GET", "/")
        return f"{request.target} {list(request.headers.items())}"

    assert "old" in sent()
    WRITES[write](client, name)
    assert "old" not in sent()
    assert ("new" in sent()) == (getattr(client, name) == {"X": "new"})


async def test_error_responses_count_from_the_next_call_on(kind: Kind, server: Server) -> None:
    """An entry that is added or removed decides about the next error."""

    class Missing(HTTPNotFound):
        pass

    client = kind.client(server.url)
    client.error_responses["404"] = Missing
    with pytest.raises(Missing):
        await client.get("/status/404")
    del client.error_responses[404]
    with pytest.raises(HTTPNotFound) as error:
        await client.get("/status/404")
    assert type(error.value) is HTTPNotFound


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Let the interpreter switch threads as often as it can, so that races happen."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def run_in_threads(*functions: Callable[[], object]) -> None:
    """Run functions at once and raise what any of them raised."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(functions))

    def run(function: Callable[[], object]) -> None:
        barrier.wait()
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.usefixtures("eager_threads")
def test_a_reader_sees_the_old_or_the_new_never_a_half() -> None:
    """Headers, cookies and query that are replaced together are sent together."""
    client = client_of()
    generations = [{f"x{i}": str(generation) for i in range(20)} for generation in range(2)]
    client.headers = client.parameters = generations[0]
    done = threading.Event()

    def write() -> None:
        for number in range(1000):
            client.headers = generations[number % 2]
            client.parameters.update(generations[number % 2])
        done.set()

    def read() -> None:
        while not done.is_set():
            request = client.build("GET", "/")
            assert len({v for n, v in request.headers.items() if n.startswith("x")}) == 1
            assert len({pair[-1] for pair in request.target.partition("?")[2].split("&")}) == 1
            assert len(set(client.headers.values())) == 1

    run_in_threads(write, read, read)


@pytest.mark.usefixtures("eager_threads")
def test_no_write_of_another_thread_is_lost() -> None:
    """Threads that write at once all find their values afterwards."""
    client = client_of()

    def writer(thread: int) -> Iterator[Callable[[], object]]:
        yield lambda: [client.headers.update({f"X-{thread}-{i}": "1"}) for i in range(50)]
        yield lambda: [client.parameters.setdefault(f"p{thread}{i}", 1) for i in range(50)]

    run_in_threads(*(step for thread in range(4) for step in writer(thread)))
    assert len(client.headers) == 200
    assert len(client.parameters) == len({f"p{t}{i}" for t in range(4) for i in range(50)})


@pytest.mark.usefixtures("eager_threads")
def test_threads_that_take_the_same_value_get_it_once() -> None:
    """Of threads that pop one key with a default, exactly one gets the value."""
    client = client_of()
    taken: list[Any] = []

    def take() -> None:
        taken.append(client.parameters.pop("once", None))

    for number in range(1, 101):
        client.parameters["once"] = number
        run_in_threads(*[take] * 4)
        assert taken.count(number) == 1
        assert taken.count(None) == 3 * number


@pytest.mark.usefixtures("eager_threads")
def test_threads_that_set_the_same_default_agree_on_it() -> None:
    """Of threads that set a default for one key, all are told the value of the first."""
    client = client_of()
    found: list[Any] = []
    numbers = itertools.count()

    def settle() -> None:
        found.append(client.parameters.setdefault("once", next(numbers)))

    for _ in range(100):
        client.parameters.clear()
        found.clear()
        run_in_threads(*[settle] * 4)
        assert found == [client.parameters["once"]] * 4


@pytest.mark.parametrize("base", [SyncClient, AsyncClient])
def test_an_automatic_header_that_is_removed_is_not_there(base: Any) -> None:
    """`None` keeps it from being sent, and leaves no trace for who reads the mapping."""

    class Parent(base, uri="https://h.test", headers={"Accept": "text/csv", "X-A": "1"}):  # type: ignore[call-arg,misc]
        """Sends another type."""

    class Child(Parent, headers={"accept": None}):  # type: ignore[call-arg]
        """Sends none."""

    client = Child()
    assert client.headers == {"X-A": "1"}
    assert (dict(client.headers), len(client.headers)) == ({"X-A": "1"}, 1)
    assert "Accept" not in client.headers
    assert repr(client.headers) == "{'X-A': '***'}"
    with pytest.raises(KeyError):
        del client.headers["Accept"]
    assert "Accept" not in client.build("GET").headers
    assert "Accept" not in client.with_options(timeout=1).build("GET").headers
    client.headers["ACCEPT"] = "text/html"
    assert client.build("GET").headers["Accept"] == "text/html"
    client.headers = {}
    assert "json" in client.build("GET").headers["Accept"]


def test_a_dict_and_a_live_mapping_can_be_laid_over_each_other() -> None:
    """Both ways give a dict; `None` removes in both."""
    client = SyncClient("https://h.test", headers={"X-A": "1", "Accept": "text/csv"})
    assert client.headers | {"x-a": "2", "accept": None} == {"x-a": "2"}
    assert {"X-B": "0", "x-a": "0"} | client.headers == {
        "X-B": "0",
        "X-A": "1",
        "Accept": "text/csv",
    }


def test_views_hide_what_the_mapping_hides() -> None:
    """Items and values show no secret, and stay as they were."""
    client = SyncClient("https://h.test", headers={"X-Key": "of-mine"})
    items, values = client.headers.items(), client.headers.values()
    client.headers["X-Key"] = "other"
    assert "of-mine" not in f"{items!r} {values!r}"
    assert (list(items), list(values)) == ([("X-Key", "of-mine")], ["of-mine"])
    assert items == {"X-Key": "of-mine"}.items()
