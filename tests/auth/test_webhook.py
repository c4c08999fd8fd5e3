"""`Webhook`: which ones are taken for those of their sender."""

import base64
import copy
import hashlib
import hmac
import json
import pickle
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from pydantic import ConfigDict, Field

from arya_api_framework import BaseModel
from arya_api_framework.auth import Webhook
from arya_api_framework.errors import (
    ConfigurationError,
    MissingCredentials,
    WebhookVerificationError,
)

SECRET = "whsec_" + base64.b64encode(b"hunter2-hunter2-hunter2-").decode()
BODY = b'{"id": 5}'
NOW = 1_700_000_000.0
SHOPIFY: dict[str, Any] = {"header": "X-Shopify-Hmac-Sha256", "encoding": "base64"}
MAKERS: list[Any] = [
    Webhook.github,
    Webhook.stripe,
    Webhook.standard,
    partial(Webhook.hmac, **SHOPIFY),
    partial(Webhook.hmac, header="X-Signature", prefix="v1="),
]


def at(webhook: Webhook, now: float = NOW) -> Webhook:
    """Return a webhook whose clock stands."""
    webhook._clock = lambda: now
    return webhook


class Event(BaseModel):
    """A payload."""

    id: int


class Strict(BaseModel):
    """A payload with a name of its own for a field, and none that it does not know."""

    model_config = ConfigDict(extra="forbid")

    id: int = Field(alias="Id")
    more: dict[str, int] = Field(default={})


def test_github() -> None:
    """The example of GitHub's documentation."""
    field = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    webhook = Webhook.github("It's a Secret to Everybody")
    webhook.verify({"X-Hub-Signature-256": field}, b"Hello, World!")
    for other in (field[7:], f"sha1={field[7:]}", f"={field[7:]}", f"sha256={field}"):
        with pytest.raises(WebhookVerificationError, match="no right signature"):
            webhook.verify({"X-Hub-Signature-256": other}, b"Hello, World!")
    assert webhook.sign(b"Hello, World!") == {"X-Hub-Signature-256": field}


def test_who_signs_the_body_alone() -> None:
    """The recipes of the documentation of Shopify and Linear, and of X, which has a word, too."""
    raw = hmac.new(SECRET.encode(), BODY, hashlib.sha256)
    text = base64.b64encode(raw.digest()).decode()
    x: dict[str, Any] = {"header": "x-twitter-webhooks-signature", "encoding": "base64"}
    cases: list[tuple[dict[str, Any], str]] = [
        (SHOPIFY, text),
        ({"header": "Linear-Signature"}, raw.hexdigest()),
        ({**x, "prefix": "sha256="}, f"sha256={text}"),
    ]
    for options, field in cases:
        webhook = Webhook.hmac(SECRET, **options)
        webhook.verify({options["header"]: field}, BODY)
        assert webhook.sign(BODY) == {options["header"]: field}
        for other in (f"v0={field}", field[7:], field[:-4], raw.digest().decode("latin-1")):
            with pytest.raises(WebhookVerificationError):
                webhook.verify({options["header"]: other}, BODY)


def test_stripe() -> None:
    """The recipe of Stripe's documentation: the time, a dot and the body, under the secret."""
    digest = hmac.new(SECRET.encode(), b"1700000000." + BODY, hashlib.sha256).hexdigest()
    field = f"t=1700000000,v0=00,v1={'0' * 64},v1={digest}"
    at(Webhook.stripe(SECRET)).verify({"Stripe-Signature": field}, BODY)


