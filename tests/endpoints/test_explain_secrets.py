"""No secret is shown by `explain`, wherever it comes from and whatever it is called."""

# ruff: noqa: D102
# mypy: disable-error-code="empty-body"

import dataclasses
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType

import pytest
from pydantic import AfterValidator, Secret, SecretStr
from typing_extensions import TypeAliasType, TypedDict, Unpack

from arya_api_framework import BaseModel, CallOptions, CredentialPool, Retry, endpoint, shared
from arya_api_framework.auth import (
    ApiKeyAuth,
    ApiKeyScheme,
    AWSAuth,
    BasicAuth,
    BasicScheme,
    BearerAuth,
    BearerScheme,
    DigestAuth,
    DigestScheme,
    HMACAuth,
    MutualTLSScheme,
    NetrcAuth,
    OAuth2AuthorizationCode,
    OAuth2ClientCredentials,
    OAuth2DeviceCode,
    OAuth2JWTBearer,
    OAuth2RefreshToken,
    Step,
    Token,
    TokenAuth,
)
from arya_api_framework.endpoints import Cookie, Header, Query
from arya_api_framework.endpoints import Path as InPath
from arya_api_framework.errors import ConfigurationError
from arya_api_framework.explanation.contents import contains_secret, holds_secret
from arya_api_framework.options import UNSET, Unset
from tests.app import Server
from tests.conftest import Kind
from tests.endpoints.conftest import Mount
from tests.endpoints.explained import CANARY, shown, sources, tells_nothing
from tests.servers import Certificate

SECRET = SecretStr(CANARY)


class Login(BaseModel):
    """Who asks."""

    name: str
    pin: SecretStr


@dataclasses.dataclass
class Entry:
    """A dataclass."""

    pin: SecretStr


class Pair(NamedTuple):
    """A tuple with names."""

    pin: SecretStr


class Named(TypedDict):
    """A dict with names."""

    pin: SecretStr


class Tree(BaseModel):
    """A model that holds itself."""

    children: "Sequence[Tree]" = ()
    login: Login | None = None


class Flat(BaseModel):
    """A model without secrets."""

    children: "Sequence[Flat]" = ()
    name: str = ""


@dataclasses.dataclass
class Unknown:
    """What names a type that nobody knows."""

    pin: "Nowhere"  # type: ignore[name-defined]  # noqa: F821


Alias = TypeAliasType("Alias", list[SecretStr])
Pin = NewType("Pin", SecretStr)
Opened = Annotated[SecretStr, AfterValidator(lambda value: value.get_secret_value())]


class Api:
    """Endpoints whose arguments have names that others use, too."""

    @shared
    @endpoint.get("/x", headers={"X-Fixed": CANARY}, cookies={"fixed": CANARY})
    def x(
        self,
        authorization: Annotated[Literal["none"] | Unset, Header] = UNSET,
        x_mode: Annotated[bool | Unset, Header] = UNSET,
        x_fixed: Annotated[bool | Unset, Header] = UNSET,
        sid: Annotated[bool | Unset, Cookie] = UNSET,
        fixed: Annotated[bool | Unset, Cookie] = UNSET,
        debug: bool | Unset = UNSET,
        flag: bool = True,
        **options: Unpack[CallOptions],
    ) -> None: ...

    @shared
    @endpoint.get("/x/{id}")
    def anything(self, id: Any) -> None: ...

    @shared
    @endpoint.get("/x/{id}")
    def unnoted(self, id) -> None: ...  # type: ignore[no-untyped-def]

    @shared
    @endpoint.get("/x/{id}", validate=False)
    def unchecked(self, id: str) -> None: ...

    @shared
    @endpoint.get("/x/{id}")
    def model(self, id: Login) -> None: ...

    @shared
    @endpoint.get("/x/{id}")
    def matrix(self, id: Annotated[list[Any], InPath(style="matrix")]) -> None: ...

    @shared
    @endpoint.get("/x/{id}")
    def opened(self, id: Opened) -> None: ...

    @shared
    @endpoint.get("/x/{api_key}/{session_id}/{auth}/{API_Token}")
    def named(self, api_key: str, session_id: str, auth: str, API_Token: str) -> None: ...  # noqa: N803

    @shared
    @endpoint.get("/x?page={page}&{other}&s3cr3t-hunter2")
    def query(self, page: SecretStr, other: Annotated[str, InPath]) -> None: ...

    @shared
    @endpoint.get("/y")
    def safe(
        self,
        fields: SecretStr | None = None,
        sort: Any = None,
        session: Annotated[str | Unset, Query(alias="page")] = UNSET,
        x_request_id: Annotated[SecretStr | None, Header] = None,
        accept_language: Annotated[Any, Header] = None,
        idempotency_key: Annotated[str | Unset, Header] = UNSET,
        token: Annotated[Literal["hunter2"] | Unset, Header(alias="X-Kind")] = UNSET,
        theme: Annotated[Literal["dark"] | Unset, Cookie] = UNSET,
        auth_mode: Annotated[Literal["hunter2"] | Unset, Cookie] = UNSET,
    ) -> None: ...

    @shared
    @endpoint.post("/z")
    def post(self, body: Any) -> None: ...


