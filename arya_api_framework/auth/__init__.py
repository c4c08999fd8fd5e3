"""How clients authenticate: an `Auth` object for each scheme, given as `auth=`."""

from .aws import AWSAuth
from .base import Auth, Flow, Step
from .canonical import Signing
from .digest import DigestAuth
from .fixed import ApiKeyAuth, BasicAuth, BearerAuth, KeyLocation
from .loopback import Loopback
from .netrc import NetrcAuth
from .oauth2 import ClientAuth, OAuth2, OAuth2ClientCredentials, OAuth2RefreshToken
from .oauth2_device import DevicePrompt, OAuth2DeviceCode
from .oauth2_jwt import OAuth2JWTBearer, signed_jwt
from .oauth2_login import Authorization, OAuth2AuthorizationCode, OAuth2Login
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
    "Authorization",
    "BasicAuth",
    "BasicScheme",
    "BearerAuth",
    "BearerScheme",
    "ClientAuth",
    "DevicePrompt",
    "DigestAuth",
    "DigestScheme",
    "FileTokenStore",
    "Flow",
    "HMACAuth",
    "KeyLocation",
    "Loopback",
    "MemoryTokenStore",
    "MutualTLSScheme",
    "NetrcAuth",
    "OAuth2",
    "OAuth2AuthorizationCode",
    "OAuth2ClientCredentials",
    "OAuth2DeviceCode",
    "OAuth2JWTBearer",
    "OAuth2Login",
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
    "signed_jwt",
]
