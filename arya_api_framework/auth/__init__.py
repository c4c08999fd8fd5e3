"""How clients authenticate: an `Auth` object for each scheme, given as `auth=`."""

from .aws import AWSAuth
from .base import Auth, Flow, Step
from .canonical import Signing
from .digest import DigestAuth
from .fixed import ApiKeyAuth, BasicAuth, BearerAuth, KeyLocation
from .netrc import NetrcAuth
from .oauth2 import ClientAuth, OAuth2, OAuth2ClientCredentials, OAuth2RefreshToken
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
from .token import Token, TokenAuth
from .token_store import FileTokenStore, MemoryTokenStore, TokenStore
from .webhook import Webhook

__all__ = [
    "AWSAuth",
    "ApiKeyAuth",
    "ApiKeyScheme",
    "Auth",
    "BasicAuth",
    "BasicScheme",
    "BearerAuth",
    "BearerScheme",
    "ClientAuth",
    "DigestAuth",
    "DigestScheme",
    "FileTokenStore",
    "Flow",
    "HMACAuth",
    "KeyLocation",
    "MemoryTokenStore",
    "MutualTLSScheme",
    "NetrcAuth",
    "OAuth2",
    "OAuth2ClientCredentials",
    "OAuth2RefreshToken",
    "Scheme",
    "Secret",
    "Signing",
    "Step",
    "Token",
    "TokenAuth",
    "TokenStore",
    "Webhook",
    "from_env",
    "from_keyring",
]
