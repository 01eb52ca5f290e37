"""The same application with musonym in place of the dictionary: the address and its answer stay as they were.

    MUSONYM_URL=http://127.0.0.1:8177 uvicorn app:app
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from musonym_client import AsyncClient, webhooks

from synonyms import Synonyms


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    url = os.environ.get("MUSONYM_URL", "http://127.0.0.1:8177")
    async with AsyncClient(url, api_key=os.environ.get("MUSONYM_API_KEY"), timeout=2) as musonym:
        app.state.synonyms = Synonyms(musonym, "genre")
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/genres/{name}/synonyms")
async def synonyms_of_genre(name: str, request: Request) -> dict[str, list[str]]:
    return {"synonyms": await request.app.state.synonyms.get(name)}


@app.post("/hooks/musonym", status_code=204)
async def synonyms_changed(request: Request) -> None:
    """Where `[[webhooks.subscribers]]` of musonym points: what has changed is asked for again."""
    try:
        event = webhooks.verify(os.environ["MUSONYM_HOOK_SECRET"], request.headers, await request.body())
    except webhooks.InvalidWebhook as error:
        raise HTTPException(401, str(error)) from error
    if event["type"].startswith("synonyms."):
        request.app.state.synonyms.forget(event["data"]["tag_name"])
