"""`wait_for`: operations that take long, on both clients."""

import asyncio
import json
import pickle
from typing import Any

import pytest
from typing_extensions import override

from arya_api_framework import (
    BaseModel,
    DoneFlag,
    Poll,
    Polling,
    Response,
    Retry,
    StatusCode,
    StatusField,
    SubClient,
    Timeout,
    Verdict,
)
from arya_api_framework.errors import (
    BodyNotReplayable,
    BudgetExhausted,
    ClientClosedError,
    ConfigurationError,
    HTTPForbidden,
    HTTPNotFound,
    HTTPServiceUnavailable,
    OperationError,
    OperationFailed,
    OperationTimeout,
    ReadTimeout,
    ResponseParseError,
    ResponseValidationError,
)
from tests.app import Server
from tests.conftest import Kind
from tests.scripted import HANG, Held, Scripted, answer

FAST: dict[str, Any] = {"interval": 0.001, "max_interval": 0.002}


class Report(Response):
    """What operations make in these tests."""

    id: int
    name: str | None = None


class Job(Response):
    """A job that says how it stands."""

    id: int = 0
    status: str


def say(value: Any, *fields: str, status: int = 200) -> bytes:
    """Return a response with this as its JSON."""
    return answer(status, *fields, body=json.dumps(value).encode())


def asked(server: Scripted) -> list[str]:
    """Return what was asked for."""
    return [f"{read.method} {read.target}" for read in server.log]


ACCEPTED = answer(202, "Location: /ops/1", body=b"")
REPORT = say({"id": 7, "name": "July"})


async def test_a_monitor_and_the_resource_at_its_location(kind: Kind) -> None:
    """Azure's `Operation-Location` tells how it stands, and `Location` where the result is."""
    steps = (
        answer(202, "Operation-Location: {url}/ops/1?v=2", "Location: /reports/7", body=b""),
        say({"status": "NotStarted"}),
        say({"status": "Running", "percentComplete": 50}),
        say({"status": "Succeeded"}),
        REPORT,
    )
    async with Scripted(*steps) as server:
        server.script[0] = steps[0].replace(b"{url}", server.url.encode())
        client = kind.client(server.url, bearer_token="t0ken", parameters={"key": "k"})
        started = await client.post("/reports", body={"month": 7}, raw=True)
        polls: list[Poll] = []
        report = await client.wait_for(started, Report, on_poll=polls.append, **FAST)
        assert (report.id, report.model_response.status) == (7, 200)
        assert asked(server) == [
            "POST /reports?key=k",
            *["GET /ops/1?key=k&v=2"] * 3,
            "GET /reports/7?key=k",
        ]
        assert {read.headers["Authorization"] for read in server.log} == {"Bearer t0ken"}
    assert [(one.number, one.status, one.percent) for one in polls] == [
        (0, None, None),
        (1, "NotStarted", None),
        (2, "Running", 50.0),
        (3, "Succeeded", None),
        (4, "200", None),
    ]
    assert polls[-1].result is report


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("field", ["Operation-Location", "Azure-AsyncOperation"])
async def test_a_monitor_and_the_original_url(kind: Kind, method: str, field: str) -> None:
    """The result of a PUT or PATCH is at its own URL, whatever else is said."""
    steps = (
        say({"id": 7}, f"{field}: /ops/1", "Location: /elsewhere", status=201),
        say({"status": "InProgress"}, "Location: /elsewhere"),
        say({"status": "succeeded"}),
        REPORT,
    )
    async with Scripted(*steps) as server:
        client = kind.client(server.url, parameters={"key": "k"})
        started = await client.request(method, "/vms/7", parameters={"v": 1}, body={}, raw=True)
        assert (await client.wait_for(started, Report, **FAST)).name == "July"
        assert asked(server)[1:] == [*["GET /ops/1?key=k"] * 2, "GET /vms/7?key=k&v=1"]


async def test_a_monitor_that_names_the_result(kind: Kind) -> None:
    """`resourceLocation` goes before, and a monitor may hold the result itself."""
    async with Scripted(
        answer(202, "Operation-Location: ops/1", body=b""),
        say({"status": "Succeeded", "resourceLocation": "../r/7"}),
        REPORT,
        answer(202, "Operation-Location: ops/1", body=b""),
        say({"status": "Succeeded", "id": 9}),
        answer(202, "Operation-Location: ops/1", body=b""),
        say({"status": "Succeeded", "result": {"id": 5}}),
        answer(202, "Operation-Location: /ops/1", "Location: /gone", body=b""),
        say({"status": "Succeeded"}),
    ) as server:
        client = kind.client(server.url + "/v1")

        async def run(**options: Any) -> Any:
            return await client.wait_for(
                await client.post("/a", raw=True), Report, **FAST, **options
            )

        assert (await run()).id == 7
        assert asked(server) == ["POST /v1/a", "GET /v1/ops/1", "GET /v1/r/7"]
        assert (await run()).id == 9
        found = await run(polling=StatusField(result="result"))
        assert (found.id, found.model_response.status) == (5, 200)
        # What was deleted is nowhere.
        started = await client.delete("/a", raw=True)
        assert await client.wait_for(started, None, **FAST) is None
        assert asked(server)[-1] == "GET /ops/1"


