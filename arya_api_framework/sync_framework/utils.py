"""A module of 0.3.9 that is empty now: asking it for a name says what replaces it."""

from typing import TYPE_CHECKING

if not TYPE_CHECKING:

    def __getattr__(name):
        from ..removed import explain

        raise explain(__name__, name)
