"""The planner's question, put together from what is known at this instant. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from controller.config import HouseConfig
from controller.estimate import Belief, emitter_now
from controller.experience import Experience
from controller.forecast_errors import errors_now
from controller.forecasts import Known
from controller.frequency_reserve import reserve_of
from controller.grid_plan import power_limits_w
from controller.guard import Memory
from controller.hot_water import TankLimits, hot_water_request
from controller.hot_water_steering import reach_c
from controller.hot_water_tank import APPROACH_K
from controller.margin import Margin, weather_over_k2
from controller.model import HouseModel
from controller.pump_power import power_range
from controller.site import site_of
from controller.snapshot import Snapshot
from controller.starts import Starts, local_midnight, start_price
from controller.sunlight import ended_at, in_force, middles_of, sun_of
from controller.wishes import Target, second_target
from drivers.api import Knob, OperatingState, PriceSeries, Signal, WeatherSeries
from mpc.forecast_bias import ForecastBias
from mpc.heat_pump import HeatPumpMap, capacity_w, source_for
from mpc.horizon import Horizon, PriceForecast, WeatherForecast, build_horizon, on_steps
from mpc.plan import Comfort, Compressor, HeatLimits, PlanRequest, Reserve, RoomBand, Search
from mpc.storage import HotWater

PERSISTENCE_FALLBACK_C = 2.0
"""Outdoor temperature when neither forecast nor sensor says anything: a Danish winter day."""

FIRST_CHARGE_FRAC = 0.75
"""Of the pump's capacity: many slow down for hot water, for quiet and for the coil's sake."""


def plan_request(
    snapshot: Snapshot,
    *,
    known: Known,
    belief: Belief,
    target_at: Callable[[datetime], Target],
    model: HouseModel,
    config: HouseConfig,
    memory: Memory,
    experience: Experience,
    whole: bool,
    tank_knob: Knob | None = None,
) -> PlanRequest:
    """Ask for a plan from `snapshot.at` on; `target_at` gives the wanted room at any instant.

    `whole`: the first hours shall be decided on or off, because the pump can be told so.
    """
    at = snapshot.at
    horizon = build_horizon(
        now=at,
        step_s=int(config.control.step_s),
        length_s=int(config.control.horizon_s),
        prices=_prices(known.prices, experience.prices.beyond(config.zone)),
        weather=_weather(known.weather, snapshot, experience.outdoor),
        tariff=model.tariff,
    )
    site = site_of(horizon, experience.site, config, model.tariff)  # PV sees the whole sky
    horizon = _through_windows(horizon, known.weather, snapshot, config)
    horizon = _with_wind(horizon, known.weather, snapshot, config)
    source_c = experience.brine.over(horizon, model.heat_pump, at)
    horizon = replace(horizon, source_c=source_c) if source_c else horizon
    errors = errors_now(at, known, experience.weather, experience.prices.shape)
    horizon = replace(horizon, errors=errors)
    pump = config.heat_pump
    limit = power_limits_w(
        horizon.starts_at, horizon.step_s, len(horizon.outdoor_c),
        pump_w=pump.power_max_w, grid=snapshot.grid,
    )  # fmt: skip
    hot_water = _hot_water(horizon, at, experience, (config, model, tank_knob))
    return PlanRequest(
        made_at=at,
        horizon=horizon,
        estimate=belief.estimate,
        comfort=_comfort(horizon, belief, target_at, (config, model, experience.margin)),
        limits=HeatLimits(
            flow_max_c=pump.flow_max_c,
            power_max_w=limit,
            modulation_min_frac=pump.modulation_min_frac
            if belief.lowest_frac is None
            else belief.lowest_frac,
        ),
        building=model.building,
        emitter=emitter_now(belief, model),
        heat_pump=_heat_pump(experience, config, model),
        hot_water=hot_water,
        missed_w=()
        if hot_water is not None
        else experience.absence.missed_w(
            horizon.starts_at, step_s=horizon.step_s, steps=len(horizon.outdoor_c), zone=config.zone
        ),
        site=site,
        compressor=_compressor(snapshot, memory, (config, model, experience.starts)),
        heater=model.heater,
        reserve=_reserve(horizon, snapshot, belief, (config, model)),
        search=_search(config, whole=whole),
    )


def _heat_pump(experience: Experience, config: HouseConfig, model: HouseModel) -> HeatPumpMap:
    """The map with what the pump's own meters say, as far as the owner lets plans go by it."""
    measured = experience.pump.applied(model.heat_pump)
    return experience.cold.applied(measured) if config.heat_pump.measured_limits else measured