async def test_a_status_monitor(kind: Kind) -> None:
    """202 is running; what comes in its place is the result, also behind a 303."""
    moved = answer(202, "Location: /ops/2", body=b"<p>Working</p>")
    for last in ([REPORT], [answer(303, "Location: /reports/7"), REPORT]):
        async with Scripted(ACCEPTED, answer(202, body=b""), moved, moved, *last) as server:
            client = kind.client(server.url)
            started = await client.post("/reports", headers={"Prefer": "respond-async"}, raw=True)
            report = await client.wait_for(started, Report, **FAST)
            assert report.name == "July"
            assert asked(server)[:5] == [
                "POST /reports",
                *["GET /ops/1"] * 2,
                *["GET /ops/2"] * 2,
            ]
            assert asked(server)[5:] == ["GET /reports/7"] * (len(last) - 1)


async def test_a_preference_that_was_not_applied(kind: Kind) -> None:
    """A service that answers at once has nothing to be waited for (RFC 7240)."""
    async with Scripted(REPORT, say({"id": 8}, status=201), answer(204, body=b"")) as server:
        client = kind.client(server.url)
        for expected in (7, 8):
            started = await client.post("/reports", raw=True)
            assert (await client.wait_for(started, Report)).id == expected
        assert await client.wait_for(await client.delete("/reports/7", raw=True), None) is None
        assert len(server.log) == 3


async def test_something_that_was_made(kind: Kind) -> None:
    """A 201 without content leads to what was made; a PUT that goes on is asked again itself."""
    async with Scripted(
        answer(201, "Location: /reports/7", body=b""),
        REPORT,
        say({"id": 7, "properties": {"provisioningState": "Creating"}}, status=201),
        say({"id": 7, "properties": {"provisioningState": "Updating"}}),
        REPORT,
        answer(202, body=b""),
        REPORT,
    ) as server:
        client = kind.client(server.url)
        started = await client.post("/reports", raw=True)
        assert (await client.wait_for(started, Report, **FAST)).id == 7
        for _ in range(2):
            started = await client.put("/vms/7?v=1", raw=True)
            assert (await client.wait_for(started, Report, **FAST)).id == 7
        assert asked(server) == [
            *["POST /reports", "GET /reports/7"],
            *["PUT /vms/7?v=1", "GET /vms/7?v=1", "GET /vms/7?v=1"],
            *["PUT /vms/7?v=1", "GET /vms/7?v=1"],
        ]


async def test_google_operations(kind: Kind) -> None:
    """`done` may be left out while it is false; the result is the `response`."""
    operation = {"name": "operations/abc", "metadata": {"progressPercent": 30}}
    done = {**operation, "done": True, "response": {"@type": "x/Report", "id": 7}}
    async with Scripted(
        say(operation),
        say({**operation, "done": False}),
        say(done),
        say({"name": "operations/x", "done": True}),
        *[say({**operation, "done": True, "error": {"code": 8, "message": "No quota"}})] * 2,
    ) as server:
        client = kind.client(server.url + "/v1")
        polls: list[Poll] = []
        report = await client.wait_for("/operations/abc", Report, on_poll=polls.append, **FAST)
        assert (report.id, report.model_response.status) == (7, 200)
        assert [one.percent for one in polls] == [30.0] * 3
        assert await client.wait_for("/operations/x", None) is None
        for polling in (None, DoneFlag()):
            with pytest.raises(OperationFailed, match="has failed: No quota") as caught:
                await client.wait_for("/operations/abc", Report, polling=polling, **FAST)
            assert (caught.value.code, caught.value.status, caught.value.canceled) == (
                8,
                None,
                False,
            )
            assert caught.value.response["error"]["message"] == "No quota"


async def test_jobs(kind: Kind) -> None:
    """A job is asked for until its status is one that ends it."""
    async with Scripted(
        say({"id": 5, "status": "QUEUED"}),
        say({"id": 5, "status": "IN_PROGRESS"}),
        say({"id": 5, "status": "COMPLETED"}),
    ) as server:
        client = kind.client(server.url, parameters={"key": "k"})
        job = await client.wait_for(
            "/jobs/{id}?a=b", Job, path_parameters={"id": 5}, parameters={"c": "d"}, **FAST
        )
        assert job.status == "COMPLETED"
        assert asked(server) == ["GET /jobs/5?key=k&a=b&c=d"] * 3


async def test_a_url_that_holds_it_all(kind: Kind) -> None:
    """What was given for a path is not sent to the URL that an answer names in its place."""
    async with Scripted(answer(202, "Location: /ops/{9}?x=y", body=b""), REPORT) as server:
        client = kind.client(server.url)
        report = await client.wait_for(
            "/jobs/{id}", Report, path_parameters={"id": 5}, parameters={"c": "d"}, **FAST
        )
        assert report.id == 7
        assert asked(server) == ["GET /jobs/5?c=d", "GET /ops/%7B9%7D?x=y"]


async def test_a_result_is_not_waited_for(kind: Kind) -> None:
    """It is asked for at once when the operation is done, whatever the last answer says."""
    async with Scripted(
        answer(202, "Operation-Location: /o", "Location: /r", "retry-after-ms: 1", body=b""),
        say({"status": "done"}, "Retry-After: 60"),
        REPORT,
    ) as server:
        client = kind.client(server.url)
        started = await client.post("/a", raw=True)
        assert (await client.wait_for(started, Report, timeout=30)).id == 7


