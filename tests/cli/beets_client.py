"""What exported files make of genres: prints it as one JSON object.

Usage: beets_client.py WHITELIST TREE ALIASES PAIRS GENRE...

The first three are read by beets' plugin lastgenre. Nothing is asked of Last.fm: the plugin cleans up the genres that a track
has, by the same rules as those it fetches. The last is a list of replacement pairs of Picard's plugin Genre Mapper, which is in
no package: the first expression that is found in a genre, whatever its case, replaces it.
"""

import json
import re
import sys
from pathlib import Path

from beets import config
from beets.library import Item
from beetsplug.lastgenre import LastGenrePlugin

whitelist, tree, aliases, pairs, *genres = sys.argv[1:]
config.clear()
config.read(user=False)
config.set_file(aliases)
config["lastgenre"].set(
    {
        "whitelist": whitelist,
        "canonical": tree,
        "cleanup_existing": True,
        "count": 10,
        "title_case": False,
        "source": "track",
    }
)
plugin = LastGenrePlugin()


def cleaned_up(genre):
    found, _ = plugin._get_genre(Item(artist="somebody", title="something", genres=[genre]))
    return found


lines = [line.split("=", 1) for line in Path(pairs).read_text(encoding="utf-8").splitlines()]


def replaced(genre):
    return next((to for pattern, to in lines if re.search(pattern, genre, re.IGNORECASE)), genre)


answer = {
    "beets": {genre: cleaned_up(genre) for genre in genres},
    "picard": {genre: replaced(genre) for genre in genres},
    "whitelist": sorted(plugin.whitelist),
    "branches": plugin.c14n_branches,
    "aliases": len(plugin.alias_patterns),
}
print(json.dumps(answer))
