"""Writes the generated part of the Python client from docs/openapi.json.

    python3 tools/make_python_client.py            writes clients/python/src/musonym_client/{types,api}.py
    python3 tools/make_python_client.py --check    ends with 1 where they are not current

Types become TypedDicts and Literals, so that what travels stays plain JSON; each operation becomes one method, in a class that
waits and in one that does not; a stream of events becomes an iterator. Left out are the page for people and the webhook that a
library sends, which is signed (`musonym_client.webhooks`). Nothing but the standard library is needed.
"""

import json
import keyword
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "clients/python/src/musonym_client"
WIDTH = 120
LEFT_OUT = {"page", "receive_webhook"}
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
HEADER = '"""{text}\n\nWritten by tools/make_python_client.py from docs/openapi.json; changes here are lost.\n"""\n'


def name_of(reference):
    return reference.rsplit("/", 1)[-1]


def type_of(schema):
    """A schema as a Python type."""
    if "$ref" in schema:
        return name_of(schema["$ref"])
    if "enum" in schema:
        return f"Literal[{', '.join(json.dumps(word) for word in schema['enum'])}]"
    for either in ("oneOf", "anyOf"):
        if either in schema:
            return " | ".join(type_of(part) for part in schema[either])
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(type_of({**schema, "type": one}) for one in kind)
    if kind == "array":
        return f"list[{type_of(schema.get('items') or {})}]"
    if kind == "object":
        others = schema.get("additionalProperties")
        return f"dict[str, {type_of(others) if isinstance(others, dict) else 'Any'}]"
    return PLAIN.get(kind, "Any")