async def test_functions(kind: Kind) -> None:
    """`done` and `failed` are given each answer as a model."""
    phases = [{"id": 5, "status": name} for name in ("cold", "warm", "hot", "warm", "burnt")]
    async with Scripted(answer(202, body=b""), *map(say, phases)) as server:
        client = kind.client(server.url)
        seen: list[str] = []

        def is_hot(job: Job) -> bool:
            seen.append(job.status)
            return job.status == "hot"

        def is_burnt(job: Job) -> bool:
            return job.status == "burnt"

        job = await client.wait_for("/jobs/5", Job, done=is_hot, **FAST)
        assert (job.status, seen) == ("hot", ["cold", "warm", "hot"])
        with pytest.raises(OperationFailed, match="has failed: burnt") as caught:
            await client.wait_for(
                "/jobs/5",
                Job,
                done=is_hot,
                failed=is_burnt,
                **FAST,
            )
        assert isinstance(caught.value.response, Job)
        assert caught.value.status == "burnt"


async def test_a_function_for_failure_alone(kind: Kind) -> None:
    """What is done is told by the strategy then."""
    async with Scripted(
        say({"id": 1, "status": "running"}),
        say({"id": 2, "status": "done"}),
        say({"id": 3, "status": "running"}),
    ) as server:
        client = kind.client(server.url)

        def failed(job: Job) -> bool:
            return job.id == 3

        assert (await client.wait_for("/a", Job, failed=failed, **FAST)).id == 2
        with pytest.raises(OperationFailed):
            await client.wait_for("/a", Job, failed=failed, **FAST)
        assert len(server.log) == 3


async def test_models(kind: Kind) -> None:
    """A model tells where it came from, and is the format of the result unless another is given."""
    queued = {"id": 5, "status": "queued"}
    steps = (
        *[say(queued, "Location: /jobs/5", status=201), say({"id": 5, "status": "done"})],
        *[say(queued), say({"id": 5, "status": "done"})],
        *[say(queued, "Operation-Location: /ops/5", "Location: /r"), say({"status": "done"})],
        REPORT,
        say({"id": 6, "status": "done"}),
        say({"id": 6, "status": "done"}),
    )
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        job = await client.post("/jobs", response_format=Job)
        assert (await client.wait_for(job, **FAST)).status == "done"
        job = await client.get("/jobs/5", response_format=Job)
        assert (await client.wait_for(job, **FAST)).status == "done"
        job = await client.post("/jobs", response_format=Job)
        assert (await client.wait_for(job, Report, **FAST)).id == 7
        assert asked(server) == [
            *["POST /jobs", "GET /jobs/5", "GET /jobs/5", "GET /jobs/5"],
            *["POST /jobs", "GET /ops/5", "GET /r"],
        ]
        job = await client.get("/jobs/6", response_format=Job)
        assert await client.wait_for(job) is job
        assert await client.wait_for(job, done=bool) is job
        with pytest.raises(ConfigurationError, match="came with no response"):
            await client.wait_for(Job(status="queued"))
        assert len(server.log) == 8


async def test_a_url_in_the_body(kind: Kind) -> None:
    """A body may say where to ask, and where the result is."""
    body = {"state": "starting", "urls": {"get": "/p/1", "file": "/files/1"}}
    polling = StatusField("state", next_url="urls.get", result_url="urls.file")
    async with Scripted(
        say(body, status=201), say(body), say({**body, "state": "done"}), answer(200, body=b"abc")
    ) as server:
        client = kind.client(server.url)
        started = await client.post("/p", raw=True)
        assert await client.wait_for(started, bytes, polling=polling, **FAST) == b"abc"
        assert asked(server) == ["POST /p", "GET /p/1", "GET /p/1", "GET /files/1"]


async def test_until_it_exists_and_until_it_is_gone(kind: Kind) -> None:
    """A status of an error may be an answer."""
    gone = answer(404, body=b'{"message": "none"}')
    async with Scripted(gone, gone, REPORT, REPORT, REPORT, gone, answer(403)) as server:

        def refuse(_: Any) -> Exception:
            return LookupError()

        client = kind.client(server.url, error_responses={404: refuse})
        exists = StatusCode(running=(202, 404))
        assert (await client.wait_for("/r", Report, polling=exists, **FAST)).id == 7
        is_gone = StatusCode(running=(200,), done=(404,))
        assert await client.wait_for("/r", None, polling=is_gone, **FAST) is None
        assert len(server.log) == 6
        with pytest.raises(HTTPForbidden):
            await client.wait_for("/r", None, polling=exists)


async def test_answers_with_errors_that_cannot_be_used(kind: Kind) -> None:
    """What is wrong with an answer that is an error tells of the call, and hides what was sent."""
    async with Scripted(answer(404, body=b'{"id": "s3cret-token"}')) as server:
        client = kind.client(server.url, bearer_token="s3cret-token")
        polling = StatusCode(running=(202,), done=(404,))
        with pytest.raises(ResponseValidationError) as caught:
            await client.wait_for("/r", Report, polling=polling)
        assert (caught.value.method, caught.value.url) == ("GET", server.url + "/r")
        assert "s3cret" not in str(caught.value)


