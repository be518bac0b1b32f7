"""A point is one value in a device's registers: where it lies and how it is coded. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum
from collections.abc import Mapping


class Space(StrEnum):
    """Modbus table of a point."""

    INPUT = "input"  # FC04
    HOLDING = "holding"  # FC03, written with FC16


class Kind(StrEnum):
    """How the registers of a point are to be read."""

    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    FLOAT32 = "float32"


class WordOrder(StrEnum):
    """Which word of a 32-bit value comes first. Bytes inside a word are always big-endian."""

    BIG = "big"
    LITTLE = "little"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Address (0-based, as on the wire), coding, unit and origin of one value."""

    name: str
    space: Space
    address: int
    kind: Kind
    word_order: WordOrder = WordOrder.BIG
    scale: float = 1.0  # engineering value = raw * scale
    unit: str = ""
    minimum: float | None = None  # engineering; outside means no value
    maximum: float | None = None
    sentinels: tuple[int, ...] = ()  # raw values meaning "no value", compared before scaling
    codes: Mapping[int, int] = field(default_factory=dict)  # raw enum -> our code
    writable: bool = False
    documented: str = ""  # the address as the source prints it
    source: str = ""
