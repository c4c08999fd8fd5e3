"""How clients authenticate: an `Auth` object for each scheme, given as `auth=`."""

from .base import Auth, Flow, Step
from .digest import DigestAuth
from .fixed import ApiKeyAuth, BasicAuth, BearerAuth, KeyLocation
from .secret import Secret, from_env, from_keyring

__all__ = [
    "ApiKeyAuth",
    "Auth",
    "BasicAuth",
    "BearerAuth",
    "DigestAuth",
    "Flow",
    "KeyLocation",
    "Secret",
    "Step",
    "from_env",
    "from_keyring",
]
