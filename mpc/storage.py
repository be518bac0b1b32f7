"""Hot-water tank and buffer as the planner sees them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mpc.arrays import FloatArray

WATER_KWH_PER_L_K = 4186.0 / 3.6e6
HALVINGS, TERMS = 6, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Tank:
    """Two layers of equal volume; conductances in W/K."""

    volume_l: float
    loss_w_per_k: float  # of the whole tank, to the room it stands in
    layers_w_per_k: float  # conduction and mixing between the layers
    heat_to_upper_frac: float  # share of the charging heat that reaches the upper layer
    cold_c: float  # mains
    room_c: float  # where it stands
    approach_k: float  # flow temperature above the mean of the layers while charging


@dataclass(frozen=True, slots=True, kw_only=True)
class HotWater:
    """The hot-water side of a request; trajectories per step, temperatures at its end."""

    tank: Tank
    state_c: tuple[float, float]  # upper, lower; now
    draw_kwh_per_k: tuple[float, ...]  # heat capacity of the water drawn in each step
    low_c: tuple[float, ...]  # soft lower bound of the upper layer
    high_c: tuple[float, ...]  # upper bound of the mean of the layers
    below_price_per_kh: float
    pump_max_c: float = 55.0  # the hottest the heat pump makes the tank; beyond it the heater
    sanitise_c: float | None = None  # both layers must have been this hot once ...
    sanitise_steps: tuple[int, int] | None = None  # ... at the end of a step in this range
    charge_w: float | None = None  # what a charge gives; given, charges are whole (mpc.charges)
    warm_up_kwh: float = 0.0  # of it warm pump and pipes at the beginning of each whole charge
    reserve_kwh_per_k: tuple[float, ...] = ()  # may be drawn at once after each step ...
    reserve_low_c: float = 0.0  # ... and shall not cool the upper layer below this


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """A buffer tank between heat pump and emitters, well mixed."""

    kwh_per_k: float
    loss_w_per_k: float
    room_c: float
    state_c: float  # now
    low_c: float  # below it the emitters get nothing from it
    high_c: float


@dataclass(frozen=True, slots=True)
class Layers:
    """Exact steps of the two layers: x' = a x + b q + d; x in °C (upper, lower), q in kW."""

    a: FloatArray  # steps x 2 x 2
    b: FloatArray  # steps x 2
    d: FloatArray  # steps x 2


def layers_steps(tank: Tank, *, step_h: FloatArray, draw_kwh_per_k: FloatArray) -> Layers:
    """The exact steps of the two layers for heat, draw and surroundings constant over each.

    C dTu/dt = w (Tl - Tu) - k (Tu - Tl) - L/2 (Tu - Tr) + f q
    C dTl/dt = w (Tc - Tl) + k (Tu - Tl) - L/2 (Tl - Tr) + (1 - f) q
    with C = `volume_l`/2 of water, w the drawn capacity flow, k `layers_w_per_k`, L `loss_w_per_k`,
    f `heat_to_upper_frac`, Tc cold water, Tr the room. That warm water rises at once is left out:
    heat reaches both layers by `f`, as from a coil or a loading pump. Shapes: steps in both.
    """
    step_h, drawn = np.broadcast_arrays(step_h, draw_kwh_per_k)
    flow = drawn / step_h  # kW/K
    per_kwh = 2.0 / (tank.volume_l * WATER_KWH_PER_L_K)
    mixing, loss = tank.layers_w_per_k / 1000.0, tank.loss_w_per_k / 2000.0
    rates = np.zeros((len(flow), 4, 4))  # states upper, lower; inputs heat, one
    rates[:, 0, 0] = -(flow + mixing + loss)
    rates[:, 0, 1] = flow + mixing
    rates[:, 1, 0] = mixing
    rates[:, 1, 1] = -(flow + mixing + loss)
    rates[:, 0, 2] = tank.heat_to_upper_frac
    rates[:, 1, 2] = 1.0 - tank.heat_to_upper_frac
    rates[:, 0, 3] = loss * tank.room_c
    rates[:, 1, 3] = loss * tank.room_c + flow * tank.cold_c
    exact = _exponential(rates * per_kwh * step_h[:, None, None])
    return Layers(exact[:, :2, :2], exact[:, :2, 2], exact[:, :2, 3])