def _hot_water(
    horizon: Horizon,
    at: datetime,
    experience: Experience,
    steered: tuple[HouseConfig, HouseModel, Knob | None],
) -> HotWater | None:
    """The tank, where we steer it and know how hot it is."""
    config, model, knob = steered
    if knob is None or experience.tank is None:
        return None
    section = config.hot_water
    brine_c = horizon.source_c[0] if horizon.source_c else None
    source_c = source_for(model.heat_pump, horizon.outdoor_c[0], brine_c)
    full_w = float(capacity_w(model.heat_pump, source_c, section.comfort_c + APPROACH_K))
    limits = TankLimits(
        reach_c=reach_c(knob, section),
        charge_w=FIRST_CHARGE_FRAC * full_w,
        heater=config.heat_pump.heater is not None,
    )
    return hot_water_request(
        experience.tank, horizon, at=at, section=section, limits=limits, zone=config.zone
    )


def _compressor(
    snapshot: Snapshot, memory: Memory, of: tuple[HouseConfig, HouseModel, Starts]
) -> Compressor:
    """The machine's limits, and how long it has been running or resting."""
    config, model, starts = of
    pump = config.heat_pump
    known = memory.since is not None
    return Compressor(
        minimum_run_s=pump.minimum_run_s,
        minimum_off_s=pump.minimum_off_s,
        dwell_s=pump.dwell_s,
        start_price=start_price(pump.start_cost, config.tariff.currency),
        starts_per_day=pump.starts_per_day,
        starts_left=starts.left(pump.starts_per_day),
        day_ends_at=local_midnight(snapshot.at, config.zone),
        circulation_w=model.circulation_w,
        running=memory.compressor_on if known else None,
        hot_water=snapshot.operating_state is OperatingState.DHW,
        since_s=(snapshot.at - memory.since).total_seconds() if memory.since else 0.0,
    )


def _reserve(
    horizon: Horizon, snapshot: Snapshot, belief: Belief, of: tuple[HouseConfig, HouseModel]
) -> Reserve | None:
    """The headroom for the grid's frequency, where it is promised."""
    config, model = of
    if config.frequency is None:
        return None
    known = belief.lowest_frac
    lowest_frac = config.heat_pump.modulation_min_frac if known is None else known
    power = power_range(snapshot, model, lowest_frac)
    return reserve_of(config.frequency, power, len(horizon.outdoor_c))


def _search(config: HouseConfig, *, whole: bool) -> Search:
    control = config.control
    others = [name for name in ("piqp", "clarabel", "highs") if name != control.solver]
    return Search(
        solvers=(control.solver, *others),
        refine=whole and control.refine,
        refined_s=control.refined_s,
    )


def _comfort(
    horizon: Horizon,
    belief: Belief,
    target_at: Callable[[datetime], Target],
    kept: tuple[HouseConfig, HouseModel, Margin],
) -> Comfort:
    """The band of every step, narrower by the margin of its lead and weather."""
    config, model, margin = kept
    comfort = config.comfort
    step = timedelta(seconds=horizon.step_s)
    ends = [horizon.starts_at + step * (i + 1) for i in range(len(horizon.outdoor_c))]
    targets = [target_at(end) for end in ends]
    weather_k2 = weather_over_k2(horizon, model.building)
    free = [
        margin.kept_k(horizon.step_s * (i + 1), comfort, of_weather_k2)
        for i, of_weather_k2 in enumerate(weather_k2)
    ]
    return Comfort(
        low_c=tuple(t.room_c - t.band_k + k for t, k in zip(targets, free, strict=True)),
        high_c=tuple(t.room_c + t.band_k - k for t, k in zip(targets, free, strict=True)),
        target_c=tuple(t.room_c for t in targets),
        balance_kh=belief.balance_kh,
        below_price_per_kh=comfort.below_price_per_kh,
        above_price_per_kh=comfort.above_price_per_kh,
        mean_price_per_kh=comfort.mean_price_per_kh,
        frost_c=comfort.frost_c,
        kept_k=tuple(free),
        second=_second_band(targets, free, config),
    )


