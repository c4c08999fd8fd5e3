"""Endpoints that are declared: a method whose signature is the request."""

from .declare import Endpoint, endpoint
from .markers import Body, ByStatus, Cookie, File, Form, Header, Part, Path, Query

__all__ = [
    "Body",
    "ByStatus",
    "Cookie",
    "Endpoint",
    "File",
    "Form",
    "Header",
    "Part",
    "Path",
    "Query",
    "endpoint",
]
