"""From a request to the shape of its problem and the value of every parameter."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpc.arrays import FloatArray
from mpc.blocks import Blocks, blocks_of
from mpc.building import capacities_kwh_per_k, rooms_of, steady_state
from mpc.charges import Charges, charges
from mpc.heat_pump import source_for
from mpc.numbers_bill import peak_numbers, peak_shapes, site_numbers
from mpc.numbers_machine import compressor_numbers, compressor_shape, whole_blocks
from mpc.plan import PlanRequest
from mpc.power_curve import SEGMENTS, PowerCurve, TankCurve
from mpc.problem import Numbers
from mpc.replay import House, house_of
from mpc.storage import WATER_KWH_PER_L_K, Layers, buffer_steps, layers_steps, warm_up_kwh
from mpc.symbols import Shape

END_HOURS = 24.0  # the last day of the horizon sets what heat left in the house is worth
PRICE_SCALE_MIN = 1e-3  # per kWh; keeps the problem finite when electricity is free
FROST_PRICE_FACTOR = 20.0  # frost over a cold room: above every other price
RESERVE_PRICE_FACTOR = 1.0  # a missing kW of reserve for an hour, over a kelvin-hour below the band


@dataclass(frozen=True, slots=True)
class Stage:
    """A request over its blocks: the house, the tank and the buffer in whole blocks."""

    request: PlanRequest
    blocks: Blocks
    house: House
    hours: FloatArray  # what is left of each block, in hours
    price_per_kwh: FloatArray  # mean import price
    scale: float  # currency per unit of cost
    a: FloatArray  # blocks x states x states
    b_per_w: FloatArray  # states x blocks
    drive_k: FloatArray  # states x blocks
    layers: Layers | None
    charges: Charges | None  # of the tank, where they are decided beforehand

    @property
    def source_c(self) -> FloatArray:
        """Mean temperature of what the heat pump draws from, of each block."""
        horizon, mean = self.request.horizon, self.blocks.mean
        known_c = mean(horizon.source_c) if horizon.source_c else None
        return source_for(self.request.heat_pump, mean(horizon.outdoor_c), known_c)


def stage_of(request: PlanRequest) -> Stage:
    """Everything that does not depend on the power curves."""
    horizon, house = request.horizon, house_of(request)
    steps = len(horizon.outdoor_c)
    blocks = blocks_of(
        horizon.starts_at, step_s=horizon.step_s, steps=steps, fine_s=request.search.fine_s
    )
    left = np.ones(steps)
    left[0] = house.first_frac
    hours = blocks.total(left) * horizon.step_s / 3600.0
    price = blocks.mean(horizon.price_per_kwh)
    a, b, drive = _joined(house, blocks)
    layers = None
    if request.hot_water is not None:
        drawn = blocks.total(np.array(request.hot_water.draw_kwh_per_k) * left)
        layers = layers_steps(request.hot_water.tank, step_h=hours, draw_kwh_per_k=drawn)
    scale = max(float(np.mean(np.abs(price))), PRICE_SCALE_MIN)
    return Stage(
        request, blocks, house, hours, price, scale, a, b, drive, layers, charges(request)
    )  # fmt: skip


def _joined(house: House, blocks: Blocks) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Steps composed to blocks exactly: A^L, sum A^j b and sum A^(L-1-j) d_j."""
    n = len(house.start_c)
    a = np.empty((len(blocks), n, n))
    b = np.empty((n, len(blocks)))
    drive = np.empty((n, len(blocks)))
    powers: dict[int, tuple[FloatArray, FloatArray]] = {}
    for k, (first, length) in enumerate(zip(blocks.first, blocks.length, strict=True)):
        if length not in powers:
            powers[length] = _powers(house.step.a, house.step.b_heat, int(length))
        a[k], b[:, k] = powers[length]
        x = np.zeros(n)
        for step in range(first, first + length):
            x = house.step.a @ x + house.drive_k[:, step]
        drive[:, k] = x
    b[:, 0] = house.first.b_heat if blocks.length[0] == 1 else b[:, 0]
    return a, b, drive


