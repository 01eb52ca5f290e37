"""Lists are paged: these read page after page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any


def items(list_page: Callable[..., Any], **parameters: Any) -> Iterator[Any]:
    """Every item of a list: `items(client.list_tags, tag_type="genre")`."""
    cursor = None
    while True:
        page = list_page(**parameters, cursor=cursor)
        yield from page["items"]
        cursor = page["next"]
        if cursor is None:
            return


async def aitems(list_page: Callable[..., Awaitable[Any]], **parameters: Any) -> AsyncIterator[Any]:
    """As `items`, of an `AsyncClient`."""
    cursor = None
    while True:
        page = await list_page(**parameters, cursor=cursor)
        for item in page["items"]:
            yield item
        cursor = page["next"]
        if cursor is None:
            return