def references(value):
    """The names of the schemas that a part of the document refers to."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield name_of(value["$ref"])
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def sentence(text):
    """The first paragraph of a description on one line."""
    return " ".join((text or "").split("\n\n")[0].split())


def docstring(text, indent):
    lines = textwrap.wrap(text.replace("\\", "\\\\"), WIDTH - len(indent) - 6)
    if len(lines) == 1:
        return f'{indent}"""{lines[0]}"""\n'
    return f'{indent}"""{lines[0]}\n' + "".join(f"{indent}{line}\n" for line in lines[1:]) + f'{indent}"""\n'


def comment(text, indent):
    return "".join(f"{indent}# {line}\n" for line in textwrap.wrap(text, WIDTH - len(indent) - 2))


def parts_of(schema):
    """Names of what an object extends, its own properties, and which of them are always there."""
    bases, properties, required = [], dict(schema.get("properties", {})), set(schema.get("required", []))
    for part in schema.get("allOf", []):
        if "$ref" in part:
            bases.append(name_of(part["$ref"]))
        else:
            properties.update(part.get("properties", {}))
            required.update(part.get("required", []))
    return bases, properties, required


def typed_dict(name, schema):
    bases, properties, required = parts_of(schema)
    types = {field: type_of(of) for field, of in properties.items()}
    types = {field: kind if field in required else f"NotRequired[{kind}]" for field, kind in types.items()}
    about = sentence(schema.get("description"))
    if any(keyword.iskeyword(field) for field in types):
        # A field that is a word of the language has no place in a class.
        assert not bases, name
        fields = ""
        for field, kind in types.items():
            fields += comment(sentence(properties[field].get("description")), "        ")
            fields += f"        {json.dumps(field)}: {json.dumps(kind)},\n"
        return comment(about, "") + f'{name} = TypedDict(\n    "{name}",\n    {{\n{fields}    }},\n)\n'
    body = docstring(about, "    ") if about else ""
    for field, kind in types.items():
        body += f"\n{comment(sentence(properties[field].get('description')), '    ')}    {field}: {kind}\n"
    return f"class {name}({', '.join(bases) or 'TypedDict'}):\n" + (body or "    pass\n")


def declaration(name, schema):
    if "properties" in schema or "allOf" in schema:
        return typed_dict(name, schema)
    about, kind = comment(sentence(schema.get("description")), ""), type_of(schema)
    if "enum" in schema:
        return about + bracketed(f"{name}: TypeAlias = Literal[", [json.dumps(word) for word in schema["enum"]], "]")
    return about + f"{name}: TypeAlias = {kind if kind in PLAIN.values() else json.dumps(kind)}\n"


def in_order(names, schemas):
    """What others extend comes before them."""
    placed = []

    def place(name):
        if name not in placed:
            for base in parts_of(schemas[name])[0]:
                place(base)
            placed.append(name)

    for name in sorted(names):
        place(name)
    return placed


def argument(name):
    name = name.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


def optional(kind):
    return kind if kind.endswith("| None") else f"{kind} | None"


class Operation:
    """One operation of the document, as a method of a client."""

    def __init__(self, method, path, of):
        self.method, self.path, self.of, self.name = method.upper(), path, of, of["operationId"]
        self.parameters = of.get("parameters", [])
        body = of.get("requestBody") or {}
        self.body = body.get("content", {}).get("application/json", {}).get("schema")
        self.body_required = body.get("required", False)
        good = [answer for status, answer in sorted(of["responses"].items()) if status.startswith("2")]
        contents = [answer.get("content") or {} for answer in good]
        kinds = {type_of(content["schema"]) for answer in contents for content in answer.values()}
        assert len(kinds) <= 1, self.name
        self.is_json = any("application/json" in content for content in contents)
        self.is_stream = any("text/event-stream" in content for content in contents)
        self.answer = "tuple[str, Any]" if self.is_stream else kinds.pop() if kinds else "None"

    def placed(self, place):
        return [parameter for parameter in self.parameters if parameter["in"] == place]

    def signature(self):
        first = [f"{argument(one['name'])}: {type_of(one['schema'])}" for one in self.parameters if one.get("required")]
        if self.body:
            kind = type_of(self.body)
            first.append(f"body: {kind}" if self.body_required else f"body: {optional(kind)} = None")
        named = []
        for one in self.parameters:
            if not one.get("required"):
                named.append(f"{argument(one['name'])}: {optional(type_of(one['schema']))} = None")
        return ["self", *first, *(["*", *named] if named else [])]

    def call(self):
        path = json.dumps(self.path)
        for one in self.placed("path"):
            path = path.replace("{" + one["name"] + "}", "{quoted(" + argument(one["name"]) + ")}")
        parts = [json.dumps(self.method), f"f{path}" if self.placed("path") else path]
        for place, keyed in (("query", "query"), ("header", "headers")):
            entries = [f"{json.dumps(one['name'])}: {argument(one['name'])}" for one in self.placed(place)]
            if entries:
                parts.append(bracketed(" " * 12 + keyed + "={", entries, "}").strip())
        if self.body:
            parts.append("body=body")
        return parts

    def method_text(self, is_async):
        wait, define = ("await ", "async def") if is_async and not self.is_stream else ("", "def")
        answer = f"{'Async' if is_async else ''}Iterator[{self.answer}]" if self.is_stream else self.answer
        text = bracketed(f"    {define} {self.name}(", self.signature(), f") -> {answer}:")
        about = sentence(self.of["summary"])
        more = sentence(self.of.get("description"))
        text += docstring(about + "." + (f" {more}" if more else ""), "        ")
        send = "_json" if self.is_json else "_text" if self.answer == "str" else "_nothing"
        send = "_events" if self.is_stream else send
        before, after = ("return cast(" + json.dumps(self.answer) + ", ", ")") if self.is_json else ("", "")
        if self.is_stream or self.answer == "str":
            before = "return "
        return text + bracketed(f"        {before}{wait}self.{send}(", self.call(), ")" + after)


def bracketed(before, parts, after):
    """A list in brackets, on one line where it fits."""
    line = f"{before}{', '.join(parts)}{after}\n"
    if len(line) <= WIDTH + 1:
        return line
    indent = " " * (len(before) - len(before.lstrip()))
    return f"{before}\n" + "".join(f"{indent}    {part},\n" for part in parts) + f"{indent}{after}\n"


def operations_of(document):
    for path, item in document["paths"].items():
        for method, of in item.items():
            if method in ("get", "post", "put", "patch", "delete") and of["operationId"] not in LEFT_OUT:
                yield Operation(method, path, of)


def types_text(document, operations):
    schemas = document["components"]["schemas"]
    wanted, waiting = set(), {"Problem"}
    for operation in operations:
        used = [operation.parameters, operation.body]
        used += [answer for status, answer in operation.of["responses"].items() if status.startswith("2")]
        waiting.update(references(used))
    while waiting:
        name = waiting.pop()
        wanted.add(name)
        waiting.update(set(references(schemas[name])) - wanted)
    names = in_order(wanted, schemas)
    text = HEADER.format(text="What travels between the client and the server, as plain JSON.")
    text += "\nfrom __future__ import annotations\n\nfrom typing import Any, Literal, NotRequired, TypeAlias, TypedDict\n"
    text += "\n__all__ = [\n" + "".join(f'    "{name}",\n' for name in sorted(names)) + "]\n"
    return names, text + "".join(f"\n\n{declaration(name, schemas[name])}" for name in names)


def api_text(operations, names):
    methods = {name: "".join(f"\n{one.method_text(name)}" for one in operations) for name in (False, True)}
    about = "The operations of the server as methods: `Client` waits for each answer, `AsyncClient` is awaited."
    text = HEADER.format(text=about)
    text += "\nfrom __future__ import annotations\n\nfrom collections.abc import AsyncIterator, Iterator\nfrom typing import Any, cast\n\n"
    text += "from ._http import AsyncHttp, Http, quoted\n"
    words = set(re.findall(r"\w+", re.sub(r'"""(.|\n)*?"""', "", "".join(methods.values()))))
    used = sorted(words.intersection(names))
    text += "from .types import (\n" + "".join(f"    {name},\n" for name in used) + ")\n"
    for name, base, is_async in (("Client", "Http", False), ("AsyncClient", "AsyncHttp", True)):
        about = "Asks a musonym server; every method " + ("is awaited." if is_async else "waits for the answer.")
        text += f'\n\nclass {name}({base}):\n    """{about}"""\n{methods[is_async]}'
    return text


def main():
    document = json.loads((ROOT / "docs/openapi.json").read_text())
    operations = list(operations_of(document))
    names, types = types_text(document, operations)
    files = {"types.py": types, "api.py": api_text(operations, names)}
    if "--check" in sys.argv[1:]:
        written = {name: (FOLDER / name).read_text() for name in files if (FOLDER / name).is_file()}
        outdated = [name for name, text in files.items() if written.get(name) != text]
        if outdated:
            sys.exit(f"{', '.join(outdated)} of the Python client: not current; run python3 tools/make_python_client.py")
        return
    for name, text in files.items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
