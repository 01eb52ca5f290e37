"""Both applications give the same answers from the same dictionary; the new one follows changes. `tests/cli/python.rs` runs this beside
a server that tells `EXAMPLE_PORT` of changes.
"""

import asyncio
import os
import threading
import time
from collections.abc import Iterator

import app as after
import before
import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient
from musonym_client import AsyncClient, Client
from synonyms import Synonyms


@pytest.fixture(scope="module")
def musonym() -> Iterator[Client]:
    with Client(os.environ["MUSONYM_URL"], api_key=os.environ["MUSONYM_API_KEY"]) as client:
        for name, synonyms in before.SYNONYMS.items():
            client.create_synonyms({"tag_type": "genre", "tag_name": name, "synonyms": {"search_terms": synonyms}})
        yield client


@pytest.fixture(scope="module")
def application() -> Iterator[str]:
    """The new application as a user starts it."""
    port = int(os.environ["EXAMPLE_PORT"])
    server = uvicorn.Server(uvicorn.Config(after.app, port=port, log_level="warning"))
    running = threading.Thread(target=server.run)
    running.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert running.is_alive() and time.monotonic() < deadline, "the application did not start"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    running.join()


def test_the_answers_are_those_of_the_dictionary(musonym: Client) -> None:
    with TestClient(before.app) as old, TestClient(after.app) as new:
        for name in [*before.SYNONYMS, "Hip Hop", "polka"]:
            path = f"/genres/{name}/synonyms"
            assert new.get(path).json() == old.get(path).json()
        # What a dictionary does not find.
        assert "dnb" in new.get("/genres/Drum %26 Bass/synonyms").json()["synonyms"]


def test_a_change_is_told_and_asked_for(musonym: Client, application: str) -> None:
    def asked() -> list[str]:
        synonyms: list[str] = httpx.get(f"{application}/genres/hip hop/synonyms").json()["synonyms"]
        return synonyms

    assert "rap" in asked()
    row = musonym.synonyms_of_tag("genre", "hip hop")
    musonym.replace_synonyms(row["id"], {"synonyms": {"search_terms": ["golden age rap"]}})
    deadline = time.monotonic() + 60
    while asked() != ["golden age rap"]:
        assert time.monotonic() < deadline, "the change did not arrive"
        time.sleep(0.01)
    unsigned = httpx.post(f"{application}/hooks/musonym", json={"type": "synonyms.updated", "data": {}})
    assert unsigned.status_code == 401


def test_without_musonym_what_is_known_is_answered(musonym: Client) -> None:
    async def ask() -> None:
        async with AsyncClient(os.environ["MUSONYM_URL"], api_key=os.environ["MUSONYM_API_KEY"]) as client:
            synonyms = Synonyms(client, "genre")
            known = await synonyms.get("drum and bass")
            assert known
            synonyms.forget("drum and bass")
            async with AsyncClient("http://127.0.0.1:9") as nobody:
                synonyms._musonym = nobody
                assert await synonyms.get("drum and bass") == known
                assert await synonyms.get("never asked for") == []

    asyncio.run(ask())
