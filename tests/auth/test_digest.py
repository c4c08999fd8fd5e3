"""`DigestAuth` against httpbin, and the examples of RFC 7616."""

import asyncio
import contextlib
import gzip
import hashlib
import pickle
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

from arya_api_framework import AsyncClient, Retry, SyncClient
from arya_api_framework.auth import Auth, BasicAuth, DigestAuth, DigestScheme
from arya_api_framework.auth.challenges import read_challenges
from arya_api_framework.auth.digest import _Session  # pyright: ignore[reportPrivateUsage]
from arya_api_framework.client.request import Request
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import AuthError, ConfigurationError, HTTPUnauthorized
from tests.client.conftest import Lane
from tests.conftest import Kind, needs_fork
from tests.counterparts import lighttpd
from tests.forks import in_child
from tests.scripted import Read, Scripted, Step, answer

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
    field = session.answer("Mufasa", "Circle of Life", request).field
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


@pytest.mark.parametrize(
    ("algorithms", "words"),
    [
        (["SHA-1"], r"got \['SHA-1'\]; did you mean 'SHA-512'"),
        ("sha256", "got 'sha256'; did you mean 'SHA-256'"),
        (["MD5", "sha-512"], "did you mean 'SHA-512'"),
        (["MD5", "other"], r"got \['MD5', 'other'\]$"),
        ([None], r"got \[None\]$"),
        ([[]], r"got \[\[\]\]$"),
        ([], r"got \[\]$"),
        (None, "got None$"),
        (5, "got 5$"),
    ],
)
def test_unknown_algorithm(algorithms: Any, words: str) -> None:
    """What is not known is refused when it is given, with what was probably meant."""
    with pytest.raises(ConfigurationError, match=f"some of SHA-512, .*{words}"):
        DigestAuth("a", "b", algorithms=algorithms)


@pytest.mark.parametrize(
    "field",
    [
        "",
        "=",
        'nonce="n", Digest realm="r"',
        "Digest realm=r, nonce=n, ;",
        'Digest realm="r", nonce=""',
        'Digest realm="r", nonce="n\xe4"',
        'Digest realm="r\u65e5", nonce="n"',
        'Digest realm="r\xa0", nonce="n"',
        'Digest realm="r", nonce="n", algorithm="\u017fHA-256"',
        'Digest realm="r", nonce="n", algorithm="MD5-\u017fess"',
        'Digest realm="r", nonce="n", opaque="\xff"',
        f'Digest realm="r", nonce="n", opaque="{"x" * 40_000}"',
        "Digest " * 4000,
        'Digest nonce="n"',
        'Digest realm="r"',
        'Digest realm="r", nonce="n", algorithm=SHA-1',
        'Digest realm="r", nonce="n", nonce="m"',
        'Digest realm="r", nonce="n", qop="other"',
        f'Digest realm="r", nonce="{"n" * 5000}"',
        f'Digest realm="r", nonce="n", domain="{"/ " * 3000}"',
        'Basic realm="r"',
        'Digest realm="r", nonce="n',
        "Digest a=b, " * 1000,
    ],
)
async def test_no_use(lane: Lane, field: str) -> None:
    """A challenge that cannot be answered ends in the 401, after one request."""
    head = answer(401, f"WWW-Authenticate: {field}")
    async with Scripted(head) as server:
        client = lane.client(server.url, auth=DigestAuth("ann", "secret"))
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
    if "sha512_256" not in hashlib.algorithms_available:  # pragma: no cover - of old builds
        assert DigestAuth("a", "b")._rank(given) is None
        return
    session = _Session(given, "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v")
    request = Request("GET", ORIGIN, "/doe.json", CIMultiDict())
    field = session.answer("J\u00e4s\u00f8n Doe", "Secret, or not?", request).field
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