async def test_strategies_of_ones_own(kind: Kind) -> None:
    """A subclass of `Polling` decides by itself."""

    class Queue(Polling):
        @override
        def judge(self, poll: Poll) -> Verdict:
            place = poll.find("place")
            return Verdict("running" if place else "done", str(place), at="what")

    async with Scripted(say({"place": 2}), say({"place": 0, "what": [1, 2]})) as server:
        client = kind.client(server.url)
        assert await client.wait_for("/q", list[int], polling=Queue(), **FAST) == [1, 2]
        server.script[:] = [say({"what": [1, {}]})] * 3
        assert await client.wait_for("/q", polling=Queue()) == [1, {}]
        assert await client.wait_for("/q", None, polling=Queue()) is None
        with pytest.raises(ResponseValidationError, match=r"what\.1: Input should be a valid int"):
            await client.wait_for("/q", list[int], polling=Queue())


async def test_the_raw_response(kind: Kind) -> None:
    """With `raw=True` the result is the response."""
    async with Scripted(say({"done": False}), say({"done": True})) as server:
        client = kind.client(server.url)
        response = await client.wait_for("/a", raw=True, **FAST)
        assert response.json() == {"done": True}
        assert len(server.log) == 2


@pytest.mark.parametrize("word", ["Failed", "CANCELED", "timed_out", "Cancelled"])
async def test_failures(kind: Kind, word: str) -> None:
    """The error has the status, the message and the code of the service, and the answer."""
    error = {"code": "QuotaExceeded", "message": "No cores left for t0psecret"}
    steps = (
        ACCEPTED.replace(b"Location", b"Operation-Location"),
        say({"status": word, "error": error}),
    )
    async with Scripted(*steps) as server:
        client = kind.client(server.url, bearer_token="t0psecret")
        started = await client.post("/vms", raw=True)
        with pytest.raises(OperationFailed) as caught:
            await client.wait_for(started, Report, **FAST)
        assert len(server.log) == 2
    failure = caught.value
    assert (failure.status, failure.code) == (word, "QuotaExceeded")
    assert failure.canceled is word.lower().startswith("cancel")
    assert failure.raw is not None
    assert failure.raw.status == 200
    assert (failure.method, failure.url) == ("GET", server.url + "/ops/1")
    assert (failure.sent, failure.retryable, failure.attempts) == ("yes", False, 1)
    assert str(failure).endswith(f"{word}: No cores left for ***")
    travelled = pickle.dumps(failure)
    assert b"t0psecret" not in travelled
    again = pickle.loads(travelled)
    assert (again.status, again.code, again.raw.status) == (word, "QuotaExceeded", 200)
    assert again.response["error"]["message"] == "No cores left for ***"


async def test_failures_that_do_not_say_why(kind: Kind) -> None:
    """A failure without a word is one all the same; what was given may have failed already."""
    async with Scripted(say({"done": True, "error": {}}), say({"status": "failed"})) as server:
        client = kind.client(server.url)
        with pytest.raises(OperationFailed, match=r"has failed: it does not say why$"):
            await client.wait_for("/a", Report)
        started = await client.post("/a", raw=True, headers={"X-Key": "s3cret"})
        with pytest.raises(OperationFailed, match=r"POST .*: the operation has failed: failed$"):
            await client.wait_for(started, Report)
        assert len(server.log) == 2


async def test_each_poll_is_a_call(kind: Kind) -> None:
    """A poll that fails is sent again as any call is, and its error is raised if that is vain."""
    running = say({"status": "running"})
    async with Scripted(
        running, answer(503), running, say({"status": "done"}), answer(503), answer(503)
    ) as server:
        client = kind.client(
            server.url,
            retry=Retry(attempts=2, backoff=0.001),
            rate_limit=3,
            rate_limit_interval=0.2,
            headers={"X-A": "b"},
        )
        assert await client.wait_for("/a", **FAST) == {"status": "done"}
        assert server.log[3].at - server.log[0].at > 0.15
        assert {read.headers["X-A"] for read in server.log} == {"b"}
        with pytest.raises(HTTPServiceUnavailable) as caught:
            await client.wait_for("/a", **FAST)
        assert caught.value.attempts == 2
        assert len(server.log) == 6


async def test_the_server_says_when(kind: Kind) -> None:
    """Nothing is asked before `Retry-After`, or what services have in its place, is over."""
    running = {"status": "running"}
    async with Scripted(
        say(running, "Retry-After: 1"),
        say(running, "x-ms-retry-after-ms: 150"),
        say(running, "retry-after-ms: 150"),
        say(running, "openai-poll-after-ms: 150"),
        say(running, "Retry-After: 0"),
        say({"status": "done"}),
    ) as server:
        await kind.client(server.url).wait_for("/a", **FAST)
        assert [
            gap >= least for gap, least in zip(server.gaps, (1, 0.15, 0.15, 0.15, 0), strict=True)
        ] == [True] * 5


