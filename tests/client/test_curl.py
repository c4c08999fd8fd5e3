"""`Request.to_curl`: a command that sends the same request, and shows no secret."""

import asyncio
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from arya_api_framework import SyncClient
from tests.app import Server
from tests.conftest import Kind


def test_secrets_are_hidden() -> None:
    """Header values that are not known to be harmless, query values and all of the body."""
    client = SyncClient("https://api.test/v1", bearer_token="of-mine", cookies={"a": "of-mine"})
    request = client.build(
        "POST", "/users", parameters={"page": 2, "key": "of-mine"}, body={"password": "of-mine"}
    )
    command = request.to_curl()
    assert "of-mine" not in command
    assert shlex.split(command) == [
        "curl",
        "--request",
        "POST",
        "--path-as-is",
        "--globoff",
        "https://api.test/v1/users?page=2&key=***",
        *("--header", "Accept: application/json, */*;q=0.5"),
        *("--header", f"Accept-Encoding: {request.headers['Accept-Encoding']}"),
        *("--header", f"User-Agent: {request.headers['User-Agent']}"),
        *("--header", "Authorization: ***"),
        *("--header", "Cookie: ***"),
        *("--header", "Content-Type: application/json"),
        "--compressed",
        "--data-binary",
        "@-",
    ]


@pytest.mark.parametrize(
    ("method", "path", "options", "body"),
    [
        ("GET", "/echo", {}, b""),
        ("GET", "/echo?page=1'2\"$(x)`y`{z}[1-3]", {"path_parameters": {"z": "$HOME"}}, b""),
        ("HEAD", "/echo", {}, b""),
        ("GET", "/echo", {"headers": {"Accept-Encoding": None}}, b""),
        ("DELETE", "/echo", {"headers": {"If-Match": '"a\'b"'}}, b""),
        ("OPTIONS", "/echo", {"headers": {"Accept": None, "User-Agent": None}}, b""),
        ("GET", "/echo", {"headers": {"X-Request-Id": ""}}, b""),
        ("POST", "/echo", {"body": {"a": "@it's"}}, b'{"a":"@it\'s"}'),
        ("PUT", "/echo", {"data": b"\x00\xff\r\n", "headers": {"Content-Type": None}}, None),
        ("POST", "/echo", {"files": {"f": ("a.txt", b"content")}}, None),
    ],
)
async def test_curl_sends_the_same(
    server: Server, method: str, path: str, options: dict[str, Any], body: bytes | None
) -> None:
    """The server reads the same request from the client and from curl, run by a shell."""
    kind = Kind("sync")
    client = kind.client(server.url)
    request = client.build(method, path, **options)
    await client.send(request)
    (ours,) = server.log
    if body is None:
        body = ours.body
    command = ["sh", "-c", f"{request.to_curl()} -s"]
    await asyncio.to_thread(subprocess.run, command, input=body, check=True, timeout=30)
    theirs = server.log[1]
    assert (theirs.method, theirs.body) == (ours.method, body)
    # A value that is hidden in the query is sent as it is shown.
    assert theirs.target in (ours.target, request.to_curl().split(server.url)[1].split("'")[0])
    skipped = {"host", "connection", "content-length", "transfer-encoding"}

    def fields(headers: Any) -> dict[str, str]:
        return {n.lower(): v for n, v in headers.items() if n.lower() not in skipped}

    assert fields(theirs.headers) == fields(ours.headers)
    await kind.close()


async def test_a_body_of_a_file(kind: Kind, tmp_path: Path) -> None:
    """It is not read."""
    path = tmp_path / "secret.txt"
    path.write_text("of-mine")
    command = kind.client("https://api.test").build("POST", "/a", data=path).to_curl()
    assert command.endswith("--data-binary @-")
    assert "secret.txt" not in command
