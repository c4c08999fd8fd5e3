"""AWS Signature Version 4: AWS's own vectors, botocore as a counterpart, and what servers read."""

import hashlib
import io
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict
from typing_extensions import override
from yarl import URL

from arya_api_framework import TLS, Retry, SyncClient
from arya_api_framework.auth import AWSAuth, Signing
from arya_api_framework.client.request import Request
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import ConfigurationError, HTTPServerError, MissingCredentials
from tests.app import Server
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.scripted import Read, Scripted, answer

VECTORS = json.loads(Path(__file__).with_name("aws4").joinpath("vectors.json").read_text("utf-8"))
ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def aws(**options: Any) -> AWSAuth:
    """Return one with the keys of AWS's examples."""
    where = {"region": "us-east-1", "service": "execute-api"}
    return AWSAuth(ACCESS_KEY, SECRET_KEY, **{**where, **options})


class Recording(AWSAuth):
    """It keeps what it signs; the vectors have no field of S3 where a path is not normalised."""

    def __init__(self, *keys: Any, **options: Any) -> None:
        super().__init__(*keys, **options)
        self.requests: list[str] = []
        self.has_field = options["normalize"]

    @override
    def set_fields(self, signing: Signing) -> None:
        super().set_fields(signing)
        if not self.has_field:
            signing.request.headers.popall("X-Amz-Content-Sha256")

    @override
    def canonical_request(self, signing: Signing) -> str:
        self.requests.append(super().canonical_request(signing))
        return self.requests[-1]


def parse(text: str) -> Request:
    """Return the request of a vector."""
    head, _, body = text.partition("\n\n")
    first, *lines = head.rstrip("\n").split("\n")
    method, _, rest = first.partition(" ")
    headers: CIMultiDict[str] = CIMultiDict()
    for line in re.sub(r"\n(?=[ \t])", "\0", "\n".join(lines)).split("\n"):
        name, _, value = line.replace("\0", "\n").partition(":")
        headers.add(name, value)
    origin = Origin.of(URL(f"https://{headers.pop('Host')}"))
    return Request(method, origin, rest.removesuffix(" HTTP/1.1"), headers, body.encode() or None)


@pytest.mark.parametrize("name", VECTORS)
def test_the_vectors_of_aws(name: str) -> None:
    """The canonical request and the whole field, byte for byte."""
    vector = VECTORS[name]
    context = vector["context"]
    keys = context["credentials"]
    token = keys.get("token")
    moment = datetime.fromisoformat(context["timestamp"]).timestamp()
    auth = Recording(
        keys["access_key_id"],
        keys["secret_access_key"],
        region=context["region"],
        service=context["service"],
        session_token=None if context.get("omit_session_token") else token,
        normalize=context["normalize"],
        clock=lambda: moment,
    )
    request = parse(vector["request"])
    if context["sign_body"]:
        digest = hashlib.sha256(request.body or b"").hexdigest()  # type: ignore[arg-type]
        request.headers["x-amz-content-sha256"] = digest
    auth.apply(request)
    assert auth.requests == [vector["canonical"]]
    expected = re.findall(r"^Authorization:(.*)$", vector["signed"], re.MULTILINE)
    assert request.headers.getall("Authorization") == expected
    assert expected[0].endswith(f"Signature={vector['signature']}")


TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12)
SEGMENT = TEXT.filter(lambda text: text.strip(".") and "/" not in text and "%" not in text)
NAMES = st.sampled_from(["X-Amz-Meta-A", "x-amz-acl", "Content-MD5", "Range", "X-Other"])
VALUES = st.from_regex(r"[!-~]([ -~]{0,20}[!-~])?", fullmatch=True)


