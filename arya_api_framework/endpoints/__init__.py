"""Endpoints that are declared: a method whose signature is the request."""

from .declare import BoundEndpoint, Endpoint, endpoint
from .markers import Body, ByStatus, Cookie, File, Form, Header, Part, Path, Query
from .results import Items, Pages, Stream

__all__ = [
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
    "endpoint",
]
