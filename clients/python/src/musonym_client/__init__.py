"""A typed client of musonym: synonyms, translations and search by meaning for the genre and mood tags of a music library."""

from . import types, webhooks
from ._http import MusonymError, etag
from .api import AsyncClient, Client
from .paging import aitems, items

__all__ = ["AsyncClient", "Client", "MusonymError", "aitems", "etag", "items", "types", "webhooks"]
