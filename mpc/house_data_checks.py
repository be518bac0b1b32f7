"""What is wrong with house data before anything is learned from them, in plain words."""

import numpy as np

from mpc.arrays import FloatArray
from mpc.building import Building, total_loss_w_per_k
from mpc.house_data import HouseData
from mpc.identify_model import Finding
from mpc.identify_stretches import spells

LEAST_DAYS = 3.0
MANY_MISSING_FRAC = 0.3
FEW_MISSING_FRAC = 0.02
FROZEN_S = 12 * 3600.0  # a room that is lived in moves by a sensor's step within half a day
FROZEN_DAYS_FRAC = 0.15  # of the days: more is not a quiet weekend
FROZEN_OUTDOOR_S = 8 * 3600.0
JUMP_K = 3.0  # between readings of a room a quarter of an hour apart
JUMPS_PER_DAY = 0.3
STAYS_S = 6 * 3600.0
STAYS_FRAC = 0.8  # of a jump: a window left open comes back, a moved sensor does not
ROOM_RANGE_C = (5.0, 40.0)
OUTDOOR_RANGE_C = (-45.0, 50.0)
GHI_MOST_W_PER_M2 = 1500.0
KELVIN_FROM_C = 200.0
FAHRENHEIT_ROOM_C = (55.0, 95.0)
KILOWATT_MOST = 60.0  # a house whose largest heat is below this number is told in kW
DESIGN_DIFFERENCE_K = 35.0
TOO_MUCH = 6.0  # times what the given model loses on the coldest day
TOO_LITTLE_SUN_W_PER_M2 = 1.6  # largest irradiance ever: told in kW/m2
MOVES_K = 0.02  # a smaller step of the room is taken as the same reading


def house_data_findings(data: HouseData, building: Building) -> tuple[Finding, ...]:
    """Everything that makes these data doubtful, against what `building` could be."""
    found = [
        *_length(data),
        *_gaps(data),
        *_units(data),
        *_frozen(data),
        *_jumps(data),
        *_heat(data, building),
        *_swapped(data),
    ]
    return tuple(found)


def _length(data: HouseData) -> list[Finding]:
    if data.days >= LEAST_DAYS:
        return []
    words = f"the data span {data.days:.1f} days; at least {LEAST_DAYS:g} are needed"
    return [Finding(name="short", words=words, spoils=True)]


def _gaps(data: HouseData) -> list[Finding]:
    found = []
    for name, values in data.series():
        missing = float(np.isnan(values).mean())
        if missing > FEW_MISSING_FRAC and name != "flow_c":
            spoils = missing > MANY_MISSING_FRAC and name != "wind_m_s"
            words = f"{missing:.0%} of {name} are missing"
            found.append(Finding(name="gaps", words=words, spoils=spoils))
    return found


def _units(data: HouseData) -> list[Finding]:
    found = []
    room_c, heat_w, sun = _median(data.room_c), _most(data.heat_w), _most(data.ghi_w_per_m2)
    if FAHRENHEIT_ROOM_C[0] < room_c < FAHRENHEIT_ROOM_C[1]:
        found.append(f"the room's median is {room_c:.0f}: this looks like °F, not °C")
    elif room_c > KELVIN_FROM_C:
        found.append(f"the room's median is {room_c:.0f}: this looks like kelvin, not °C")
    elif not np.isnan(room_c) and not ROOM_RANGE_C[0] < room_c < ROOM_RANGE_C[1]:
        found.append(f"the room's median is {room_c:.0f} °C: no lived-in room is like that")
    outdoor_c = _median(data.outdoor_c)
    if not np.isnan(outdoor_c) and not OUTDOOR_RANGE_C[0] < outdoor_c < OUTDOOR_RANGE_C[1]:
        found.append(f"the median outdoors is {outdoor_c:.0f} °C: the unit must be wrong")
    if 0.0 < heat_w < KILOWATT_MOST:
        found.append(f"the largest heat is {heat_w:.1f} W: this looks like kW, not W")
    if 0.0 < sun < TOO_LITTLE_SUN_W_PER_M2:
        found.append(f"the strongest sun is {sun:.2f} W/m2: this looks like kW/m2")
    if sun > GHI_MOST_W_PER_M2:
        found.append(f"the strongest sun is {sun:.0f} W/m2: more than the sun gives")
    return [Finding(name="unit", words=words, spoils=True) for words in found]


