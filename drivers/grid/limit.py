"""What the grid operator allows, in one form whatever the wire says. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable


class GridState(StrEnum):
    """Why a limit holds or does not."""

    INIT = "init"  # nothing was heard since the start: the failsafe limit holds
    UNLIMITED = "unlimited"  # somebody is there and limits nothing
    LIMITED = "limited"
    FAILSAFE = "failsafe"  # somebody was there and has fallen silent
    AUTONOMOUS = "autonomous"  # nobody limits, and nobody need be there
    REDUCTION = "reduction"  # an announced window


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """An announced reduction: the heat pump draws at most `limit_w` from `starts_at` on."""

    starts_at: datetime
    ends_at: datetime  # staggered recovery included
    limit_w: float
    issued_at: datetime | None = None  # None: written in the configuration

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise ValueError("a window needs instants with a time zone")
        if self.ends_at <= self.starts_at:
            raise ValueError("a window ends after it starts")
        if not 0.0 <= self.limit_w < float("inf"):
            raise ValueError(f"{self.limit_w} W is no limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class GridLimit:
    """The limit of one instant. `limit_w` is of the heat pump's electricity; None: no limit."""

    limit_w: float | None
    guaranteed_w: float  # frost heat may always draw this much
    state: GridState
    until: datetime | None = None  # None: until it is released
    issued_at: datetime | None = None  # since when it holds
    ahead: tuple[Window, ...] = ()  # announced and not yet over, the earliest first
    total_w: float | None = None  # what was said for all who share the limit; None: the pump's own
    others_w: float | None = None  # what the others of it were taken to draw
    remark: str = ""  # why that is not what it was wanted to be

    @property
    def said_w(self) -> float | None:
        """The number as the operator said it."""
        return self.limit_w if self.total_w is None else self.total_w


class GridSource(Protocol):
    """Where limits come from."""

    async def read(self, others_w: float | None = None) -> GridLimit:
        """What holds now; `others_w` is what the rest of the house draws, None: not measured.

        Never raises for a silent sender: that is a limit too.
        """
        ...

    async def close(self) -> None: ...


@runtime_checkable
class RemembersLimits(Protocol):
    """A source that keeps over a restart what it was told."""

    def remember(self, kept: str | None, keep: Callable[[str], None]) -> None:
        """Take up what an earlier run kept, and keep what is told from now on."""
        ...
