"""Long-running operations of the test application, as well-known APIs have them.

Each is over after it was asked for a few times. A `name` of `"broken"` makes it fail.
"""

from typing import Any

from aiohttp import web
from yarl import URL

from tests.resources import STORE

_POLLS = 3
_SOON = {"retry-after-ms": "10"}


def _begin(request: web.Request, body: Any) -> str:
    operations = request.app[STORE].operations
    number = str(len(operations) + 1)
    operations[number] = {"polls": 0, "name": body["name"]}
    return number


def _poll(request: web.Request) -> tuple[str, bool, str]:
    """Count a poll, and return the number, whether it is over, and the name."""
    number = request.match_info["id"]
    operation = request.app[STORE].operations[number]
    operation["polls"] += 1
    return number, operation["polls"] >= _POLLS, operation["name"]


async def begin_report(request: web.Request) -> web.Response:
    """Begin as Azure does: a monitor, and the place of the resource."""
    number = _begin(request, await request.json())
    monitor = URL(f"{request.scheme}://{request.host}/operations/{number}")
    headers = {"Operation-Location": str(monitor), "Location": f"/reports/{number}", **_SOON}
    return web.Response(status=202, headers=headers)


async def get_operation(request: web.Request) -> web.Response:
    """Tell how it stands as Azure does."""
    _, is_over, name = _poll(request)
    if not is_over:
        body: dict[str, Any] = {"status": "Running", "percentComplete": 50}
    elif name == "broken":
        error = {"code": "QuotaExceeded", "message": "There are no cores left."}
        body = {"status": "Failed", "error": error}
    else:
        body = {"status": "Succeeded"}
    return web.json_response(body, headers=_SOON)


async def get_report(request: web.Request) -> web.Response:
    """Return what was made."""
    number = request.match_info["id"]
    name = request.app[STORE].operations[number]["name"]
    return web.json_response({"id": int(number), "name": name})


async def begin_translation(request: web.Request) -> web.Response:
    """Begin as Google does: an operation with a name."""
    number = _begin(request, await request.json())
    return web.json_response({"name": f"operations/{number}"})


async def get_google_operation(request: web.Request) -> web.Response:
    """Tell how it stands as Google does."""
    number, is_over, name = _poll(request)
    body: dict[str, Any] = {"name": f"operations/{number}"}
    if is_over:
        body |= {"done": True, "response": {"id": int(number), "name": name}}
    return web.json_response(body, headers=_SOON)


async def begin_job(request: web.Request) -> web.Response:
    """Make a job that is a resource."""
    number = _begin(request, await request.json())
    headers = {"Location": f"/jobs/{number}", **_SOON}
    return web.json_response({"id": int(number), "status": "queued"}, status=201, headers=headers)


async def get_job(request: web.Request) -> web.Response:
    """Return the job, which knows how it stands."""
    number, is_over, name = _poll(request)
    ended = "failed" if name == "broken" else "completed"
    body = {"id": int(number), "status": ended if is_over else "in_progress"}
    return web.json_response(body, headers=_SOON)


async def begin_export(request: web.Request) -> web.Response:
    """Begin as RFC 7240 has it, where the client prefers that."""
    body = await request.json()
    if "respond-async" not in request.headers.get("Prefer", ""):
        return web.json_response({"id": 0, "name": body["name"]})
    number = _begin(request, body)
    headers = {"Location": f"/exports/{number}", "Preference-Applied": "respond-async", **_SOON}
    return web.Response(status=202, headers=headers)


async def get_export(request: web.Request) -> web.Response:
    """Accept the question while it runs, then show the way to the result."""
    number, is_over, _ = _poll(request)
    if not is_over:
        return web.Response(status=202, headers=_SOON)
    return web.Response(status=303, headers={"Location": f"/reports/{number}"})


ROUTES = [
    web.post("/reports", begin_report),
    web.get(r"/operations/{id:\d+}", get_operation),
    web.get(r"/reports/{id:\d+}", get_report),
    web.post("/v1/translations", begin_translation),
    web.get(r"/v1/operations/{id:\d+}", get_google_operation),
    web.post("/jobs", begin_job),
    web.get(r"/jobs/{id:\d+}", get_job),
    web.post("/exports", begin_export),
    web.get(r"/exports/{id:\d+}", get_export),
]