def _frozen(data: HouseData) -> list[Finding]:
    found = []
    limits = (("room_c", data.room_c, FROZEN_S), ("outdoor_c", data.outdoor_c, FROZEN_OUTDOOR_S))
    for name, values, limit_s in limits:
        same = np.abs(np.diff(values)) < (MOVES_K if name == "room_c" else 1e-9)
        longest = max((end - first for first, end in spells(same)), default=0) * data.step_s
        stuck_s = data.step_s * sum(
            end - first for first, end in spells(same) if (end - first) * data.step_s >= limit_s
        )
        if longest < limit_s:
            continue
        frozen_frac = stuck_s / (len(data) * data.step_s)
        words = (
            f"{name} did not move for {longest / 3600.0:.0f} hours "
            f"({frozen_frac:.0%} of the time it stood still for long): frozen?"
        )
        found.append(Finding(name="frozen", words=words, spoils=frozen_frac > FROZEN_DAYS_FRAC))
    if _most(data.heat_w) > 0.0 and np.nanstd(data.heat_w) < 1.0:
        words = "heat_w never changed: an estimate or a frozen meter"
        found.append(Finding(name="frozen", words=words, spoils=True))
    return found


def _jumps(data: HouseData) -> list[Finding]:
    limit_k = JUMP_K * max(np.sqrt(data.step_s / 900.0), 1.0)
    moves = np.diff(data.room_c)
    jumps = int(np.sum(np.abs(moves) > limit_k))
    if not jumps:
        return []
    words = f"the room jumped by more than {limit_k:.1f} K between readings {jumps} times"
    if any(_stays(data, int(step)) for step in np.flatnonzero(np.abs(moves) > limit_k)):
        words = f"{words} and did not come back: was the sensor moved or replaced?"
        return [Finding(name="jumps", words=words, spoils=True)]
    return [Finding(name="jumps", words=words, spoils=jumps > JUMPS_PER_DAY * data.days)]


def _stays(data: HouseData, step: int) -> bool:
    """Whether the room is as far away hours after a jump as it was right after it."""
    hours = max(round(STAYS_S / data.step_s), 1)
    before = data.room_c[max(step + 1 - hours, 0) : step + 1]
    after = data.room_c[step + 1 : step + 1 + hours]
    return abs(_median(after) - _median(before)) > STAYS_FRAC * JUMP_K


def _heat(data: HouseData, building: Building) -> list[Finding]:
    heat_w = data.heat_w[~np.isnan(data.heat_w)]
    if not len(heat_w):
        return [Finding(name="impossible", words="there is no heat at all", spoils=True)]
    found = []
    most_w = TOO_MUCH * DESIGN_DIFFERENCE_K * total_loss_w_per_k(building)
    negative_frac = float(np.mean(heat_w < -0.02 * max(float(heat_w.max()), 1.0)))
    if negative_frac > 0.01:
        words = f"heat_w is negative {negative_frac:.0%} of the time"
        found.append(Finding(name="impossible", words=words, spoils=True))
    high_w = float(np.quantile(heat_w, 0.95))
    if high_w > most_w:
        words = f"heat of {high_w:.0f} W is more than such a house can take ({most_w:.0f} W)"
        found.append(Finding(name="impossible", words=words, spoils=True))
    if not np.any(heat_w > 0.0):
        words = "the house was never heated: its losses cannot be learned"
        found.append(Finding(name="impossible", words=words, spoils=True))
    return found


def _swapped(data: HouseData) -> list[Finding]:
    """A room varies little and is warm; the weather varies with the sun and is not."""
    found = []
    room, outdoor = _spread_c(data.room_c), _spread_c(data.outdoor_c)
    cold_room = _median(data.room_c) < _median(data.outdoor_c) - 3.0
    if cold_room and _most(data.heat_w) > 0.0:
        name, words = (
            "unit",
            "it is warmer outdoors than in the heated room: °F, or another sensor?",
        )
        if room > outdoor:
            name = "swapped"
            words = "room_c is colder and less steady than outdoor_c: are the sensors swapped?"
        found.append(Finding(name=name, words=words, spoils=True))
    if data.flow_c is not None and _most(data.heat_w) > 0.0:
        heated = data.heat_w > 0.3 * _most(data.heat_w)
        if heated.any() and _median(data.flow_c[heated]) < _median(data.room_c[heated]) - 2.0:
            words = "flow_c is below room_c while heating: are the sensors swapped?"
            found.append(Finding(name="swapped", words=words, spoils=True))
    return found


def _median(values: FloatArray) -> float:
    return float(np.nanmedian(values)) if not np.isnan(values).all() else float("nan")


def _most(values: FloatArray) -> float:
    return float(np.nanmax(values)) if not np.isnan(values).all() else float("nan")


def _spread_c(values: FloatArray) -> float:
    return float(np.nanstd(values)) if not np.isnan(values).all() else float("nan")
