"""Secrets of every kind, given to everything that takes one: no text of anything tells it."""

import contextlib
import json
import logging
import pprint
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict
from pydantic import SecretStr
from yarl import URL

from arya_api_framework import auth
from arya_api_framework.auth import (
    ApiKeyAuth,
    ApiKeyScheme,
    Authorization,
    AWSAuth,
    BasicAuth,
    BasicScheme,
    BearerAuth,
    BearerScheme,
    DigestAuth,
    DigestScheme,
    FileTokenStore,
    HMACAuth,
    MemoryTokenStore,
    NetrcAuth,
    OAuth2AuthorizationCode,
    OAuth2ClientCredentials,
    OAuth2DeviceCode,
    OAuth2JWTBearer,
    OAuth2RefreshToken,
    Signing,
    Token,
    Webhook,
    signed_jwt,
)
from arya_api_framework.client.request import Request
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import (
    ConfigurationError,
    FrameworkException,
    MissingCredentials,
    TokenRefreshError,
    WebhookVerificationError,
)
from tests.client.conftest import Lane
from tests.client.test_no_secret_is_told import Formats, Watch, texts_of
from tests.conftest import Kind
from tests.scripted import CLOSE, HANG, Scripted, Step, answer

SECRET = "hunter2-canary"
"""Goes through base64 in Basic, and through a hash in Digest and in signatures."""

FORMS: list[Any] = [SECRET, SecretStr(SECRET), lambda: SECRET]
CANARIES = (SECRET, "YW5uOmh1bnRlcjItY2FuYXJ5", "aHVudGVyMi1jYW5hcnk", SECRET.encode().hex())
"""As it is, and in base64 with and without a user, and in hexadecimal digits."""


def in_netrc(secret: Any, folder: Path) -> NetrcAuth:
    """Return one with a file that holds a secret."""
    file = folder / "netrc"
    file.write_text(f"default login ann password {plain(secret)}\n")
    file.chmod(0o600)
    return NetrcAuth(file)


def in_signature(secret: Any, **more: Any) -> HMACAuth:
    """Return one that signs with a secret."""
    return HMACAuth(secret, canonical="{method}{target}", header="X-Signature", **more)


def in_aws(secret: Any, **more: Any) -> AWSAuth:
    """Return one that signs with a secret key."""
    return AWSAuth("AKIA", secret, region="eu-central-1", service="execute-api", **more)


def in_jwt(secret: Any, **more: Any) -> Callable[[], str]:
    """Return what signs JWTs with a key."""
    return signed_jwt(secret, issuer="bot", audience="https://login.test/token", **more)


def plain(secret: Any) -> str:
    """Return the text of a secret in any form."""
    given = secret() if callable(secret) else secret
    return given.get_secret_value() if isinstance(given, SecretStr) else given


Maker = Callable[[Any, Path], Any]
MAKERS: dict[str, Maker] = {
    "basic": lambda secret, _: BasicAuth("ann", secret),
    "bearer": lambda secret, _: BearerAuth(secret),
    "header": lambda secret, _: ApiKeyAuth(secret, name="X-Key"),
    "query": lambda secret, _: ApiKeyAuth(secret, name="sig", location="query"),
    "cookie": lambda secret, _: ApiKeyAuth(secret, name="sid", location="cookie"),
    "digest": lambda secret, _: DigestAuth("ann", secret),
    "netrc": in_netrc,
    "signature": lambda secret, _: in_signature(secret),
    "key id": lambda secret, _: in_signature("x", key_id=secret, fields={"X-Key": "{key_id}"}),
    "aws": lambda secret, _: in_aws(secret),
    "aws token": lambda secret, _: in_aws("x", session_token=secret),
}
KEPT_BACK = {"digest", "signature", "aws"}
"""They prove that they have the secret, and never send it."""

SCHEMES: dict[str, Any] = {
    "basic": BasicScheme(),
    "bearer": BearerScheme(),
    "header": ApiKeyScheme("X-Key"),
    "query": ApiKeyScheme("sig", location="query"),
    "cookie": ApiKeyScheme("sid", location="cookie"),
    "digest": DigestScheme(),
}

