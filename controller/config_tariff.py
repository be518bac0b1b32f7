"""The section [tariff]: what a kWh and a kW cost, as contract and grid company say. Pure."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)

from controller.config_peak import PeakHold
from controller.config_values import Duration, Section
from controller.tariff_presets import overridden, preset

_DAY = re.compile(r"^(?:(\d{4})-)?(\d{2})-(\d{2})$")
_EASTER = re.compile(r"^easter(?:([+-])(\d{1,2}))?$")
_TIMES = re.compile(r"^([01]\d|2[0-3]):(00|15|30|45)-(?:([01]\d|2[0-3]):(00|15|30|45)|(24):(00))$")
_LEAP_YEAR = 2000

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _holiday(text: str) -> str:
    parse_holiday(text)
    return text


def parse_holiday(text: str) -> tuple[int, int] | int | date:
    """(month, day) of every year, days after Easter Sunday, or a single date."""
    if easter := _EASTER.match(text):
        days = int(easter[2] or 0)
        return -days if easter[1] == "-" else days
    if day := _DAY.match(text):
        try:
            once = date(int(day[1] or _LEAP_YEAR), int(day[2]), int(day[3]))
        except ValueError:
            raise ValueError("there is no such day") from None
        return once if day[1] else (once.month, once.day)
    raise ValueError('a holiday is "12-25", "2026-06-19", "easter" or "easter-2"')


def _times(text: str) -> str:
    parse_times(text)
    return text


def parse_times(text: str) -> tuple[int, int]:
    """Seconds since local midnight from text such as "06:00-22:00"; it may run over midnight."""
    match = _TIMES.match(text)
    if match is None:
        raise ValueError('times are quarter-hours such as "06:00-22:00" or "22:00-06:00"')
    hour, minute, to_hour, to_minute = (int(part) for part in match.groups() if part is not None)
    since_s, until_s = 3600 * hour + 60 * minute, 3600 * to_hour + 60 * to_minute
    if since_s == until_s:
        raise ValueError("times end when they begin")
    return since_s, until_s


HolidayText = Annotated[str, AfterValidator(_holiday)]
Times = Annotated[str, AfterValidator(_times)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Month = Annotated[int, Field(ge=1, le=12)]


class _Valid(Section):
    since: date | None = Field(None, description="first local day; none: always was")
    until: date | None = Field(None, description="first local day after it; none: open")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("since must be before until")
        return self


class _When(Section):
    months: tuple[Month, ...] = Field((), description="list of 1 … 12; empty: all")
    weekdays: tuple[Weekday, ...] = Field((), description='list of "mon" … "sun"; empty: all')
    times: tuple[Times, ...] = Field(
        (), description='list of local times such as "06:00-22:00"; empty: all'
    )
    holidays: Literal["any", "excluded", "included"] = Field(
        "any", description="excluded: never on tariff.holidays; included: on them all, too"
    )


class EnergyPiece(_Valid, _When):
    """A rate per kWh; of those with one name the first that fits counts, different names add up."""

    name: str = Field(min_length=1, description="of the charge, such as grid or tax")
    per_kwh: float = Field(0.0, description="before VAT, unless vat_included")
    spot_frac: float = Field(0.0, ge=-1, le=1, description="and this share of the spot price")
    vat_included: bool = Field(False, description="true: per_kwh is printed with VAT")

    @property
    def always(self) -> bool:
        """Nothing after it, under the same name, can ever count."""
        bounds = self.since or self.until or self.months or self.weekdays or self.times
        return not bounds and self.holidays != "excluded"


class Export(_Valid):
    """What a kWh fed in earns: spot × spot_frac − fee, or a fixed price. Without it: nothing."""

    spot_frac: float = Field(1.0, ge=0, le=2, description="share of the spot price")
    fee_per_kwh: float = Field(0.0, description="what is taken off")
    fixed_per_kwh: float | None = Field(None, description="a fixed price instead of spot")
    vat_frac: float = Field(0.0, ge=0, le=1, description="households are paid without VAT")


class PeakWindow(_When):
    """When intervals count, and how much; the first that fits. Without any: always, in full."""

    weight_frac: float = Field(1.0, ge=0, le=1, description="0.5: half of what is measured")


class FeeStep(Section):
    """A step of a fee that rises with the level; a level exactly on from_kw is in this step."""

    from_kw: float = Field(ge=0, description="the first step begins at 0")
    fee: float = Field(ge=0, description="for a month")


class PeakRate(_Valid):
    """What the level costs; the first that is valid counts. Without any that is: nothing."""

    price_per_kw: float = Field(
        0.0, ge=0, description="a month; a year unless tariff.peak.period is month"
    )
    months: tuple[Month, ...] = Field((), description="list of 1 … 12; empty: all")
    step: tuple[FeeStep, ...] = Field((), description="instead of a price per kW")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.step) == (self.price_per_kw > 0.0):
            raise ValueError("give price_per_kw or step, one of them")
        starts = [step.from_kw for step in self.step]
        if starts and (starts[0] != 0.0 or starts != sorted(set(starts))):
            raise ValueError("steps rise, and the first is from_kw = 0")
        return self


class Peak(Section):
    """A charge on power: which metered means count, how they are averaged, what the level costs."""

    name: str = Field("power", min_length=1, description="how reports call it")
    interval_s: Duration = Field(
        3600.0, alias="interval", description="of the grid's meter: 15 min, 30 min or 1 h"
    )
    group: Literal["day", "week", "free"] = Field(
        "day", description="only the highest of each day or week counts; free: every interval"
    )
    average_of: int = Field(1, ge=1, le=31, description="the level is the mean of so many highest")
    floor_kw: float = Field(0.0, ge=0, description="each of them counts at least this")
    period: Literal["month", "mean_of_months", "rolling_year"] = Field(
        "month",
        description="mean_of_months: mean of twelve monthly levels; rolling_year: of twelve months",
    )
    expected_frac: float = Field(
        0.8,
        ge=0,
        le=1,
        description="share of last month's level that is planned as reached anyway; 0: none",
    )
    vat_included: bool = Field(False, description="true: prices and fees are printed with VAT")
    window: tuple[PeakWindow, ...] = Field(())
    rate: tuple[PeakRate, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.interval_s not in (900.0, 1800.0, 3600.0):
            raise ValueError('interval is "15 min", "30 min" or "1 h"')
        if self.period != "month" and any(rate.step for rate in self.rate):
            raise ValueError('steps go with period = "month"')
        return self


class TariffSection(Section):
    """What a kWh costs: (spot × (1 + margin_frac) + adder + tariff.energy) × (1 + vat_frac)."""

    preset: str | None = Field(
        None,
        exclude=True,
        description="a tariff that comes with heatherd; every key given here replaces its own, "
        "rates and charges by name. `heatherd tariff --presets` lists them",
    )
    currency: str = Field("EUR", min_length=3, max_length=3)
    margin_frac: float = Field(0.0, ge=0, le=1, description="supplier's margin on spot")
    adder_per_kwh: float = Field(
        0.0, ge=-1, le=2, description="supplier, grid, taxes per kWh, before VAT"
    )
    vat_frac: float = Field(0.0, ge=0, le=1)
    holidays: tuple[HolidayText, ...] = Field(
        (), description='list such as "12-25", "easter-2", "2026-06-19"'
    )
    energy: tuple[EnergyPiece, ...] = Field(())
    export: Export | None = Field(None)
    peak: tuple[Peak, ...] = Field(())
    hold: PeakHold | None = Field(None)
    _preset_keys: frozenset[str] = PrivateAttr(frozenset())

    @model_validator(mode="wrap")
    @classmethod
    def _on_preset(cls, given: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Resolved at once, so that records hold the rates and not a name for them."""
        if not isinstance(given, Mapping) or not isinstance(given.get("preset"), str):
            return handler(given)
        base = preset(given["preset"]).tariff
        made = handler(overridden(base, given))
        made._preset_keys = frozenset(base) - frozenset(given)
        return made

    @property
    def preset_keys(self) -> frozenset[str]:
        """The settings that are the preset's own."""
        return self._preset_keys

    @model_validator(mode="after")
    def _pieces_fit(self) -> Self:
        final: set[str] = set()
        for piece in self.energy:
            if piece.name in final:
                raise ValueError(
                    f"a rate of {piece.name!r} never counts: one before it fits at all times"
                )
            if piece.always:
                final.add(piece.name)
        names = [peak.name for peak in self.peak]
        if len(set(names)) < len(names):
            raise ValueError("each [[tariff.peak]] needs a name of its own")
        windows = [*self.energy, *(window for peak in self.peak for window in peak.window)]
        if not self.holidays and any(window.holidays != "any" for window in windows):
            raise ValueError("a window speaks of holidays: list them in tariff.holidays")
        return self
