"""Signed webhooks (Standard Webhooks): checking those that musonym sends, and signing those that it takes."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

#: How far the moment of a webhook may lie from ours, in seconds.
TOLERANCE = 300


class InvalidWebhook(Exception):
    """Not signed with this secret, or at another time: do not believe it."""


def _signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None) -> dict[str, Any]:
    """The webhook in a raw body, once its signature and moment are good.

    The same webhook may come twice, under the same `webhook-id`, and older ones after newer: `data["version"]` tells.

    Raises:
        InvalidWebhook: Where it is not to be believed.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, timestamp = lower["webhook-id"], int(lower["webhook-timestamp"])
        given = lower["webhook-signature"].split()
    except (KeyError, ValueError) as error:
        raise InvalidWebhook("a header of the webhook is missing or wrong") from error
    if abs((time.time() if now is None else now) - timestamp) > TOLERANCE:
        raise InvalidWebhook("the webhook was signed too long ago, or a clock is wrong")
    try:
        expected = _signature(secret, message_id, timestamp, body)
    except binascii.Error as error:
        raise ValueError("the secret is not whsec_ followed by base64") from error
    # As bytes: a header may hold anything.
    if not any(hmac.compare_digest(one.encode(), expected.encode()) for one in given):
        raise InvalidWebhook("the webhook is not signed with this secret")
    told = json.loads(body)
    if not isinstance(told, dict):
        raise InvalidWebhook("the webhook is no object")
    return told


def signed(secret: str, event: Mapping[str, Any], *, message_id: str | None = None) -> tuple[dict[str, str], bytes]:
    """Headers and body of a webhook for `POST /api/webhooks/synonyms`; give the same `message_id` when sending it again."""
    body = json.dumps(event).encode()
    message_id, timestamp = message_id or f"msg_{uuid.uuid4().hex}", int(time.time())
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": _signature(secret, message_id, timestamp, body),
    }
    return headers, body