CHALLENGE = answer(401, 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", opaque="o"')


def fields(read: Read) -> dict[str, str]:
    """Return what a server reads of a digest."""
    text = read.headers["Authorization"].removeprefix("Digest ")
    return {name: value.strip('"') for name, value in re.findall(r'([\w*]+)=("[^"]*"|[^,]+)', text)}


class Strict:
    """A server that counts: it refuses an `nc` that it has read before."""

    def __init__(self) -> None:
        self.counts: list[str] = []

    def __call__(self, read: Read) -> Step:
        """Answer one request."""
        if "Authorization" not in read.headers:
            return CHALLENGE
        given = fields(read)
        key = f"{given['cnonce']} {given['nc']}"
        if key in self.counts:
            return answer(400)
        self.counts.append(key)
        return answer(200)


async def test_many_first_calls_use_no_count_twice(kind: Kind) -> None:
    """Though each was challenged, with one nonce."""
    strict = Strict()
    async with Scripted(*[strict] * 200) as server:
        client = kind.client(server.url, auth=DigestAuth("ann", "secret"))
        await asyncio.gather(*(client.get("/") for _ in range(50)))
        assert len(strict.counts) == 50
        assert len({key.partition(" ")[0] for key in strict.counts}) == 1


@pytest.fixture(params=["MD5", "SHA-256"])
def other(request: pytest.FixtureRequest, httpbin_url: str) -> Iterator[tuple[str, str, str]]:
    """A server of others, a path of it that Ann may read, and a query that it knows to read."""
    with lighttpd("ann", "sesame", request.param) as url:
        if url is None:
            # It answers a query beside a digest with 500, whoever sends it.
            yield httpbin_url, f"/digest-auth/auth/ann/sesame/{request.param}", ""
        else:
            yield url, "/ok", "?a=%2F&b=c%20d"


async def test_a_server_of_others_takes_one_nonce_from_threads_and_tasks(
    other: tuple[str, str, str],
) -> None:
    """Twenty threads and fifty tasks with one object."""
    url, path, query = other
    auth = DigestAuth("ann", "sesame")
    with SyncClient(url, auth=auth) as client, ThreadPoolExecutor(20) as pool:
        async with AsyncClient(url, auth=auth) as both:
            loop = asyncio.get_running_loop()
            calls: list[Any] = [loop.run_in_executor(pool, client.get, path) for _ in range(60)]
            calls += [both.get(path) for _ in range(50)]
            await asyncio.gather(*calls)
            await both.get(f"{path}{query}")
            with pytest.raises(HTTPUnauthorized):
                await both.get(path, auth=DigestAuth("ann", "wrong"))
            with pytest.raises(HTTPUnauthorized):
                await both.get(path, auth=BasicAuth("ann", "sesame"))
    assert threading.active_count() < 300


async def test_a_stale_nonce_is_replaced(kind: Kind, httpbin_url: str) -> None:
    """As often as the server says so, without an error; httpbin takes each of them twice."""
    async with Scripted() as server:
        client = kind.client(server.url, auth=DigestAuth("ann", "secret"))
        for nonce in ("a", "b", "c"):
            field = f'WWW-Authenticate: Digest realm="r", nonce="{nonce}", stale=TRUE, qop="auth"'
            server.script.append(answer(401, field))
            await client.get("/")
            await client.get("/")
        found = [fields(read)["nonce"] for read in server.log if "Authorization" in read.headers]
        assert found == ["a", "a", "a", "b", "b", "b", "c", "c"]
    client = kind.client(httpbin_url, auth=DigestAuth("ann", "secret"))
    for _ in range(5):
        found = await client.get("/digest-auth/auth/ann/secret/SHA-256/2")
        assert found["authenticated"] is True


async def test_a_redirect_is_signed_anew(lane: Lane) -> None:
    """For its own path, with the next count; elsewhere nothing goes."""
    async with Scripted(CHALLENGE, answer(302, "Location: /b?c=1")) as server, Scripted() as away:
        client = lane.client(server.url, auth=DigestAuth("ann", "secret"))
        await client.get("/a")
        assert [(fields(read)["uri"], fields(read)["nc"]) for read in server.log[1:]] == [
            ("/a", "00000001"),
            ("/b?c=1", "00000002"),
        ]
        server.script.append(answer(302, f"Location: {away.url}/"))
        await client.get("/a")
        assert "Authorization" not in away.log[0].headers


async def test_auth_int(kind: Kind) -> None:
    """Needs the body as bytes, or none; what the server read so far is known by the error."""
    field = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth-int"'
    async with Scripted(answer(401, field)) as server:
        auth = DigestAuth("ann", "secret", algorithms="MD5")
        client = kind.client(server.url, auth=auth, retry=Retry(3))
        await client.post("/a", body={"b": 1})
        await client.get("/a")
        with pytest.raises(AuthError, match="needs the body as bytes, got") as caught:
            await client.post("/a", files={"f": b"x"})
        assert caught.value.sent == "no"
        key = hashlib.md5(b"ann:r:secret").hexdigest()
        for read, method in ((server.log[1], "POST"), (server.log[2], "GET")):
            given = fields(read)
            act = hashlib.md5(f"{method}:/a:{hashlib.md5(read.body).hexdigest()}".encode())
            middle = f"n:{given['nc']}:{given['cnonce']}:auth-int:{act.hexdigest()}"
            assert given["response"] == hashlib.md5(f"{key}:{middle}".encode()).hexdigest()
        assert len(server.log) == 3
    async with Scripted(answer(401, field)) as server:
        client = kind.client(server.url, auth=DigestAuth("ann", "secret"))
        with pytest.raises(AuthError) as caught:
            await client.post("/a", files={"f": b"x"})
        assert (caught.value.sent, len(server.log)) == ("yes", 1)


async def test_without_qop(kind: Kind) -> None:
    """As RFC 2069 has it: neither count nor cnonce."""
    async with Scripted(answer(401, 'WWW-Authenticate: Digest realm="r", nonce="n"')) as server:
        await kind.client(server.url, auth=DigestAuth("ann", "secret")).get("/a")
        given = fields(server.log[1])
        key = hashlib.md5(b"ann:r:secret").hexdigest()
        act = hashlib.md5(b"GET:/a").hexdigest()
        assert given == {
            "username": "ann",
            "realm": "r",
            "uri": "/a",
            "nonce": "n",
            "response": hashlib.md5(f"{key}:n:{act}".encode()).hexdigest(),
        }


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", {"username*": "UTF-8''J%C3%A4s%C3%B8n%20%E6%97%A5"}),
        (", charset=UTF-8", {"username*": "UTF-8''J%C3%A4s%C3%B8n%20%E6%97%A5"}),
    ],
)
async def test_a_user_and_a_realm_beyond_ascii(
    lane: Lane, more: str, expected: dict[str, str]
) -> None:
    """The user is percent-encoded, the realm told back as it came, and both hashed as UTF-8."""
    field = f'WWW-Authenticate: Digest realm="r\xe4", nonce="n", qop="auth"{more}'
    async with Scripted(answer(401, field)) as server:
        await lane.client(server.url, auth=DigestAuth("J\xe4s\xf8n \u65e5", "p\xe4ss")).get("/a")
        given = fields(server.log[1])
        assert expected.items() <= given.items()
        assert given["realm"].encode("latin-1", "surrogateescape").decode() == "r\xe4"
        key = hashlib.md5("J\xe4s\xf8n \u65e5:r\xe4:p\xe4ss".encode()).hexdigest()
        act = hashlib.md5(b"GET:/a").hexdigest()
        middle = f"n:00000001:{given['cnonce']}:auth:{act}"
        assert given["response"] == hashlib.md5(f"{key}:{middle}".encode()).hexdigest()


