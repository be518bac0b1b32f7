"""The configuration reference, read from the pydantic models of `controller.config`. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.markdown import code, page, table

_UNITS = {  # the suffixes of the glossary that settings use, longest first
    "_w_per_k_per_m_s": "W/K per m/s",
    "_kwh_per_k": "kWh/K",
    "_w_per_k": "W/K",
    "_per_kwh": "currency/kWh",
    "_per_kh": "currency/(K·h)",
    "_per_kw": "currency/kW",
    "_frac": "share 0…1",
    "_kwh": "kWh",
    "_deg": "degrees",
    "_hz": "Hz",
    "_m2": "m²",
    "_m": "m",
    "_c": "°C",
    "_k": "K",
    "_w": "W",
}
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}

_INTRODUCTION = """\
# Configuration

One TOML file describes one house. An unknown key is an error, and the message suggests the key that
was probably meant. Keys carry their unit; a duration is text with a unit such as `"90 s"`,
`"10 min"`, `"1.5 h"` or `"2 d"`. `heatherd check -c house.toml` prints every effective value and
where it comes from. Two complete files to start from:
[generic-modbus.toml](../../deploy/examples/generic-modbus.toml) and
[nibe-s.toml](../../deploy/examples/nibe-s.toml).
"""


@dataclass(frozen=True, slots=True)
class _Setting:
    key: str
    field: FieldInfo
    schema: Mapping[str, Any]
    is_duration: bool

    def row(self) -> tuple[str, str, str, str]:
        return code(self.key), self._values(), self._default(), self.field.description or ""

    def _values(self) -> str:
        schema = _without_null(self.schema)
        if "enum" in schema:
            return " ".join(code(f'"{value}"') for value in schema["enum"])
        if self.is_duration:
            return "duration"
        kind = {"string": "text", "number": "number", "integer": "whole number", "array": "list"}
        kind_word = kind.get(schema.get("type", ""), "true or false")
        unit = next((unit for end, unit in _UNITS.items() if f"_{self.key}".endswith(end)), "")
        return ", ".join(part for part in (unit or kind_word, _bounds(schema)) if part)

    def _default(self) -> str:
        if self.field.is_required():
            return "**required**"
        default = self.field.default
        if default is None or default == ():
            return "none"
        if self.is_duration:
            return code(f'"{duration_text(default)}"')
        if isinstance(default, bool):
            return code(str(default).lower())
        if isinstance(default, (int, float)):
            return code(f"{default:g}")
        return code(f'"{default}"')


def duration_text(seconds: float) -> str:
    """Seconds as an owner writes them: in the largest unit that leaves a whole number."""
    for length, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def configuration_page(model: type[BaseModel]) -> str:
    """The page: one table per section of the file, in the order of the model."""
    lines = [_INTRODUCTION]
    for heading, section, needed in _sections(model, ""):
        rows = [setting.row() for setting in _settings(section)]
        lines += [f"## `{heading}`", "", f"{_first_line(section)} {needed}".rstrip(), ""]
        if rows:
            lines += [*table(("key", "value", "default", "meaning"), rows), ""]
    return page(lines)


def _sections(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel], str]]:
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is None:
            continue
        where = f"{path}{field.alias or name}"
        many = "tuple" in str(field.annotation)
        remark = field.description or ""
        needed = "Required." if field.is_required() else "Optional."
        if remark:
            needed = f"{needed[:-1]}: {remark}."
        yield (f"[[{where}]]" if many else f"[{where}]"), inner, needed
        yield from _sections(inner, f"{where}.")


def _settings(model: type[BaseModel]) -> Iterator[_Setting]:
    document = model.model_json_schema(by_alias=True)
    properties = document["properties"]
    for name, field in model.model_fields.items():
        if _model_in(field.annotation) is None:
            key = field.alias or name
            is_duration = field.alias is not None and name == f"{field.alias}_s"
            schema = properties[key]
            named = document["$defs"][schema["$ref"].split("/")[-1]] if "$ref" in schema else {}
            yield _Setting(key, field, {**schema, **named}, is_duration)


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    branches = [branch for branch in schema.get("anyOf", ()) if branch.get("type") != "null"]
    return {**schema, **branches[0]} if branches else schema


def _bounds(schema: Mapping[str, Any]) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']:g} … {schema['maximum']:g}"
    return " ".join(f"{sign} {schema[name]:g}" for name, sign in _BOUNDS.items() if name in schema)


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().split("\n")[0]
