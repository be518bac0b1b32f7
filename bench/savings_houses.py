"""Houses whose saving is known: the same weeks lived twice, steered by price and on own control.

All houses live at once, ten minutes a step, in real weather and at real prices (DK1, DE-LU). A
house is two rooms' worth of air (one with the sensor), inner mass, an envelope of its own and
radiators or a floor with pipes in it; wind, people, cooking, stoves and open windows heat and cool
it; sun comes through windows that face one side. The pump's COP follows Carnot, with frost on damp
days, cycling at low load and days of their own. Nothing of this is the model that is fitted.

Own control is a heating curve over the smoothed outdoor temperature, with a slope that is off, in
some houses with room influence, in others with valves in the second room. Steering shifts the water
as far as the price is below its day's mean and towards warm hours, less when the room is far off,
and brings the room's mean back slowly. Four weeks on own control come first; then the steered
weeks; then the same weeks once more from the same start on own control, its level such that the
room has the same mean temperature. What that costs more is the saving.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.zones import load_zone
from mpc.arrays import FloatArray

STEP_S = 600.0
STEPS_PER_HOUR, STEPS_PER_DAY = 6, 144
BEFORE_DAYS = 28
STARTS = (
    ("DK1", datetime(2024, 1, 5, tzinfo=UTC)),
    ("DE_LU", datetime(2023, 1, 3, tzinfo=UTC)),
    ("DE_LU", datetime(2023, 10, 10, tzinfo=UTC)),
    ("DE_LU", datetime(2024, 10, 10, tzinfo=UTC)),
)
DESIGN_OUTDOOR_C, DESIGN_ROOM_C = -12.0, 20.5
EMITTED_TO_WALLS_FRAC = 0.3
COVERED_K = 2.5
LEVEL_PASSES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Weather:
    """Steps x houses."""

    outdoor_c: FloatArray
    ghi_w_per_m2: FloatArray
    through_windows_w_per_m2: FloatArray
    wind_m_s: FloatArray
    price_per_kwh: FloatArray
    cheap: FloatArray  # how far below its day's mean the price is, as a share of it
    gains_w: FloatArray
    damp: FloatArray  # how much frost a day brings
    day_frac: FloatArray  # the day's electricity over the pump's law


@dataclass(frozen=True, slots=True, eq=False)
class Houses:
    """One entry per house; capacities in Wh/K."""

    area_m2: FloatArray
    loss_w_per_k: FloatArray
    vent_frac: FloatArray
    sensor_frac: FloatArray  # of house and emitters that is the room with the sensor
    air_wh_per_k: FloatArray
    mass_wh_per_k: FloatArray
    envelope_wh_per_k: FloatArray
    water_wh_per_k: FloatArray
    window_m2: FloatArray
    between_w_per_k: FloatArray
    floor: FloatArray  # 1 floor heating, 0 radiators
    exponent: FloatArray
    design_excess_k: FloatArray  # of the mean water
    spread_k: FloatArray
    pipes_k: FloatArray  # of the water over a floor, at full load
    design_w: FloatArray
    slope: FloatArray  # of the curve over the right one
    room_influence: FloatArray  # K of water per K of room
    valve: FloatArray  # 1: valves in the second room
    smoothed_h: FloatArray
    amplitude_frac: FloatArray  # of steering, of the design excess for a price that is half
    warm_hours: FloatArray
    capacity_w: FloatArray
    least_frac: FloatArray
    carnot_frac: FloatArray
    cycling_frac: FloatArray
    standby_w: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Life:
    """Some weeks as they went: steps x houses; and the state they ended in."""

    room_c: FloatArray
    heat_w: FloatArray
    power_w: FloatArray
    flow_c: FloatArray
    state: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Everything that happened, and what would have: weeks before, steered, own control instead."""

    houses: Houses
    weather: Weather
    before: Life
    steered: Life
    own: Life

    @property
    def first(self) -> int:
        """The step at which steering began."""
        return BEFORE_DAYS * STEPS_PER_DAY


