"""A client of an API like JSONPlaceholder: read, create, change and delete records.

It is there twice: its methods written by hand, and declared by their signatures.

Run it with `python -m examples.jsonplaceholder`, or against the real API with
`python -m examples.jsonplaceholder https://jsonplaceholder.typicode.com`.
"""

# A declared method has no body; only mypy minds.
# mypy: disable-error-code="empty-body"

import asyncio
from typing import Annotated

from pydantic import Field

from arya_api_framework import (
    AsyncClient,
    BaseModel,
    LinkHeader,
    Response,
    SyncClient,
    SyncItems,
    endpoint,
)
from arya_api_framework.endpoints import Body, Query
from examples import api


class User(Response):
    """A user as the API stores it."""

    id: int
    name: str
    email: str = ""


class NewUser(BaseModel):
    """What the API needs to store a user."""

    name: str
    email: str


class Post(Response):
    """A post; the API writes its names in camelCase."""

    id: int
    user_id: int = Field(alias="userId")
    title: str


class Placeholder(SyncClient):
    """Users and posts."""

    def users(self) -> list[User]:
        """Return all users."""
        return self.get("/users", response_format=list[User])

    def add_user(self, user: NewUser) -> User:
        """Store a user."""
        return self.post("/users", body=user, response_format=User)

    def rename_user(self, number: int, name: str) -> User:
        """Change the name of a user, and nothing else."""
        return self.patch(
            "/users/{id}", path_parameters={"id": number}, body={"name": name}, response_format=User
        )

    def delete_user(self, number: int) -> None:
        """Delete a user."""
        self.delete("/users/{id}", path_parameters={"id": number}, response_format=None)

    def posts(self, page: int, size: int = 3) -> list[Post]:
        """Return one page of all posts."""
        return self.get(
            "/posts", parameters={"_page": page, "_limit": size}, response_format=list[Post]
        )


class AsyncPlaceholder(AsyncClient):
    """The posts again, for many calls at once."""

    async def posts_of(self, user: User) -> list[Post]:
        """Return the posts of one user."""
        return await self.get("/posts", parameters={"userId": user.id}, response_format=list[Post])


class DeclaredPlaceholder(SyncClient):
    """The same as `Placeholder`, and all posts as one list."""

    @endpoint.get("/users")
    def users(self) -> list[User]:
        """Return all users."""
        ...

    @endpoint.post("/users")
    def add_user(self, user: NewUser) -> User:
        """Store a user."""
        ...

    @endpoint.patch("/users/{id}")
    def rename_user(self, id: int, name: Annotated[str, Body(embed=True)]) -> User:
        """Change the name of a user, and nothing else."""
        ...

    @endpoint.delete("/users/{id}")
    def delete_user(self, id: int) -> None:
        """Delete a user."""
        ...

    @endpoint.get("/posts")
    def posts(
        self,
        page: Annotated[int, Query(alias="_page", ge=1)],
        size: Annotated[int, Query(alias="_limit", le=100)] = 3,
    ) -> list[Post]:
        """Return one page of all posts."""
        ...

    @endpoint.get("/posts", pagination=LinkHeader())
    def all_posts(
        self, size: Annotated[int, Query(alias="_limit", le=100)] = 50
    ) -> SyncItems[Post]:
        """Return all posts, page by page."""
        ...

    @endpoint.get("/users/{id}")
    def address_of(self, id: int, *, result: User = endpoint.result) -> str:
        """Return a name with its address, as mail programs write it."""
        return f"{result.name} <{result.email}>"


class AsyncDeclaredPlaceholder(AsyncClient):
    """The same as `AsyncPlaceholder`."""

    @endpoint.get("/posts")
    async def posts_of(self, user: Annotated[int, Query(alias="userId")]) -> list[Post]:
        """Return the posts of one user."""
        ...


async def count_posts(url: str, users: list[User]) -> dict[str, int]:
    """Ask for the posts of all users at once."""
    async with AsyncPlaceholder(url) as placeholder:
        found = await asyncio.gather(*map(placeholder.posts_of, users))
    return {user.name: len(posts) for user, posts in zip(users, found, strict=True)}


def show(url: str) -> None:
    """Use the methods that are written by hand."""
    with Placeholder(url) as placeholder:
        users = placeholder.users()
        print(f"{len(users)} users, the first is {users[0].name}")

        new = placeholder.add_user(NewUser(name="Kim", email="kim@example.com"))
        print(f"added {new.name} as number {new.id}")
        print(f"number 1 is now {placeholder.rename_user(1, 'Ada Lovelace').name}")
        placeholder.delete_user(2)
        print("deleted number 2")

        print(f"page 2 of the posts: {', '.join(post.title for post in placeholder.posts(2))}")
        for name, posts in asyncio.run(count_posts(url, users[:3])).items():
            print(f"{name} wrote {posts} posts")


async def count_declared(url: str) -> list[int]:
    """Ask for the posts of two users at once."""
    async with AsyncDeclaredPlaceholder(url) as placeholder:
        found = await asyncio.gather(placeholder.posts_of(3), placeholder.posts_of(4))
    return [len(posts) for posts in found]


def show_declared(url: str) -> None:
    """Use the methods that are declared."""
    with DeclaredPlaceholder(url) as placeholder:
        print(f"{placeholder.rename_user(3, 'Cleo').name}, {placeholder.address_of(4)}")
        print(f"page 3 of the posts: {', '.join(post.title for post in placeholder.posts(3))}")
        print(f"{len(list(placeholder.all_posts()))} posts; {asyncio.run(count_declared(url))}")
    print(f"declared: {', '.join(DeclaredPlaceholder.endpoints)}")


def main() -> None:
    """Show both."""
    with api() as url:
        show(url)
        show_declared(url)


if __name__ == "__main__":
    main()
