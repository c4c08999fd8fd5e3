"""Endpoints that are declared: a method whose signature is the request."""

from ..options import UNSET, Unset
from .declare import BoundEndpoint, Endpoint, endpoint
from .markers import Body, ByStatus, Cookie, File, Form, Header, Part, Path, Query
from .results import Items, Pages, Stream

__all__ = [
    "UNSET",
    "Body",
    "BoundEndpoint",
    "ByStatus",
    "Cookie",
    "Endpoint",
    "File",
    "Form",
    "Header",
    "Items",
    "Pages",
    "Part",
    "Path",
    "Query",
    "Stream",
    "Unset",
    "endpoint",
]
