"""The way to the server: addresses, the API key, errors. What it is asked is in `api.py`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from .types import TagSynonyms

#: Seconds for one answer; a search takes milliseconds, the import of hundreds of tags more.
DEFAULT_TIMEOUT = 30.0


class MusonymError(Exception):
    """The server refused or failed: `status`, the stable `code`, what to do in `detail`, and `request_id` for its log."""

    def __init__(self, status: int, code: str, detail: str, request_id: str | None = None) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.request_id = request_id

    @classmethod
    def of(cls, response: httpx.Response) -> MusonymError:
        """The error that an answer tells; one of something between us and the server is told as it is."""
        try:
            problem = response.json()
        except ValueError:
            problem = None
        if not isinstance(problem, dict):
            problem = {}
        detail = str(problem.get("detail") or response.reason_phrase)
        return cls(response.status_code, str(problem.get("code") or "unknown"), detail, problem.get("request_id"))


def quoted(part: object) -> str:
    """A part of a path."""
    return quote(str(part), safe="")


def etag(row: TagSynonyms) -> str:
    """The ETag of synonyms that were read, for `if_match`: who has changed them meanwhile is not written over."""
    return f'"{row["id"]}.{row["version"]}"'


def _given(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Parameters and headers without those that were left out."""
    texts = {True: "true", False: "false"}
    return {
        name: texts[value] if isinstance(value, bool) else str(value)
        for name, value in (values or {}).items()
        if value is not None
    }


def _request(
    method: str,
    path: str,
    query: Mapping[str, Any] | None,
    headers: Mapping[str, Any] | None,
    body: Any,
) -> dict[str, Any]:
    request: dict[str, Any] = {"method": method, "url": path, "params": _given(query), "headers": _given(headers)}
    return request if body is None else {**request, "json": body}


def _checked(response: httpx.Response) -> httpx.Response:
    if not response.is_success:
        raise MusonymError.of(response)
    return response


class _Events:
    """Reads server-sent events line by line (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

    def __init__(self) -> None:
        self._name, self._data = "", list[str]()

    def take(self, line: str) -> tuple[str, Any] | None:
        """The event that this line ends, if it does: its name, and its data as JSON."""
        if line:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                self._name = value
            elif field == "data":
                self._data.append(value)
            return None
        name, data = self._name or "message", "\n".join(self._data)
        self._name, self._data = "", []
        return (name, json.loads(data)) if data else None


#: A stream is silent while nothing happens.
_PATIENT = httpx.Timeout(DEFAULT_TIMEOUT, read=None)


class Http:
    """A connection to a server, reused by every call. Close it, or use it in a `with` block."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8177",
        *,
        api_key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=transport)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> httpx.Response:
        return _checked(self._client.request(**_request(method, path, query, headers, body)))

    def _json(self, method: str, path: str, **parts: Any) -> Any:
        return self._send(method, path, **parts).json()

    def _text(self, method: str, path: str, **parts: Any) -> str:
        return self._send(method, path, **parts).text

    def _nothing(self, method: str, path: str, **parts: Any) -> None:
        self._send(method, path, **parts)

    def _events(self, method: str, path: str) -> Iterator[tuple[str, Any]]:
        with self._client.stream(method, path, timeout=_PATIENT) as response:
            if not response.is_success:
                response.read()
            _checked(response)
            events = _Events()
            for line in response.iter_lines():
                if (event := events.take(line)) is not None:
                    yield event


class AsyncHttp:
    """As `Http`, awaited. Close it, or use it in an `async with` block."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8177",
        *,
        api_key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, transport=transport)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> httpx.Response:
        return _checked(await self._client.request(**_request(method, path, query, headers, body)))

    async def _json(self, method: str, path: str, **parts: Any) -> Any:
        return (await self._send(method, path, **parts)).json()

    async def _text(self, method: str, path: str, **parts: Any) -> str:
        return (await self._send(method, path, **parts)).text

    async def _nothing(self, method: str, path: str, **parts: Any) -> None:
        await self._send(method, path, **parts)

    async def _events(self, method: str, path: str) -> AsyncIterator[tuple[str, Any]]:
        async with self._client.stream(method, path, timeout=_PATIENT) as response:
            if not response.is_success:
                await response.aread()
            _checked(response)
            events = _Events()
            async for line in response.aiter_lines():
                if (event := events.take(line)) is not None:
                    yield event