def test_what_is_kept_of_origins_is_bounded() -> None:
    """The one whose nonce is the oldest is forgotten."""
    auth = DigestAuth("ann", "secret")
    origins = [Origin("http", f"{number}.test", 80) for number in range(101)]
    for origin in origins[:100]:
        auth._keep(origin, _Session({"nonce": "n"}))
    auth._keep(origins[0], _Session({"nonce": "m"}))
    assert len(auth._sessions) == 100
    auth._keep(origins[100], _Session({"nonce": "n"}))
    assert list(auth._sessions) == [*origins[2:100], origins[0], origins[100]]


class Slow(Origin):
    """An origin that does something when it is put into a dictionary, as if a thread took turns."""

    meanwhile: Any = None

    def __hash__(self) -> int:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().__hash__()


def test_threads_that_were_given_one_nonce_share_its_count() -> None:
    """One that comes while another is about to keep the nonce waits for that."""
    auth = DigestAuth("ann", "secret")
    origin, kept = Slow("http", "a.test", 80), list[_Session]()

    def keep() -> None:
        kept.append(auth._keep(Origin("http", "a.test", 80), _Session({"nonce": "n"})))

    def first() -> None:
        # After this look-up comes that of the nonce to be replaced, and what is done in it.
        origin.meanwhile = second

    def second() -> None:
        thread.start()
        thread.join(0.2)

    thread = threading.Thread(target=keep)
    origin.meanwhile = first
    kept.append(auth._keep(origin, _Session({"nonce": "n"})))
    thread.join()
    assert len({id(one) for one in kept}) == 1


