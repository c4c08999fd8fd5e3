"""How clients authenticate: an `Auth` object for each scheme, given as `auth=`."""

from .aws import AWSAuth
from .base import Auth, Flow, Step
from .canonical import Signing
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
from .signing import HMACAuth

__all__ = [
    "AWSAuth",
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
    "HMACAuth",
    "KeyLocation",
    "MutualTLSScheme",
    "Scheme",
    "Secret",
    "Signing",
    "Step",
    "from_env",
    "from_keyring",
]
