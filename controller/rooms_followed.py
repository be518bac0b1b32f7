"""The house over a span and what its room sensors say of it, each sensor by itself. Pure."""

from dataclasses import dataclass
from datetime import datetime

from controller.innovations import Innovations
from controller.model import HouseModel
from controller.room_sensor import RoomSensor
from controller.snapshot import Reading, Snapshot
from drivers.api import Signal
from mpc import estimator
from mpc.building import rooms_of
from mpc.plan import Estimate
from mpc.wind import wind_gain_w

ROOMS = (Signal.ROOM_C, Signal.SECOND_ROOM_C)
"""The sensor of each zone, in the order of `mpc.building.rooms_of`."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What acted on the house over a span."""

    heat_w: float
    outdoor_c: float
    ghi_w_per_m2: float
    wind_m_s: float | None  # None: as usual

    def onward(self, estimate: Estimate, model: HouseModel, until: datetime) -> Estimate:
        """The belief at the end of the span."""
        return estimator.predict(
            estimate,
            model.building,
            until=until,
            heat_w=self.heat_w,
            outdoor_c=self.outdoor_c,
            ghi_w_per_m2=self.ghi_w_per_m2,
            gain_w=wind_w(model, self.wind_m_s, self.outdoor_c, room_c=estimate.state_c[0]),
        )


def wind_w(
    model: HouseModel, wind_m_s: float | None, outdoor_c: float, *, room_c: float
) -> float:  # fmt: skip
    """What wind takes from (< 0) or spares a house at `room_c`; nothing where nobody tells it."""
    if wind_m_s is None:
        return 0.0
    building = model.building
    return float(wind_gain_w(building, wind_m_s=wind_m_s, outdoor_c=outdoor_c, target_c=room_c))


@dataclass(frozen=True, slots=True)
class Followed:
    """The house and the sensors of its rooms."""

    estimate: Estimate
    sensors: tuple[RoomSensor, ...]  # one for each of `mpc.building.rooms_of`
    innovations: Innovations  # of the first room


def follow(
    was: Followed, *, before: Snapshot, now: Snapshot, model: HouseModel, inputs: Inputs
) -> Followed:
    """Predicted over the span, then corrected by each new reading of a sensor that works.

    When a sensor is found frozen, what it said since its last change is taken back.
    """
    estimate = predicted = inputs.onward(was.estimate, model, now.at)
    innovations, sensors = was.innovations, []
    for air, signal, earlier in zip(rooms_of(model.building), ROOMS, was.sensors, strict=False):
        free = predicted
        if earlier.free and not earlier.frozen:
            free = inputs.onward(earlier.free_from(was.estimate), model, now.at)
        sensor = earlier.passed((now.at - was.estimate.at).total_seconds(), free, air=air)
        reading = now.signals.get(signal)
        if isinstance(reading, Reading) and _is_news(signal, now, before):
            sensor = sensor.told(reading.value)
            if sensor.frozen and not earlier.frozen:
                unread = estimator.initial(
                    model.building, at=now.at, room_c=None, outdoor_c=inputs.outdoor_c
                )
                unsure = estimator.resumed(unread, estimate)
                estimate = estimator.taken_back(estimate, free, unsure, air=air)
            elif not sensor.frozen:
                std_k = sensor.std_k((now.at - reading.at).total_seconds())
                if air == 0:
                    found = estimator.innovation(estimate, room_c=reading.value, std_k=std_k)
                    innovations = innovations.seen(found)
                estimate = estimator.correct(estimate, room_c=reading.value, std_k=std_k, air=air)
                sensor = sensor.used()
        sensors.append(sensor)
    return Followed(estimate, tuple(sensors), innovations)


def _is_news(signal: Signal, now: Snapshot, before: Snapshot) -> bool:
    """A sensor that reports rarely must not be counted once a cycle as if it were new."""
    current, previous = now.signals.get(signal), before.signals.get(signal)
    return getattr(current, "at", None) != getattr(previous, "at", None)
