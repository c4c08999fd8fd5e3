"""Export a list that comes in pages, an item a line, and go on where an export was broken off.

Run it with `python -m examples.export`.
"""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from arya_api_framework import AsyncClient, LinkHeader, Response, SyncClient
from examples import api


class Post(Response):
    """One item of the list."""

    id: int
    title: str


class Blog(SyncClient):
    """Where the posts are."""

    def export(self, to: Path, most: int | None = None) -> int:
        """Add posts to a file, from where the last export stopped; return how many it added.

        What is noted in the end, whatever ended it, is all that another process needs.
        """
        notes = to.with_suffix(".state")
        state: dict[str, Any] | None = json.loads(notes.read_text()) if notes.exists() else None
        posts = self.items(
            "/posts",
            Post,
            pagination=LinkHeader(),
            parameters={"_limit": 25},
            max_items=most,
            state=state,
        )
        count = 0
        try:
            with to.open("a", encoding="utf-8") as file:
                for post in posts:
                    file.write(post.model_dump_json() + "\n")
                    count += 1
        finally:
            notes.write_text(json.dumps(posts.state))
        return count


class AsyncBlog(AsyncClient):
    """The same list, read by a program that does something else meanwhile."""

    async def export(self, to: Path) -> int:
        """Write all posts to a file, the next page asked for while one is written."""
        pages = self.pages(
            "/posts", list[Post], pagination=LinkHeader(), parameters={"_limit": 25}, ahead=1
        )
        count = 0
        with to.open("w", encoding="utf-8") as file:
            async for page in pages:
                count += len(page)
                lines = [post.model_dump_json() + "\n" for post in page]
                await asyncio.to_thread(file.writelines, lines)
        return count


def export(origin: str, folder: Path) -> None:
    """Export some posts, then the others."""
    file = folder / "posts.ndjson"
    with Blog(origin) as blog:
        print(f"{blog.export(file, most=60)} posts, then it was broken off")
        print(f"{blog.export(file)} more posts")
    lines = file.read_text(encoding="utf-8").splitlines()
    numbers = [json.loads(line)["id"] for line in lines]
    print(f"{len(lines)} lines, from {lines[0]} on, none twice: {numbers == sorted(set(numbers))}")


async def export_async(origin: str, folder: Path) -> None:
    """Export all of them at once."""
    async with AsyncBlog(origin) as blog:
        print(f"{await blog.export(folder / 'all.ndjson')} posts")


if __name__ == "__main__":
    with api() as address, tempfile.TemporaryDirectory() as name:
        export(address, Path(name))
        asyncio.run(export_async(address, Path(name)))