def lived(count: int, *, days: int, seed: int) -> World:
    """So many houses over so many steered days."""
    rng = np.random.default_rng([seed, count, days])
    houses = _houses(rng, count)
    weather = _weather(rng, houses, BEFORE_DAYS + days)
    first = BEFORE_DAYS * STEPS_PER_DAY
    start = _at_rest(houses, weather)
    none = np.zeros(count)
    before = _life(houses, _part(weather, 0, first), start, offset_k=none, steered=False)
    weeks = _part(weather, first, None)
    steered = _life(houses, weeks, before.state, offset_k=none, steered=True)
    own = _as_warm(houses, weeks, before.state, steered.room_c.mean(axis=0))
    return World(houses, weather, before, steered, own)


def _as_warm(houses: Houses, weeks: Weather, start: FloatArray, room_c: FloatArray) -> Life:
    """Own control with the level at which the mean room is this; secants, after a first guess."""
    offset_k = np.zeros(len(room_c))
    own = _life(houses, weeks, start, offset_k=offset_k, steered=False)
    missing_k = room_c - own.room_c.mean(axis=0)
    step_k = (1.0 + houses.room_influence) * (1.0 + houses.design_excess_k / 32.5) * missing_k
    for _ in range(LEVEL_PASSES):
        offset_k = offset_k + step_k
        own = _life(houses, weeks, start, offset_k=offset_k, steered=False)
        before_k, missing_k = missing_k, room_c - own.room_c.mean(axis=0)
        gained_k = before_k - missing_k
        useful = np.abs(gained_k) > 1e-6
        step_k = np.divide(missing_k * step_k, gained_k, out=0.0 * step_k, where=useful)
    return own


def capacities_wh_per_k(houses: Houses) -> FloatArray:
    """Of sensor room, other rooms, inner mass, envelope and water."""
    return np.stack(
        [
            houses.air_wh_per_k * houses.sensor_frac,
            houses.air_wh_per_k * (1.0 - houses.sensor_frac),
            houses.mass_wh_per_k,
            houses.envelope_wh_per_k,
            houses.water_wh_per_k,
        ]
    )


def _part(weather: Weather, first: int, end: int | None) -> Weather:
    cut = slice(first, end)
    return Weather(*(getattr(weather, name)[cut] for name in Weather.__dataclass_fields__))


def _houses(rng: np.random.Generator, n: int) -> Houses:
    def between(low: float, high: float) -> FloatArray:
        return rng.uniform(low, high, n)

    def about(median: float, log_std: float) -> FloatArray:
        return np.asarray(median * np.exp(log_std * rng.standard_normal(n)))

    def some(frac: float) -> FloatArray:
        return (rng.random(n) < frac).astype(np.float64)

    loss, floor = about(190.0, 0.35), some(0.3)
    area = np.clip(loss / between(0.9, 1.9), 70.0, 260.0)
    design_w = loss * (DESIGN_ROOM_C - DESIGN_OUTDOOR_C)
    return Houses(
        area_m2=area,
        loss_w_per_k=loss,
        vent_frac=between(0.15, 0.4),
        sensor_frac=between(0.3, 0.6),
        air_wh_per_k=area * about(9.0, 0.4),
        mass_wh_per_k=area * about(50.0, 0.4),
        envelope_wh_per_k=area * about(60.0, 0.4),
        water_wh_per_k=np.where(floor > 0.0, area * about(50.0, 0.2), design_w * about(0.03, 0.3)),
        window_m2=area * about(0.035, 0.4),
        between_w_per_k=area * about(2.0, 0.5),
        floor=floor,
        exponent=np.where(floor > 0.0, 1.1, 1.3),
        design_excess_k=np.where(floor > 0.0, between(9.0, 16.0), between(18.0, 30.0)),
        spread_k=between(4.0, 8.0),
        pipes_k=floor * between(3.0, 8.0),
        design_w=design_w,
        slope=about(1.0, 0.1),
        room_influence=some(0.4) * between(0.5, 4.0),
        valve=some(0.6),
        smoothed_h=about(3.0, 1.0),
        amplitude_frac=between(0.1, 1.0),
        warm_hours=between(0.0, 0.8),
        capacity_w=design_w * between(1.0, 1.5),
        least_frac=between(0.2, 0.4),
        carnot_frac=between(0.38, 0.48),
        cycling_frac=between(0.02, 0.1),
        standby_w=between(10.0, 60.0),
    )


