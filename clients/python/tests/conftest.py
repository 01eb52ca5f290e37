"""A client of the server that `tests/cli/python.rs` has started."""

import os
from collections.abc import Iterator

import pytest

from musonym_client import Client


@pytest.fixture
def url() -> str:
    return os.environ["MUSONYM_URL"]


@pytest.fixture
def api_key() -> str:
    return os.environ["MUSONYM_API_KEY"]


@pytest.fixture
def musonym(url: str, api_key: str) -> Iterator[Client]:
    with Client(url, api_key=api_key) as client:
        yield client