def _second_band(
    targets: Sequence[Target], free_k: Sequence[float], config: HouseConfig
) -> RoomBand | None:
    """The band of the second zone, narrower by the same margin; a line where that is all of it."""
    wanted = [second_target(target, config) for target in targets]
    bands = [(t.room_c, max(t.band_k - k, 0.0)) for t, k in zip(wanted, free_k, strict=True) if t]
    if not bands:
        return None
    return RoomBand(
        low_c=tuple(room_c - k for room_c, k in bands),
        high_c=tuple(room_c + k for room_c, k in bands),
    )


def _prices(
    series: PriceSeries | None, beyond: Callable[[datetime], float | None]
) -> PriceForecast | None:
    if series is None:
        return None
    return PriceForecast(
        starts_at=series.starts_at,
        step_s=series.step_s,
        per_kwh=tuple(series.per_kwh),
        beyond=beyond,
    )


def _weather(
    series: WeatherSeries | None, snapshot: Snapshot, bias: ForecastBias
) -> WeatherForecast:
    """The forecast corrected by the house's sensor, or what that measured as if it stayed.

    A forecast that has ended is as warm as the sensor already (`in_force`).
    """
    if series is not None and ended_at(series) <= snapshot.at:
        day = in_force(series, snapshot.at, snapshot.value(Signal.OUTDOOR_C))
        return WeatherForecast(
            starts_at=day.starts_at,
            step_s=day.step_s,
            outdoor_c=day.outdoor_c,
            ghi_w_per_m2=day.ghi_w_per_m2,
        )
    if series is not None:
        return WeatherForecast(
            starts_at=series.starts_at,
            step_s=series.step_s,
            outdoor_c=bias.corrected(
                series.outdoor_c,
                lead_s=(series.starts_at - snapshot.at).total_seconds(),
                step_s=series.step_s,
            ),
            ghi_w_per_m2=tuple(series.ghi_w_per_m2),
        )
    outdoor_c = snapshot.value(Signal.OUTDOOR_C)
    stays_c = PERSISTENCE_FALLBACK_C if outdoor_c is None else outdoor_c
    hour = snapshot.at.replace(minute=0, second=0, microsecond=0)
    return WeatherForecast(starts_at=hour, step_s=3600, outdoor_c=(stays_c,), ghi_w_per_m2=(0.0,))


def _through_windows(
    horizon: Horizon, series: WeatherSeries | None, snapshot: Snapshot, config: HouseConfig
) -> Horizon:
    """The horizon with the sun as the rooms get it, and a word where the forecast has ended."""
    if series is None:
        return horizon
    at = snapshot.at
    day, ended = in_force(series, at, None), ended_at(series)
    if ended <= at:
        level = "its own" if snapshot.value(Signal.OUTDOOR_C) is None else "the sensor's"
        note = (
            f"the weather forecast ended {(at - ended).total_seconds() / 3600.0:.0f} h ago: "
            f"its last day goes on at {level} level, with the mean sun of its days"
        )
        horizon = replace(horizon, notes=(*horizon.notes, note))
    if config.house.windows is None:
        return horizon
    inside = sun_of(config.house)(middles_of(day), day.ghi_w_per_m2)
    return replace(
        horizon,
        ghi_w_per_m2=on_steps(horizon, starts_at=day.starts_at, step_s=day.step_s, values=inside),
    )


def _with_wind(
    horizon: Horizon, series: WeatherSeries | None, snapshot: Snapshot, config: HouseConfig
) -> Horizon:
    """The horizon with its wind where that counts, and a word where nobody tells it."""
    if not config.house.windy:
        return horizon
    if series is None or series.wind_m_s is None:
        note = "no forecast tells the wind: it counts as usual"
        return replace(horizon, notes=(*horizon.notes, note))
    day = in_force(series, snapshot.at, None)
    wind_m_s = on_steps(
        horizon, starts_at=day.starts_at, step_s=day.step_s, values=day.wind_m_s or ()
    )
    return replace(horizon, wind_m_s=wind_m_s)