def _weather(rng: np.random.Generator, houses: Houses, days: int) -> Weather:
    n = len(houses.loss_w_per_k)
    found = [_hourly(rng, days) for _ in range(n)]
    outdoor, direct, diffuse, wind, price = (
        np.stack([one[i] for one in found], axis=1) for i in range(5)
    )
    hour = (np.arange(24 * days) % 24 + 0.5)[:, None]
    faces = rng.uniform(-0.8, 0.8, n)
    side = 1.0 + faces * np.sin(2.0 * np.pi * (hour - 12.0) / 24.0)
    daily = price.reshape(days, 24, n)
    mean = daily.mean(axis=1, keepdims=True)
    cheap = np.clip(1.0 - daily / np.maximum(mean, 0.02), -1.0, 1.0).reshape(-1, n)
    damp, day_frac = rng.uniform(0.2, 1.8, (days, n)), rng.standard_normal((days, n))
    return Weather(
        outdoor_c=_fine(outdoor, smooth=True),
        ghi_w_per_m2=_fine(direct + diffuse),
        through_windows_w_per_m2=_fine(direct * side + diffuse),
        wind_m_s=_fine(wind),
        price_per_kwh=_fine(price),
        cheap=_fine(cheap),
        gains_w=_gains(rng, houses, days),
        damp=_daily(damp),
        day_frac=_daily(np.exp(0.025 * day_frac)),
    )


def _hourly(rng: np.random.Generator, days: int) -> tuple[FloatArray, ...]:
    name, first = STARTS[int(rng.integers(len(STARTS)))]
    zone = load_zone(name)
    first += timedelta(days=int(rng.integers(30)))
    columns = (
        zone.weather.outdoor_c,
        zone.weather.direct_horizontal_w_per_m2,
        zone.weather.diffuse_horizontal_w_per_m2,
        zone.weather.wind_m_per_s,
    )
    begin = round((first - zone.weather.starts_at) / timedelta(hours=1))
    cuts = [np.array(column[begin : begin + 24 * days]) for column in columns]
    spot = zone.spot_per_kwh
    begin = round((first - spot.starts_at) / timedelta(hours=1))
    known = [np.nan if p is None else p for p in spot.per_kwh[begin : begin + 24 * days]]
    price = np.array(known)
    price = np.where(np.isnan(price), np.nanmean(price), price)
    return (*cuts, price + rng.uniform(0.02, 0.12))


def _fine(hourly: FloatArray, *, smooth: bool = False) -> FloatArray:
    if not smooth:
        return np.repeat(hourly, STEPS_PER_HOUR, axis=0)
    at = (np.arange(len(hourly) * STEPS_PER_HOUR) + 0.5) / STEPS_PER_HOUR - 0.5
    columns = [np.interp(at, np.arange(len(hourly)), column) for column in hourly.T]
    return np.asarray(np.stack(columns, axis=1))


def _daily(values: FloatArray) -> FloatArray:
    return np.repeat(values, STEPS_PER_DAY, axis=0)