async def test_a_wait_that_is_too_long(kind: Kind) -> None:
    """It ends at once where the server asks for more time than there is."""
    async with Scripted(say({"status": "running", "id": 1}, "Retry-After: 100")) as server:
        client = kind.client(server.url)
        with pytest.raises(OperationTimeout, match="not over within 50 s") as caught:
            await client.wait_for("/a?token=s3cret", timeout=50)
        assert len(server.log) == 1
    late = caught.value
    assert late.retry_after is not None
    assert 99 < late.retry_after <= 100
    assert isinstance(late, TimeoutError)
    assert (late.status, late.attempts, late.sent, late.retryable) == ("running", 1, "yes", True)
    assert late.response == {"status": "running", "id": 1}
    assert late.raw is not None
    assert (late.method, late.url) == ("GET", server.url + "/a?token=***")
    assert "s3cret" not in str(late)
    assert "'running'" in str(late)


async def test_an_operation_that_never_ends(kind: Kind) -> None:
    """It is given up in time, with where to go on; the last call comes as late as is of use."""
    async with Scripted(*[answer(202, body=b"")] * 50) as server:
        client = kind.client(server.url)
        with pytest.raises(OperationTimeout) as caught:
            await client.wait_for("/a", timeout=0.3, interval=0.2)
        assert 2 <= len(server.log) <= 3
        assert caught.value.retry_after is None
        server.script[:] = [REPORT]
        state = json.loads(json.dumps(caught.value.state))
        assert (await client.wait_for(state, Report)).id == 7
        assert asked(server)[-1] == "GET /a"


async def test_a_poll_that_hangs(kind: Kind) -> None:
    """The time of the whole ends a call as well; that of the parts holds for each."""
    async with Scripted(HANG, HANG, ACCEPTED, HANG) as server:
        client = kind.client(server.url)
        with pytest.raises(OperationTimeout) as caught:
            await client.wait_for("/a", deadline=0.1)
        assert (caught.value.sent, caught.value.state) == ("maybe", None)
        assert caught.value.url == server.url + "/a" or caught.value.url == "/a"
        with pytest.raises(ReadTimeout):
            await client.wait_for("/a", timeout=Timeout(total=60, read=0.05))
        started = await client.post("/a", raw=True)
        with pytest.raises(OperationTimeout) as caught:
            await client.wait_for(started, timeout=Timeout(total=60), deadline=0.1, **FAST)
        assert caught.value.state is not None
        assert caught.value.state["url"] == server.url + "/ops/1"


async def test_the_deadline_of_the_client(kind: Kind) -> None:
    """It holds for each call, and its end is that of no operation."""
    async with Scripted(HANG) as server:
        client = kind.client(server.url, deadline=0.1)
        with pytest.raises(TimeoutError) as caught:
            await client.wait_for("/a", timeout=None)
        assert not isinstance(caught.value, OperationTimeout)
        assert len(server.log) == 1


async def test_no_time_left_for_the_rate_limit(kind: Kind) -> None:
    """A call that would have to queue beyond the end is not made."""
    async with Scripted(answer(202, body=b"")) as server:
        client = kind.client(server.url, rate_limit=1, rate_limit_interval=60)
        with pytest.raises(OperationTimeout) as caught:
            await client.wait_for("/a", timeout=5, **FAST)
        assert caught.value.retry_after is not None
        assert caught.value.sent == "no"
        assert len(server.log) == 1


async def test_budgets(kind: Kind) -> None:
    """A budget counts each call, and is not outlasted by a wait."""
    async with Scripted(*[answer(202, body=b"")] * 3, answer(202, "Retry-After: 30")) as server:
        client = kind.client(server.url)
        with client.target.budget(requests=3) as budget:
            await client.wait_for("/a", **FAST)
        assert budget.exhausted
        with client.target.budget(seconds=20), pytest.raises(BudgetExhausted) as caught:
            await client.wait_for("/a", **FAST)
        assert caught.value.retry_after == 30
        assert len(server.log) == 4


@pytest.mark.parametrize("field", ["Location", "Operation-Location"])
@pytest.mark.parametrize(
    "link", ["http://localhost:{port}/a", "//localhost:{port}/a", "https://127.0.0.1:{port}/a"]
)
async def test_other_origins(kind: Kind, server: Server, field: str, link: str) -> None:
    """A link to another origin is refused before anything is sent there."""
    async with Scripted() as scripted:
        scripted.script[:] = [answer(202, f"{field}: {link.format(port=server.port)}", body=b"")]
        client = kind.client(scripted.url, bearer_token="s3cret")
        started = await client.post("/reports", raw=True)
        with pytest.raises(ConfigurationError, match="leaves the client's origin"):
            await client.wait_for(started, Report, **FAST)
        assert len(scripted.log) == 1
    assert server.log == []


async def test_trusted_and_foreign_origins(kind: Kind) -> None:
    """A trusted origin gets what is the client's; a foreign server leads to its own URLs alone."""
    async with Scripted(REPORT) as other, Scripted() as own:
        own.script[:] = [answer(202, f"Location: {other.url}/r", body=b"")]
        client = kind.client(own.url, bearer_token="t0ken", trusted_origins=[other.url])
        started = await client.post("/a", raw=True)
        assert (await client.wait_for(started, Report, **FAST)).id == 7
        assert other.log[0].headers["Authorization"] == "Bearer t0ken"
        own.script[:] = [ACCEPTED, answer(202, f"Location: {other.url}/r", body=b"")]
        client = kind.client(other.url, bearer_token="t0ken")
        started = await client.post(own.url + "/a", raw=True, foreign=True)
        with pytest.raises(ConfigurationError, match="leaves the origin of the first"):
            await client.wait_for(started, Report, foreign=True, **FAST)
        assert len(other.log) == 1
        assert asked(own)[-1] == "GET /ops/1"
        assert "Authorization" not in own.log[-1].headers


