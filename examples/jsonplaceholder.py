"""A client of an API like JSONPlaceholder: read, create, change and delete records.

Run it with `python -m examples.jsonplaceholder`, or against the real API with
`python -m examples.jsonplaceholder https://jsonplaceholder.typicode.com`.
"""

import asyncio

from pydantic import Field

from arya_api_framework import AsyncClient, BaseModel, Response, SyncClient
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


async def count_posts(url: str, users: list[User]) -> dict[str, int]:
    """Ask for the posts of all users at once."""
    async with AsyncPlaceholder(url) as placeholder:
        found = await asyncio.gather(*map(placeholder.posts_of, users))
    return {user.name: len(posts) for user, posts in zip(users, found, strict=True)}


def main() -> None:
    """Show one of each."""
    with api() as url, Placeholder(url) as placeholder:
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


if __name__ == "__main__":
    main()
