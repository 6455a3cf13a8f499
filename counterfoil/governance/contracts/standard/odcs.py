"""What the Open Data Contract Standard, v3.0 to v3.2, has besides the part that Counterfoil uses; no more than tables.

Fields that neither a table here nor our own schema names are nobody's, and are refused as misspelt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from counterfoil.governance.documents import schema_text

VERSIONS = ("v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0")
OURS = "v3.1.0"

_ELEMENT = (
    *("id", "name", "physicalType", "description", "businessName", "authoritativeDefinitions", "tags"),
    *("customProperties", "deprecated", "synonyms"),
)
OPERATORS = (
    *("mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo"),
    *("mustBeBetween", "mustNotBeBetween"),
)

FIELDS: Mapping[str, tuple[str, ...]] = {
    "contract": (
        *("apiVersion", "kind", "id", "name", "version", "status", "tenant", "tags", "servers", "dataProduct"),
        *("description", "domain", "schema", "support", "price", "team", "roles", "slaDefaultElement"),
        *("slaProperties", "authoritativeDefinitions", "customProperties", "contractCreatedTs", "context"),
    ),
    "description": ("usage", "purpose", "limitations", "authoritativeDefinitions", "customProperties"),
    "table": (
        *_ELEMENT,
        *("logicalType", "physicalName", "dataGranularityDescription", "properties", "relationships", "quality"),
        "context",
    ),
    "column": (
        *_ELEMENT,
        *("primaryKey", "primaryKeyPosition", "logicalType", "logicalTypeOptions", "physicalName", "required"),
        *("unique", "partitioned", "partitionKeyPosition", "classification", "encryptedName"),
        *("transformSourceObjects", "transformLogic", "transformDescription", "examples", "criticalDataElement"),
        *("relationships", "quality", "properties", "items", "semanticType", "enum"),
    ),
    "rule": (
        *("id", "authoritativeDefinitions", "businessImpact", "customProperties", "description", "dimension"),
        *("method", "name", "schedule", "scheduler", "severity", "tags", "type", "unit", "metric", "rule"),
        *("arguments", "query", "engine", "implementation", "validValues", *OPERATORS),
    ),
    "options": (
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format", "pattern"),
        *("minLength", "maxLength", "timezone", "defaultTimezone", "minItems", "maxItems", "uniqueItems"),
        *("minProperties", "maxProperties", "required"),
    ),
    "relationship": ("id", "type", "to", "customProperties"),
    "property": ("id", "property", "value", "description", "vendor"),
    "team": ("id", "name", "description", "members", "tags", "customProperties", "authoritativeDefinitions"),
    "member": (
        *("id", "username", "name", "description", "role", "dateIn", "dateOut", "replacedByUsername", "tags"),
        *("customProperties", "authoritativeDefinitions"),
    ),
    "support": ("id", "channel", "url", "description", "tool", "scope", "invitationUrl", "customProperties"),
    "definition": ("id", "url", "type", "description"),
    "server": (
        *("id", "server", "type", "description", "environment", "roles", "customProperties", "path", "format"),
        *(
            "location",
            "endpointUrl",
            "delimiter",
            "host",
            "port",
            "database",
            "schema",
            "catalog",
            "dataset",
            "project",
        ),
        *("account", "region", "regionName", "warehouse", "stagingDir", "serviceName", "driver", "stream", "topic"),
    ),
    "sla": (
        *("id", "property", "value", "valueExt", "unit", "element", "driver", "description", "scheduler", "schedule"),
        *("customProperties", "authoritativeDefinitions"),
    ),
}

METRICS = {
    "nullValues": "nullValues",
    "nullCheck": "nullValues",
    "nullCount": "nullValues",
    "missingValues": "missingValues",
    "invalidValues": "invalidValues",
    "validValues": "invalidValues",
    "duplicateValues": "duplicateValues",
    "duplicateCount": "duplicateValues",
    "duplicates": "duplicateValues",
    "uniqueCheck": "duplicateValues",
    "unique": "duplicateValues",
    "rowCount": "rowCount",
    "countCheck": "rowCount",
}
"""What v3.0 calls a `rule`, and its examples call so, as v3.1's metrics."""

_WORDS = (
    ("boolean", r"bool(ean)?|bit"),
    (
        "integer",
        r"(tiny|small|medium|big|long)?int(eger)?(2|4|8|16|32|64)?|long|short|byte|(big|small)?serial|u?int\d+",
    ),
    ("timestamp", r"timestamp.*|datetime.*|smalldatetime"),
    ("time", r"time([ _(].*)?"),
    ("date", r"date(32|64)?"),
    ("number", r"(number|numeric|decimal|double( precision)?|float\d*|real|money|bignumeric)(\(.*\))?"),
    ("object", r"(struct|record|json|jsonb|map|variant|object|super)\b.*"),
    ("array", r"(array|list|repeated)\b.*|.*\[\]"),
    (
        "string",
        r"(n?var|n)?char(acter)?2?( varying)?(\(.*\))?|string|(tiny|medium|long|n)?text|[cn]*lob|uuid|guid|enum",
    ),
)


def type_of(physical: str) -> str | None:
    """Return the standard's logical type of what a database calls its type, or None."""
    text = physical.strip().lower()
    if (scale := decimal_places(text)) is not None and not scale:
        return "integer"
    text = re.sub(r"\s*\(\s*(max|\d+)\s*\)$", "", text)
    return next((kind for kind, pattern in _WORDS if re.fullmatch(pattern, text)), None)


def decimal_places(physical: str) -> int | None:
    """Return the decimal places of DECIMAL(precision, places) and its kin, or None."""
    match = re.fullmatch(r"(?:number|numeric|decimal)\s*\(\s*\d+\s*(?:,\s*(\d+)\s*)?\)", physical.strip().lower())
    return int(match[1] or 0) if match else None


@cache
def used(kind: str) -> frozenset[str]:
    """Return the fields of the standard's object that our own schema has."""
    schema: Any = _schema()
    table = schema["properties"]["schema"]["items"]
    places: Mapping[str, Any] = {
        "contract": schema,
        "description": schema["properties"]["description"],
        "table": table,
        "column": schema["$defs"]["property"],
        "rule": schema["$defs"]["quality"]["items"],
        "relationship": schema["$defs"]["property"]["properties"]["relationships"]["items"],
        "property": schema["$defs"]["contractProperties"]["items"],
        "team": schema["properties"]["team"],
        "member": schema["properties"]["team"]["properties"]["members"]["items"],
        "support": schema["properties"]["support"]["items"],
        "definition": schema["properties"]["authoritativeDefinitions"]["items"],
        "server": schema["properties"]["servers"]["items"],
        "sla": schema["properties"]["slaProperties"]["items"],
    }
    return frozenset(places[kind]["properties"])


@cache
def column_types() -> frozenset[str]:
    """Return the logical types that a column may have here."""
    return frozenset(_schema()["$defs"]["property"]["properties"]["logicalType"]["enum"])


@cache
def own_properties(kind: str) -> tuple[str, ...]:
    """Return the names of our custom properties of a contract or a column."""
    place = {"contract": "contractProperties", "column": "columnProperties", "server": "serverProperties"}[kind]
    return tuple(_schema()["$defs"][place]["items"]["properties"]["property"]["enum"])


@cache
def statuses() -> tuple[str, ...]:
    """Yield the status of each draft of the agreement and recipient to whom any node released it."""
    return tuple(_schema()["properties"]["status"]["enum"])


def _schema() -> Any:
    return json.loads(schema_text("contract"))