def _powers(a: FloatArray, b: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    both, pushed = np.eye(len(a)), np.zeros(len(a))
    for _ in range(length):
        pushed = a @ pushed + b
        both = a @ both
    return both, pushed


def shape_of(stage: Stage) -> Shape:
    """The structure of the request's problem."""
    request, blocks = stage.request, stage.blocks
    heater = request.heater
    machine = compressor_shape(stage.request)
    return Shape(
        states=len(stage.house.start_c),
        rooms=rooms_of(request.building),
        blocks=len(blocks),
        fine=blocks.fine,
        segments=SEGMENTS,
        whole=whole_blocks(request, blocks),
        run_blocks=machine.run_blocks,
        off_blocks=machine.off_blocks,
        dwell_blocks=machine.dwell_blocks,
        starts_limited=request.compressor.starts_per_day is not None,
        power_limited=request.limits.power_max_w is not None,
        hot_water=request.hot_water is not None,
        heater_space=heater is not None and heater.for_space,
        heater_hot_water=heater is not None
        and heater.for_hot_water
        and request.hot_water is not None,
        heater_stages=0 if heater is None else heater.stages,
        buffer=request.buffer is not None,
        site=request.site is not None,
        reserve=request.reserve is not None,
        peaks=() if request.site is None else peak_shapes(request.site.peaks, stage.request),
    )


def numbers_of(stage: Stage, curve: PowerCurve, tank: TankCurve | None) -> Numbers:
    """The value of every parameter, in kW, hours and costs over the mean price."""
    numbers: dict[str, FloatArray] = {
        **_house_numbers(stage),
        **_comfort_numbers(stage, curve),
        **_end_numbers(stage, curve, tank),
        **compressor_numbers(stage.request, stage.blocks),
        **_curve_numbers(stage.request, curve),
        **site_numbers(stage.request, stage.blocks, stage.hours / stage.scale),
    }
    if tank is not None:
        numbers |= _tank_numbers(stage, tank)
        numbers |= _decided(stage, numbers)
    _release(numbers)
    if stage.request.buffer is not None:
        numbers |= _buffer_numbers(stage)
    if stage.request.site is not None:
        for i, charge in enumerate(stage.request.site.peaks):
            found = peak_numbers(charge, stage.request, stage.blocks, stage.scale)
            numbers |= {f"peak{i}_{name}": value for name, value in found.items()}
    return numbers


def _decided(stage: Stage, numbers: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """The tank's share of each block, where its charges are decided beforehand."""
    if stage.charges is None:
        return {}
    run = np.minimum(stage.blocks.mean(stage.charges.run_frac), numbers["busy_high"])
    return {"dhw_low": run, "dhw_high": run}


def _release(numbers: dict[str, FloatArray]) -> None:
    """What is possible goes before a minimum time: where nothing may run, nothing must.

    A power limit below the lowest continuous heat is such a case, a tank too hot for the pump too.
    """
    water = numbers.get("dhw_max_kw", np.zeros(1)) > 0.0
    for name in ("dhw_low", "dhw_high"):
        numbers[name] = numbers[name] * water
    numbers["busy_low"] = numbers["busy_low"] * (water | (numbers["heat_max_kw"] > 0.0))


def _house_numbers(stage: Stage) -> Numbers:
    n = len(stage.house.start_c)
    return {
        "a": stage.a[1:].reshape(-1, n * n).T,
        "b": stage.b_per_w * 1000.0,
        "drive_k": stage.drive_k,
        "hours": _hours_of_ends(stage),
    }


def _hours_of_ends(stage: Stage) -> FloatArray:
    """Weight of each block's end in the mean over all step ends, straight lines between ends.

    In a block of L steps the ends of its steps are on average (L + 1) / 2L of the way.
    """
    length = stage.blocks.length.astype(np.float64)
    late = (length + 1.0) / (2.0 * length)
    hours = stage.hours * late
    hours[:-1] += (stage.hours * (1.0 - late))[1:]
    return np.asarray(hours)


def _comfort_numbers(stage: Stage, curve: PowerCurve) -> dict[str, FloatArray]:
    request, blocks, per_hour = stage.request, stage.blocks, stage.hours / stage.scale
    comfort, rooms = request.comfort, rooms_of(request.building)
    bands, (drop_k, rise_k) = comfort.bands(len(rooms)), _reserved_k(stage, curve)
    below = comfort.below_price_per_kh * per_hour
    step_h = request.horizon.step_s / 3600.0
    return {
        "low_c": np.stack([blocks.highest(band.low_c) for band in bands]) + drop_k,
        "high_c": np.stack([blocks.lowest(band.high_c) for band in bands]) - rise_k,
        "below_cost": below,
        "above_cost": comfort.above_price_per_kh * per_hour,
        "frost_c": np.array(comfort.frost_c),
        "frost_cost": FROST_PRICE_FACTOR * below,
        "target_kh": np.array(float(np.sum(comfort.target_c)) * step_h - comfort.balance_kh)
        - (1.0 - stage.house.first_frac) * step_h * comfort.target_c[0],
        "mean_cost_per_kh": np.array(comfort.mean_price_per_kh / stage.scale),
        "reserve_cost": RESERVE_PRICE_FACTOR * below,
    }


def _reserved_k(stage: Stage, curve: PowerCurve) -> tuple[FloatArray, FloatArray]:
    """What each room would lose or gain if the reserve were called for its whole time.

    Response of the rooms to a watt from now on times the heat that goes missing: reserved power
    times heat over power of the pump at its largest heat.
    """
    reserve, blocks, rooms = stage.request.reserve, stage.blocks, rooms_of(stage.request.building)
    if reserve is None:
        return np.zeros((len(rooms), len(blocks))), np.zeros((len(rooms), len(blocks)))
    steps = max(1, round(reserve.sustain_s / stage.request.horizon.step_s))
    _, pushed = _powers(stage.house.step.a, stage.house.step.b_heat, steps)
    power_w = curve.chord_slope * curve.heat_max_w + curve.chord_w
    cop = curve.heat_max_w / np.maximum(power_w, 1.0)
    response = np.outer(np.maximum(pushed[list(rooms)], 0.0), cop)
    return response * blocks.highest(reserve.up_w), response * blocks.highest(reserve.down_w)


def _end_numbers(stage: Stage, curve: PowerCurve, tank: TankCurve | None) -> dict[str, FloatArray]:
    """Heat that should be left and the price of a missing kWh.

    Left: the house at rest at the last target in the mean weather of the last day. Price: what one
    more kWh of heat cost on that day at the heat this takes. The tank: half way between its bounds.
    """
    request, house, horizon = stage.request, stage.house, stage.request.horizon
    last = slice(-max(1, round(END_HOURS * 3600.0 / horizon.step_s)), None)
    rest = steady_state(
        request.building,
        room_c=request.comfort.target_c[-1],
        outdoor_c=float(np.mean(horizon.outdoor_c[last])),
        ghi_w_per_m2=float(np.mean(horizon.ghi_w_per_m2[last])),
        gain_w=float(np.mean(house.gain_w[last])),
        second_w=house.second_w,
    )
    days = np.cumsum(stage.hours[::-1])[::-1] <= END_HOURS + 1e-9
    days[-1] = True
    heat_w = np.clip(rest.heat_w[0], 0.0, curve.heat_max_w[days])
    price = np.maximum(stage.price_per_kwh[days], 0.0)
    cost = float(np.mean(price * _marginal(curve, days, heat_w)))
    capacities = capacities_kwh_per_k(request.building)
    target_kwh = float(capacities @ rest.state_c[:, 0])
    numbers = {"stored_kwh_per_k": capacities, "stored_cost_per_kwh": np.array(cost / stage.scale)}
    if request.buffer is not None:
        target_kwh += (
            request.buffer.kwh_per_k * 0.5 * (request.buffer.low_c + request.buffer.high_c)
        )
        numbers["buffer_kwh_per_k"] = np.array(request.buffer.kwh_per_k)
    numbers["stored_target_kwh"] = np.array(target_kwh)
    if tank is not None and request.hot_water is not None:
        water = request.hot_water
        half_kwh_per_k = water.tank.volume_l * WATER_KWH_PER_L_K / 2.0
        middle_c = 0.5 * (water.low_c[-1] + water.high_c[-1])
        numbers["tank_kwh_per_k"] = np.array(half_kwh_per_k)
        numbers["tank_target_kwh"] = np.array(2.0 * half_kwh_per_k * middle_c)
        power_w = tank.slope * tank.heat_max_w + tank.offset_w
        per_heat = power_w[days] / np.maximum(tank.heat_max_w[days], 1.0)
        numbers["tank_stored_cost_per_kwh"] = np.array(
            float(np.mean(price * per_heat)) / stage.scale
        )
    return numbers


def _marginal(curve: PowerCurve, where: NDArray[np.bool_], heat_w: FloatArray) -> FloatArray:
    """Slope of the power curve at this heat; below the lowest heat that of cycling there."""
    slope, offset = curve.slope[:, where], curve.offset_w[:, where]
    active = np.argmax(slope * heat_w + offset, axis=0)
    running = np.take_along_axis(slope, active[None, :], axis=0)[0]
    least_w = curve.heat_min_w[where]
    cycling = slope[0] + offset[0] / np.maximum(least_w, 1.0)
    return np.asarray(np.where(heat_w < least_w, cycling, running))


def _curve_numbers(request: PlanRequest, curve: PowerCurve) -> dict[str, FloatArray]:
    around_kw = request.compressor.circulation_w / 1000.0
    return {
        "power_slope": curve.slope,
        "power_offset_kw": curve.offset_w / 1000.0 + around_kw,
        "chord_slope": curve.chord_slope,
        "chord_kw": curve.chord_w / 1000.0 + around_kw,
        "heat_min_kw": curve.heat_min_w / 1000.0,
        "heat_max_kw": curve.heat_max_w / 1000.0,
    }


def _tank_numbers(stage: Stage, curve: TankCurve) -> dict[str, FloatArray]:
    water, layers, blocks = stage.request.hot_water, stage.layers, stage.blocks
    if water is None or layers is None:
        raise ValueError("a tank curve without a tank")
    drive = layers.d.T.copy()
    drive[:, 0] += layers.a[0] @ np.array(water.state_c)
    drive -= layers.b.T * _warm_up_kw(stage)
    lower_low = np.zeros(len(blocks))
    low_c = blocks.highest(water.low_c)
    step = sanitise_block(stage, curve)
    if step is not None and water.sanitise_c is not None:
        lower_low[step] = water.sanitise_c
        low_c[step] = max(low_c[step], water.sanitise_c)
    high_c = np.maximum(blocks.lowest(water.high_c), lower_low)
    return {
        "tank_a": layers.a[1:].reshape(-1, 4).T,
        "tank_b": layers.b.T,
        "tank_drive_k": drive,
        "tank_low_c": low_c,
        "tank_lower_low_c": lower_low,
        "tank_high_c": high_c,
        "tank_beyond_pump_k": np.maximum(high_c - water.pump_max_c, 0.0),
        "tank_cost": water.below_price_per_kh * stage.hours / stage.scale,
        "dhw_power_slope": curve.slope,
        "dhw_power_kw": (curve.offset_w + stage.request.compressor.circulation_w) / 1000.0,
        "dhw_min_kw": curve.heat_min_w / 1000.0,
        "dhw_max_kw": curve.heat_max_w / 1000.0,
    }


def _warm_up_kw(stage: Stage) -> FloatArray:
    """Mean heat of each block that charges beginning in it leave in pump and pipes."""
    water = stage.request.hot_water
    if water is None or stage.charges is None:
        return np.zeros(len(stage.blocks))
    on = np.array(stage.charges.run_frac) > 0.0
    kwh = warm_up_kwh(water, on, charging=stage.request.compressor.charging)
    return stage.blocks.total(kwh) / stage.hours


def sanitise_block(stage: Stage, curve: TankCurve) -> int | None:
    """The block at whose end the tank shall be hot throughout: where heating it costs least.

    Chosen before the optimisation, by price times power per heat: a stated approximation.
    """
    water = stage.request.hot_water
    if water is None or water.sanitise_steps is None or water.sanitise_c is None:
        return None
    first, last = water.sanitise_steps
    ends = stage.blocks.first + stage.blocks.length - 1
    if stage.charges is not None and stage.charges.hot_step is not None:
        return int(np.searchsorted(ends, stage.charges.hot_step))
    possible = (ends >= first) & (ends <= last)
    if not possible.any():
        return None
    per_heat = curve.slope + curve.offset_w / np.maximum(curve.heat_max_w, 1.0)
    per_heat = np.where(curve.heat_max_w > 0.0, per_heat, 1.0)
    return int(np.argmin(np.where(possible, stage.price_per_kwh * per_heat, np.inf)))


def _buffer_numbers(stage: Stage) -> dict[str, FloatArray]:
    """The emitters take at most their design heat per kelvin between buffer and room."""
    buffer, emitter = stage.request.buffer, stage.request.emitter
    if buffer is None:
        raise ValueError("no buffer")
    kept, gain, drive = buffer_steps(buffer, stage.hours)
    drive[0] += kept[0] * buffer.state_c
    room_c = stage.blocks.mean(stage.request.comfort.target_c)
    excess_k = emitter.design_flow_c - 0.5 * emitter.design_spread_k - emitter.design_room_c
    per_k = emitter.design_heat_w / 1000.0 / excess_k
    return {
        "buffer_a": kept[1:],
        "buffer_b": gain,
        "buffer_drive_k": drive,
        "buffer_high_c": np.array(buffer.high_c),
        "emitter_kw_per_k": np.array(per_k),
        "emitter_kw": per_k * room_c[1:],
        "emitter_first_kw": np.array(max(per_k * (buffer.state_c - room_c[0]), 0.0)),
    }
