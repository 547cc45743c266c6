"""The OpenAPI schema as a page to read: operations by resource, each with what it takes and answers. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
MOST_NAMED = 12
"""Values of an enumeration that are written out."""

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """A parameter, or a property of a body. `place`: path, query, header; empty in a body."""

    name: str
    place: str
    type: str
    is_required: bool
    description: str


@dataclass(frozen=True)
class Body:
    """What is sent or answered. `shape` names the schema that says its fields, empty where `fields` says them all."""

    media: str
    type: str
    shape: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Answer:
    status: str
    word: str
    body: Body | None


@dataclass(frozen=True)
class Operation:
    anchor: str
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Field, ...]
    request: tuple[Body, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Resource:
    name: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Shape:
    """A schema that several operations send or answer."""

    name: str
    description: str
    type: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Reference:
    title: str
    version: str
    resources: tuple[Resource, ...]
    shapes: tuple[Shape, ...]


def reference_of(schema: Schema) -> Reference:
    """schema: OpenAPI 3.1. Resources and shapes in alphabetical order, operations by path."""
    operations: defaultdict[str, list[Operation]] = defaultdict(list)
    for path, item in sorted(schema["paths"].items()):
        for method in METHODS:
            if method in item:
                operations[_resource(path)].append(_operation(path, method, item[method]))
    shapes = schema.get("components", {}).get("schemas", {})
    return Reference(
        title=schema["info"]["title"],
        version=schema["info"]["version"],
        resources=tuple(Resource(name, tuple(found)) for name, found in sorted(operations.items())),
        shapes=tuple(
            Shape(
                name, shape.get("description", ""), "" if shape.get("properties") else type_text(shape), _fields(shape)
            )
            for name, shape in sorted(shapes.items())
        ),
    )


def _resource(path: str) -> str:
    """The last word of the path that names a collection: /projects/{slug}/imports/ → imports."""
    words = [part for part in path.strip("/").split("/") if part not in ("api", "v1")]
    names = [word for word in words if not word.startswith("{")]
    is_of_project = words[:1] == ["projects"] and len(names) > 1
    return (names[1] if is_of_project else names[0]).removesuffix(".csv")


def _operation(path: str, method: str, operation: Schema) -> Operation:
    summary, _, description = str(operation.get("description", "")).strip().partition("\n\n")
    return Operation(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", "") or summary,
        description=description.strip(),
        parameters=tuple(
            Field(
                one["name"],
                one["in"],
                type_text(one.get("schema", {})),
                one.get("required", False),
                one.get("description", ""),
            )
            for one in operation.get("parameters", ())
        ),
        request=tuple(_body(media, one) for media, one in operation.get("requestBody", {}).get("content", {}).items()),
        answers=tuple(
            _answer(status, one) for status, one in operation.get("responses", {}).items() if status != "default"
        ),
    )


def _answer(status: str, response: Schema) -> Answer:
    content = response.get("content", {})
    body = next((_body(media, one) for media, one in content.items()), None)
    return Answer(status, response.get("description") or HTTPStatus(int(status)).phrase, body)


def _body(media: str, content: Schema) -> Body:
    schema = content.get("schema", {})
    named = schema if "$ref" in schema else schema.get("items", {})
    return Body(media, type_text(schema), _name(named["$ref"]) if "$ref" in named else "", _fields(schema))


def _fields(schema: Schema) -> tuple[Field, ...]:
    """The properties; those of an object that stands inside, without a name of its own, follow it as `outer.inner`."""
    required = set(schema.get("required", ()))
    fields: list[Field] = []
    for name, one in schema.get("properties", {}).items():
        fields.append(Field(name, "", type_text(one), name in required, one.get("description", "")))
        fields += [replace(inner, name=f"{name}.{inner.name}") for inner in _fields(one)]
    return tuple(fields)


def type_text(schema: Schema) -> str:
    """A schema's type in words: `integer or null`, `list of Lease`, `one of skip, keep`."""
    if "$ref" in schema:
        return _name(schema["$ref"])
    for key in ("oneOf", "anyOf", "allOf"):
        if key in schema:
            words = list(dict.fromkeys(type_text(one) for one in schema[key]))
            return " or ".join([word for word in words if word != "null"] + (["null"] if "null" in words else []))
    if "enum" in schema:
        named = [str(value) for value in schema["enum"] if value is not None][:MOST_NAMED]
        more = " …" if len(schema["enum"]) > MOST_NAMED else ""
        return f"one of {', '.join(named)}{more}" if len(named) > 1 else "".join(named)
    if "const" in schema:
        return str(schema["const"])
    kinds = schema.get("type", "any value")
    words = [kinds] if isinstance(kinds, str) else list(kinds)
    if "array" in words:
        words[words.index("array")] = f"list of {type_text(schema.get('items', {}))}"
    text = " or ".join(words)
    return (
        f"{text} ({schema['format']})"
        if schema.get("format") in ("date-time", "uuid", "uri", "binary", "email")
        else text
    )


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]