def test_standard() -> None:
    """The example of the specification's own library."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    fields = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1a,xx v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    at(Webhook.standard(secret), 1614265330).verify(fields, b'{"test": 2432232314}')


@given(st.binary(min_size=1, max_size=40), st.text(), st.booleans())
def test_who_speaks_standard_webhooks(key: bytes, text: str, is_padded: bool) -> None:
    """The library of those who wrote it takes ours, and we take its own."""
    written = base64.b64encode(key).decode()
    secret = "whsec_" + (written if is_padded else written.rstrip("="))
    body = json.dumps(text, ensure_ascii=False).encode()
    ours, theirs = Webhook.standard(secret), standardwebhooks.Webhook(secret)
    assert theirs.verify(body, ours.sign(body, id="msg_2")) == text
    now = datetime.now(UTC)
    fields = {
        "webhook-id": "msg_3",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": theirs.sign("msg_3", now, body.decode()),
    }
    assert ours.parse(fields, body, str) == text
    with pytest.raises(WebhookVerificationError, match="no right signature"):
        ours.verify(fields, body + b" ")


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_signed_is_taken(make: Any) -> None:
    """In any mapping of headers, in any case, with a new secret beside the old one."""
    other = "whsec_" + base64.b64encode(b"another-another-another-").decode()
    webhook = at(make(SECRET))
    fields = webhook.sign(BODY)
    lower = {name.lower(): value for name, value in fields.items()}
    of_bytes = [(name.encode(), value.encode()) for name, value in lower.items()]
    all_headers: tuple[Any, ...] = (
        fields,
        lower,
        list(fields.items()),
        CIMultiDict(fields),
        of_bytes,
    )
    for headers in (*all_headers, [list(pair) for pair in of_bytes]):
        webhook.verify(headers, BODY)
        at(make(other, lambda: SECRET)).verify(headers, BODY)
    webhook.verify(iter(of_bytes), BODY)
    assert webhook.parse(fields, BODY, Event) == Event(id=5)
    assert webhook.parse(fields, BODY, dict[str, int]) == {"id": 5}
    view: Any = memoryview(BODY)
    assert webhook.parse(fields, view, Event) == Event(id=5)
    assert "hunter2" not in repr(webhook)


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_not_signed_is_refused(make: Any) -> None:
    """With a text that says what is wrong, and shows neither secret nor signature."""
    webhook = at(make(SECRET))
    fields = webhook.sign(BODY)
    other = at(make("whsec_" + base64.b64encode(b"another").decode()))
    cases: list[tuple[Any, bytes, str]] = [
        (fields, BODY + b" ", "no right signature"),
        (other.sign(BODY), BODY, "no right signature"),
        ({}, BODY, "has no header"),
        ([*fields.items(), *fields.items()], BODY, "has more than one header"),
    ]
    cases += [({**fields, one: "\udcff"}, BODY, f"{one} .* is not ASCII") for one in fields]
    name = list(fields)[-1]
    cases += [
        ({**fields, name: bad}, BODY, "no right signature|says no time")
        for bad in ("", "x", "t=1700000000", "v1,", "v1,!!", "t=1700000000,v1=zz", "sha256=zz")
    ]
    for headers, body, words in cases:
        with pytest.raises(WebhookVerificationError, match=words) as caught:
            webhook.verify(headers, body)
        assert "hunter2" not in str(caught.value)
        assert fields[name][-20:] not in str(caught.value)


@pytest.mark.parametrize("make", [Webhook.stripe, Webhook.standard])
def test_times(make: Any) -> None:
    """Neither too old nor from the future; nonsense is no time."""
    fields = at(make(SECRET)).sign(BODY)
    for now in (NOW - 300, NOW + 300):
        at(make(SECRET), now).verify(fields, BODY)
    with pytest.raises(WebhookVerificationError, match="was sent too long ago: by 301 s"):
        at(make(SECRET), NOW + 301).verify(fields, BODY)
    with pytest.raises(WebhookVerificationError, match="is from the future: by 301 s"):
        at(make(SECRET), NOW - 301).verify(fields, BODY)
    at(make(SECRET, tolerance=1000), NOW + 900).verify(fields, BODY)
    for bad in ("", "-5", "nan", "٣", "9" * 20):
        broken = {name: value.replace("1700000000", bad) for name, value in fields.items()}
        with pytest.raises(WebhookVerificationError, match=r"says no time|is not ASCII"):
            at(make(SECRET)).verify(broken, BODY)


@pytest.mark.parametrize(
    ("body", "model", "words"),
    [
        (b'{"id": "x"}', Event, "fit: id: int_parsing$"),
        (b"<", Event, "fit: json_invalid$"),
        (b"[]", Event, "fit: model_type$"),
        (b'{"Id": 1, "hunter2": 1}', Strict, "fit: extra_forbidden$"),
        (b'{"Id": "hunter2"}', Strict, "fit: Id: int_parsing$"),
        (b'{"Id": 1, "more": {"hunter2": []}}', Strict, "fit: more: int_type$"),
        (b'{"hunter2": "x", "hunter3": "x"}', dict[str, int], "fit: int_parsing$"),
        (b'[{"id": "hunter2"}]', list[Event], "fit: int_parsing$"),
    ],
)
def test_payloads_that_do_not_fit(body: bytes, model: Any, words: str) -> None:
    """The error names the field of the model, and shows nothing of the payload, names included."""
    webhook = Webhook.github(SECRET)
    with pytest.raises(WebhookVerificationError, match=words) as caught:
        webhook.parse(webhook.sign(body), body, model)
    assert "hunter" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_what_can_never_work() -> None:
    """It is refused at once; a secret that is read late, when it is."""
    make_any: Any = Webhook.hmac
    cases: list[tuple[Any, str]] = [
        (Webhook.github, "needs the secret"),
        (lambda: Webhook.github(""), "secret of a Webhook is empty"),
        (lambda: Webhook.standard("whsec_hunter2!"), "is not `whsec_` and base64"),
        (lambda: Webhook.standard("whsec_"), "has nothing after `whsec_`"),
        (lambda: Webhook.stripe(SECRET, tolerance=0), "tolerance of a Webhook"),
        (lambda: Webhook.hmac(header="X-S"), "needs the secret"),
        (lambda: make_any(SECRET, header=b"X-S"), "header of a Webhook must be ASCII text"),
        (lambda: make_any(SECRET, header="X S"), "header name 'X S' is no token"),
        (lambda: make_any(SECRET, header="X-S", prefix="é"), "prefix of a Webhook must be"),
        (lambda: make_any(SECRET, header="X-S", prefix="a\n"), "header 'X-S'"),
        (lambda: make_any(SECRET, header="X-S", encoding="b64"), "must be 'hex' or 'base64'"),
    ]
    for make, words in cases:
        with pytest.raises(ConfigurationError, match=words) as caught:
            make()
        assert "hunter2" not in str(caught.value)
    late = at(Webhook.standard(lambda: "whsec_hunter2!"))
    with pytest.raises(WebhookVerificationError, match="and base64"):
        late.sign(BODY)
    with pytest.raises(MissingCredentials, match="is empty"):
        Webhook.github(lambda: "").sign(BODY)
    for headers in ("X-Hub-Signature-256", b"ab", 5, [5], [(b"a", b"b", b"c")]):
        with pytest.raises(ConfigurationError, match="`headers` must be"):
            Webhook.github(SECRET).verify(headers, BODY)  # type: ignore[arg-type]
    values: Any = {"X-Hub-Signature-256": b"00"}
    with pytest.raises(ConfigurationError, match=r"values of `headers` must be text, got bytes"):
        Webhook.github(SECRET).verify(values, BODY)
    with pytest.raises(ConfigurationError, match=r"its raw bytes.* got str"):
        Webhook.github(SECRET).verify({}, '{"id": 5}')  # type: ignore[arg-type]


@pytest.mark.parametrize("make", MAKERS)
def test_no_secret_is_pickled(make: Any) -> None:
    """A copy is the same object, and a pickle none."""
    webhook = make(SECRET)
    assert copy.copy(webhook) is webhook
    assert copy.deepcopy(webhook) is webhook
    with pytest.raises(TypeError, match="holds secrets and cannot be pickled"):
        pickle.dumps(webhook)