def _gains(rng: np.random.Generator, houses: Houses, days: int) -> FloatArray:
    """People and appliances, cooking, some stoves, windows opened in the morning."""
    n, steps = len(houses.loss_w_per_k), days * STEPS_PER_DAY
    hour = np.arange(steps) % STEPS_PER_DAY / STEPS_PER_HOUR
    lively = 0.6 + 0.5 * np.exp(-(((hour - 19.0) / 3.0) ** 2)) + 0.3 * (np.abs(hour - 7.5) < 1.0)
    usual_w = rng.uniform(200.0, 600.0, n)
    slow = np.cumsum(rng.normal(0.0, 0.08, (days, n)), axis=0)
    gains = np.outer(lively, usual_w) * _daily(np.exp(slow - slow.mean(axis=0)))
    fast = rng.normal(0.0, 120.0, (days * 24, n))
    gains += np.repeat(fast, STEPS_PER_HOUR, axis=0)
    stove = np.asarray((rng.random(n) < 0.25) & (rng.random((days, n)) < 0.25), dtype=np.float64)
    evening = (hour > 18.0) & (hour < 22.0)
    gains += _daily(stove) * evening[:, None] * 2500.0
    aired = (rng.random((days, n)) < 0.5) * houses.loss_w_per_k * 12.0
    gains -= _daily(aired) * ((hour > 7.0) & (hour < 7.4))[:, None]
    return np.asarray(gains, dtype=np.float64)


def _at_rest(houses: Houses, weather: Weather) -> FloatArray:
    """Rooms, mass, envelope, water, smoothed outdoors and its day's mean, memory of the mean."""
    n = len(houses.loss_w_per_k)
    outdoor_c = weather.outdoor_c[:STEPS_PER_DAY].mean(axis=0)
    room = np.full(n, DESIGN_ROOM_C)
    half = 0.6 * room + 0.4 * outdoor_c
    return np.stack([room, room, room, half, room + 8.0, outdoor_c, outdoor_c, np.zeros(n)])


def _life(
    houses: Houses, weather: Weather, start: FloatArray, *, offset_k: FloatArray, steered: bool
) -> Life:
    h, state = houses, start.copy()
    steps, n = weather.outdoor_c.shape
    room_c, heat_w, power_w, flow_c = np.empty((4, steps, n))
    capacity = capacities_wh_per_k(h)
    body = h.loss_w_per_k * (1.0 - h.vent_frac)
    inner, outer = 4.0 * body, body / (1.0 - 0.25)
    hours = STEP_S / 3600.0
    for k in range(steps):
        ta, tb, tm, te, tw = state[:5]
        outdoor = weather.outdoor_c[k]
        room_c[k] = ta
        excess = _asked_k(
            h, (weather.outdoor_c[k], weather.cheap[k]), state, None if steered else offset_k
        )
        emitted_a, emitted_b = _emitted_w(h, state)
        most_w = h.capacity_w * (1.0 + 0.012 * (outdoor - 2.0))
        q = np.clip(_given_w(h, excess, state, emitted_a + emitted_b), 0.0, most_w)
        heat_w[k] = q
        load = np.maximum(q / h.capacity_w, h.least_frac)
        flow_c[k] = tw + (0.5 * h.spread_k + h.pipes_k) * load
        power_w[k] = _power_w(h, weather, k, (q, load, flow_c[k]))
        vent = h.loss_w_per_k * h.vent_frac * (0.7 + 0.075 * weather.wind_m_s[k])
        sun = h.window_m2 * weather.through_windows_w_per_m2[k]
        walls = EMITTED_TO_WALLS_FRAC * (emitted_a + emitted_b) + 0.6 * sun
        s, c = h.sensor_frac, 1.0 - h.sensor_frac
        conv, free = 1.0 - EMITTED_TO_WALLS_FRAC, 0.4 * sun + weather.gains_w[k]
        am = 0.02 * h.air_wh_per_k * 50.0
        over = h.between_w_per_k * (ta - tb)
        flows = np.stack(
            [
                conv * emitted_a + s * free - s * vent * (ta - outdoor) - over
                - s * am * (ta - tm) - s * inner * (ta - te),
                conv * emitted_b + c * free - c * vent * (tb - outdoor) + over
                - c * am * (tb - tm) - c * inner * (tb - te),
                walls + am * (s * ta + c * tb - tm),
                inner * (s * ta + c * tb - te) - outer * (te - outdoor),
                q - emitted_a - emitted_b,
            ]
        )  # fmt: skip
        state[:5] += flows * hours / capacity
        state[5] += (outdoor - state[5]) * hours / np.maximum(h.smoothed_h, hours)
        state[6] += (outdoor - state[6]) * hours / 24.0
        state[7] += (DESIGN_ROOM_C - ta) * hours / 150.0
    return Life(room_c, heat_w, power_w, flow_c, state)