@settings(max_examples=300, deadline=None)
@given(
    service=st.sampled_from(["execute-api", "s3", "es"]),
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE"]),
    path=st.lists(SEGMENT, max_size=4),
    query=st.dictionaries(TEXT.filter(bool), TEXT, max_size=4),
    headers=st.dictionaries(NAMES, VALUES, max_size=4),
    body=st.none() | st.binary(max_size=40),
    port=st.sampled_from(["", ":8443"]),
    token=st.none() | st.just("t0ken/+="),
)
def test_botocore_signs_alike(
    service: str,
    method: str,
    path: list[str],
    query: dict[str, str],
    headers: dict[str, str],
    body: bytes | None,
    port: str,
    token: str | None,
) -> None:
    """What the client makes of a path and parameters, and botocore of the same in its own way."""
    client = SyncClient(f"https://api.test{port}")
    fields = {f"p{number}": segment for number, segment in enumerate(path)}
    template = "/" + "/".join(f"{{{name}}}" for name in fields)
    request = client.build(
        method, template, path_parameters=fields, parameters=query, headers=headers, data=body
    )
    auth = aws(service=service, session_token=token)
    auth.apply(request)

    encoded = "/" + "/".join(quote(segment, safe="-_.~") for segment in path)
    theirs: Any = AWSRequest(
        method,
        f"https://api.test{port}{encoded}",
        {name: value for name, value in request.headers.items() if name not in OURS},
        body,
        query,
    )
    kind: Any = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(Credentials(ACCESS_KEY, SECRET_KEY, token), service, "us-east-1")
    theirs.context["timestamp"] = request.headers["X-Amz-Date"]
    canonical = signer.canonical_request(theirs)
    text = signer.string_to_sign(theirs, canonical)
    signature = signer.signature(text, theirs)
    assert request.headers["Authorization"].endswith(f"Signature={signature}"), canonical


OURS = {"Authorization", "Accept-Encoding", "User-Agent"}


def verify(read: Read, service: str = "execute-api") -> str:
    """Let botocore sign what came, as a server does that knows the secret; return the digest."""
    field = read.headers["Authorization"]
    names = field.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    headers = {name: ",".join(read.headers.getall(name)) for name in names}
    digest = read.headers.get("X-Amz-Content-Sha256", hashlib.sha256(read.body).hexdigest())
    path, _, query = read.target.partition("?")
    request: Any = AWSRequest(read.method, f"http://{headers['host']}{path}", headers, read.body)
    request.url += f"?{query}" if query else ""
    request.context["timestamp"] = read.headers["X-Amz-Date"]
    kind: Any = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(Credentials(ACCESS_KEY, SECRET_KEY), service, "us-east-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert field.endswith(f"Signature={signer.signature(text, request)}")
    return digest


async def test_what_is_signed_is_what_is_sent(lane: Lane, tmp_path: Path) -> None:
    """`Host`, path, query, fields and body, as the server read them."""
    path = tmp_path / "file.bin"
    path.write_bytes(b"x" * 1_000_000)
    async with Scripted() as server:
        for service in ("execute-api", "s3"):
            server.log.clear()
            client = lane.client(
                f"{server.url}/v1", auth=aws(service=service), deadline_header="X-Deadline-Ms"
            )
            await client.get("/a/{k}", path_parameters={"k": "x (ü)"}, parameters={"q": "a b+c"})
            await client.post("/", body={"a": 1}, headers={"X-Amz-Target": "a   b"}, deadline=60)
            await client.put("/", data=path)
            await client.put("/", data=io.BytesIO(b"file"))
            await client.post("/", files={"one": path})
            await client.get("/", cookies={"a": "b"}, headers={"Traceparent": "00-1"})
            digests = [verify(read, service) for read in server.log]
            assert digests == [hashlib.sha256(read.body).hexdigest() for read in server.log]
            has_field = ["X-Amz-Content-Sha256" in read.headers for read in server.log]
            assert has_field == [service == "s3"] * 6


async def test_each_attempt_and_each_redirect_is_signed_anew(lane: Lane) -> None:
    """With its own time."""
    ticks = iter((1440938160.0, 1440938161.0, 1440938162.0))
    async with Scripted(answer(503), answer(307, "Location: /there?b=2&a=1")) as server:
        client = lane.client(
            server.url, auth=aws(clock=lambda: next(ticks)), retry=Retry(2, backoff=0.01)
        )
        await client.put("/", body=1)
        assert [read.headers.getall("X-Amz-Date") for read in server.log] == [
            ["20150830T123600Z"],
            ["20150830T123601Z"],
            ["20150830T123602Z"],
        ]
        for read in server.log:
            verify(read)


async def test_no_token_goes_to_another_origin(kind: Kind) -> None:
    """Nor any other field."""
    async with Scripted() as other:
        async with Scripted(answer(302, f"Location: {other.url}/")) as server:
            await kind.client(server.url, auth=aws(session_token="t0ken")).get("/")
            assert server.log[0].headers["X-Amz-Security-Token"] == "t0ken"
        names = {name.lower() for name in other.log[0].headers}
        assert not any(name.startswith("x-amz-") or name == "authorization" for name in names)


def pieces() -> Iterator[bytes]:
    """Give a body that can be read once."""
    yield b"once"


async def test_bodies_that_are_not_signed(kind: Kind, tls_server: Server, ca_pem: Path) -> None:
    """Those of S3 that can be read once, and over TLS those that need not be."""
    tls = TLS(ca=ca_pem)
    bare = aws(service="s3", sign_body=False)
    async with Scripted() as server:
        client = kind.client(server.url)
        await client.put("/", data=pieces(), auth=aws(service="s3"))
        await client.put("/", data=b"in clear", auth=bare)
        assert verify(server.log[0], "s3") == "UNSIGNED-PAYLOAD"
        assert verify(server.log[1], "s3") == hashlib.sha256(b"in clear").hexdigest()
        with pytest.raises(ConfigurationError, match="can be read once"):
            await client.put("/", data=pieces(), auth=aws())
        assert len(server.log) == 2
    found = await kind.client(tls_server.url, tls=tls).put("/echo", data=b"over tls", auth=bare)
    assert dict(found["headers"])["X-Amz-Content-Sha256"] == "UNSIGNED-PAYLOAD"


async def test_a_plus_in_the_query(kind: Kind) -> None:
    """It is sent as the blank that it is to most."""
    async with Scripted() as server:
        await kind.client(server.url, auth=aws()).get("/a+b?q=1+2&x")
        assert server.log[0].target == "/a+b?q=1%202&x"


@pytest.mark.parametrize(
    ("normalize", "target", "path", "query"),
    [
        (None, "/a%20b/(x)//y/", "/a%2520b/%28x%29/y/", ""),
        (None, "/a/./b/..", "/a/", ""),
        (None, "/../..", "/", ""),
        (False, "/a%20b/(x)//y%2Fz/", "/a%20b/%28x%29//y/z/", ""),
        (None, "/?b=(2)&a=%7E&a=1&c&&B=%2b", "/", "B=%2B&a=1&a=~&b=%282%29&c="),
    ],
)
def test_canonical_requests(normalize: Any, target: str, path: str, query: str) -> None:
    """Paths of S3 are encoded once, others twice; parameters are in order."""
    auth = Recording(ACCESS_KEY, SECRET_KEY, region="a", service="b", normalize=normalize)
    auth.has_field = True
    auth.apply(Request("GET", Origin.of(URL("https://api.test")), target, CIMultiDict()))
    assert auth.requests[0].split("\n")[1:3] == [path, query]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"region": ""}, "region of an AWSAuth must be a name, such as 'eu-central-1', got ''"),
        ({"region": None}, "region of an AWSAuth must be a name"),
        ({"service": "a/b"}, "service of an AWSAuth must be a name"),
        ({"sign_body": False}, "is for S3, and 'execute-api' is not"),
        ({"sign_body": None}, "sign_body of an AWSAuth must be True or False, got None"),
        ({"normalize": "no"}, "normalize of an AWSAuth must be True or False, got 'no'"),
        ({"session_token": ""}, "session_token of an AWSAuth is empty"),
        ({"clock": 1}, "clock of AWSAuth must be a function"),
    ],
)
def test_what_it_refuses(options: dict[str, Any], words: str) -> None:
    """When it is made."""
    with pytest.raises(ConfigurationError, match=words):
        aws(**options)


