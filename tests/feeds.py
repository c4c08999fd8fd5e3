"""What the test application streams: an export, lines, events, and an answer in pieces."""

import json

from aiohttp import web

from tests.resources import STORE

PRICES = (101.5, 99.0, 100.25, 102.0, 98.75)


async def export(request: web.Request) -> web.StreamResponse:
    """Answer with all users in one document, as `?format=json`, or one in each line."""
    users = [json.dumps(user) for user in request.app[STORE].users.values()]
    if request.query.get("format") == "json":
        text = f'{{"count": {len(users)}, "result": {{"users": [{", ".join(users)}]}}}}'
        return await _stream(request, "application/json", [text[:700], text[700:]])
    return await _stream(request, "application/x-ndjson", [f"{user}\n" for user in users])


async def log(request: web.Request) -> web.StreamResponse:
    """Answer with the lines of a log."""
    return await _stream(request, "text/plain; charset=utf-8", ["started\nread", "y: ö\n", "done"])


async def prices(request: web.Request) -> web.StreamResponse:
    """Answer with two events after that of `Last-Event-ID`, and with 204 after the last one."""
    first = int(request.headers.get("Last-Event-ID", 0))
    if first >= len(PRICES):
        return web.Response(status=204)
    events = ["retry: 10\n\n"]
    for number, price in list(enumerate(PRICES, 1))[first : first + 2]:
        data = json.dumps({"symbol": "ABC", "amount": price})
        events.append(f"id: {number}\nevent: price\ndata: {data}\n\n: still here\n\n")
    return await _stream(request, "text/event-stream", events)


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer a message with its words, each in an event, and an end."""
    message = json.loads(await request.read())["message"]
    words = [f"data: {json.dumps({'text': word})}\n\n" for word in message.split()]
    return await _stream(request, "text/event-stream", [*words, "data: [DONE]\n\n"])


async def _stream(request: web.Request, media_type: str, pieces: list[str]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": media_type})
    await response.prepare(request)
    for piece in pieces:
        await response.write(piece.encode())
    await response.write_eof()
    return response


ROUTES = [
    web.get("/export", export),
    web.get("/log", log),
    web.get("/prices", prices),
    web.post("/chat", chat),
]
