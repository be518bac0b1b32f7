"""What the devices in the rooms see of the truth: lag, offset, noise, rounding, reporting."""

import json
import random
from dataclasses import dataclass

Message = tuple[str, str, bool]
"""Topic, payload, retain flag."""

SENSOR_LAG_S = 600.0  # plastic housing on a wall, 63 % of a step
NOISE_K = 0.03
REPORT_CHANGE_K = 0.1
SHORTEST_REPORT_S = 60.0
LONGEST_REPORT_S = 1800.0
THERMOSTAT_REPORT_S = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorTruth:
    """Errors of the devices of one house; factors multiply, offsets add."""

    outdoor_offset_k: float = 0.0
    room_offset_k: float = 0.0
    pump_room_offset_k: float = 0.0
    pump_power_factor: float = 1.0
    pump_heat_factor: float = 1.0
    meter_factor: float = 1.0


class RoomSensor:
    """A zigbee2mqtt temperature and humidity sensor on a wall."""

    __slots__ = ("_chance", "_lagged_c", "_offset_k", "_reported_at_s", "_reported_c", "topic")

    def __init__(self, *, start_c: float, offset_k: float, seed: int, topic: str) -> None:
        self._chance = random.Random(f"{seed}:{topic}")
        self._lagged_c = start_c
        self._offset_k = offset_k
        self._reported_at_s = -LONGEST_REPORT_S
        self._reported_c = start_c
        self.topic = topic

    def look(self, *, clock_s: float, passed_s: float, room_c: float) -> Message | None:
        """Follow the room; a message when it is time for one."""
        self._lagged_c += min(1.0, passed_s / SENSOR_LAG_S) * (room_c - self._lagged_c)
        seen_c = self._lagged_c + self._offset_k + self._chance.gauss(0.0, NOISE_K)
        quiet_s = clock_s - self._reported_at_s
        if quiet_s < SHORTEST_REPORT_S or (
            abs(seen_c - self._reported_c) < REPORT_CHANGE_K and quiet_s < LONGEST_REPORT_S
        ):
            return None
        self._reported_at_s = clock_s
        self._reported_c = seen_c
        payload = {
            "battery": 87,
            "humidity": round(42.0 + self._chance.gauss(0.0, 0.4), 1),
            "linkquality": self._chance.randint(80, 140),
            "temperature": round(seen_c, 2),
        }
        return (self.topic, json.dumps(payload), False)


class Thermostat:
    """The wall thermostat the resident turns; it reports its set-point and a coarse room value."""

    __slots__ = ("_changed", "_reported_at_s", "setpoint_c", "topic")

    def __init__(self, *, setpoint_c: float, topic: str) -> None:
        self.setpoint_c = setpoint_c
        self.topic = topic
        self._changed = True
        self._reported_at_s = 0.0

    def turn(self, setpoint_c: float) -> None:
        """The resident sets another temperature."""
        self._changed = self._changed or setpoint_c != self.setpoint_c
        self.setpoint_c = setpoint_c

    def look(self, *, clock_s: float, room_c: float) -> Message | None:
        """A message after a turn and every half hour."""
        if not self._changed and clock_s - self._reported_at_s < THERMOSTAT_REPORT_S:
            return None
        self._changed = False
        self._reported_at_s = clock_s
        payload = {
            "local_temperature": round(room_c * 2.0) / 2.0,
            "occupied_heating_setpoint": self.setpoint_c,
            "system_mode": "heat",
        }
        return (self.topic, json.dumps(payload), False)


class Walls:
    """What hangs on the walls: a sensor in each zone, and the living zone's thermostat."""

    __slots__ = ("_sensors", "thermostat")

    def __init__(self, sensors: tuple[RoomSensor, RoomSensor], thermostat: Thermostat) -> None:
        self._sensors = sensors
        self.thermostat = thermostat

    def look(
        self, *, clock_s: float, passed_s: float, zone_c: tuple[float, float]
    ) -> list[Message]:
        """What the devices say of the air of living and sleeping zone."""
        living, sleeping = (
            sensor.look(clock_s=clock_s, passed_s=passed_s, room_c=air_c)
            for sensor, air_c in zip(self._sensors, zone_c, strict=True)
        )
        said = (living, self.thermostat.look(clock_s=clock_s, room_c=zone_c[0]), sleeping)
        return [message for message in said if message is not None]