async def test_keys_that_are_none(kind: Kind) -> None:
    """At once or late; nothing is sent, and no key is told."""
    for keys in ((b"hunter2", SECRET_KEY), (ACCESS_KEY, "hunter2\n")):
        where: Any = {"region": "a", "service": "b"}
        with pytest.raises(ConfigurationError, match="of AWSAuth") as caught:
            AWSAuth(*keys, **where)
        assert "hunter2" not in str(caught.value)
    late = [AWSAuth(lambda: "", SECRET_KEY, **where), AWSAuth(ACCESS_KEY, lambda: "", **where)]
    async with Scripted() as server:
        for auth in (*late, aws(session_token=lambda: "hunter2\n")):
            with pytest.raises(MissingCredentials):
                await kind.client(server.url, auth=auth).get("/")
        assert server.log == []


async def test_it_is_shown_nowhere(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the keys, nor the token, nor the signature."""
    caplog.set_level(0)
    auth = aws(session_token="t0ken-of-the-session")
    async with Scripted(answer(500)) as server:
        client = kind.client(server.url, auth=auth)
        with pytest.raises(HTTPServerError) as caught:
            await client.get("/")
        signature = server.log[0].headers["Authorization"].partition("Signature=")[2]
    shown = f"{auth!r} {caught.value!r} {caught.value} {client.target!r} {caplog.text}"
    for secret in (SECRET_KEY, "t0ken", signature):
        assert secret not in shown
