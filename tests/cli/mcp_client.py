"""Talks to `musonym mcp` with the reference client; prints what came back as JSON. Arguments: program, database."""

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


def told(result):
    """What a call answered."""
    is_error = getattr(result, "is_error", None)
    if is_error is None:
        is_error = result.isError
    return {"is_error": bool(is_error), "text": result.content[0].text}


async def main():
    server = StdioServerParameters(command=sys.argv[1], args=["mcp", "--database", sys.argv[2]], env=dict(os.environ))
    async with stdio_client(server) as (read, write):
        async with ClientSession(read, write) as session:
            await session.initialize()
            tools = (await session.list_tools()).tools
            calls = {}
            for name, arguments in [
                ("search_tags", {"q": "dnb"}),
                ("get_synonyms", {"tag_type": "genre", "tag_name": "Drum & Bass"}),
                ("resolve_tags", {"strings": ["DnB; calm", "xyzzy"]}),
                ("summarize_track", {"genres": ["dnb"], "moods": ["calm"], "lang": "fr"}),
            ]:
                calls[name] = told(await session.call_tool(name, arguments))
            missing = told(await session.call_tool("get_synonyms", {"tag_type": "genre", "tag_name": "nothing"}))
            try:
                wrong = told(await session.call_tool("search_tags", {"query": "x"}))
            except Exception as error:  # the client's own class differs between its versions
                wrong = {"is_error": True, "text": str(error)}
            print(json.dumps({"tools": [tool.name for tool in tools], "calls": calls, "missing": missing, "wrong": wrong}))


asyncio.run(main())