async def test_a_value_of_another_layer_is_not_shown_by_the_type_of_an_argument(
    mount: Mount,
) -> None:
    """Only what the argument itself became is known to be no secret."""
    api = mount(
        Api,
        "http://api.test",
        bearer_token=CANARY,
        headers={"X-Mode": CANARY},
        parameters={"debug": CANARY, "flag.key": CANARY},
        cookies={"sid": CANARY},
    )
    name = "endpoint Api.x"
    explained = api.x.explain()
    tells_nothing(explained)
    assert sources(explained.headers)["X-Mode"] == "instance"
    assert sources(explained.headers)["X-Fixed"] == name
    assert sources(explained.query) == {"debug": "instance", "flag.key": "instance", "flag": name}
    assert shown(explained.query)["flag"] == "true"
    given = {"X-Mode": CANARY, "X-Fixed": CANARY}
    over: dict[str, Any] = {
        "headers": given,
        "cookies": {"sid": CANARY},
        "parameters": {"debug": CANARY},
    }
    arguments = {"x_mode": True, "x_fixed": True, "sid": True, "fixed": True, "debug": True}
    for explained in (
        api.x.with_options(**over).explain(**arguments),
        api.x.explain(**arguments, **over),
        api.explain("GET", "/", **over),
    ):
        tells_nothing(explained)
    explained = api.x.with_options(**over).explain(**arguments)
    assert sources(explained.query)["debug"] == "with_options of the endpoint"
    explained = api.x.explain(**arguments)
    tells_nothing(explained)
    assert shown(explained.headers)["x-mode"] == "true"
    assert shown(explained.headers)["x-fixed"] == "true"
    assert shown(explained.cookies) == {"sid": "true", "fixed": "true"}
    assert shown(explained.query)["debug"] == "true"


async def test_a_secret_in_a_path_is_not_shown(mount: Mount) -> None:
    """Whatever the annotation of its argument says, and however it is written."""
    api = mount(Api, "http://api.test")
    for explained in (
        api.anything.explain(SECRET),
        api.unnoted.explain(SECRET),
        api.unchecked.explain(SECRET),
        api.model.explain(Login(name="ann", pin=SECRET)),
        api.matrix.explain(["a", SECRET]),
        api.opened.explain(CANARY),
        api.explain("GET", "/x/{id}", path_parameters={"id": SECRET}),
    ):
        tells_nothing(explained)
        assert explained.url == "http://api.test/x/***"
    named = api.named.explain(CANARY, CANARY, CANARY, CANARY)
    tells_nothing(named)
    assert named.url == "http://api.test/x/***/***/***/***"


async def test_a_secret_in_the_query_of_a_path_is_not_shown(mount: Mount) -> None:
    """Under a safe name, or without a name."""
    api = mount(Api, "http://api.test")
    explained = api.query.explain(CANARY, CANARY)
    tells_nothing(explained)
    assert explained.url == "http://api.test/x?page=***&***&***"
    assert api.explain("GET", f"/y?{CANARY}&page=1").url == "http://api.test/y?***&page=1"


async def test_a_secret_under_a_safe_name_is_not_shown(mount: Mount) -> None:
    """Names tell nothing of what was given as a secret, or by an argument that sounds of one."""
    api = mount(Api, "http://api.test", headers={"User-Agent": SECRET}, parameters={"size": SECRET})
    explained = api.safe.explain(
        CANARY,
        [SECRET],
        CANARY,
        CANARY,
        {"a": SECRET},
        CANARY,
        token="hunter2",
        theme="dark",
        auth_mode="hunter2",
    )
    tells_nothing(explained)
    assert set(shown(explained.query).values()) == {"***"}
    hidden = {name for name, value in shown(explained.headers).items() if value == "***"}
    assert {
        "User-Agent",
        "x-request-id",
        "accept-language",
        "idempotency-key",
        "X-Kind",
    } <= hidden
    assert shown(explained.cookies) == {"theme": "dark", "auth_mode": "***"}
    by_hand = api.explain(
        "GET", "/", headers={"accept": SECRET}, parameters={"page": SECRET, "limit": {"a": SECRET}}
    )
    tells_nothing(by_hand)


