"""Writes ``ui/static/protocol.d.ts``, the page's types of all messages, from their models: ``make format`` does it too.

python -m ui.protocol.generate
"""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from ui.protocol import commands, messages

TARGET = Path(__file__).parents[1] / "static" / "protocol.d.ts"
WIDTH = 118
INDENT, NEXT = "  ", "\n"
HEAD = "// Generated from ui/protocol/*.py; do not edit. To write it anew: make format\n"

UP = {
    "PageMessage": (commands.PageMessage, "Everything that a page may send."),
}
DOWN = {
    "RecordingState": (messages.RecordingState, "How the recording goes, told apart by `state`."),
    "ConsoleMessage": (messages.ConsoleMessage, "Everything that the console sends as text."),
    "BinaryHeader": (messages.BinaryHeader, "The headers of what the console sends as bytes."),
}


def types() -> str:
    """The file's text: an interface for each model and the unions that tell them apart, in one global namespace."""
    known = _definitions(UP, "validation")
    for name, schema in _definitions(DOWN, "serialization").items():
        if known.setdefault(name, schema) != schema:
            raise ValueError(f"{name} is a command and a message; rename one of them")
    parts = [_interface(name, schema) for name, schema in known.items()]
    parts += [_union(name, get_args(union), about) for name, (union, about) in {**UP, **DOWN}.items()]
    return f"{HEAD}\ndeclare namespace Protocol {{\n{textwrap.indent(NEXT.join(parts), INDENT)}}}\n"


def main() -> None:
    """Write the file."""
    TARGET.write_text(types(), "utf-8")


def _definitions(unions: dict[str, tuple[Any, str]], mode: JsonSchemaMode) -> dict[str, dict[str, Any]]:
    models: dict[type[BaseModel], None] = {model: None for union, _ in unions.values() for model in get_args(union)}
    _, schema = models_json_schema([(model, mode) for model in models], ref_template="{model}")
    found: dict[str, dict[str, Any]] = schema["$defs"]
    return found


def _interface(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    lines = [_comment(schema.get("description", "")), f"interface {name} {{"]
    for key, value in schema.get("properties", {}).items():
        sign = ":" if key in required or "const" in value else "?:"
        lines += textwrap.wrap(
            f"{key}{sign} {_type(value)};", WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
        )
    return "\n".join([*lines, "}", ""])


def _union(name: str, members: Iterable[type], about: str) -> str:
    lines = "".join(f"\n  | {member.__name__}" for member in members)
    return f"{_comment(about)}\ntype {name} ={lines};\n"


def _type(schema: dict[str, Any]) -> str:
    match schema:
        case {"$ref": name}:
            return str(name)
        case {"const": value}:
            return json.dumps(value)
        case {"enum": values}:
            return " | ".join(json.dumps(value) for value in values)
        case {"anyOf": choices}:
            return " | ".join(dict.fromkeys(_type(choice) for choice in choices))
        case {"type": "array", "prefixItems": items}:
            return f"[{', '.join(_type(item) for item in items)}]"
        case {"type": "array", "items": item}:
            inner = _type(item)
            return f"({inner})[]" if "|" in inner else f"{inner}[]"
        case {"type": "object", "additionalProperties": value}:
            return f"Record<string, {_type(value)}>"
        case {"type": "integer" | "number"}:
            return "number"
        case {"type": "string" | "boolean" | "null" as name}:
            return str(name)
    raise ValueError(f"the page has no type for {schema}")


def _comment(text: str) -> str:
    """A model's docstring as a comment."""
    lines = inspect.cleandoc(text).replace("``", "`").splitlines()
    if len(lines) < 2:
        return f"/** {lines[0] if lines else ''} */"
    return "\n".join(["/**", *(f" * {line}".rstrip() for line in lines), " */"])


if __name__ == "__main__":
    main()