async def test_a_303_to_another_origin(kind: Kind) -> None:
    """A redirect to the result, such as a signed URL, is followed and gets no credentials."""
    async with Scripted(answer(200, body=b"bytes")) as storage, Scripted() as server:
        moved = answer(303, f"Location: {storage.url.replace('127.0.0.1', 'localhost')}/f?sig=x")
        server.script[:] = [ACCEPTED, answer(202, body=b""), moved]
        client = kind.client(server.url, bearer_token="s3cret")
        started = await client.post("/exports", raw=True)
        assert await client.wait_for(started, bytes, **FAST) == b"bytes"
        assert "Authorization" not in storage.log[0].headers


async def test_a_post_that_redirects_to_the_job(kind: Kind) -> None:
    """A 303 to a POST leads to what is waited for, and not to the result."""
    running = say({"status": "running"})
    async with Scripted(answer(303, "Location: /jobs/1"), running, REPORT) as server:
        client = kind.client(server.url)
        started = await client.post("/jobs", raw=True)
        assert (await client.wait_for(started, Report, **FAST)).id == 7
        assert asked(server) == ["POST /jobs", "GET /jobs/1", "GET /jobs/1"]


STATES = [
    (ACCEPTED, [answer(202, body=b"")], [REPORT]),
    (
        answer(202, "Operation-Location: /ops/1", "Location: /r", body=b""),
        [say({"status": "warm"}), say({"status": "done"})],
        [REPORT],
    ),
]


@pytest.mark.parametrize(("first", "middle", "last"), STATES)
async def test_going_on(kind: Kind, first: Any, middle: list[Any], last: list[Any]) -> None:
    """The state of each answer, kept as JSON, leads on from there."""
    states: list[str] = []
    steps = [first, *middle, *last]
    async with Scripted(*steps) as server:
        client = kind.client(server.url)

        def keep(poll: Poll) -> None:
            states.append(json.dumps(poll.state))

        started = await client.post("/reports", raw=True)
        await client.wait_for(started, Report, on_poll=keep, **FAST)
        whole = asked(server)
        for number, state in enumerate(states[:-1], 1):
            server.log.clear()
            server.script[:] = steps[number:]
            report = await kind.client(server.url).wait_for(json.loads(state), Report, **FAST)
            assert report.id == 7
            assert asked(server) == whole[number:]


async def test_what_a_state_holds(kind: Kind) -> None:
    """The URL without what the client adds to each request, such as a key."""
    async with Scripted(say({"status": "running"}), say({"status": "cold"})) as server:
        client = kind.client(server.url + "/v1", parameters={"key": "s3cret"})
        polls: list[Poll] = []
        with pytest.raises(OperationError):
            await client.wait_for(
                "/{a}?b=c",
                path_parameters={"a": "x"},
                parameters=iter([("d", "e")]),
                on_poll=polls.append,
                **FAST,
            )
        state = polls[0].state
        assert state["url"] == server.url + "/v1/x?b=c&d=e"
        server.script[:] = [say({"status": "running"}), say({"status": "done"})]
        await client.wait_for(state, **FAST)
        assert len(set(asked(server))) == 1
        for field in ("X-A: b", "Operation-Location: /o"):
            polls.clear()
            server.script[:] = [answer(202, field), *[say({"status": "done"})] * 2]
            started = await client.put("/vms/7?v=1", raw=True)
            await client.wait_for(started, on_poll=polls.append, **FAST)
            state = polls[0].state
            assert server.url + "/v1/vms/7?v=1" in (state["url"], state["result_url"])
            assert "s3cret" not in json.dumps(state)


@pytest.mark.parametrize(
    "change",
    [
        {"url": None},
        {"url": 5},
        {"found": "start"},
        {"result_url": 5},
        {"more": 1},
    ],
)
async def test_states_that_are_none(kind: Kind, change: dict[str, Any]) -> None:
    """What was no state is refused at once."""
    state = {"url": "http://127.0.0.1:9", "found": "given", "result_url": None, "is_over": False}
    with pytest.raises(ConfigurationError, match="takes a state"):
        await kind.client("http://127.0.0.1:9").wait_for({**state, **change})


async def test_a_state_obeys_the_rule_of_origins(kind: Kind, server: Server) -> None:
    """A state that was tampered with leads nowhere else."""
    state = {"url": server.url, "found": "given", "result_url": None, "is_over": False}
    client = kind.client("http://127.0.0.1:9", bearer_token="s3cret")
    with pytest.raises(ConfigurationError, match="leaves the client's origin"):
        await client.wait_for(state)
    assert server.log == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "nothing tells how the operation stands; say what does"),
        ({"phase": "warm"}, "nothing tells how the operation stands; say what does"),
        ({"status": 5}, "nothing tells how the operation stands; say what does"),
        ({"status": "warm"}, "'status' must be a word that is known, .*, got 'warm'; say"),
    ],
)
async def test_answers_that_do_not_say(kind: Kind, body: Any, text: str) -> None:
    """An answer of a path that could be the result or not is neither, but an error."""
    async with Scripted(say(body)) as server:
        with pytest.raises(OperationError, match=text) as caught:
            await kind.client(server.url).wait_for("/a", **FAST)
        assert caught.value.response == body
        assert caught.value.raw is not None
        assert len(server.log) == 1


