"""Random houses for the planner's benchmark: identified models, certified pumps, real tariffs.

House n of a seed is the same in every run, and does not depend on how many others are drawn. Every
model is used before one is used again; everything else is drawn. Parts on in all houses: hot
water with draws and deadlines, a back-up heater, PV and other loads, a power limit, a start
budget, minimum times. In some: a buffer, a reserve, an announced reduction, a disinfection.
"""

import csv
import gzip
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from bench.mpc_models import heated, identified_houses
from bench.tariffs import load_tariff, tariff_names
from bench.zones import Zone, load_zone, zones
from controller.published_pumps import TABLE, published
from mpc.arrays import FloatArray
from mpc.building import EmitterKind
from mpc.draws import Draws, drawn_kwh_per_k, forecast_kwh, slot_of
from mpc.estimator import initial
from mpc.heat_pump import capacity_w, cop, source_for
from mpc.horizon import Horizon, PriceForecast, WeatherForecast, build_horizon
from mpc.peak_charges import charges
from mpc.peak_state import PeakState, Running
from mpc.peak_tariff import PeakTariff, PeakValue
from mpc.peaks import PeakCharge
from mpc.plan import (
    BackupHeater,
    Comfort,
    Compressor,
    HeatLimits,
    PlanRequest,
    Reserve,
    Search,
    Site,
)
from mpc.storage import WATER_KWH_PER_L_K, Buffer, HotWater, Tank
from mpc.tariff import Tariff

SEED = 1
STEP_S, HORIZON_S = 900, 48 * 3600
STEPS = HORIZON_S // STEP_S
PATIENCE_S = 120.0  # by the clock, which runs faster than our CPU time when others compute too
SEASON_FRAC = 0.8  # of the plans lie between October and April
DST_FRAC = 0.06  # of the plans have a change of summer time within their horizon
UNKNOWN_CHARGE_FRAC = 0.1  # of the tanks are planned without knowing what a charge gives
CHARGING_FLOW_C = 50.0
PUBLISHED_AT_H = 13  # local; from then on the prices of tomorrow are known
FLAT = "none: two prices of energy, nothing on power"
SEASON_MONTHS = (10, 11, 12, 1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class DrawnHouse:
    """A question and where it comes from."""

    number: int
    model: int
    pump: str
    tariff: str
    zone: str
    request: PlanRequest


@dataclass(frozen=True, slots=True)
class _Site:
    """What does not change from step to step."""

    rng: np.random.Generator
    zone: Zone
    tariff: Tariff
    at: datetime
    pump_w: float  # electricity at full load in the cold

    def chance(self, frac: float) -> bool:
        return bool(self.rng.random() < frac)

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))


