"""The house on day one: what is typical, a year's bill, the owner's own numbers. Pure."""

from dataclasses import dataclass, replace

from controller.config import HouseConfig
from controller.config_bill import BillSection
from drivers.errors import ConfigurationError
from mpc.bill import (
    GROUND_SPF,
    TOLD_DEGREE_DAYS_LOG_STD,
    YIELDS,
    Bill,
    BilledLoss,
    Fuel,
    Yield,
    billed_loss,
)
from mpc.building import (
    Building,
    EmitterKind,
    MassClass,
    archetype,
    total_loss_w_per_k,
)
from mpc.climate import DEGREE_DAYS, DEGREE_DAYS_BASE_C, DEGREE_DAYS_LOG_STD
from mpc.prior import TOLD_LOG_STD, LossBelief, combined, typical_loss, with_loss

WIND_FRAC_PER_M_S = {"sheltered": 0.067, "moderate": 0.1, "open": 0.167}
"""More of the air's loss for each m/s of wind. Among trees and houses as in `identify_prior`, the
others in the proportions 2 : 3 : 5 of the shielding coefficients of EN 12831:2003, table D.5."""

WAYS_OUT = frozenset({"air_outdoor_w_per_k", "mass_outdoor_w_per_k"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOne:
    """The house before its radiators are added, and where its heat loss comes from."""

    building: Building
    loss: LossBelief
    typical: LossBelief
    billed: BilledLoss | None  # None: no bill
    told: frozenset[str]  # parameters that the owner gave

    @property
    def words(self) -> str:
        """The heat loss and its sources, for the owner."""
        low, high = self.loss.range_w_per_k
        said = [f"{self.typical.w_per_k:.0f} by year and area"]
        if self.billed is not None:
            most = max(self.billed.doubts.items(), key=lambda doubt: doubt[1])[0]
            said.append(f"{self.billed.loss.w_per_k:.0f} by the bill (most in doubt: {most})")
        if self.told & WAYS_OUT:
            said.append("your own numbers")
        return (
            f"Heat loss {self.loss.w_per_k:.0f} W/K, eight of ten such houses lie between "
            f"{low:.0f} and {high:.0f}: {', '.join(said)}."
        )


def day_one(config: HouseConfig) -> DayOne:
    """Archetype by year, area and mass; a bill corrects its loss; explicit values replace both.

    Raises `ConfigurationError` for a bill that no house comes to.
    """
    house = config.house
    building = archetype(
        year=house.year,
        area_m2=house.area_m2,
        mass=MassClass(house.mass),
        emitter=EmitterKind(house.emitter),
    )
    typical = loss = typical_loss(building)
    billed = None
    if house.bill is not None:
        try:
            billed = billed_loss(_bill(config, house.bill), building)
            loss = combined(typical, billed.loss)
            building = with_loss(building, loss.w_per_k)
        except ValueError as error:
            raise ConfigurationError(f"house.bill: {error}") from error
    own = house.model.model_dump(exclude_none=True)
    told = frozenset(own)
    if house.windows is not None:
        own["solar_aperture_m2"] = house.windows.aperture_m2
    building = replace(building, **own)
    if house.wind is not None:
        per_m_s = WIND_FRAC_PER_M_S[house.wind] * building.air_outdoor_w_per_k
        building = replace(building, wind_w_per_k_per_m_s=per_m_s)
    if told & WAYS_OUT:
        std = TOLD_LOG_STD if told >= WAYS_OUT else loss.log_std
        loss = LossBelief(total_loss_w_per_k(building), std)
    return DayOne(building=building, loss=loss, typical=typical, billed=billed, told=told)


def _bill(config: HouseConfig, section: BillSection) -> Bill:
    fuel, amount = section.billed
    known = section.degree_days
    days = DEGREE_DAYS.get(config.house.timezone) if known is None else known
    if days is None:
        zones = ", ".join(DEGREE_DAYS)
        raise ValueError(f"degree_days must be given outside the time zones {zones}")
    return Bill(
        fuel=fuel,
        amount=amount,
        yielded=_yield(config, section, fuel),
        people=section.people,
        hot_water_included=section.hot_water,
        degree_days=days,
        base_c=DEGREE_DAYS_BASE_C if known is None else section.degree_days_base_c,
        degree_days_log_std=DEGREE_DAYS_LOG_STD if known is None else TOLD_DEGREE_DAYS_LOG_STD,
    )


def _yield(config: HouseConfig, section: BillSection, fuel: Fuel) -> Yield:
    """The fuel's usual heat per unit, that of a ground-source pump, or the owner's number."""
    usual = YIELDS[fuel]
    if section.kwh_per_unit is not None:
        return Yield(section.kwh_per_unit, min(usual.log_std, 0.05))
    if fuel is Fuel.HEAT_PUMP_KWH and config.heat_pump.source == "ground":
        return Yield(GROUND_SPF, usual.log_std)
    return usual
