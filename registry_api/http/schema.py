"""The JSON Schema of what a caller may write, made from the model that checks it: for editors and for OpenAPI."""

from functools import cache
from typing import Any

from registry_api.domain import regions
from registry_api.domain.spec import RegistrySpec
from registry_api.domain.validation import IGNORED, READ_ONLY

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DOCUMENT, PATCH = RegistrySpec.__name__, "RegistryPatch"
EXAMPLE = {
    "name": "DemoRegistry1",
    "description": "Basic registry with one primary region and to additional regions",
    "tags": {"foo": "bar"},
    "location": "eastus",
    "replication_locations": [{"location": "eastus"}, {"location": "eastus2"}, {"location": "westus"}],
}
PATCH_EXAMPLE = {"description": "What this registry is for", "tags": {"foo": None}, "deletion_protection": True}

_NULL = {"type": "null"}
_REGION = "Region"
_SERVICE_FIELD = "What the service said. It may be sent back, and is not looked at."
_READ_ONLY_FIELD = "Set by the service. It may be left out or sent back as it was, and cannot be changed."


@cache
def registry_schema() -> Schema:
    """Return the schema of a document, for editors."""
    parts = {name: _as_typed(part) for name, part in document_schemas("#/$defs/{model}").items()}
    document = parts.pop(DOCUMENT)
    parts[_REGION] = _in_any_spelling(parts[_REGION], between="[ \\t]*")
    return {
        "$schema": DIALECT,
        "$id": "/api/registry.schema.json",
        **document,
        "title": "Registry",
        "examples": [EXAMPLE],
        "$defs": parts,
    }


def document_schemas(ref_template: str) -> dict[str, Schema]:
    """Return the schemas of a document and its parts, by name.

    A null where the model has a default means that default. The name may be left out: most requests have it in
    their path. Values are given in their one spelling, though others are taken.
    """
    document = RegistrySpec.model_json_schema(ref_template=ref_template)
    parts: dict[str, Schema] = {DOCUMENT: document, **document.pop("$defs")}
    for part in parts.values():
        required = part.get("required", ())
        part["properties"] = {
            field: _property(schema, may_be_null=field not in required) for field, schema in part["properties"].items()
        }
        if "location" in part["properties"]:
            part["properties"]["location"]["$ref"] = ref_template.format(model=_REGION)
            del part["properties"]["location"]["type"]
    fields = document["properties"]
    fields["name"] = _or_null(fields["name"])
    document["required"].remove("name")
    tags = fields["tags"]
    ((pattern, value),) = tags.pop("patternProperties").items()
    tags["propertyNames"] = {"pattern": pattern}
    tags["additionalProperties"] = value
    fields |= {field: {"description": _SERVICE_FIELD} for field in sorted(IGNORED)}
    fields["$schema"] = {"description": "The address of this schema, for editors."}
    fields |= {
        field: {"type": ["object" if field == "system_data" else "string", "null"], "description": _READ_ONLY_FIELD}
        for field in sorted(READ_ONLY)
    }
    return parts | {_REGION: _region()}


def patch_schema(parts: dict[str, Schema]) -> Schema:
    """Return the schema of a JSON merge patch of a document: everything is optional, and null takes a field away."""
    document = parts[DOCUMENT]
    tags = document["properties"]["tags"]
    merged = {
        "tags": {
            "type": ["object", "null"],
            "description": tags["description"],
            "patternProperties": {tags["propertyNames"]["pattern"]: _or_null(tags["additionalProperties"])},
            "additionalProperties": _NULL,
        },
        "intellectual_property": _patch_of(parts["IntellectualProperty"]),
        "container_registry": _patch_of(parts["ContainerRegistryConfig"]),
    }
    return {
        "type": "object",
        "description": "A JSON merge patch (RFC 7396) of a registry's document. Null takes a field away.",
        "properties": document["properties"] | merged,
        "additionalProperties": _NULL,
    }


def _patch_of(part: Schema) -> Schema:
    return {
        "type": ["object", "null"],
        "description": part["description"],
        "properties": part["properties"],
        "additionalProperties": _NULL,
    }


def _property(schema: Schema, *, may_be_null: bool) -> Schema:
    schema = {key: value for key, value in schema.items() if key != "title"}
    if schema.get("default", "") is None:
        del schema["default"]
    return _or_null(schema) if may_be_null else schema


def _or_null(schema: Schema) -> Schema:
    if isinstance(schema.get("type"), str):
        values = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
        return schema | {"type": [schema["type"], "null"]} | values
    if "anyOf" in schema:
        return schema if _NULL in schema["anyOf"] else schema | {"anyOf": [*schema["anyOf"], _NULL]}
    target = {"$ref": schema["$ref"]}
    return {key: value for key, value in schema.items() if key != "$ref"} | {"anyOf": [target, _NULL]}


def _region() -> Schema:
    return {
        "type": "string",
        "description": "An Azure region; `East US`, `EastUS` and `eastus` are the same one.",
        "enum": [region.name for region in regions.catalogue().values() if region.missing_service is None],
    }


def _as_typed(part: Schema) -> Schema:
    """Take the values of a part in upper and lower case, as the service does, and offer them as they are written."""
    if "properties" not in part:
        return part
    return part | {"properties": {field: _in_any_spelling(schema) for field, schema in part["properties"].items()}}


def _in_any_spelling(schema: Schema, between: str = "") -> Schema:
    if "enum" not in schema:
        return schema
    spellings = "|".join(_insensitive(value, between) for value in schema["enum"] if value is not None)
    choices = [{"enum": schema["enum"]}, {"type": "string", "pattern": f"^{between}(?:{spellings}){between}$"}]
    return {key: value for key, value in schema.items() if key not in {"enum", "type"}} | {"anyOf": choices}


def _insensitive(text: str, between: str) -> str:
    return between.join(
        f"[{character.upper()}{character.lower()}]" if character.isalpha() else character for character in text
    )
