"""Signed requests: the server computes the signature again from what it has read."""

import base64
import hashlib
import hmac
import io
import itertools
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict
from pydantic import SecretStr
from typing_extensions import override
from yarl import URL

from arya_api_framework import Retry
from arya_api_framework.auth import HMACAuth, Signing
from arya_api_framework.client.request import Request
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import (
    ConfigurationError,
    HTTPServerError,
    MissingCredentials,
    RequestTimeout,
)
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.scripted import OK, Read, Scripted, Step, answer

SECRET = "s3cr3t-of-the-shop"
LONG = b"0123456789abcdef" * 64 * 1024  # Longer than a piece that is read at once.
NOW = 1440938160.75  # 2015-08-30 12:36:00 UTC


def signed(**options: Any) -> HMACAuth:
    """Return one that signs all that a server can read."""
    full: dict[str, Any] = {
        "canonical": "{method}\n{host}\n{path}\n{query}\n{headers}\n{timestamp}\n{nonce}\n"
        "{body_digest}",
        "header": "X-Signature",
        "value": "v1 {key_id} {signed_headers} {signature}",
        "key_id": "key-1",
        "fields": {
            "X-Timestamp": "{timestamp}",
            "X-Nonce": "{nonce}",
            "Digest": "sha-256={body_digest}",
        },
        "signed_headers": ["Host", "Content-Type", "X-Timestamp", "X-Absent"],
    }
    return HMACAuth(SECRET, **{**full, **options})


def verify(read: Read) -> None:
    """Compute the signature as a server does, from nothing but what came."""
    word, key, names, signature = read.headers["X-Signature"].split(" ")
    assert (word, key) == ("v1", "key-1")
    digest = hashlib.sha256(read.body).hexdigest()
    assert read.headers.getall("Digest") == [f"sha-256={digest}"]
    path, _, query = read.target.partition("?")
    text = "\n".join(
        (
            read.method,
            read.headers["Host"],
            path,
            query,
            *(f"{name}:{read.headers[name]}" for name in names.split(";")),
            read.headers["X-Timestamp"],
            read.headers["X-Nonce"],
            digest,
        )
    )
    assert hmac.new(SECRET.encode(), text.encode(), "sha256").hexdigest() == signature


def request_to(target: str = "/", body: Any = None, **headers: str) -> Request:
    """Return a request as `build` makes one."""
    return Request("POST", Origin.of(URL("https://api.test")), target, CIMultiDict(headers), body)


async def test_what_is_signed_is_what_is_sent(lane: Lane, tmp_path: Path) -> None:
    """Whatever the method, the target and the body."""
    path = tmp_path / "long.bin"
    path.write_bytes(LONG)
    async with Scripted() as server:
        client = lane.client(f"{server.url}/v1", auth=signed(), headers={"Content-Type": "a/b"})
        await client.get("/a b/{k}", path_parameters={"k": "x/y ü"}, parameters={"q": "a b+c"})
        await client.delete("/")
        await client.post("/", body={"a": [1, "ü"]})
        await client.post("/", data={"a": "b c"})
        await client.post("/", data=LONG)
        await client.put("/", data=path)
        await client.put("/", data=io.BytesIO(LONG))
        await client.post("/", files={"one": path, "two": b"2"})
        await client.post("/", body=["x"] * 5000, compress="gzip")
        await client.post("/", data=b"told", on_progress=lambda *_: None)
        assert len(server.log) == 10
        for read in server.log:
            verify(read)
        assert server.log[4].body == server.log[5].body == server.log[6].body == LONG
        assert server.log[8].headers["Content-Encoding"] == "gzip"
        assert len({read.headers["X-Nonce"] for read in server.log}) == 10


async def test_fields_beyond_ascii(lane: Lane) -> None:
    """They are signed as the bytes that are sent, which are UTF-8."""
    async with Scripted() as server:
        auth = HMACAuth(SECRET, canonical="{headers}", header="X-S", signed_headers=["X-A"])
        await lane.client(server.url, auth=auth).get("/", headers={"X-A": "grün"})
        read = server.log[0]
        text = b"x-a:" + read.headers["X-A"].encode("latin-1")  # The server reads latin-1.
        assert hmac.new(SECRET.encode(), text, "sha256").hexdigest() == read.headers["X-S"]


async def test_each_attempt_and_each_redirect_is_signed_anew(lane: Lane) -> None:
    """With a time and a nonce of its own, and the fields are there once."""
    ticks = map(float, itertools.count(1000))
    async with Scripted(answer(503), answer(307, "Location: /there?x=1")) as server:
        retry = Retry(2, backoff=0.01)
        client = lane.client(server.url, auth=signed(clock=lambda: next(ticks)), retry=retry)
        await client.put("/", body=1)
        assert [read.headers.getall("X-Timestamp") for read in server.log] == [
            ["1000"],
            ["1001"],
            ["1002"],
        ]
        for read in server.log:
            verify(read)


