"""An independent model of the Bot API: our requests are checked against aiogram's own classes.

Our sandbox and our bot come from one hand and could share a mistake; aiogram's method models are
generated from Telegram's documentation by others. Imported only here: it takes seconds.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any

_FILES = frozenset({"photo", "document", "media", "thumbnail", "certificate"})


@functools.cache
def _methods() -> dict[str, Any]:
    from aiogram import methods

    found = {}
    for name in methods.__all__:
        model = getattr(methods, name)
        api_method = getattr(model, "__api_method__", None)
        if isinstance(api_method, str):
            found[api_method.lower()] = model
    return found


def problems_of(method: str, params: Mapping[str, Any]) -> list[str]:
    """What is wrong with a request as it went over the wire; empty when all is right."""
    from pydantic import ValidationError

    model = _methods().get(method.lower())
    if model is None:
        return [f"{method}: no such method"]
    unknown = set(params) - set(model.model_fields)
    problems = [f"{method}: unknown parameter {name}" for name in sorted(unknown)]
    values = {
        name: _value(name, raw, model.model_fields[name])
        for name, raw in params.items()
        if name not in unknown
    }
    try:
        checked = model.model_validate(values)
    except ValidationError as error:
        return [
            *problems,
            *(f"{method}: {e['loc']} {e['msg']}" for e in error.errors(include_url=False)),
        ]
    return [*problems, *(f"{method}: unknown nested {path}" for path in _extras(checked, ""))]


def check_calls(calls: Iterable[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """All problems of all requests, each once."""
    return sorted({problem for method, params in calls for problem in problems_of(method, params)})


def _value(name: str, raw: Any, field: Any) -> Any:
    if name in _FILES and (isinstance(raw, bytes | int) or str(raw).startswith("attach://")):
        return "uploaded"
    if isinstance(raw, str) and "str" not in str(field.annotation).replace("bool", ""):
        return _decoded(raw)
    if isinstance(raw, str) and raw[:1] in "[{" and "Union[str" not in str(field.annotation):
        return _decoded(raw)
    return raw


def _decoded(raw: str) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw


def _extras(value: Any, path: str) -> list[str]:
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        here = [f"{path}.{name}" for name in (value.model_extra or {})]
        inner = [
            extra
            for name in type(value).model_fields
            for extra in _extras(getattr(value, name), f"{path}.{name}")
        ]
        return here + inner
    if isinstance(value, list | tuple):
        return [
            extra for index, item in enumerate(value) for extra in _extras(item, f"{path}[{index}]")
        ]
    return []
