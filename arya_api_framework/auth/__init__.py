"""How clients authenticate: an `Auth` object for each scheme, given as `auth=`."""

from .base import Auth, Flow, Step
from .digest import DigestAuth
from .fixed import ApiKeyAuth, BasicAuth, BearerAuth, KeyLocation
from .schemes import (
    ApiKeyScheme,
    BasicScheme,
    BearerScheme,
    DigestScheme,
    MutualTLSScheme,
    Scheme,
)
from .secret import Secret, from_env, from_keyring

__all__ = [
    "ApiKeyAuth",
    "ApiKeyScheme",
    "Auth",
    "BasicAuth",
    "BasicScheme",
    "BearerAuth",
    "BearerScheme",
    "DigestAuth",
    "DigestScheme",
    "Flow",
    "KeyLocation",
    "MutualTLSScheme",
    "Scheme",
    "Secret",
    "Step",
    "from_env",
    "from_keyring",
]