def _asked_k(
    h: Houses, now: tuple[FloatArray, FloatArray], state: FloatArray, offset_k: FloatArray | None
) -> FloatArray:
    """Mean water over DESIGN_ROOM_C: of a curve moved by `offset_k`, or of steering for None.

    `now` is the outdoor temperature and how cheap it is. People and sun cover some kelvin; a curve
    set by feel allows for them.
    """
    outdoor_c, cheap = now
    smooth_c = state[6] if offset_k is None else state[5]
    span_k = DESIGN_ROOM_C - DESIGN_OUTDOOR_C
    ratio = np.maximum((DESIGN_ROOM_C - COVERED_K - smooth_c) / span_k, 0.0)
    excess = h.design_excess_k * ratio ** (1.0 / h.exponent)
    if offset_k is not None:
        influence = h.room_influence * (state[0] - DESIGN_ROOM_C)
        return np.asarray(excess * h.slope + offset_k - influence, dtype=np.float64)
    per_k, over_k = h.design_excess_k / span_k, state[0] - DESIGN_ROOM_C
    shift = h.amplitude_frac * h.design_excess_k * cheap
    shift = shift + h.warm_hours * (outdoor_c - smooth_c) * per_k
    shift *= np.where(shift > 0.0, np.clip(1.6 - 2.0 * over_k, 0.0, 1.0), 1.0)
    shift *= np.where(shift < 0.0, np.clip(1.6 + 2.0 * over_k, 0.0, 1.0), 1.0)
    back = (1.0 + per_k) * (state[7] - 0.7 * over_k)
    return np.asarray(excess + shift + back, dtype=np.float64)


def _given_w(
    h: Houses, excess_k: FloatArray, state: FloatArray, emitted_w: FloatArray
) -> FloatArray:
    """Heat that brings the water there: of radiators soon, of a floor through the pipes' wall."""
    short_k = DESIGN_ROOM_C + excess_k - state[4]
    load = (np.maximum(excess_k, 0.0) / h.design_excess_k) ** h.exponent
    through = h.design_w * (load + short_k / np.maximum(h.pipes_k, 1.0))
    soon = emitted_w + h.water_wh_per_k * short_k / 0.75
    asked = np.where(h.floor > 0.0, through, soon)
    return np.asarray(np.where(excess_k > 0.5, asked, 0.0), dtype=np.float64)


def _emitted_w(h: Houses, state: FloatArray) -> tuple[FloatArray, FloatArray]:
    ta, tb, _, _, tw = state[:5]
    per_k = h.design_w / h.design_excess_k**h.exponent
    a = h.sensor_frac * per_k * np.maximum(tw - ta, 0.0) ** h.exponent
    b = (1.0 - h.sensor_frac) * per_k * np.maximum(tw - tb, 0.0) ** h.exponent
    opened = 1.0 - h.valve * (1.0 - np.clip((DESIGN_ROOM_C + 1.0 - tb) / 1.0, 0.1, 1.0))
    return np.asarray(a), np.asarray(b * opened)


def _power_w(
    h: Houses, weather: Weather, k: int, working: tuple[FloatArray, FloatArray, FloatArray]
) -> FloatArray:
    heat_w, load, flow_c = working
    outdoor = weather.outdoor_c[k]
    warm_c = flow_c + 2.0 + 3.0 * load
    cold_c = outdoor - 3.0 - 5.0 * load
    lift = np.maximum(warm_c - cold_c, 14.0)
    frost = 0.11 * weather.damp[k] * np.exp(-(((outdoor - 1.0) / 3.5) ** 2))
    paused = np.clip(1.0 - heat_w / (h.least_frac * h.capacity_w), 0.0, 1.0)
    cop = h.carnot_frac * (warm_c + 273.15) / lift * (1.0 - frost) * (1.0 - h.cycling_frac * paused)
    running = heat_w / cop * weather.day_frac[k]
    return np.asarray(h.standby_w + running, dtype=np.float64)