async def test_a_key_is_shown_that_the_framework_made(mount: Mount) -> None:
    """One that was given may be anything."""
    api = mount(Api, "http://api.test", retry=Retry(idempotency_keys=True))
    explained = api.explain("POST", "/")
    made = explained.request.headers["Idempotency-Key"]
    assert shown(explained.headers)["Idempotency-Key"] == made
    for options in ({"idempotency_key": CANARY}, {"headers": {"Idempotency-Key": CANARY}}):
        tells_nothing(api.explain("POST", "/", **options))


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        (SecretStr | None, True),
        (Secret[int], True),
        (dict[str, list[SecretStr]], True),
        (Login, True),
        (Tree, True),
        (Entry, True),
        (Pair, True),
        (Named, True),
        (Alias, True),
        (Pin, True),
        (Opened, True),
        (Unknown, True),
        (Flat, False),
        (str | None, False),
        (Any, False),
        (Literal["a"], False),
    ],
)
def test_which_types_hold_a_secret(annotation: Any, found: bool) -> None:
    """In a field of theirs, too."""
    assert holds_secret(annotation) is found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (SECRET, True),
        ({"a": [SECRET]}, True),
        (Login(name="", pin=SECRET), True),
        (Entry(SECRET), True),
        (Tree(children=[Tree(login=Login(name="", pin=SECRET))]), True),
        (Flat(name="a"), False),
        (("a", 1, None), False),
        (Entry, False),
    ],
)
def test_which_values_contain_a_secret(value: Any, found: bool) -> None:
    """At any depth."""
    assert contains_secret(value) is found


def test_a_value_that_holds_itself_is_looked_at_once() -> None:
    """And so the search ends."""
    value: list[Any] = []
    value.append(value)
    assert contains_secret(value) is False


# Every way to authenticate


def netrc(place: Path) -> NetrcAuth:
    """Return what reads a file."""
    file = place / "netrc"
    file.write_text(f"machine api.test login ann password {CANARY}\n")
    file.chmod(0o600)
    return NetrcAuth(file)


OAUTH: dict[str, Any] = {
    "token_url": "https://login.test/token",
    "client_id": "app",
    "client_secret": CANARY,
}
AUTHORIZE = "https://login.test/authorize"
AUTHS: dict[str, Callable[[Path], Any]] = {
    "basic": lambda _: BasicAuth("ann", CANARY),
    "bearer": lambda _: BearerAuth(CANARY),
    "key in header": lambda _: ApiKeyAuth(CANARY, name="X-Key"),
    "key in query": lambda _: ApiKeyAuth(CANARY, name="sig", location="query"),
    "key in cookie": lambda _: ApiKeyAuth(CANARY, name="sid", location="cookie"),
    "digest": lambda _: DigestAuth("ann", CANARY),
    "netrc": netrc,
    "hmac": lambda _: HMACAuth(CANARY, canonical="{method}", key_id=CANARY),
    "aws": lambda _: AWSAuth(
        CANARY, CANARY, region="eu-west-1", service="s3", session_token=CANARY
    ),
    "own": lambda _: Own(),
    "client credentials": lambda _: OAuth2ClientCredentials(**OAUTH),
    "refresh token": lambda _: OAuth2RefreshToken(CANARY, **OAUTH),
    "authorization code": lambda _: OAuth2AuthorizationCode(authorization_url=AUTHORIZE, **OAUTH),
    "device code": lambda _: OAuth2DeviceCode(device_url="https://login.test/device", **OAUTH),
    "jwt": lambda _: OAuth2JWTBearer(CANARY, **OAUTH),
}


class Own(TokenAuth):
    """A token that a class of a user's fetches."""

    def fetch(self, token: Token | None) -> Generator[Step, Any, Token]:
        """Fail."""
        raise AssertionError("a token was fetched")


def texts_of(error: BaseException | None) -> str:
    """Return what a log would show of an error, and of those that led to it."""
    if error is None:
        return ""
    return f"{error!r} {error} {texts_of(error.__cause__)} {texts_of(error.__context__)}"


def refused(call: Callable[[], object]) -> str:
    """Return what a log would show of the error of a call."""
    with pytest.raises(ConfigurationError) as caught:
        call()
    return texts_of(caught.value)


