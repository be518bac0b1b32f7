"""What every part of the configuration is made of: strict sections, and values with units. Pure."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
)

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(s|min|h|d)\s*$")
LONGEST_S = 10 * 366 * 86400.0
"""Ten years: no setting means more, and calendars end."""

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


class Section(BaseModel):
    """A table of the configuration file; unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=False, allow_inf_nan=False
    )


def parse_duration(text: object) -> float:
    """Seconds from text such as "90 s", "10 min", "1.5 h", "2 d"."""
    match = _DURATION.match(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError('a duration is text with a unit, such as "60 s", "10 min", "1.5 h", "2 d"')
    return float(match[1]) * _SECONDS[match[2]]


def _topic(text: str) -> str:
    if not text or set(text) & set("+#\0") or text != text.strip("/ "):
        raise ValueError("a topic has no wildcards (+ #), no outer slashes and no outer blanks")
    return text


def _pointer(text: str) -> str:
    if text and not text.startswith("/"):
        raise ValueError('a JSON pointer starts with a slash, such as "/state/temperature"')
    return text


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(lambda seconds: f"{Decimal(str(seconds)):f} s"),
    Field(gt=0, le=LONGEST_S),
]
Topic = Annotated[str, AfterValidator(_topic)]
Pointer = Annotated[str, AfterValidator(_pointer)]