@pytest.mark.parametrize(
    ("answered", "error", "text"),
    [
        (say({"a": 1, "b": 2}), OperationError, "nothing tells how"),
        (say([]), OperationError, "an object with 'status', got list"),
        (answer(204, body=b""), OperationError, "an object with 'status', got no content"),
        (answer(200, body=b"<p>Proxy</p>"), ResponseParseError, "no valid JSON"),
    ],
)
async def test_monitors_that_say_nonsense(
    kind: Kind, answered: bytes, error: type[Exception], text: str
) -> None:
    """A monitor that is none, or a page of a proxy, is no result."""
    async with Scripted(answer(202, "Operation-Location: /o", body=b""), answered) as server:
        client = kind.client(server.url)
        started = await client.post("/a", raw=True)
        with pytest.raises(error, match=text):
            await client.wait_for(started, str, **FAST)
        assert len(server.log) == 2


@pytest.mark.parametrize(
    ("polling", "answered", "text"),
    [
        (StatusField("job.state"), say({"x": 1, "y": 2}), "got an object with 'x', 'y'"),
        (StatusField(), say({}), "text at 'status', .*, got an empty object"),
        (StatusField(), answer(204, body=b""), "got no content"),
        (StatusField(), say({"status": {}}), "got dict"),
        (StatusField(), say({"status": True}), "got bool"),
        (StatusField(running=["a", "b"]), say({"status": "c\n"}), "'a', 'b', got 'c'"),
        (StatusField(next_url="u"), say({"status": "cold", "u": 5}), "'u' must be a URL, got int"),
        (StatusField(next_url="u"), say({"status": "x", "u": "mailto:a"}), "no http URL"),
        (DoneFlag(), say([]), "an object with 'done', got list"),
        (DoneFlag(), say({"done": "yes"}), "'done' must be true or false, got str"),
    ],
)
async def test_answers_without_what_was_asked_for(
    kind: Kind, polling: Polling, answered: bytes, text: str
) -> None:
    """The error says what was expected, what was found, and shows no value."""
    async with Scripted(answered) as server:
        with pytest.raises(OperationError, match=text):
            await kind.client(server.url).wait_for("/a", polling=polling, **FAST)
        assert len(server.log) == 1


async def test_words_that_nobody_knows(kind: Kind) -> None:
    """They mean that it goes on, where it is certain that they tell of an operation."""
    async with Scripted(
        say({"status": "warm"}),
        say({"status": 7}),
        answer(202, body=b""),
        say({"status": "ok!"}),
        say({"state": "warm"}, status=202),
        say({"state": "active", "id": 1}),
        answer(202, body=b""),
        say({"done": True}),
    ) as server:
        client = kind.client(server.url)
        polling = StatusField(done=["OK"])
        assert await client.wait_for("/a", polling=polling, **FAST) == {"status": "ok!"}
        # After a 202 it is the status of HTTP that tells.
        assert (await client.wait_for("/a", Report, **FAST)).id == 1
        assert await client.wait_for("/a", polling=DoneFlag(result=None), **FAST) == {"done": True}
        assert len(server.log) == 8


async def test_answers_that_do_not_say_where(kind: Kind) -> None:
    """An answer to a POST that goes on, but not where, is an error that says what to do."""
    async with Scripted(
        answer(202, "X-A: b", body=b""),
        answer(202, "Location: mailto:a@b", body=b""),
        say({"status": "queued", "id": 1}),
    ) as server:
        client = kind.client(server.url)
        for text in ("202.*neither Operation-Location nor Location", "no http URL", "200.*neither"):
            started = await client.post("/a", raw=True)
            with pytest.raises(OperationError, match=text) as caught:
                await client.wait_for(started, Report)
            assert caught.value.method == "POST"
        assert len(server.log) == 3


async def test_other_methods(kind: Kind) -> None:
    """It may be asked by another method, with a body that can be sent again."""
    async with Scripted(
        say({"status": "running"}), say({"status": "done", "resourceLocation": "/r"}), REPORT
    ) as server:
        client = kind.client(server.url)
        report = await client.wait_for("/d", Report, method="POST", body={"id": 5}, **FAST)
        assert report.id == 7
        assert asked(server) == ["POST /d", "POST /d", "GET /r"]
        assert [read.body for read in server.log] == [b'{"id":5}'] * 2 + [b""]
        server.script[:] = [answer(202, body=b"")]
        with pytest.raises(BodyNotReplayable) as caught:
            await client.wait_for("/d", method="POST", data=iter([b"a"]), **FAST)
        assert (caught.value.method, len(server.log)) == ("POST", 4)


async def test_subclients(kind: Kind) -> None:
    """A sub-client waits for what is below its path."""

    class Jobs(SubClient, relative_path="/jobs"):
        def finished(self, number: int) -> Any:
            return self.wait_for("/{id}", Job, path_parameters={"id": number}, **FAST)

    class Client(kind.base):  # type: ignore[name-defined, misc]
        jobs = Jobs()

    async with Scripted(say({"status": "running"}), say({"status": "done"})) as server:
        client = kind.wrap(Client(server.url))
        assert (await client.jobs.finished(5)).status == "done"
        assert asked(server) == ["GET /jobs/5"] * 2