def explain_each(client: Any, **call: Any) -> None:
    """Explain calls of all kinds, and some that cannot be made."""
    tells_nothing(client.explain("GET", "/", **call))
    tells_nothing(client.x.explain(**call))
    tells_nothing(client.explain("POST", "/z", body={"a": CANARY}, **call))
    for one in (
        lambda: client.explain("GET", "/{id}", **call),
        lambda: client.explain("GET", "/", tiemout=1, **call),
        lambda: client.explain("GET", "http://other.test/", **call),
        lambda: client.x.explain(debug=SECRET, **call),
        lambda: client.post.explain(body=object(), **call),
    ):
        assert "hunter2" not in refused(one)


@pytest.mark.parametrize("by", ["class", "instance", "with_options", "call"])
@pytest.mark.parametrize("name", AUTHS)
async def test_no_auth_tells_its_secrets(kind: Kind, tmp_path: Path, name: str, by: str) -> None:
    """Given to a class, an instance, a copy or a call."""
    auth = AUTHS[name](tmp_path)
    base: Any = kind.base

    class Made(Api, base, uri="http://api.test", **({"auth": auth} if by == "class" else {})):  # type: ignore[misc,call-arg]
        pass

    client = kind.wrap(Made(**({"auth": auth} if by == "instance" else {}))).target
    if by == "with_options":
        client = client.with_options(auth=auth)
    explain_each(client, **({"auth": auth} if by == "call" else {}))


SCHEMES: dict[str, tuple[Any, Any]] = {
    "basic": (BasicScheme(), ("ann", CANARY)),
    "digest": (DigestScheme(), ("ann", CANARY)),
    "bearer": (BearerScheme(), CANARY),
    "prefixed": (BearerScheme(), f"Token {CANARY}"),
    "key in header": (ApiKeyScheme("X-Key"), SECRET),
    "key in query": (ApiKeyScheme("sig", "query"), SECRET),
    "key in cookie": (ApiKeyScheme("sid", "cookie"), CANARY),
}


@pytest.mark.parametrize("name", SCHEMES)
async def test_no_scheme_tells_what_authenticates(mount: Mount, name: str) -> None:
    """By which it is told what it is."""
    scheme, value = SCHEMES[name]
    api = mount(Api, "http://api.test", security_schemes={"one": scheme}, security=[{"one"}])
    api.authenticate(one=value)
    explain_each(api)
    [found] = api.explain("GET", "/").auth
    assert (found.scheme, str(found.source)) == (type(scheme).__name__, "authenticate one")


async def test_connections_and_pools_tell_no_secrets(
    mount: Mount, certificate: Certificate
) -> None:
    """Keys of a pool, those of certificates, and the logins of proxies."""
    explain_each(mount(Api, "http://a.test", credentials=CredentialPool([CANARY], header="X-Key")))
    explain_each(mount(Api, "http://a.test", proxy=f"http://ann:{CANARY}@proxy.test:8080"))
    explain_each(mount(Api, "http://a.test", bearer_token=CANARY))
    schemes = {"cert": MutualTLSScheme()}
    api = mount(Api, "http://a.test", security_schemes=schemes, security=[{"cert"}])
    api.authenticate(cert=(certificate.chain, certificate.key, CANARY))
    explain_each(api)
    url = f"http://ann:{CANARY}@a.test"
    assert "hunter2" not in refused(lambda: mount(Api, url))
    assert "hunter2" not in refused(lambda: api.explain("GET", f"{url}/x"))


@pytest.mark.parametrize("by", ["auth", "scheme"])
async def test_what_answers_a_challenge_is_not_in_the_first_request(
    kind: Kind, mount: Mount, server: Server, by: str
) -> None:
    """Only in those that follow."""
    auth = DigestAuth("ann", "secret")
    schemes = {"security_schemes": {"one": DigestScheme()}, "security": [{"one"}]}
    api = mount(Api, server.url, **({"auth": auth} if by == "auth" else schemes))
    if by == "scheme":
        api.authenticate(one=auth)
    explained = api.explain("GET", "/digest")
    assert explained.auth[0].place == "header Authorization, once it is challenged"
    assert "Authorization" not in shown(explained.headers)
    await kind.call(api.get, "/digest")
    first, second = server.log
    assert "Authorization" not in first.headers
    assert "Authorization" in second.headers
    later = api.explain("GET", "/digest")
    assert later.auth[0].place == "header Authorization"
    assert shown(later.headers)["Authorization"] == "***"