CHALLENGE = answer(401, 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"')
ANSWERS: list[Step] = [answer(200), answer(500), CLOSE, b"garbage\r\n\r\n"]
TOLD_BACK = answer(500, body=b'{"message": "you sent hunter2-canary"}')
"""A server can tell back what it read, which is no secret where that was kept back."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("by", ["auth", "call", "scheme"])
@pytest.mark.parametrize("name", MAKERS)
async def test_no_text_tells_it(
    lane: Lane, formats: Formats, tmp_path: Path, name: str, by: str, form: Any
) -> None:
    """Of clients, configurations, requests, responses, errors and logs, while it is sent."""
    watch, seen, made = Watch(), list[Any](), MAKERS[name](form, tmp_path)
    schemes = {"one": SCHEMES.get(name, BearerScheme())}
    async with Scripted() as server:
        options: dict[str, Any] = {"auth": made} if by == "auth" else {}
        client = lane.client(
            server.url, hooks=[watch], security_schemes=schemes, retry=None, **options
        )
        if by == "scheme":
            value = ("ann", form) if name in ("basic", "digest") else form
            client.target.authenticate(one=value if name in SCHEMES else made)
            seen.append(client.target._security)
        call = {"auth": {}, "call": {"auth": made}, "scheme": {"security": [{"one"}]}}[by]
        for step in ANSWERS if name in KEPT_BACK else [*ANSWERS, TOLD_BACK]:
            if name == "digest" and not server.log:
                server.script.append(CHALLENGE)
            server.script.append(step)
            try:
                seen.append(await client.get("/", raw=True, **call))
            except FrameworkException as error:
                seen.append(error)
        carried = [f"{read.target} {read.headers}" for read in server.log]
        for one in carried:
            assert any(canary in one for canary in CANARIES) is (name not in KEPT_BACK), one
        assert len(carried) >= len(ANSWERS)
        target = client.target
        seen += [target.config, target.headers, target.auth, client.build("GET", "/"), *watch.seen]
        tells_nothing([made, *seen], [repr(target), *formats.texts])
        assert formats.texts, "there was something to tell"


def issued(kind: Any, secret: Any, *arguments: Any, **options: Any) -> Any:
    """Return an object of a grant, with a secret of the client."""
    given = {"token_url": "https://login.test/token", "client_id": "shop", "client_secret": secret}
    return kind(*arguments, **{**given, **options})


def logged_in(secret: Any, **options: Any) -> OAuth2AuthorizationCode:
    """Return one that a person has come back to with a code."""
    url = "https://login.test/authorize"
    made: OAuth2AuthorizationCode = issued(
        OAuth2AuthorizationCode, secret, authorization_url=url, subject="ann", **options
    )
    begun = made.begin("https://app.test/back")
    made.finish(begun, f"https://app.test/back?state={begun.state}&code={SECRET}")
    return made


def on_device(secret: Any, **options: Any) -> OAuth2DeviceCode:
    """Return one that tells nobody what to do."""
    given = {"device_url": "https://login.test/device", "show": lambda _: None, **options}
    made: OAuth2DeviceCode = issued(OAuth2DeviceCode, secret, **given)
    made._least_interval = 0.01
    return made


GRANTS: dict[str, Callable[..., Any]] = {
    "OAuth2AuthorizationCode": logged_in,
    "OAuth2ClientCredentials": partial(issued, OAuth2ClientCredentials),
    "OAuth2DeviceCode": on_device,
    "OAuth2JWTBearer": lambda one, **more: issued(OAuth2JWTBearer, one, one, subject="ann", **more),
    "OAuth2RefreshToken": lambda one, **more: issued(OAuth2RefreshToken, one, one, **more),
}
DEVICE = {"device_code": SECRET, "user_code": "A-B", "verification_uri": "https://login.test"}
GIVEN = {"access_token": SECRET, "refresh_token": SECRET, "expires_in": 3600}
SPOILT: list[dict[str, Any]] = [
    {"access_token": f"{SECRET} {SECRET}"},
    {"token_type": SECRET},
    {"expires_in": SECRET},
]
TOKEN_ANSWERS: list[Step] = [
    answer(200, body=json.dumps(GIVEN).encode()),
    answer(400, body=json.dumps({"error": SECRET, "error_description": f"a{SECRET}b"}).encode()),
    answer(200, body=f'"{SECRET}'.encode()),
    HANG,
    *(answer(200, body=json.dumps({**GIVEN, **one}).encode()) for one in SPOILT),
]


@pytest.mark.parametrize("client_auth", ["basic", "post"])
@pytest.mark.parametrize("grant", GRANTS)
async def test_no_text_tells_what_a_token_is_fetched_with(
    lane: Lane, formats: Formats, tmp_path: Path, grant: str, client_auth: str
) -> None:
    """Nor the token that is given, in whatever answer, and wherever it is kept."""
    watch, seen = Watch(), list[Any]()
    codes = [answer(200, body=json.dumps({**DEVICE, "interval": 0}).encode())] * len(TOKEN_ANSWERS)
    async with (
        Scripted(*TOKEN_ANSWERS) as tokens,
        Scripted(*codes) as devices,
        Scripted() as server,
    ):
        urls = {"token_url": f"{tokens.url}/token"}
        if grant == "OAuth2DeviceCode":
            urls["device_url"] = f"{devices.url}/device"
        for number, step in enumerate(TOKEN_ANSWERS):
            store = FileTokenStore(tmp_path / f"{number}.json")
            auth = GRANTS[grant](lambda: SECRET, **urls, client_auth=client_auth, store=store)
            client = lane.client(server.url, hooks=[watch], auth=auth, retry=None)
            seen += [auth, store]
            try:
                timeout = 0.2 if step is HANG else 30
                seen.append(await client.get("/", raw=True, timeout=timeout))
            except FrameworkException as error:
                seen.append(error)
        assert [read.headers["Authorization"] for read in server.log] == [f"Bearer {SECRET}"]
        carried = [f"{read.headers} {read.body!r}" for read in [*tokens.log, *devices.log]]
        forms = (SECRET, "c2hvcDpodW50ZXIyLWNhbmFyeQ")
        assert all(any(canary in one for canary in forms) for one in carried), carried
        assert len(tokens.log) == len(TOKEN_ANSWERS)
        # The content of a response is the token, and hooks that pickle one keep that.
        answers = [one for one in watch.seen if getattr(one, "content", b"{}") != b"{}"]
        texts = [text for one in answers for text in (repr(one), repr(one.info))]
        others = [one for one in watch.seen if one not in answers]
        tells_nothing([*seen, *others], [*texts, *formats.texts])


def kept(store: Any, secret: Any) -> Any:
    """Return a store with a token in it."""
    store.save("key", Token(plain(secret), refresh_token=plain(secret)))
    return store


def request(**fields: str) -> Request:
    """Return a request as `build` makes one."""
    return Request("GET", Origin.of(URL("https://api.test")), "/", CIMultiDict(fields), None)


def signing(secret: Any) -> Signing:
    """Return what a signature is made of."""
    return Signing(
        request(Authorization=plain(secret)),
        key_id=plain(secret),
        now=0,
        timestamp="0",
        algorithm="sha256",
        digest_encoding="hex",
        unsigned_body=None,
    )


def of_grant(name: str) -> Maker:
    """Return what makes an object of a grant."""
    return lambda secret, _: GRANTS[name](secret)


OBJECTS: dict[str, Maker] = {
    "AWSAuth": lambda secret, _: AWSAuth(
        secret, secret, region="r", service="s", session_token=secret
    ),
    "ApiKeyAuth": MAKERS["header"],
    "Authorization": lambda secret, _: Authorization(
        f"https://login.test/?state={plain(secret)}",
        "https://app.test/back",
        plain(secret),
        plain(secret),
        "key",
    ),
    "BasicAuth": lambda secret, _: BasicAuth(secret, secret),
    "BearerAuth": MAKERS["bearer"],
    "DigestAuth": lambda secret, _: DigestAuth(secret, secret),
    "FileTokenStore": lambda secret, folder: kept(FileTokenStore(folder / "tokens"), secret),
    "HMACAuth": lambda secret, _: in_signature(secret, key_id=secret),
    "MemoryTokenStore": lambda secret, _: kept(MemoryTokenStore(), secret),
    "NetrcAuth": in_netrc,
    "Signing": lambda secret, _: signing(secret),
    "Token": lambda secret, _: Token(plain(secret), refresh_token=plain(secret)),
    "Webhook": lambda secret, _: Webhook.github(secret),
    "signed_jwt": lambda secret, _: in_jwt(plain(secret) * 3, algorithm="HS256"),
    **{name: of_grant(name) for name in GRANTS},
}
"""An object of each public class that can hold a secret, with one wherever it takes one."""

NO_SECRET = set(
    # Declarations, names of types, and functions that look for a secret somewhere.
    "ApiKeyScheme BasicScheme BearerScheme DigestScheme MutualTLSScheme Scheme "
    "ClientAuth Flow KeyLocation Secret Step from_env from_keyring "
    # What others are made of, and what a person is shown.
    "Auth OAuth2 OAuth2Login TokenAuth TokenStore DevicePrompt Loopback".split()
)
TEXT_ONLY = set(
    "Authorization FileTokenStore MemoryTokenStore NetrcAuth Signing Token signed_jwt".split()
)
"""They take a secret as it is, from a server or a file."""


def test_nothing_public_is_left_out() -> None:
    """What is added is put among the objects above, or among what holds no secret."""
    assert sorted(auth.__all__) == sorted([*OBJECTS, *NO_SECRET])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", OBJECTS)
def test_no_text_of_an_object_tells_it(
    formats: Formats, tmp_path: Path, name: str, form: Any
) -> None:
    """Whatever text it is made into, within others too."""
    made = OBJECTS[name](form, tmp_path)
    assert type(made) is getattr(auth, name) or name == "signed_jwt"
    logging.getLogger("arya_api_framework").debug("made %s, %r", made, {"it": made})
    texts = [f"{made}", f"{made!a}", pprint.pformat(made), pprint.pformat([made]), *formats.texts]
    tells_nothing([made, [made], {"it": made}], texts)


SPOILS: list[Any] = [
    lambda text: f"{text}\n",
    lambda text: SecretStr(f"{text}\0"),
    str.encode,
    lambda text: [text],
]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("name", sorted({*OBJECTS} - TEXT_ONLY))
async def test_no_refusal_tells_it(
    kind: Kind, tmp_path: Path, name: str, spoil: Any, late: bool
) -> None:
    """Of what can never be a secret, when it is given or when it is read."""
    spoilt = spoil(SECRET)
    with pytest.raises((ConfigurationError, MissingCredentials)) as caught:
        await use(kind, OBJECTS[name]((lambda: spoilt) if late else spoilt, tmp_path))
    tells_nothing([caught.value], [])


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda secret: in_signature(secret, secret_encoding="base64"),
        lambda secret: in_signature(secret, secret_encoding="hex"),
        Webhook.standard,
        lambda secret: issued(OAuth2JWTBearer, "x", in_jwt(secret)),
    ],
)
async def test_no_encoding_tells_it(kind: Kind, make: Any, late: bool) -> None:
    """Of a secret that is not written as it should be."""
    with pytest.raises(FrameworkException) as caught:
        await use(kind, make((lambda: SECRET) if late else SECRET))
    tells_nothing([caught.value], [])


async def use(kind: Kind, made: Any) -> None:
    """Have an object read its secret."""
    if isinstance(made, Webhook):
        made.sign(b"")
    async with Scripted(CHALLENGE) as server:
        await kind.client(server.url, auth=made).get("/")


def shopify(secret: Any) -> Webhook:
    """Return one whose signature is base64."""
    return Webhook.hmac(secret, header="X-Shopify-Hmac-Sha256", encoding="base64")


@pytest.mark.parametrize("make", [Webhook.github, Webhook.stripe, shopify])
def test_no_webhook_tells_it(formats: Formats, make: Any) -> None:
    """Nor the signature, nor the payload, whatever is wrong."""
    webhook, body = make(SECRET), json.dumps({"id": SECRET}).encode()
    fields = webhook.sign(body)
    ((name, field),) = fields.items()
    cases: list[tuple[Any, bytes, Any]] = [
        (fields, body + b" ", dict[str, Any]),
        (make("other").sign(body), body, dict[str, Any]),
        ({**fields, name: field + "x"}, body, dict[str, Any]),
        ({**fields, name: SECRET}, body, dict[str, Any]),
        (fields, body, dict[str, int]),
        (fields, body, int),
    ]
    seen: list[Any] = [webhook]
    for headers, given, model in cases:
        with pytest.raises(WebhookVerificationError) as caught:
            webhook.parse(headers, given, model)
        seen.append(caught.value)
        assert field[-20:] not in "".join(_texts(caught.value))
    tells_nothing(seen, formats.texts)


FILES: dict[str, Maker] = {
    "netrc": lambda _, path: NetrcAuth(path).apply(request()),
    "load": lambda _, path: FileTokenStore(path).load("key"),
    "save": lambda secret, path: kept(FileTokenStore(path), secret),
}


@pytest.mark.parametrize("name", FILES)
def test_no_file_tells_it(tmp_path: Path, name: str) -> None:
    """That others can read, that is a link or a folder, or has no place."""
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text(f"default login ann password {SECRET} {SECRET}")
    file.chmod(0o644)
    link.symlink_to(file)
    for path in (file, link, tmp_path, tmp_path / "none" / "file"):
        try:
            assert FILES[name](SECRET, path) is None
        except (MissingCredentials, TokenRefreshError) as error:
            tells_nothing([error], [])
        else:
            assert (name, path.name) == ("load", "file")


def tells_nothing(things: list[Any], texts: list[str]) -> None:
    """Look for the secret in all that is said of things, and in texts."""
    told = "".join([text for thing in things for text in _texts(thing)] + texts)
    for canary in CANARIES:
        found = told.find(canary)
        assert found < 0, told[max(found - 300, 0) : found + 100]


def _texts(thing: Any) -> Iterator[str]:
    if not isinstance(thing, FrameworkException):
        yield repr(thing)
        yield str(thing)
    with contextlib.suppress(TypeError):  # What cannot be pickled tells nothing that way.
        yield from texts_of(thing)