def _exponential(matrices: FloatArray) -> FloatArray:
    """exp of many small matrices: Taylor's series of the halved ones, squared back.

    The largest of a tank's is about 3 (all of a layer drawn in a step): halved six times, eight
    terms leave an error below 1e-14. Many small calls of a library cost a hundred times as much.
    """
    small = matrices / 2.0**HALVINGS
    total = power = np.broadcast_to(np.eye(matrices.shape[-1]), matrices.shape)
    for term in range(1, TERMS + 1):
        power = power @ small / term
        total = total + power
    for _ in range(HALVINGS):
        total = total @ total
    return np.asarray(total)


def simulate_layers(layers: Layers, start_c: tuple[float, float], heat_w: FloatArray) -> FloatArray:
    """Upper and lower temperature at the end of every step (2 x steps)."""
    ends = np.empty((2, len(heat_w)))
    x = np.array(start_c)
    for k, kw in enumerate(heat_w / 1000.0):
        x = layers.a[k] @ x + layers.b[k] * kw + layers.d[k]
        ends[:, k] = x
    return ends


def warm_up_kwh(water: HotWater, on: NDArray[np.bool_], *, charging: bool) -> FloatArray:
    """Heat of each step that does not reach the tank because a charge begins in it.

    `on`: the steps with a charge; `charging`: the first one goes on with one that is under way.
    """
    begins = on & ~np.concatenate([[charging], on[:-1]])
    return np.asarray(begins * water.warm_up_kwh)


def heated_below(tank: Tank) -> Tank:
    """The tank whose heat all enters the lower layer, as from a coil: for `risen_layers`."""
    return replace(tank, heat_to_upper_frac=0.0)


def risen_layers(layers: Layers, start_c: tuple[float, float], heat_w: FloatArray) -> FloatArray:
    """As `simulate_layers`, but warm water rises at once: no layer below is the warmer.

    With `heated_below` the upper layer keeps its temperature until the lower one has come to it.
    """
    ends = np.empty((2, len(heat_w)))
    x = np.array(start_c)
    for k, kw in enumerate(heat_w / 1000.0):
        x = layers.a[k] @ x + layers.b[k] * kw + layers.d[k]
        x = x if x[0] >= x[1] else np.full(2, x.mean())
        ends[:, k] = x
    return ends


def after_draw_c(
    tank: Tank, layers_c: tuple[FloatArray, FloatArray], draw_kwh_per_k: float
) -> FloatArray:
    """The upper layer after a draw that takes no time, of tanks with these layers (upper, lower).

    The solution of C du = (l - u) dw, C dl = (Tc - l) dw; C half the tank, w the water drawn.
    """
    upper_c, lower_c = layers_c
    share = draw_kwh_per_k * 2.0 / (tank.volume_l * WATER_KWH_PER_L_K)
    kept = np.exp(-share)
    lower_k = lower_c - tank.cold_c
    return np.asarray(tank.cold_c + kept * (upper_c - tank.cold_c + share * lower_k))


def buffer_steps(buffer: Buffer, step_h: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """a, b, d of x' = a x + b (q_in - q_out) + d for each step; well mixed, in °C and kW."""
    loss = buffer.loss_w_per_k / 1000.0
    if loss <= 0.0:
        return np.ones_like(step_h), step_h / buffer.kwh_per_k, np.zeros_like(step_h)
    kept = np.exp(-loss * step_h / buffer.kwh_per_k)
    return kept, (1.0 - kept) / loss, (1.0 - kept) * buffer.room_c
