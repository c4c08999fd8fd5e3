"""`Form` and `Encoding`: what they take, and what they refuse when they are made."""

import copy
import pickle
from typing import Any

import pytest

from arya_api_framework import BaseModel, Encoding, Form
from arya_api_framework.errors import ConfigurationError
from arya_api_framework.forms import FILE, charset_of, choose_type


class Pet(BaseModel):
    """A model."""

    name: str


def test_an_encoding_is_a_plain_value() -> None:
    """It is compared, hashed, copied and pickled as what it holds."""
    one = Encoding(content_type="image/png", headers={"X-A": 1, "X-B": "b"}, explode=True)
    assert one.headers == (("X-A", "1"), ("X-B", "b"))
    same = Encoding(content_type="image/png", headers=[("X-A", "1"), ("X-B", "b")], explode=True)
    assert one == same
    assert hash(one) == hash(same)
    assert copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(AttributeError):
        one.style = "comma"  # type: ignore[misc]


def test_what_is_sent_is_not_shown() -> None:
    """Neither values nor headers are part of the representation."""
    secret = Form({"token": "secret"}, encoding={"token": Encoding(headers={"X-Key": "secret"})})
    assert "secret" not in repr(secret)
    assert repr(FILE) == "FILE"


def test_the_encoding_of_a_form_is_its_own() -> None:
    """What is done to the mapping later changes nothing."""
    given = {"a": Encoding(style="comma")}
    own = Form({"a": [1]}, encoding=given)
    given.clear()
    assert own.encoding == {"a": Encoding(style="comma")}


# Without their types, to be given what they do not take.
form: Any = Form
encoding: Any = Encoding


@pytest.mark.parametrize("values", [{"a": 1}, Pet(name="x"), [("a", 1)], (["a", 1],), [], {}])
def test_what_a_form_takes(values: Any) -> None:
    """A mapping, a model or pairs."""
    assert Form(values).values is values


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: form(b"a=1"), "must be a mapping, a model or a list of pairs, got bytes"),
        (lambda: form("a=1"), "got str"),
        (lambda: form([b"a"]), "got list"),
        (lambda: form(("name", b"x")), "got tuple"),
        (lambda: form(form({})), "got Form"),
        (lambda: form({}, encodings={}), "unknown argument 'encodings'; did you mean 'encoding'"),
        (lambda: form({}, encoding=5), "must be a mapping, a model or a list of pairs"),
        (lambda: form({}, encoding={"a": "comma"}), "Encoding values, got str for 'a'"),
        (lambda: form({}, encoding={"a": {"style": "form"}}), "got dict for 'a'"),
        (lambda: form({}, lists="indices"), "lists of a Form must be one of .* got 'indices'"),
        (lambda: form({}, lists="indx"), "did you mean 'index'"),
        (lambda: form({}, lists=None), "got None"),
        (lambda: form({}, nested="brackets"), "nested of a Form must be one of dots, deepObject"),
        (lambda: form({}, nested=[]), r"got \[\]"),
        (lambda: form({}, multipart=1), "multipart must be True or False, got 1"),
        (lambda: encoding(style="deepobject"), "did you mean 'deepObject'"),
        (lambda: encoding(style=5), "got 5"),
        (lambda: encoding(explode="no"), "explode must be True or False"),
        (lambda: encoding(allow_reserved=None), "allow_reserved must be True or False"),
        (lambda: encoding(style="comma", explode=True), "styles of OpenAPI alone"),
        (lambda: encoding(style="deepObject", explode=False), "always exploded"),
        (lambda: encoding(content_type="json"), "must be a media type"),
        (lambda: encoding(content_type=""), "must be a media type"),
        (lambda: encoding(content_type="a/b,"), "must be a media type"),
        (lambda: encoding(content_type="text/plain\r\nX-Evil: 1"), "must be a media type"),
        (lambda: encoding(content_type=5), "must be a media type"),
        (lambda: encoding(content_type="text/plain; charset=utf-99"), "nobody knows, 'utf-99'"),
        (lambda: encoding(content_type="application/json", style="form"), "makes the value JSON"),
        (lambda: encoding(content_type="a/b+json", explode=True), "makes the value JSON"),
        (lambda: encoding(headers={"Content-Type": "a/b"}), "cannot hold Content-Type"),
        (lambda: encoding(headers={"content-disposition": "x"}), "cannot hold content-disposition"),
        (lambda: encoding(headers={"X A": "1"}), "no token"),
        (lambda: encoding(headers={"X-A": "1\r\nX-Evil: 1"}), "control character"),
        (lambda: encoding(headers={"Content-Length": "5"}), "set by the transport"),
        (lambda: encoding(headers="X-A"), "must be a mapping"),
        (lambda: encoding(contentType="a/b"), "unknown argument 'contentType'"),
    ],
)
def test_what_can_never_work_is_refused_at_once(make: Any, problem: str) -> None:
    """The error says what was expected and what came."""
    with pytest.raises(ConfigurationError, match=problem):
        make()


@pytest.mark.parametrize(
    ("allowed", "guess", "chosen"),
    [
        ("image/png", "image/jpeg", "image/png"),
        ("image/png", None, "image/png"),
        ("image/png, image/jpeg", "image/jpeg", "image/jpeg"),
        ("image/png, image/jpeg", "text/plain", "image/png"),
        ("image/png, image/jpeg", None, "image/png"),
        ("image/*", "image/gif", "image/gif"),
        ("image/*", "text/plain", None),
        ("image/*", None, None),
        ("image/*, text/css", "text/plain", "text/css"),
        ("*/*", "a/b", "a/b"),
        ("IMAGE/PNG; q=1 , text/css", "image/png", "image/png"),
    ],
)
def test_which_type_is_sent_of_those_allowed(
    allowed: str, guess: str | None, chosen: str | None
) -> None:
    """A single type counts; of several, that which the name of the file suggests."""
    assert Encoding(content_type=allowed).content_type == allowed
    assert choose_type(allowed, guess) == chosen


@pytest.mark.parametrize(
    ("media_type", "charset"),
    [
        ("text/plain", "utf-8"),
        ("text/plain; charset=latin-1", "latin-1"),
        ('text/plain;a=b; Charset="ASCII"', "ASCII"),
    ],
)
def test_the_charset_of_a_media_type(media_type: str, charset: str) -> None:
    """UTF-8 where none is named."""
    assert charset_of(media_type) == charset
