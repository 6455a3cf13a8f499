"""What a coordinator may say to a party: references, ids, periods and small numbers, and nothing else.

A flow's signature is its whole request form. Knows Prefect flows only as objects with a signature.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
    create_model,
)

from counterfoil.canonical import Ref, check_id
from counterfoil.errors import CounterfoilError, RefusedError

_ID_PATTERN = "[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?"


def _ref(value: object) -> Ref:
    if isinstance(value, Ref):
        return value
    if not isinstance(value, str):
        raise ValueError("a reference is a text")
    try:
        return Ref.parse(value)
    except CounterfoilError as error:
        raise ValueError(str(error)) from None


def _id(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("an id is a text")
    try:
        return check_id(value)
    except CounterfoilError as error:
        raise ValueError(str(error)) from None


RefText: TypeAlias = Annotated[
    Ref,
    BeforeValidator(_ref),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": f"^{_ID_PATTERN}:{_ID_PATTERN}:[0-9a-f]{{64}}$"}),
]
Refs: TypeAlias = Annotated[tuple[RefText, ...], Field(max_length=64, strict=False)]
Id: TypeAlias = Annotated[str, BeforeValidator(_id), WithJsonSchema({"type": "string", "pattern": f"^{_ID_PATTERN}$"})]
Count: TypeAlias = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]


@cache
def _form(function: Callable[..., Any]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: (parameter.annotation, ... if parameter.default is inspect.Parameter.empty else parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
    }
    return create_model(
        function.__name__, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **fields
    )


def parse(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Read the arguments that `given` asks for, as the flow's signature types them.

    Raises: RefusedError, which names the parameter and the rule but not what was sent.
    """
    try:
        form = _form(function).model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part.isidentifier())
        raise RefusedError(f"parameter {where[:80] or '(none)'!r} of {function.__name__}: {first['type']}") from None
    return {name: getattr(form, name) for name in type(form).model_fields}