@pytest.mark.parametrize(
    "options",
    [
        {"polling": StatusField},
        {"polling": 5},
        {"done": 5},
        {"on_poll": "x"},
        {"interval": 0},
        {"max_interval": "x"},
        {"timeout": -1},
        {"deadline": "x"},
        {"pollling": None},
    ],
)
async def test_what_is_refused(kind: Kind, options: dict[str, Any]) -> None:
    """What can never work is refused before anything is sent."""
    client = kind.client("http://127.0.0.1:9")
    with pytest.raises(ConfigurationError):
        await client.wait_for("/a", **options)


async def test_sources_that_are_none(kind: Kind) -> None:
    """What says nothing of an operation is refused, and so is a function that must be awaited."""

    async def told(_: Any) -> None: ...

    client = kind.client("http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="got BaseModel"):
        await client.wait_for(BaseModel())
    with pytest.raises(ConfigurationError, match="plain function"):
        await client.wait_for("/a", on_poll=told)
    with pytest.raises(ConfigurationError, match="did you mean 'polling'"):
        await client.wait_for("/a", poling=None)


@pytest.mark.parametrize("name", ["progress", "on_progress"])
async def test_progress_of_nothing(kind: Kind, name: str) -> None:
    """How much of a body is sent is not told where none is; `on_poll` is what was meant."""
    with pytest.raises(ConfigurationError, match=f"{name!r} tells .* `on_poll` is called"):
        await kind.client("http://127.0.0.1:9").wait_for("/a", **{name: print})


async def test_answers_that_are_no_response(kind: Kind) -> None:
    """What is left of an answer, or is none yet, says how to give it."""

    async def post() -> None: ...

    client = kind.client("http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=r"if it is the parsed body .* `raw=True`"):
        await client.wait_for({"id": 1, "url": "/a"})
    with pytest.raises(ConfigurationError, match=r"got a coroutine.* await it first"):
        await client.wait_for(post())


async def test_errors_of_the_functions(kind: Kind) -> None:
    """What a function of the user's raises ends the wait, unchanged."""
    async with Scripted(say({"status": "running"}), say({"status": "running"})) as server:
        client = kind.client(server.url)

        def broken(_: Any) -> None:
            raise LookupError("mine")

        for options in ({"on_poll": broken}, {"done": broken}):
            with pytest.raises(LookupError, match="mine"):
                await client.wait_for("/a", Job, **FAST, **options)
        assert len(server.log) == 2


async def test_a_client_that_is_closed(kind: Kind) -> None:
    """The wait ends with the next call."""
    async with Scripted(say({"status": "running"})) as server:
        client = kind.client(server.url)

        def close(_: Poll) -> None:
            closing.append(client.target.close())
            if kind.is_async:
                closing[0] = asyncio.ensure_future(closing[0])

        closing: list[Any] = []

        with pytest.raises(ClientClosedError):
            await client.wait_for("/a", on_poll=close, **FAST)
        await kind.call(lambda: closing[0])
        assert len(server.log) == 1


@pytest.mark.parametrize("kind", ["async"], indirect=True)
@pytest.mark.parametrize("is_calling", [True, False])
async def test_cancellation(kind: Kind, *, is_calling: bool) -> None:
    """A task that is cancelled sends nothing more, whether it rests or a call is under way."""
    held = Held(answer(202, body=b""))
    async with Scripted(held if is_calling else answer(202, "Retry-After: 60")) as server:
        polled = asyncio.Event()

        def tell(_: Poll) -> None:
            polled.set()

        task = asyncio.ensure_future(kind.client(server.url).wait_for("/a", on_poll=tell, **FAST))
        await (server.has_read(1) if is_calling else polled.wait())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        held.free()
        assert len(server.log) == 1


async def test_an_interrupt(kind: Kind) -> None:
    """A KeyboardInterrupt ends it at once."""
    async with Scripted(say({"status": "running"})) as server:
        client = kind.client(server.url)

        def interrupt(_: Any) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await client.wait_for("/a", on_poll=interrupt, **FAST)
        assert len(server.log) == 1


async def test_missing_results(kind: Kind) -> None:
    """A result that is gone, or does not fit, is the error of its call."""
    async with Scripted(ACCEPTED, say({"name": 1}), ACCEPTED, answer(404)) as server:
        client = kind.client(server.url)
        started = await client.post("/a", raw=True)
        with pytest.raises(ResponseValidationError, match="id: Field required"):
            await client.wait_for(started, Report, **FAST)
        started = await client.post("/a", raw=True)
        with pytest.raises(HTTPNotFound):
            await client.wait_for(started, Report, **FAST)


async def test_a_result_that_is_late(kind: Kind) -> None:
    """Where the result is to be, a 202 means that it is not there yet."""
    async with Scripted(
        answer(202, "Operation-Location: /o", "Location: /r", body=b""),
        say({"status": "done"}),
        answer(202, body=b""),
        REPORT,
    ) as server:
        client = kind.client(server.url)
        started = await client.post("/a", raw=True)
        assert (await client.wait_for(started, Report, **FAST)).id == 7
        assert asked(server) == ["POST /a", "GET /o", "GET /r", "GET /r"]
