"""The public names of 0.3.9: each is kept, or renamed or dropped with an error that says so."""

import importlib
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

import arya_api_framework
from arya_api_framework import BaseModel, Response, SubClient, SyncClient, constants, errors
from arya_api_framework.client.subclient import SubClient as OurSubClient
from arya_api_framework.constants import HTTPMethod, HTTPStatus
from arya_api_framework.errors import ResponseParseError

# What `__all__` of each module of 0.3.9 held, but for the exceptions.
PUBLIC = {
    "": "AsyncClient BaseModel PaginatedResponse Response SubClient SyncClient",
    "constants": "HTTPMethod HTTPStatus",
    "errors": "ERROR_RESPONSE_MAPPING",
    "framework": "SubClient",
    "models": "BaseModel PaginatedResponse Response",
    "async_framework": "AsyncClient",
    "sync_framework": "SyncClient",
    "utils": "apiclient endpoint",
}
DROPPED = {
    "constants": "ClientBranch",
    "framework": "ClientInternal",
    "utils": "FrameworkEncoder ENCODERS_BY_TYPE YarlURL flatten_obj flatten_params merge_dicts "
    "validate_type",
    "async_framework.utils": "chunk_file_reader",
    "sync_framework.utils": "chunk_file_reader sleep_and_retry",
}
EXCEPTIONS = """
    FrameworkException ValidationError ExtensionError ExtensionNotFound ExtensionAlreadyLoaded
    ExtensionNotLoaded ExtensionEntryPointError ExtensionFailed ClientError AsyncClientError
    SyncClientError SubClientError SubClientAlreadyLoaded SubClientParentSet SubClientNotLoaded
    SubClientNoParent ResponseParseError HTTPError HTTPRedirect HTTPClientError HTTPServerError
    HTTPMultipleChoices HTTPMovedPermanently HTTPFound HTTPSeeOther HTTPNotModified HTTPUseProxy
    HTTPReserved HTTPTemporaryRedirect HTTPPermanentRedirect HTTPBadRequest HTTPUnauthorized
    HTTPPaymentRequired HTTPForbidden HTTPNotFound HTTPMethodNotAllowed HTTPNotAcceptable
    HTTPProxyAuthenticationRequired HTTPRequestTimeout HTTPConflict HTTPGone HTTPLengthRequired
    HTTPPreconditionFailed HTTPRequestEntityTooLarge HTTPRequestUriTooLong
    HTTPUnsupportedMediaType HTTPRequestedRangeNotSatisfiable HTTPExpectationFailed HTTPImATeapot
    HTTPMisdirectedRequest HTTPUnprocessableEntity HTTPFailedDependency HTTPTooEarly
    HTTPUpgradeRequired HTTPPreconditionRequired HTTPTooManyRequests
    HTTPRequestHeaderFieldsTooLarge HTTPUnavailableForLegalReasons HTTPInternalServerError
    HTTPNotImplemented HTTPBadGateway HTTPServiceUnavailable HTTPGatewayTimeout
    HTTPHttpServerVersionNotSupported HTTPVariantAlsoNegotiates HTTPInsufficientStorage
    HTTPLoopDetected HTTPNotExtended HTTPNetworkAuthenticationRequired
""".split()


def pairs(names: dict[str, str]) -> list[tuple[str, str]]:
    """Return module and name of each."""
    return [(module, name) for module, found in names.items() for name in found.split()]


def module_named(name: str) -> ModuleType:
    """Import a module of the package."""
    return importlib.import_module(f"arya_api_framework.{name}".rstrip("."))


@pytest.mark.parametrize(("module", "name"), pairs(PUBLIC))
def test_kept(module: str, name: str) -> None:
    """A name that is kept is where it was, and is what the package exports."""
    kept = getattr(module_named(module), name)
    assert kept is getattr(arya_api_framework, name, kept)


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_exceptions(name: str) -> None:
    """Every exception is where it was, below the root of all."""
    assert issubclass(getattr(errors, name), errors.FrameworkException)


@pytest.mark.parametrize(("module", "name"), pairs(DROPPED))
def test_dropped(module: str, name: str) -> None:
    """A name that is gone says what replaces it, however it is asked for."""
    full = f"arya_api_framework.{module}"
    expected = rf"^{full}\.{name} was dropped after 0\.3\.9: .*`"
    with pytest.raises(ImportError, match=expected) as caught:
        exec(f"from {full} import {name}")
    assert caught.value.name == name
    with pytest.raises(ImportError, match=expected):
        getattr(module_named(module), name)


@pytest.mark.parametrize("module", ["", *PUBLIC, *DROPPED])
def test_unknown_names(module: str) -> None:
    """A name that no version had is an ordinary `AttributeError`, and `ImportError`."""
    full = f"arya_api_framework.{module}".rstrip(".")
    with pytest.raises(AttributeError, match=f"module '{full}' has no attribute 'nonsense'"):
        _ = module_named(module).nonsense
    with pytest.raises(ImportError, match="cannot import name 'nonsense'"):
        exec(f"from {full} import nonsense")


def test_modules_without_import() -> None:
    """`import arya_api_framework` alone gives every module, as it did."""
    names = " ".join(name for name in PUBLIC if name)
    code = f"import arya_api_framework as a; [getattr(a, n) for n in '{names}'.split()]"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_names_of_a_client() -> None:
    """What clients of 0.3.9 had and ours have not says what to do instead."""

    class Client(SyncClient, uri="https://h.test"):
        sub = SubClient()

    for node in (Client(), Client().sub):
        with pytest.raises(AttributeError, match=r"'branch': it was dropped .*`isinstance\("):
            _ = node.branch  # type: ignore[union-attr]


def test_names_of_responses() -> None:
    """What responses and errors of 0.3.9 had says where it is now."""

    class User(Response):
        id: int

    with pytest.raises(AttributeError, match=r"`model_response\.url`"):
        _ = User(id=1).base_uri  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"`model_response\.received_at`"):
        _ = User(id=1).time  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="`body`"):
        _ = ResponseParseError("x").raw_response  # type: ignore[attr-defined]


def test_flatten() -> None:
    """`flatten` names nested fields with dots, below a prefix if there is one."""

    class Address(BaseModel):
        city: str

    class User(BaseModel):
        name: str
        address: Address
        age: int = 3

    user = User(name="Ada", address=Address(city="Oslo"))
    assert user.flatten() == {"name": "Ada", "address.city": "Oslo"}
    assert user.flatten(prefix="u") == {"u.name": "Ada", "u.address.city": "Oslo"}


def test_http_method() -> None:
    """A request method is found by its name in any case."""
    assert HTTPMethod("get") is HTTPMethod.GET is HTTPMethod("GET")
    assert HTTPMethod.ANY.value == "ANY"
    wrong: Any
    for wrong in ("FETCH", "", None, 5):
        with pytest.raises(ValueError, match="is not a valid HTTPMethod"):
            HTTPMethod(wrong)


def test_http_status() -> None:
    """Statuses are plain integers that say their number, and all that have an error are there."""
    named = {name: value for name, value in vars(HTTPStatus).items() if name.startswith("HTTP_")}
    assert all(int(name.split("_")[1]) == value for name, value in named.items())
    assert set(errors.ERROR_RESPONSE_MAPPING) <= set(named.values())
    assert constants.HTTPStatus.HTTP_404_NOT_FOUND == 404


def test_subclient_is_one_class() -> None:
    """The same `SubClient` is found under every name."""
    framework: Any = importlib.import_module("arya_api_framework.framework")
    assert framework.SubClient is SubClient is OurSubClient
