"""The REST resources of the test application.

Users and posts are shaped as JSONPlaceholder has them, repositories as GitHub has them.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, cast

from aiohttp import web

Record = dict[str, Any]


class Store:
    """The users, posts and operations that the handlers read and write."""

    def __init__(self) -> None:
        self.users: dict[int, Record] = {}
        self.posts: dict[int, Record] = {}
        self.operations: dict[str, Record] = {}
        self.reset()

    def reset(self) -> None:
        """Restore ten users and their hundred posts, and forget operations."""
        self.users = {number: _user(number) for number in range(1, 11)}
        self.posts = {number: make_post(number) for number in range(1, 101)}
        self.operations = {}


STORE = web.AppKey("store", Store)

NAMES = ("Ada", "Bela", "Cleo", "Dora", "Egon", "Fritz", "Gesa", "Hugo", "Ines", "Jörg")


def _user(number: int) -> Record:
    return {
        "id": number,
        "name": NAMES[number - 1],
        "username": NAMES[number - 1].lower(),
        "email": f"user{number}@example.test",
        "address": {
            "street": f"{number} Main Street",
            "city": "Lübeck",
            "zipcode": f"2355{number}",
        },
        "company": {"name": "Example"},
    }


def make_post(number: int) -> Record:
    """Return a post as JSONPlaceholder has it."""
    return {
        "userId": (number - 1) // 10 + 1,
        "id": number,
        "title": f"Post {number}",
        "body": f"The text of post {number}.",
    }


def _repositories() -> Iterator[Record]:
    names = ("pydantic/pydantic", "aio-libs/aiohttp", "aio-libs/yarl", "psf/requests")
    for number, full_name in enumerate(names, start=1):
        owner, _, name = full_name.partition("/")
        yield {
            "id": number,
            "name": name,
            "full_name": full_name,
            "owner": {"id": 100 + number, "login": owner, "type": "Organization"},
            "private": False,
            "html_url": f"https://github.test/{full_name}",
            "description": None if name == "yarl" else f"The home of {name}.",
            "language": "Python",
            "stargazers_count": 1000 * number,
            "topics": ["http", "python"],
            "created_at": f"201{number}-05-03T12:00:00Z",
        }


REPOSITORIES = {repository["full_name"]: repository for repository in _repositories()}


async def list_users(request: web.Request) -> web.Response:
    """Answer with all users, or the `?_page=`-th group of `?_limit=` users."""
    return _page(request, list(request.app[STORE].users.values()))


async def list_posts(request: web.Request) -> web.Response:
    """Answer with all posts, or those of one `?userId=`, in pages as the users."""
    posts = list(request.app[STORE].posts.values())
    if "userId" in request.query:
        posts = [post for post in posts if post["userId"] == int(request.query["userId"])]
    return _page(request, posts)


def _page(request: web.Request, records: list[Record]) -> web.Response:
    limit = int(request.query.get("_limit", len(records)))
    page = int(request.query.get("_page", 1))
    end = limit * page
    headers = {"X-Total-Count": str(len(records))}
    if end < len(records):
        headers["Link"] = f'<{request.rel_url.update_query(_page=page + 1)}>; rel="next"'
    return web.json_response(records[end - limit : end], headers=headers)


async def get_user(request: web.Request) -> web.Response:
    """Answer with one user."""
    return web.json_response(_find(request, request.app[STORE].users))


async def get_post(request: web.Request) -> web.Response:
    """Answer with one post."""
    return web.json_response(_find(request, request.app[STORE].posts))


async def create_user(request: web.Request) -> web.Response:
    """Store a user under the next id."""
    users = request.app[STORE].users
    number = max(users, default=0) + 1
    users[number] = {**await _fields(request), "id": number}
    return web.json_response(users[number], status=201, headers={"Location": f"/users/{number}"})


async def replace_user(request: web.Request) -> web.Response:
    """Put a whole user in the place of another."""
    users = request.app[STORE].users
    number = _find(request, users)["id"]
    users[number] = {**await _fields(request), "id": number}
    return web.json_response(users[number])


async def change_user(request: web.Request) -> web.Response:
    """Change the given fields of a user."""
    user = _find(request, request.app[STORE].users)
    user |= {**await _fields(request), "id": user["id"]}
    return web.json_response(user)


async def delete_user(request: web.Request) -> web.Response:
    """Remove a user and answer without content."""
    users = request.app[STORE].users
    del users[_find(request, users)["id"]]
    return web.Response(status=204)


def _find(request: web.Request, records: dict[int, Record]) -> Record:
    number = int(request.match_info["id"])
    if number not in records:
        raise web.HTTPNotFound(reason=f"There is nothing with id {number}.")
    return records[number]


async def _fields(request: web.Request) -> Record:
    value: Record | Any = json.loads(await request.read())
    if not isinstance(value, dict):
        raise ValueError("The body must be a JSON object.")
    return cast("Record", value)


async def get_repository(request: web.Request) -> web.Response:
    """Answer with one repository and its entity tag."""
    full_name = "{owner}/{name}".format_map(request.match_info)
    if full_name not in REPOSITORIES:
        problem = {"message": "Not Found", "documentation_url": "https://docs.test/repos"}
        return web.json_response(problem, status=404)
    etag = f'"{hashlib.sha256(full_name.encode()).hexdigest()[:16]}"'
    return web.json_response(REPOSITORIES[full_name], headers={"ETag": etag})


async def search_repositories(request: web.Request) -> web.Response:
    """Answer with the repositories whose name holds `?q=`, `?per_page=` of them a `?page=`."""
    query = request.query
    found = [item for name, item in REPOSITORIES.items() if query.get("q", "") in name]
    size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
    items = found[size * (page - 1) : size * page]
    return web.json_response(
        {"total_count": len(found), "incomplete_results": False, "items": items}
    )


async def search_posts(request: web.Request) -> web.Response:
    """Find posts by how their title begins, five at a time, from a cursor in the body."""
    body = await request.json()
    posts = request.app[STORE].posts.values()
    found = [post for post in posts if post["title"].startswith(body["title"])]
    start = int(body.get("start_cursor", 0))
    more = start + 5 < len(found)
    return web.json_response(
        {
            "results": found[start : start + 5],
            "has_more": more,
            "next_cursor": str(start + 5) if more else None,
        }
    )


ROUTES = [
    web.get("/users", list_users),
    web.post("/users", create_user),
    web.get(r"/users/{id:\d+}", get_user),
    web.put(r"/users/{id:\d+}", replace_user),
    web.patch(r"/users/{id:\d+}", change_user),
    web.delete(r"/users/{id:\d+}", delete_user),
    web.get("/posts", list_posts),
    web.get(r"/posts/{id:\d+}", get_post),
    web.post("/search/posts", search_posts),
    web.get("/repos/{owner}/{name}", get_repository),
    web.get("/search/repositories", search_repositories),
]
