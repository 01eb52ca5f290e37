"""A drop-in for a dictionary of synonyms: asks musonym, and remembers what it said until it changes."""

import logging
import time

import httpx
from musonym_client import AsyncClient, MusonymError
from musonym_client.types import TagType

#: Seconds after which an answer is asked for again, should a webhook have been lost, or where none are sent.
FRESH = 300.0

#: Most names that are remembered.
MOST = 10_000

log = logging.getLogger(__name__)


class Synonyms:
    """Search terms and translations of tags, by any spelling of their names."""

    def __init__(self, musonym: AsyncClient, tag_type: TagType) -> None:
        self._musonym = musonym
        self._tag_type: TagType = tag_type
        self._known: dict[str, tuple[float, str, list[str]]] = {}

    async def get(self, name: str) -> list[str]:
        """The synonyms of a tag; none where there are none. While musonym does not answer, what it said last."""
        asked_at, _, synonyms = self._known.get(name, (float("-inf"), "", []))
        if time.monotonic() - asked_at < FRESH:
            return synonyms
        try:
            row = await self._musonym.synonyms_of_tag(self._tag_type, name)
            sections = row["synonyms"]
            translations = sections["translations"]
            found = [*sections["search_terms"], *translations["en"], *translations["fr"]]
            tag_name, synonyms = row["tag_name"], list(dict.fromkeys(found))
        except MusonymError as error:
            if error.status not in (400, 404):
                log.warning("musonym: %s", error)
                return synonyms
            tag_name, synonyms = name, []
        except httpx.HTTPError as error:
            log.warning("musonym does not answer: %r", error)
            return synonyms
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[name] = (time.monotonic(), tag_name, synonyms)
        return synonyms

    def forget(self, tag_name: str) -> None:
        """The synonyms of this tag have changed, under whatever spelling they were asked for, or were not there."""
        for name, (_, known_as, synonyms) in list(self._known.items()):
            if known_as == tag_name or not synonyms:
                # What was known stays at hand for the time in which musonym does not answer.
                self._known[name] = (float("-inf"), known_as, synonyms)