async def test_what_was_refused_is_forgotten(kind: Kind) -> None:
    """The next call proves nothing unasked: a wrong password is tried once in a call."""
    async with Scripted(CHALLENGE, CHALLENGE, CHALLENGE) as server:
        client = kind.client(server.url, auth=DigestAuth("ann", "wrong"), retry=None)
        for _ in range(2):
            with contextlib.suppress(HTTPUnauthorized):
                await client.get("/")
        assert ["Authorization" in read.headers for read in server.log] == [False, True] * 2


async def test_what_the_end_of_a_nonce_says(kind: Kind) -> None:
    """A `nextnonce` that cannot be sent is not taken, nor one of a call without a nonce."""
    for bad in ("", '"', 'nextnonce="\xe4"', f'nextnonce="{"n" * 5000}"'):
        async with Scripted(
            answer(200, f"Authentication-Info: {bad}"),
            CHALLENGE,
            answer(200, f"Authentication-Info: {bad}"),
        ) as server:
            client = kind.client(server.url, auth=DigestAuth("ann", "secret"))
            for _ in range(3):
                await client.get("/")
            assert [fields(read)["nc"] for read in server.log[2:]] == ["00000001", "00000002"]


def proving(password: str, *more: str, body: bytes = b"{}", qop: str = "auth") -> Any:
    """Return a step that answers with the `rspauth` of who knows this password."""

    def step(read: Read) -> Step:
        given = fields(read)
        key = hashlib.md5(f"ann:r:{password}".encode()).hexdigest()
        act = f":{read.target}"
        if qop == "auth-int":
            act += f":{hashlib.md5(body).hexdigest()}"
        middle = f"n:{given['nc']}:{given['cnonce']}:{qop}"
        text = f"{key}:{middle}:{hashlib.md5(act.encode()).hexdigest()}"
        proof = hashlib.md5(text.encode()).hexdigest().upper()
        info = f'Authentication-Info: rspauth="{proof}"{"".join(more)}'
        return answer(200, info, body=body)

    return step


@pytest.mark.parametrize("qop", ["auth", "auth-int"])
async def test_the_server_proves_that_it_knows_the_password(lane: Lane, qop: str) -> None:
    """A wrong `rspauth` is an error, and none, or one without a count to check it by, is fine."""
    field = f'WWW-Authenticate: Digest realm="r", nonce="n", qop="{qop}"'
    async with Scripted(
        answer(401, field),
        proving("secret", qop=qop),
        proving("secret", ", qop=auth"),
        answer(200, 'Authentication-Info: nc=00000003, cnonce="x"'),
        proving("other", ', nextnonce="m"', qop=qop),
        answer(200, 'Authentication-Info: rspauth=""'),
        answer(200),
    ) as server:
        client = lane.client(server.url, auth=DigestAuth("ann", "secret"), retry=Retry(3))
        for _ in range(3):
            await client.get("/a?b=1")
        for _ in range(2):
            with pytest.raises(AuthError, match="`rspauth` of the server is wrong") as caught:
                await client.get("/a?b=1")
            assert caught.value.sent == "yes"
        await client.get("/")
        assert [fields(read)["nc"][-1] for read in server.log[1:]] == list("123456")
    info = 'Authentication-Info: rspauth="00"'
    async with Scripted(answer(401, 'WWW-Authenticate: Digest realm="r", nonce="n"')) as server:
        server.script.append(answer(200, info))
        await lane.client(server.url, auth=DigestAuth("ann", "secret")).get("/")


