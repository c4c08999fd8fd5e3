"""Bytes that nobody thought of: valid responses, changed at random, on every lane."""

import asyncio
import random
import time
from collections.abc import Awaitable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from arya_api_framework.errors import FrameworkException
from tests.client.conftest import Lane
from tests.fault_table import SECRETS, check_travels, shown
from tests.faults import GZIP_HEAD, GZIPPED, HINTS, OK, WELL, Faults, Peer, chunked, handles, sized
from tests.patience import LATE

SEED = 20_110
ROUNDS = 120
KEPT = 8
"""One in so many connections is left open: what is cut ends by its time there."""
TIMEOUT = 0.25
ENOUGH = 60.0
"""Seconds for an answer that comes to its end."""
LIMIT = 4096
# A redirect would go over a connection that the server is about to close.
LIMITS = {"timeout": ENOUGH, "max_response_size": LIMIT, "follow_redirects": False}

WHOLE = b'{"ok":true}'
SEEDS = [
    WELL,
    HINTS + WELL,
    OK + b"X-Long: " + b"a" * 200 + b'\r\nContent-Length: 11\r\n\r\n{"ok":true}',
    chunked(b'5;a="b"\r\n{"ok"\r\n6\r\n:true}\r\n0\r\nX-Sum: 1\r\n\r\n'),
    sized(GZIPPED, b"Content-Encoding: gzip"),
    chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (len(GZIPPED), GZIPPED), head=GZIP_HEAD),
    b'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 11\r\n\r\n{"ok":true}',
    sized(b'{"message":"busy"}', b"Retry-After: 7", status=b"503 Busy"),
    sized(b"", b"Location: /ok", status=b"302 Found"),
]
"""Responses that are right, from each part of what responses may be."""

WORDS = [
    *(b"\r\n", b"\r", b"\n", b"\0", b" ", b"\t", b":", b",", b";", b"-", b"+", b"\x80", b"\xff"),
    *(b"0", b"1", b"f", b"0x", b"99999999999999999999", b"Content-Length: 11\r\n"),
    *(b"Content-Length: 12\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n"),
    *(b"Connection: close\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n\r\n", b"0\r\n\r\n", HINTS),
]
"""What the grammar of HTTP turns on."""


def mutate(chance: random.Random) -> bytes:
    """Return a valid response with one to three changes, or cut."""
    data = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(data) + 1)
        end = min(place + chance.choice([1, 1, 2, 8]), len(data))
        match chance.randrange(6):
            case 0:
                data[place:place] = chance.choice(WORDS)
            case 1:
                data[place:end] = chance.choice(WORDS)
            case 2:
                del data[place:end]
            case 3:
                data[place:end] = chance.randbytes(end - place)
            case 4:
                data[place:place] = data[place:end] * chance.choice([1, 2, 40])
            case _:
                del data[place + 20 :]
    return bytes(data)


ANSWERS: dict[str, bytes] = {}


@handles("/fuzz")
async def fuzz(peer: Peer) -> None:
    """Answer with the bytes that belong to the query, in two packets, and close most times."""
    number, _, split = parse_qs(urlsplit(peer.request.target).query)["n"][0].partition(".")
    data = ANSWERS[number]
    await peer.send(data[: int(split)])
    await asyncio.sleep(0.001)
    await peer.send(data[int(split) :])
    if int(number) % KEPT:
        peer.close()
        await peer.writer.wait_closed()


async def outcome(faults: Faults, call: Awaitable[object]) -> object:
    """Return what a call gives, or its error, once the server is through with it."""
    try:
        return await call
    except FrameworkException as error:
        return error
    finally:
        # A connection that is closed in the moment it is used again is another fault.
        await faults.settle()


async def test_changed_responses_end_right_or_as_an_error_of_ours(
    lane: Lane, faults: Faults
) -> None:
    """In time, without a secret, and whatever came before, the next call gets its own answer."""
    chance = random.Random(SEED)
    client = lane.client(faults.url, **LIMITS, **SECRETS)
    right = 0
    for number in range(ROUNDS):
        data = mutate(chance)
        ANSWERS[str(number)] = data
        split = chance.randrange(len(data) + 1)
        start = time.monotonic()
        found = await outcome(faults, client.get(f"/fuzz?n={number}.{split}", **options(number)))
        assert time.monotonic() - start < TIMEOUT + LATE, (number, data)
        if isinstance(found, FrameworkException):
            assert "of-mine" not in shown(found), (number, data)
            check_travels(found)
        else:
            right += 1
            assert isinstance(found, bytes)
            assert len(found) <= LIMIT, (number, data)
        assert await client.get("/ok") == {"ok": True}, (number, data)
    # Both must happen often, else nothing was tried.
    assert ROUNDS / 10 < right < ROUNDS * 9 / 10


async def test_both_clients_agree_on_changed_responses(faults: Faults) -> None:
    """Whether it is an answer, and which error it is, does not depend on the client."""
    lanes = [Lane(name) for name in ("fast", "compatible", "async")]
    clients = [lane.client(faults.url, **LIMITS) for lane in lanes]
    chance = random.Random(SEED + 1)
    try:
        for number in range(ROUNDS):
            data = ANSWERS[str(number)] = mutate(chance)
            path = f"/fuzz?n={number}.{len(data)}"
            # Where the time ends a call, a slow machine may end one that was about to be through.
            for _ in range(1 if number % KEPT else 3):
                fast, compatible, other = [
                    told(await outcome(faults, client.get(path, **options(number))))
                    for client in clients
                ]
                if fast == compatible == other:
                    break
            assert fast == compatible == other, (number, data)
    finally:
        for lane in lanes:
            await lane.close()


def options(number: int) -> dict[str, Any]:
    """Return those of a call: little time only where the connection is left open."""
    return {"response_format": bytes, "timeout": ENOUGH if number % KEPT else TIMEOUT}


def told(found: object) -> object:
    """Return what must be the same for both clients."""
    return (type(found), found.sent) if isinstance(found, FrameworkException) else found


def test_the_changes_are_the_same_on_every_machine() -> None:
    """What fails once fails again."""
    one, other = random.Random(SEED), random.Random(SEED)
    assert [mutate(one) for _ in range(50)] == [mutate(other) for _ in range(50)]