async def test_nothing_of_it_goes_to_another_origin(kind: Kind) -> None:
    """Neither the signature nor the fields beside it."""
    async with Scripted() as other:
        async with Scripted(answer(302, f"Location: {other.url}/")) as server:
            await kind.client(server.url, auth=signed()).get("/")
        assert not {"X-Signature", "X-Timestamp", "X-Nonce", "Digest"} & set(other.log[0].headers)


async def test_fields_of_the_call(kind: Kind) -> None:
    """A field beside the signature is ours; that of the signature is the call's."""
    async with Scripted() as server:
        client = kind.client(server.url, auth=signed())
        await client.get("/", headers={"x-timestamp": "1"})
        verify(server.log[0])
        assert len(server.log[0].headers.getall("X-Timestamp")) == 1
        await client.get("/", headers={"X-Signature": "mine"})
        assert server.log[1].headers["X-Signature"] == "mine"
        assert "X-Nonce" not in server.log[1].headers


def pieces() -> Iterator[bytes]:
    """Give a body that can be read once."""
    yield b"once"


async def test_a_body_that_can_be_read_once(kind: Kind) -> None:
    """It is refused, whole as it was, unless nobody reads it or the scheme has a word for it."""
    async with Scripted() as server:
        client = kind.client(server.url, auth=signed())
        for data in (pieces(), io.BufferedReader(Once())):
            with pytest.raises(ConfigurationError, match="can be read once; give bytes") as caught:
                await client.post("/", data=data)
            assert caught.value.sent == "no"
        assert server.log == []
        bare = HMACAuth(SECRET, canonical="{method}", header="X-S")
        await client.post("/", data=pieces(), auth=bare)
        marked = signed(unsigned_body="UNSIGNED")
        await client.post("/", data=pieces(), auth=marked)
        assert [read.body for read in server.log] == [b"once"] * 2
        assert server.log[1].headers["Digest"] == "sha-256=UNSIGNED"
        await client.post("/", data=b"twice", auth=marked)
        verify(server.log[2])


class Once(io.RawIOBase):
    """A file that cannot seek."""

    def readable(self) -> bool:
        """Return that it can be read."""
        return True


async def test_a_file_that_is_gone(kind: Kind, tmp_path: Path) -> None:
    """What its reading raises in the thread is the error of the call."""

    def lose(_: Read) -> Step:
        path.unlink()
        return answer(503)

    path = tmp_path / "gone.bin"
    path.write_bytes(b"here")
    async with Scripted(lose) as server:
        client = kind.client(server.url, auth=signed(), retry=Retry(2, backoff=0.01))
        with pytest.raises(ConfigurationError, match=r"gone\.bin.*cannot be read"):
            await client.put("/", data=path)
        assert len(server.log) == 1


async def test_a_call_does_not_wait_for_a_slow_file(kind: Kind) -> None:
    """Beyond its timeout."""
    import threading

    freed = threading.Event()

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            freed.wait(60)
            return super().read(size)

    async with Scripted() as server:
        with pytest.raises(RequestTimeout):
            await kind.client(server.url, auth=signed()).put("/", data=Slow(b"x"), timeout=0.2)
        freed.set()
        assert server.log == []


