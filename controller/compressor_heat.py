"""Heat from the compressor's speed, where neither heat nor electricity is measured. Pure.

A compressor moves a volume of vapour with each turn, so at the same temperatures its heat goes with
its speed; heat exchangers that are large for a slow compressor give some per cent more, which is
left out. Rough beside a meter, but enough to tell a house's losses from its storage.
"""

from controller.brine import source_now
from controller.model import HouseModel
from controller.snapshot import Snapshot
from drivers.api import Signal
from mpc.heat_pump import capacity_w


def heat_from_speed_w(
    snapshot: Snapshot, model: HouseModel, outdoor_c: float | None
) -> float | None:
    """Capacity at the measured flow, by the share of the highest speed; None: not known."""
    speed_hz, flow_c = snapshot.value(Signal.COMPRESSOR_HZ), snapshot.value(Signal.FLOW_C)
    most_hz = model.compressor_max_hz
    if most_hz is None or speed_hz is None or flow_c is None or outdoor_c is None:
        return None
    share = min(max(speed_hz / most_hz, 0.0), 1.0)
    source_c = source_now(snapshot, model.heat_pump, outdoor_c)
    return share * float(capacity_w(model.heat_pump, source_c, flow_c))
