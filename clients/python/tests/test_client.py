"""The client against a real server."""

import asyncio
import os

import httpx
import pytest

from musonym_client import AsyncClient, Client, MusonymError, aitems, etag, items, webhooks


def test_what_is_written_is_read_and_found(musonym: Client) -> None:
    row = musonym.create_synonyms(
        {"tag_type": "genre", "tag_name": "Gqom / Durban", "synonyms": {"search_terms": ["durban house"]}}
    )
    assert row["source"] == "manual" and row["version"] == 1
    # A name with a slash, a space and capitals is one part of the path.
    read = musonym.lookup_synonyms({"tags": [{"tag_type": "genre", "tag_name": "gqom / durban"}]})["items"][0]
    assert read is not None and read["id"] == row["id"]
    hits = musonym.search_tags("durban house", tag_type="genre", explain=True)["results"]
    assert hits[0]["tag_name"] == "Gqom / Durban" and hits[0]["match"]["kind"] == "alias"
    replaced = musonym.replace_synonyms(row["id"], {"synonyms": {"search_terms": ["sgubhu"]}}, if_match=etag(row))
    assert replaced["version"] == 2
    with pytest.raises(MusonymError) as refused:
        musonym.replace_synonyms(row["id"], {"synonyms": {"search_terms": ["x"]}}, if_match=etag(row))
    assert refused.value.status == 412
    musonym.deactivate_synonyms(row["id"])
    assert not musonym.synonyms_by_id(row["id"])["is_active"]


def test_errors_say_what_the_server_says(musonym: Client, url: str) -> None:
    with pytest.raises(MusonymError) as missing:
        musonym.synonyms_of_tag("genre", "no such genre")
    error = missing.value
    assert (error.status, error.code) == (404, "not_found") and error.request_id and error.detail in str(error)
    with Client(url, api_key="wrong") as stranger, pytest.raises(MusonymError) as refused:
        stranger.list_tags()
    assert refused.value.status == 401
    # Something between us and the server that does not speak its language.
    proxy = httpx.MockTransport(lambda _: httpx.Response(502, text="<html>"))
    with Client("http://proxy", transport=proxy) as client, pytest.raises(MusonymError, match="502 unknown: Bad Gateway"):
        client.healthz()


def test_lists_are_read_page_after_page(musonym: Client) -> None:
    for number in range(5):
        musonym.create_tag({"tag_type": "mood", "name": f"paged mood {number}"})
    names = [tag["name"] for tag in items(musonym.list_tags, tag_type="mood", limit=2)]
    assert [f"paged mood {number}" for number in range(5)] == [name for name in names if name.startswith("paged")]


def test_the_same_is_awaited(url: str, api_key: str) -> None:
    async def ask() -> list[str]:
        async with AsyncClient(url, api_key=api_key) as musonym:
            await musonym.create_synonyms({"tag_type": "mood", "tag_name": "awaited", "synonyms": {"search_terms": ["expected"]}})
            answers = await asyncio.gather(*(musonym.search_tags("expected") for _ in range(8)))
            assert all(answer["results"][0]["tag_name"] == "awaited" for answer in answers)
            with pytest.raises(MusonymError):
                await musonym.job_by_id(999_999)
            return [tag["name"] async for tag in aitems(musonym.list_tags, tag_type="mood", limit=1)]

    assert "awaited" in asyncio.run(ask())


def test_text_and_nothing_are_answers_too(musonym: Client) -> None:
    musonym.list_tags()
    assert "http_request_duration_seconds" in musonym.metrics()
    musonym.create_tag({"tag_type": "genre", "name": "short lived"})
    musonym.delete_tag("genre", "short lived")
    assert musonym.work_state()["paused"] is False


def test_a_batch_is_followed_to_its_end(musonym: Client, url: str, api_key: str) -> None:
    musonym.create_tag({"tag_type": "genre", "name": "dub techno"})
    batch = musonym.start_batch({"of": "all"})
    told = list(musonym.batch_events(batch["id"]))
    assert {name for name, _ in told[:-1]} == {"progress"} and told[-1][0] == "done"
    assert told[-1][1]["left"] == 0 < told[-1][1]["total"]
    with pytest.raises(MusonymError, match="404"):
        next(musonym.batch_events(999_999))

    async def follow() -> list[str]:
        async with AsyncClient(url, api_key=api_key) as client:
            return [name async for name, _ in client.batch_events(batch["id"])]

    assert asyncio.run(follow())[-1] == "done"


def test_a_webhook_that_is_signed_here_is_taken(url: str, musonym: Client) -> None:
    event = {"type": "tag.created", "data": {"tag_type": "genre", "tag_name": "told by webhook"}}
    headers, body = webhooks.signed(os.environ["MUSONYM_WEBHOOK_SECRET"], event)
    answer = httpx.post(f"{url}/api/webhooks/synonyms", headers=headers, content=body)
    assert answer.status_code == 202, answer.text
    assert musonym.tag_by_name("genre", "told by webhook")["id"] > 0


# The specification's own example.
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = b'{"email":"test@example.com","username":"test_user"}'
HEADERS = {
    "Webhook-Id": "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
    "Webhook-Timestamp": "1649367553",
    "Webhook-Signature": "v1,AAAA v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
}


def test_the_example_of_the_specification_verifies_and_what_was_changed_does_not() -> None:
    now = 1_649_367_600
    assert webhooks.verify(SECRET, HEADERS, BODY, now=now)["username"] == "test_user"
    for headers, body, moment in [
        (HEADERS, BODY + b" ", now),
        (HEADERS, BODY, now + 400),
        ({**HEADERS, "Webhook-Id": "msg_other"}, BODY, now),
        ({**HEADERS, "Webhook-Signature": "v1,é"}, BODY, now),
        ({**HEADERS, "Webhook-Timestamp": "now"}, BODY, now),
        ({}, BODY, now),
    ]:
        with pytest.raises(webhooks.InvalidWebhook):
            webhooks.verify(SECRET, headers, body, now=moment)