# RFC 4231, test cases 1, 2 and 6 (SHA-2), and RFC 2202, case 2 (SHA-1).
VECTORS: list[tuple[str, bytes, bytes, str]] = [
    (
        "sha256",
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        "sha256",
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        "sha384",
        b"Jefe",
        b"what do ya want for nothing?",
        (
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ec"
            "fab21649"
        ),
    ),
    (
        "sha512",
        b"Jefe",
        b"what do ya want for nothing?",
        (
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65"
            "f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        ),
    ),
    (
        "sha1",
        b"Jefe",
        b"what do ya want for nothing?",
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
    ),
    (
        "sha256",
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
]


@pytest.mark.parametrize(("algorithm", "key", "text", "expected"), VECTORS)
def test_the_vectors_of_the_rfcs(algorithm: Any, key: bytes, text: bytes, expected: str) -> None:
    """The body alone is signed; keys and signatures in each of their forms."""
    forms: list[tuple[Any, str]] = [
        ("hex", key.hex()),
        ("base64", base64.b64encode(key).decode()),
    ]
    if key.isascii() and key.decode().isprintable():
        forms.append(("text", key.decode()))
    for form, secret in forms:
        auth = HMACAuth(
            secret, canonical="{body}", header="X-S", algorithm=algorithm, secret_encoding=form
        )
        request = request_to(body=text)
        auth.apply(request)
        assert request.headers["X-S"] == expected
        in_base64 = HMACAuth(
            secret,
            canonical="{body}",
            algorithm=algorithm,
            secret_encoding=form,
            encoding="base64",
            value="HMAC {signature}",
        )
        in_base64.apply(request)
        signature = base64.b64encode(bytes.fromhex(expected)).decode()
        assert request.headers["Authorization"] == f"HMAC {signature}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{method} {url}", b"POST https://api.test/a/b%20c?x=1&y=%C3%BC"),
        ("{scheme}|{host}|{path}|{query}", b"https|api.test|/a/b%20c|x=1&y=%C3%BC"),
        ("{{{target}}}", b"{/a/b%20c?x=1&y=%C3%BC}"),
        ("{headers}|{signed_headers}", b"x-b:1,2\nhost:api.test\nx-a:\xc3\xbc|x-b;host;x-a"),
        ("{body}{body}", b"\xff\x00\xff\x00"),
        ("{key_id} ключ", "ann ключ".encode()),
        ("{timestamp}", b"1440938160"),
        ("{body_digest}", base64.b64encode(hashlib.sha256(b"\xff\x00").digest())),
    ],
)
def test_texts(text: str, expected: bytes) -> None:
    """Each part as the wire has it; bytes as they are."""
    auth = HMACAuth(
        SECRET,
        canonical=text,
        key_id=lambda: SecretStr("ann"),
        signed_headers=["X-B", "host", "X-A", "X-None"],
        digest_encoding="base64",
        clock=lambda: NOW,
    )
    request = request_to("/a/b%20c?x=1&y=%C3%BC", b"\xff\x00")
    for name, value in (("x-a", "ü"), ("x-b", "1"), ("X-B", "2"), ("x-c", "3")):
        request.headers.add(name, value)
    auth.apply(request)
    signature = hmac.new(SECRET.encode(), expected, "sha256").hexdigest()
    assert request.headers["Authorization"] == signature


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("unix", "1440938160"),
        ("milliseconds", "1440938160750"),
        ("iso", "2015-08-30T12:36:00Z"),
        ("basic", "20150830T123600Z"),
        ("http", "Sun, 30 Aug 2015 12:36:00 GMT"),
    ],
)
def test_times(form: Any, expected: str) -> None:
    """In each of their forms."""
    request = request_to()
    HMACAuth(
        SECRET,
        canonical="",
        header="X-S",
        fields={"Date": "{timestamp}"},
        time_format=form,
        clock=lambda: NOW,
    ).apply(request)
    assert request.headers["Date"] == expected


class Sorted(HMACAuth):
    """What no template can say: sorted parameters, a key of the day, a field of many parts."""

    @override
    def text_to_sign(self, signing: Signing) -> bytes:
        return "&".join(sorted(signing.query.split("&"))).encode()

    @override
    def signing_key(self, signing: Signing) -> bytes:
        return super().signing_key(signing) + signing.timestamp[:10].encode()

    @override
    def field_value(self, signing: Signing, signature: str) -> str:
        return f"{signature};{len(signing.body)}"


async def test_a_subclass(kind: Kind) -> None:
    """It overrides what it needs, and gives no canonical text."""
    async with Scripted() as server:
        auth = Sorted(SECRET, header="X-S", time_format="iso", clock=lambda: NOW)
        await kind.client(server.url, auth=auth).post("/?b=2&a=1", data=b"12345")
        expected = hmac.new(f"{SECRET}2015-08-30".encode(), b"a=1&b=2", "sha256").hexdigest()
        assert server.log[0].headers["X-S"] == f"{expected};5"


LATE: list[tuple[Callable[[Any], HMACAuth], Any, str]] = [
    (lambda one: HMACAuth(one, canonical=""), "", "secret of HMACAuth is empty"),
    (lambda one: HMACAuth(one, canonical=""), 5, "secret of HMACAuth must be text"),
    (
        lambda one: HMACAuth(one, canonical="", secret_encoding="base64"),
        "hunter2!",
        "secret of HMACAuth is not valid base64",
    ),
    (
        lambda one: HMACAuth(one, canonical="", secret_encoding="hex"),
        "hunter2",
        "secret of HMACAuth is not valid hex",
    ),
    (
        lambda one: HMACAuth(one, canonical="", secret_encoding="hex"),
        " ",
        "secret of HMACAuth is empty",
    ),
    (
        lambda one: HMACAuth(one, canonical="", secret_encoding="base64"),
        "hünter2",
        "secret of HMACAuth is not valid base64",
    ),
    (
        lambda one: HMACAuth(SECRET, canonical="{key_id}", key_id=one),
        "hunter2\n",
        "key_id of HMACAuth holds a control character",
    ),
]


