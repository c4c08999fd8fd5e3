"""Follow a stream of events: typed, and gone on with where it breaks off.

Run it with `python -m examples.follow`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

from arya_api_framework import AsyncClient, BaseModel, SyncClient
from examples import api

EVENTS = {"Accept": "text/event-stream"}


class Price(BaseModel):
    """What an event carries."""

    symbol: str
    amount: float


class Exchange(SyncClient):
    """A place where prices are made."""

    def prices(self, after: str = "0") -> Iterator[tuple[str, Price]]:
        """Give the ID and the price of each event after one, however often the stream ends."""
        headers = {**EVENTS, "Last-Event-ID": after}
        with self.stream("GET", "/prices", headers=headers) as body:
            for event in body.iter_events({"price": Price}, reconnect=True):
                yield event.id, event.data


class AsyncExchange(AsyncClient):
    """The same, asynchronously."""

    async def prices(self, after: str = "0") -> AsyncIterator[tuple[str, Price]]:
        """Give the ID and the price of each event after one, however often the stream ends."""
        headers = {**EVENTS, "Last-Event-ID": after}
        async with self.stream("GET", "/prices", headers=headers) as body:
            async for event in body.iter_events({"price": Price}, reconnect=True):
                yield event.id, event.data


def follow(origin: str) -> str:
    """Follow the prices for a while, and return where to go on."""
    last = "0"
    with Exchange(origin) as exchange:
        for last, price in exchange.prices():
            print(f"{last}: {price.symbol} at {price.amount}")
            if price.amount == 100.25:
                print("enough for now")
                break
    return last


async def go_on(origin: str, after: str) -> None:
    """Follow them from there to the end."""
    async with AsyncExchange(origin) as exchange:
        async for number, price in exchange.prices(after):
            print(f"{number}: {price.symbol} at {price.amount}")
    print("no more prices today")


if __name__ == "__main__":
    with api() as address:
        asyncio.run(go_on(address, follow(address)))