async def test_a_proof_over_what_is_there_no_more(lane: Lane) -> None:
    """Of a body that was compressed, nobody can tell whether `auth-int` is right."""
    field = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth-int"'
    info = 'Authentication-Info: rspauth="00"'
    packed = answer(200, info, "Content-Encoding: gzip", body=gzip.compress(b"{}"))
    async with Scripted(answer(401, field), packed) as server:
        assert await lane.client(server.url, auth=DigestAuth("ann", "secret")).get("/") == {}


@pytest.mark.parametrize("is_absolute", [False, True])
async def test_domain(lane: Lane, is_absolute: bool) -> None:
    """What it does not hold is sent without credentials first; other origins are sent nothing."""
    async with Scripted() as server, Scripted() as other:
        root = server.url if is_absolute else ""
        domain = f"{other.url}/ {root}/a/ http://[ {root}/b?c"
        field = f'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", domain="{domain}"'
        server.script += [answer(401, field), answer(200, 'Authentication-Info: nextnonce="m"')]
        client = lane.client(
            server.url, auth=DigestAuth("ann", "secret"), trusted_origins=[other.url]
        )
        for path in ("/a/1", "/a/2", "/b?c=1", "/b", "/A/", "/a"):
            await client.get(path)
        await client.get(f"{other.url}/a/1")
        signed = [read.target for read in server.log if "Authorization" in read.headers]
        assert signed == ["/a/1", "/a/2", "/b?c=1"]
        assert "Authorization" not in other.log[0].headers
        server.script += [answer(401, field), answer(200)]
        await client.get("/c")
        assert fields(server.log[-1])["uri"] == "/c"


@pytest.mark.parametrize("domain", ["", "http://127.0.0.1:1/ /elsewhere", "http://["])
async def test_a_domain_without_what_was_challenged(kind: Kind, domain: str) -> None:
    """Is that of a server behind another, and so the origin counts."""
    field = f'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", domain="{domain}"'
    async with Scripted(answer(401, field)) as server:
        client = kind.client(server.url, auth=DigestAuth("ann", "secret"))
        await client.get("/a")
        await client.get("/b")
        assert [read.target for read in server.log] == ["/a", "/a", "/b"]


@needs_fork
async def test_a_forked_child_starts_over() -> None:
    """The counts of its parent's nonce are the parent's; and nobody holds a lock in it."""
    async with Scripted(CHALLENGE) as server:
        auth = DigestAuth("ann", "secret")
        async with AsyncClient(server.url, auth=auth) as client:
            await client.get("/")

        def sent() -> Any:
            request = Request("GET", Origin.of(URL(server.url)), "/", CIMultiDict())
            step: Any = next(auth.flow(request))
            return step.headers.get("Authorization", "")

        def child() -> None:
            assert not sent()
            assert auth._lock.acquire(timeout=1)

        with auth._lock:
            assert in_child(child) == ""
        assert "nc=00000002" in sent()


async def test_by_a_scheme(kind: Kind) -> None:
    """Of `security_schemes`."""
    async with Scripted(CHALLENGE) as server:
        client = kind.client(
            server.url, security_schemes={"login": DigestScheme()}, security=[{"login"}]
        )
        client.target.authenticate(login=("ann", "secret"))
        await client.get("/")
        assert fields(server.log[1])["username"] == "ann"
        auth = DigestAuth("ann", "secret")
        assert DigestScheme().make("login", auth) is auth
        with pytest.raises(ConfigurationError, match=r"takes .user, password."):
            client.target.authenticate(login="ann")


def test_it_tells_nothing() -> None:
    """Neither user nor password."""
    auth: Auth = DigestAuth("ann", "hunter2")
    assert repr(auth) == "<DigestAuth>"
    with pytest.raises(TypeError):
        pickle.dumps(auth)
    with pytest.raises(ConfigurationError, match="got \\[\\]"):
        DigestAuth("ann", "hunter2", algorithms=[])
