"""Hot-water tank and buffer as the planner sees them."""

from dataclasses import dataclass

from mpc.arrays import FloatArray

WATER_KWH_PER_L_K = 4186.0 / 3.6e6


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
    sanitise_c: float | None = None  # both layers must have been this hot once ...
    sanitise_steps: tuple[int, int] | None = None  # ... at the end of a step in this range


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
    """One exact step of the two layers: x' = a x + b q + d; x in °C (upper, lower), q in kW."""

    a: FloatArray  # 2 x 2
    b: FloatArray  # 2
    d: FloatArray  # 2
