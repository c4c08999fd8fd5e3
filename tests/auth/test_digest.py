"""`DigestAuth` against httpbin, and the examples of RFC 7616."""

import asyncio
import hashlib

import pytest
from multidict import CIMultiDict

from arya_api_framework.auth import DigestAuth
from arya_api_framework.auth.challenges import read_challenges
from arya_api_framework.auth.digest import _Session  # pyright: ignore[reportPrivateUsage]
from arya_api_framework.client.request import Request
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import ConfigurationError, HTTPUnauthorized
from tests.conftest import Kind
from tests.scripted import Scripted, answer

ORIGIN = Origin("http", "www.example.org", 80)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
async def test_httpbin(httpbin_url: str, kind: Kind, algorithm: str, qop: str) -> None:
    """The right password is taken, twice, and the wrong one is refused."""
    path = f"/digest-auth/{qop}/ann/secret/{algorithm}"
    client = kind.client(httpbin_url, auth=DigestAuth("ann", "secret"))
    for _ in range(2):
        assert (await client.get(path))["authenticated"] is True
    wrong = kind.client(httpbin_url, auth=DigestAuth("ann", "wrong"))
    with pytest.raises(HTTPUnauthorized):
        await wrong.get(path)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc_7616_3_9_1(algorithm: str, response: str) -> None:
    """The example of the RFC comes out."""
    given = {
        "realm": "http-auth@example.org",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "qop": "auth, auth-int",
        "algorithm": algorithm,
    }
    session = _Session(given, "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    request = Request("GET", ORIGIN, "/dir/index.html", CIMultiDict())
    field = session.answer("Mufasa", "Circle of Life", request, 1)
    assert f'response="{response}"' in field


def test_challenges() -> None:
    """Quoted commas part nothing, and a parameter given twice spoils its challenge."""
    text = 'Basic realm="a, b", Negotiate abc==, Digest realm="x\\"y", nonce=n'
    assert read_challenges([text]) == [
        ("basic", {"realm": "a, b"}),
        ("negotiate", {}),
        ("digest", {"realm": 'x"y', "nonce": "n"}),
    ]
    assert read_challenges(["Digest nonce=a, nonce=b"]) == []


def test_unknown_algorithm() -> None:
    """What is not known is refused when it is given."""
    with pytest.raises(ConfigurationError, match="SHA-1"):
        DigestAuth("a", "b", algorithms=["SHA-1"])


@pytest.mark.parametrize(
    "field",
    [
        'Digest nonce="n"',
        'Digest realm="r"',
        'Digest realm="r", nonce="n", algorithm=SHA-1',
        'Digest realm="r", nonce="n", nonce="m"',
        'Digest realm="r", nonce="n", qop="other"',
        f'Digest realm="r", nonce="{"n" * 5000}"',
        'Basic realm="r"',
        'Digest realm="r", nonce="n',
        "Digest a=b, " * 1000,
    ],
)
async def test_no_use(kind: Kind, field: str) -> None:
    """A challenge that cannot be answered ends in the 401, after one request."""
    async with Scripted(answer(401, f"WWW-Authenticate: {field}")) as server:
        client = kind.client(server.url, auth=DigestAuth("ann", "secret"), retry=None)
        with pytest.raises(HTTPUnauthorized):
            await client.get("/")
    assert len(server.log) == 1


async def test_nonce_is_reused(kind: Kind) -> None:
    """The next call answers at once, with the next `nc`, and takes a `nextnonce`."""
    async with Scripted(
        answer(401, 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'),
        answer(200),
        answer(200, 'Authentication-Info: nextnonce="m"'),
        answer(200),
    ) as server:
        client = kind.client(server.url, auth=DigestAuth("ann", "secret"))
        for _ in range(3):
            await client.get("/a?b=1")
    sent = [read.headers.get("Authorization", "") for read in server.log]
    assert sent[0] == ""
    assert 'uri="/a?b=1"' in sent[1]
    assert ["nc=00000001" in sent[1], "nc=00000002" in sent[2]] == [True, True]
    assert 'nonce="m"' in sent[3]
    assert "nc=00000001" in sent[3]


@pytest.mark.parametrize(("stale", "count"), [("", 2), (", stale=true", 3)])
async def test_endless_401(kind: Kind, stale: str, count: int) -> None:
    """A server that always refuses is asked twice, once more where it says that it was stale."""
    field = f'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"{stale}'
    async with Scripted(*[answer(401, field)] * 5) as server:
        client = kind.client(server.url, auth=DigestAuth("ann", "secret"), retry=None)
        with pytest.raises(HTTPUnauthorized):
            await client.get("/")
    assert len(server.log) == count


@pytest.mark.skipif("sha512_256" not in hashlib.algorithms_available, reason="not in this OpenSSL")
def test_rfc_7616_3_9_2() -> None:
    """The example of the RFC comes out, as its erratum 4897 has it."""
    given = {
        "realm": "api@example.org",
        "nonce": "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        "qop": "auth",
        "algorithm": "SHA-512-256",
        "opaque": "HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS",
        "charset": "UTF-8",
        "userhash": "true",
    }
    session = _Session(given, "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v")
    request = Request("GET", ORIGIN, "/doe.json", CIMultiDict())
    field = session.answer("J\u00e4s\u00f8n Doe", "Secret, or not?", request, 1)
    assert "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b" in field
    assert "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5" in field


async def test_many_calls_at_once_use_no_count_twice(kind: Kind) -> None:
    """Calls that share a nonce each have an `nc` of their own."""
    challenge = answer(401, 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"')
    async with Scripted(challenge, *[answer(200)] * 51) as server:
        client = kind.client(server.url, auth=DigestAuth("ann", "secret"))
        await client.get("/")
        await asyncio.gather(*(client.get("/") for _ in range(50)))
    counts = [read.headers["Authorization"].split("nc=")[1][:8] for read in server.log[1:]]
    assert sorted(counts) == [f"{count:08x}" for count in range(1, 52)]


async def test_a_body_that_is_read_once(kind: Kind) -> None:
    """Its 401 is the answer, and the next call with such a body is taken at once."""
    challenge = answer(401, 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"')
    async with Scripted(challenge, answer(200)) as server:
        client = kind.client(server.url, auth=DigestAuth("ann", "secret"), retry=None)
        with pytest.raises(HTTPUnauthorized):
            await client.post("/", data=iter([b"a"]))
        await client.post("/", data=iter([b"a"]))
    assert len(server.log) == 2


async def test_the_strongest_of_several_fields(kind: Kind) -> None:
    """SHA-256 is answered where MD5 and Basic are offered, too."""
    fields = [
        'WWW-Authenticate: Basic realm="r", Digest realm="r", nonce="n", algorithm=MD5',
        'WWW-Authenticate: Digest realm="a, b", nonce="m", algorithm=SHA-256-sess, qop="auth"',
    ]
    async with Scripted(answer(401, *fields), answer(200)) as server:
        client = kind.client(server.url, auth=DigestAuth("ann", "secret"))
        await client.get("/")
    sent = server.log[1].headers["Authorization"]
    assert 'realm="a, b"' in sent
    assert "algorithm=SHA-256-sess" in sent
