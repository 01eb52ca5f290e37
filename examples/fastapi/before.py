"""What many music applications have: a dictionary of synonyms in the code."""

from fastapi import FastAPI

SYNONYMS = {
    "drum and bass": ["dnb", "jungle", "breakbeat"],
    "hip hop": ["rap", "boom bap"],
}

app = FastAPI()


@app.get("/genres/{name}/synonyms")
def synonyms_of_genre(name: str) -> dict[str, list[str]]:
    return {"synonyms": SYNONYMS.get(name.lower(), [])}
