"""The name that 0.3.9 had for the module of `SubClient`."""

from typing import TYPE_CHECKING

from .client.subclient import SubClient

__all__ = ["SubClient"]

if not TYPE_CHECKING:

    def __getattr__(name):
        from .removed import explain

        raise explain(__name__, name)