def drawn_house(number: int, seed: int = SEED) -> DrawnHouse:
    """House `number` of a seed."""
    rng = np.random.default_rng([seed, number])
    models = identified_houses()
    order = np.random.default_rng([seed, number // len(models)]).permutation(len(models))
    model = models[int(order[number % len(models)])]
    floor = model.kind is EmitterKind.FLOOR
    building, emitter = heated(model, float(rng.uniform(33, 40) if floor else rng.uniform(45, 54)))
    name, regulated = _pump_names()[int(rng.integers(len(_pump_names())))]
    pump = published(name, emitter.design_heat_w * float(rng.uniform(0.9, 1.7)))
    zone = load_zone(str(rng.choice(zones())))
    tariff_name = str(rng.choice([*tariff_names(), FLAT]))
    tariff = _tariff(tariff_name, zone)
    at = _instant(rng, zone)
    cold_cop = float(cop(pump, -7.0, emitter.design_flow_c))
    site = _Site(rng, zone, tariff, at, emitter.design_heat_w * 1.3 / cold_cop)
    horizon = _horizon(site)
    heater = BackupHeater(stage_w=float(rng.choice([1000.0, 2000.0, 3000.0])), stages=3)
    room_c = float(rng.normal(21.0, 0.6))
    estimate = initial(building, at=at, room_c=room_c, outdoor_c=horizon.outdoor_c[0])
    states = np.array(estimate.state_c) + rng.normal(0.0, 0.5, len(estimate.state_c))
    flow_max_c = max(emitter.design_flow_c + float(rng.uniform(0, 8)), 35.0)
    request = PlanRequest(
        made_at=at,
        horizon=horizon,
        estimate=replace(
            estimate, state_c=tuple(states.tolist()), disturbance_w=float(rng.normal(0, 200))
        ),
        comfort=_comfort(site),
        limits=HeatLimits(
            flow_max_c=flow_max_c,
            power_max_w=_limit(site, heater),
            modulation_min_frac=site.between(0.2, 0.4) if regulated else 1.0,
        ),
        building=building,
        emitter=emitter,
        heat_pump=pump,
        compressor=_compressor(site),
        heater=heater,
        hot_water=_hot_water(site),
        buffer=_buffer(site, emitter.design_flow_c) if site.chance(0.25) else None,
        site=_electric_site(site, horizon),
        reserve=_reserve(site) if site.chance(0.2) else None,
        search=Search(time_limit_s=PATIENCE_S),
    )
    request = replace(request, hot_water=_in_whole_charges(site, request))
    return DrawnHouse(number, model.number, name, tariff_name, zone.name, request)


@cache
def _pump_names() -> tuple[tuple[str, bool], ...]:
    """Every published unit whose figures are a map, and whether it modulates."""
    rows = csv.DictReader(gzip.decompress(TABLE.read_bytes()).decode().splitlines())
    return tuple((f"{r['maker']} {r['model']}", r["regulated"] == "1") for r in rows)


def _tariff(name: str, zone: Zone) -> Tariff:
    if name == FLAT:
        return Tariff(margin_frac=0.0, adder_per_kwh=0.15, vat_frac=0.25, currency=zone.currency)
    return load_tariff(name).tariff(in_eur=True)


@cache
def _instants(zone_name: str) -> tuple[tuple[datetime, ...], ...]:
    """Hours with prices and weather ahead: of the season, of summer, with a change of time."""
    zone = load_zone(zone_name)
    local = ZoneInfo(zone.timezone)
    first = max(zone.spot_per_kwh.starts_at, zone.weather.starts_at) + timedelta(days=2)
    last = min(zone.spot_per_kwh.ends_at, zone.weather.ends_at) - timedelta(days=3)
    season: list[datetime] = []
    summer: list[datetime] = []
    changes: list[datetime] = []
    for hour in range(int((last - first).total_seconds() // 3600)):
        at = first + timedelta(hours=hour)
        (season if at.astimezone(local).month in SEASON_MONTHS else summer).append(at)
        ends = (at + timedelta(seconds=HORIZON_S)).astimezone(local)
        if ends.utcoffset() != at.astimezone(local).utcoffset():
            changes.append(at)
    return tuple(season), tuple(summer), tuple(changes)


def _instant(rng: np.random.Generator, zone: Zone) -> datetime:
    """Some minutes into a step, as in operation."""
    season, summer, changes = _instants(zone.name)
    those = changes if rng.random() < DST_FRAC else season if rng.random() < SEASON_FRAC else summer
    at = those[int(rng.integers(len(those)))]
    return at + timedelta(minutes=int(rng.integers(60)))


def _horizon(site: _Site) -> Horizon:
    """Prices to the end of the last day that is published, weather as it came."""
    zone, at = site.zone, site.at
    local = at.astimezone(ZoneInfo(zone.timezone))
    days = 2 if local.hour >= PUBLISHED_AT_H else 1
    midnight = (local.replace(tzinfo=None) + timedelta(days=days)).replace(hour=0, minute=0)
    known_until = midnight.replace(tzinfo=ZoneInfo(zone.timezone)).astimezone(UTC)
    hour = at.replace(minute=0)
    known_from = hour - timedelta(days=1)
    spot = zone.spot_per_kwh
    begin = int((known_from - spot.starts_at).total_seconds() // 3600)
    count = int((known_until - known_from).total_seconds() // 3600)
    weather = zone.weather
    first = int((hour - weather.starts_at).total_seconds() // 3600)
    there = slice(first, first + HORIZON_S // 3600 + 1)
    direct, diffuse = weather.direct_horizontal_w_per_m2, weather.diffuse_horizontal_w_per_m2
    ghi = [a + b for a, b in zip(direct[there], diffuse[there], strict=True)]
    return build_horizon(
        now=at,
        step_s=STEP_S,
        length_s=HORIZON_S,
        prices=PriceForecast(
            starts_at=known_from, step_s=3600, per_kwh=spot.per_kwh[begin : begin + count]
        ),
        weather=WeatherForecast(
            starts_at=hour, step_s=3600, outdoor_c=weather.outdoor_c[there], ghi_w_per_m2=ghi
        ),
        tariff=site.tariff,
    )


def _local_hours(site: _Site) -> list[datetime]:
    """Local time of the start of every step."""
    start = datetime.fromtimestamp(int(site.at.timestamp() // STEP_S) * STEP_S, UTC)
    local = ZoneInfo(site.zone.timezone)
    return [(start + timedelta(seconds=STEP_S * i)).astimezone(local) for i in range(STEPS)]


def _comfort(site: _Site) -> Comfort:
    """The configuration's prices; a lower target at night in some houses."""
    target, band = np.full(STEPS, site.between(19.5, 22.0)), site.between(0.5, 1.2)
    if site.chance(0.3):
        hours = np.array([local.hour for local in _local_hours(site)])
        target[(hours >= 22) | (hours < 6)] -= site.between(0.5, 2.0)
    return Comfort(
        low_c=tuple((target - band).tolist()),
        high_c=tuple((target + band).tolist()),
        target_c=tuple(target.tolist()),
        balance_kh=float(site.rng.normal(0.0, 3.0)),
        below_price_per_kh=2.0,
        above_price_per_kh=1.0,
        mean_price_per_kh=0.5,
        frost_c=8.0,
    )


def _limit(site: _Site, heater: BackupHeater) -> tuple[float, ...]:
    """Enough for the pump and some stages; some hours less where it was announced."""
    limit = np.full(STEPS, 1.2 * site.pump_w + heater.stage_w * float(site.rng.integers(4)))
    if site.chance(0.3):
        first = int(site.rng.integers(STEPS - 8))
        limit[first : first + int(site.rng.integers(4, 13))] = site.pump_w * site.between(0.5, 1.0)
    return tuple(limit.tolist())


def _compressor(site: _Site) -> Compressor:
    """Running or resting since any time; two forms of minimum times, of one and of two steps."""
    least_s = float(site.rng.choice([600.0, 900.0, 1200.0, 1800.0]))
    per_day = int(site.rng.integers(6, 25))
    running = site.chance(0.5)
    local = site.at.astimezone(ZoneInfo(site.zone.timezone))
    day_ends = (local.replace(tzinfo=None) + timedelta(days=1)).replace(hour=0, minute=0)
    return Compressor(
        minimum_run_s=least_s,
        minimum_off_s=least_s,
        dwell_s=max(least_s, 900.0),
        start_price=0.05,
        starts_per_day=per_day,
        starts_left=int(site.rng.integers(0, per_day + 1)),
        day_ends_at=day_ends.replace(tzinfo=ZoneInfo(site.zone.timezone)).astimezone(UTC),
        circulation_w=site.between(10.0, 60.0),
        running=running,
        hot_water=running and site.chance(0.2),
        since_s=float(site.rng.exponential(3600.0)),
    )


def _hot_water(site: _Site) -> HotWater:
    """Two deadlines a day; the draws the planner expects of people it does not know yet."""
    tank = Tank(
        volume_l=site.between(150.0, 300.0),
        loss_w_per_k=site.between(1.2, 2.5),
        layers_w_per_k=4.0,
        heat_to_upper_frac=0.5,
        cold_c=site.between(7.0, 14.0),
        room_c=18.0,
        approach_k=site.between(3.0, 8.0),
    )
    hours = _local_hours(site)
    kwh = forecast_kwh(
        Draws(people=float(site.rng.integers(1, 6))),
        [slot_of(local) for local in hours],
        step_h=STEP_S / 3600.0,
        certainty_frac=0.9,
    )
    low, high = np.full(STEPS, site.between(38.0, 43.0)), np.full(STEPS, site.between(52.0, 56.0))
    ready_c = site.between(44.0, 48.0)
    low[[i for i, t in enumerate(hours) if t.hour in (6, 18) and t.minute >= 30]] = ready_c
    window, sanitise_c = None, None
    if site.chance(0.15):
        window, sanitise_c = (int(site.rng.integers(4)), 95), 60.0
        high[window[0] :] = 62.0
    upper_c = site.between(41.0, 54.0)
    return HotWater(
        tank=tank,
        state_c=(upper_c, upper_c - site.between(0.0, 12.0)),
        draw_kwh_per_k=tuple(drawn_kwh_per_k(q, tank_c=45.0, cold_c=tank.cold_c) for q in kwh),
        low_c=tuple(low.tolist()),
        high_c=tuple(high.tolist()),
        below_price_per_kh=2.0,
        pump_max_c=site.between(50.0, 56.0),
        sanitise_c=sanitise_c,
        sanitise_steps=window,
    )


def _in_whole_charges(site: _Site, request: PlanRequest) -> HotWater | None:
    """The tank as the service asks for it: the heat of a charge is known, save where it is not."""
    pump, water = request.heat_pump, request.hot_water
    if water is None or site.chance(UNKNOWN_CHARGE_FRAC):
        return water
    source_c = source_for(pump, request.horizon.outdoor_c[0], None)
    full_w = float(capacity_w(pump, source_c, CHARGING_FLOW_C))
    return replace(
        water, charge_w=site.between(0.5, 0.8) * full_w, warm_up_kwh=site.between(0.2, 0.8)
    )


def _buffer(site: _Site, design_flow_c: float) -> Buffer:
    volume_l = site.between(80.0, 400.0)
    return Buffer(
        kwh_per_k=volume_l * WATER_KWH_PER_L_K,
        loss_w_per_k=site.between(0.8, 2.0),
        room_c=18.0,
        state_c=site.between(24.0, design_flow_c),
        low_c=22.0,
        high_c=design_flow_c + 5.0,
    )


def _electric_site(site: _Site, horizon: Horizon) -> Site:
    """Other loads with a morning and an evening, PV in two of three houses, the peaks so far."""
    hours = np.array([local.hour + local.minute / 60.0 for local in _local_hours(site)])
    shape = 0.6 + np.exp(-(((hours - 7.5) / 1.5) ** 2)) + 1.6 * np.exp(-(((hours - 19) / 2) ** 2))
    load: FloatArray = site.between(200.0, 700.0) * shape * site.rng.uniform(0.7, 1.4, STEPS)
    peak_kw = site.between(2.0, 9.0) if site.chance(0.67) else 0.0
    export = site.tariff.export_prices(horizon.starts_at, STEP_S, horizon.spot_per_kwh)
    if site.tariff.export is None:
        export = np.array(horizon.spot_per_kwh) * 0.8
    found: list[PeakCharge] = []
    for tariff in site.tariff.peaks:
        state = _peaks_so_far(site, tariff)
        found += charges(tariff, state, starts_at=horizon.starts_at, step_s=STEP_S, steps=STEPS)
    return Site(
        base_load_w=tuple(load.tolist()),
        pv_w=tuple((np.array(horizon.ghi_w_per_m2) * peak_kw * 0.85).tolist()),
        export_price_per_kwh=tuple(export.tolist()),
        peaks=tuple(found),
    )


def _peaks_so_far(site: _Site, tariff: PeakTariff) -> PeakState:
    """A highest hour of every day of the month so far, and the interval under way."""
    interval = timedelta(seconds=tariff.interval_s)
    begun = datetime.fromtimestamp(
        site.at.timestamp() // tariff.interval_s * tariff.interval_s, UTC
    )
    usual_kw = (site.pump_w + 800.0) / 1000.0
    values = []
    for day in range(1, 60):
        at = begun - timedelta(days=day, hours=int(site.rng.integers(-8, 8))) - interval
        weight_frac = tariff.weight_frac(at)
        if weight_frac > 0.0:
            values.append(PeakValue(at=at, kw=weight_frac * usual_kw * site.between(0.4, 1.3)))
    seen_s = (site.at - begun).total_seconds()
    running = Running(
        starts_at=begun,
        seen_kwh=seen_s / 3600.0 * usual_kw * site.between(0.1, 1.1),
        seen_s=seen_s,
    )
    return PeakState(
        name=tariff.name,
        interval_s=tariff.interval_s,
        values=tuple(sorted(values, key=lambda v: v.at)),
        running=running,
    )


def _reserve(site: _Site) -> Reserve:
    hours = site.rng.random(STEPS) < 0.5
    up_w, down_w = (site.pump_w * site.between(0.1, 0.4) * hours for _ in range(2))
    return Reserve(
        up_w=tuple(up_w.tolist()),
        down_w=tuple(down_w.tolist()),
        sustain_s=float(site.rng.choice([900.0, 3600.0])),
    )