@pytest.mark.parametrize(("make", "bad", "words"), LATE)
async def test_secrets_that_are_none(
    kind: Kind, make: Callable[[Any], HMACAuth], bad: Any, words: str
) -> None:
    """At once or late; nothing is sent, and the text shows nothing of them."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        make(bad)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    async with Scripted() as server:
        with pytest.raises(MissingCredentials, match=words) as late:
            await kind.client(server.url, auth=make(lambda: bad)).post("/", data=LONG)
        assert "hunter2" not in str(late.value)
        assert server.log == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"canonical": None}, "needs `canonical`"),
        ({"canonical": 5}, "canonical of HMACAuth must be text, got int"),
        ({"canonical": "{}"}, r"may hold .*\{body\}.*, got \{\}"),
        ({"canonical": "{secret}"}, r"may hold .*\{body\}.*, got \{secret\}"),
        ({"canonical": "{request.body}"}, r"got \{request.body\}"),
        ({"canonical": "{signature}"}, r"got \{signature\}"),
        ({"canonical": "{method"}, "brace without its pair"),
        ({"canonical": "method}"}, "brace without its pair"),
        ({"canonical": "{method:>10}"}, "more than a name in braces"),
        ({"canonical": "{method!r}"}, "more than a name in braces"),
        ({"canonical": "{key_id}"}, "needs `key_id`"),
        ({"value": "{key_id}"}, "needs `key_id`"),
        ({"value": "{body}"}, r"value of HMACAuth may hold .*got \{body\}"),
        ({"fields": {"X-K": "{key_id}"}}, "needs `key_id`"),
        ({"fields": {"X-K": "{signature}"}}, r"X-K in fields of HMACAuth may hold"),
        ({"fields": {"authorization": "1"}}, "which is its header"),
        ({"fields": {"X K": "1"}}, "a name in fields of HMACAuth: "),
        ({"fields": {"Host": "1"}}, "only known when it is sent"),
        ({"fields": ["X-K"]}, "fields of HMACAuth must be a mapping of names to texts, got list"),
        ({"header": "Host"}, "only known when it is sent"),
        ({"header": 5}, "header of HMACAuth must be the name of a header, got 5"),
        ({"header": "Date"}, "kept secret"),
        ({"header": "Cookie"}, "kept secret"),
        ({"signed_headers": ["Content-Length"]}, "only known when it is sent"),
        ({"signed_headers": ["authorization"]}, "the field of the signature itself"),
        ({"signed_headers": "Authorization"}, "the field of the signature itself"),
        ({"signed_headers": [5]}, "must be the name of a header, got 5"),
        ({"algorithm": "md5"}, "algorithm of HMACAuth must be one of sha1, .* got 'md5'"),
        ({"encoding": "HEX"}, "encoding of HMACAuth must be one of hex, base64, got 'HEX'"),
        ({"digest_encoding": "b"}, "digest_encoding of HMACAuth must be one of"),
        ({"secret_encoding": "b"}, "secret_encoding of HMACAuth must be one of text"),
        ({"time_format": []}, r"time_format of HMACAuth must be one of unix, .* got \[\]"),
        ({"unsigned_body": True}, "unsigned_body of HMACAuth must be text or None, got True"),
        ({"clock": 5}, "clock of HMACAuth must be a function"),
    ],
)
def test_what_it_refuses(options: dict[str, Any], words: str) -> None:
    """When it is made."""
    with pytest.raises(ConfigurationError, match=words):
        HMACAuth(SECRET, **{"canonical": "{method}", **options})


async def test_it_is_shown_nowhere(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the secret nor the signature: not in texts, logs, errors or pickles."""
    caplog.set_level(0)
    auth = signed()
    async with Scripted(answer(500), OK) as server:
        client = kind.client(server.url, auth=auth)
        with pytest.raises(HTTPServerError) as caught:
            await client.get("/")
        signature = server.log[0].headers["X-Signature"].split(" ")[-1]
        shown = [repr(auth), repr(caught.value), str(caught.value), repr(client.target)]
        shown.append(caplog.text)
        shown.append(repr(pickle.dumps(caught.value)))
    assert not re.search(f"{SECRET}|{signature}", "\n".join(shown))
    with pytest.raises(TypeError, match="holds credentials"):
        pickle.dumps(auth)
