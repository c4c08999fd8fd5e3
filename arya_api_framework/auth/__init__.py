"""How clients authenticate: an `Auth` object for each scheme, given as `auth=`."""

from .base import Auth, Flow, Step
from .fixed import ApiKeyAuth, BasicAuth, BearerAuth, KeyLocation
from .schemes import ApiKeyScheme, BasicScheme, BearerScheme, MutualTLSScheme, Scheme
from .secret import Secret, from_env, from_keyring

__all__ = [
    "ApiKeyAuth",
    "ApiKeyScheme",
    "Auth",
    "BasicAuth",
    "BasicScheme",
    "BearerAuth",
    "BearerScheme",
    "Flow",
    "KeyLocation",
    "MutualTLSScheme",
    "Scheme",
    "Secret",
    "Step",
    "from_env",
    "from_keyring",
]
