"""A whole house behind its real protocols: plant, pump control, registers and room messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from drivers.api import Capability, OperatingState, Signal
from drivers.profile import AnyProfile, load_profile
from hil.building import Building
from hil.company import Company
from hil.device import Bus, EmulatedDevice
from hil.firmware import Curve, Firmware, Sensed
from hil.house import House
from hil.hydronics import WaterLoop
from hil.machine import Machine
from hil.manners import Manners, manners_of
from hil.occupants import Family, Occupancy
from hil.pump_face import PumpFace
from hil.pump_image import PumpImage, pump_image
from hil.registers import RegisterImage
from hil.sensors import Message, RoomSensor, Thermostat, Walls
from hil.tank import HotWaterTank
from hil.topic_device import TopicDevice
from hil.weather import Sky, WeatherTrace

STEP_S = 15.0
EXPOSE_S = 60.0  # weather, gains and room devices are looked at this often
J_PER_KWH = 3.6e6
PUMP_UNIT = 1
METER_UNIT = 2
METER_PROFILE = "sdm630"
SENSOR_TOPIC = "zigbee2mqtt/living_room"
SECOND_SENSOR_TOPIC = "zigbee2mqtt/bedroom"
THERMOSTAT_TOPIC = "zigbee2mqtt/thermostat"
GRID_HZ = 50.0
FIRST_DAY_GAINS_W = (330.0, 150.0)  # mean of people and appliances, for the initial state


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What really is, at an instant; counters run from the start of the simulation."""

    at: datetime
    zone_c: tuple[float, float]  # air of living and sleeping zone
    outdoor_c: float
    flow_c: float
    return_c: float
    power_w: float  # all electricity of the heat pump: compressor, fan, pumps, back-up, standby
    heat_w: float  # into the water, back-up included; negative while defrosting
    electricity_kwh: float
    heat_kwh: float
    space_heat_kwh: float
    dhw_heat_kwh: float
    backup_kwh: float
    compressor_hz: float
    compressor_starts: int
    defrosts: int
    operating_state: OperatingState
    stored_kwh: float  # in building, emitters and loop above 20 °C
    dhw_c: float  # upper layer of the tank


class SimulatedHouse:
    """The plant of one house, advanced in simulated time; equal arguments give equal futures.

    `modbus` answers as the heat pump (unit 1, and the one of its profile) and its electricity
    meter (unit 2; `meter` is its profile); `room` adds a room device behind the broker. The
    resident's thermostat is also the pump's room unit: the last one to set it wins.
    `manners` are those of the profile's device (hil/manners.toml) unless given; `older_firmware`
    turns the words that an earlier version of the device had the other way round.
    """

    def __init__(
        self,
        house: House,
        weather: WeatherTrace,
        *,
        start_at: datetime,
        seed: int,
        profile: str | AnyProfile = "generic_modbus",
        curve: Curve | None = None,
        occupants: Occupancy | None = None,
        room_setpoint_c: float = 21.0,
        meter: str = METER_PROFILE,
        room: str | None = None,
        manners: Manners | None = None,
        older_firmware: bool = False,
    ) -> None:
        truth = house.truth
        self.house = house
        self.at = start_at
        self._weather = weather
        self._start_at = start_at
        self._clock_s = self._next_expose_s = 0.0
        if occupants is None:
            occupants = Family(seed=seed, people=house.owner.people, timezone=weather.timezone)
        self._occupants: Occupancy = occupants
        self._building = Building(truth.building)
        self._loop = WaterLoop(
            truth.loop,
            living=truth.living_emitter,
            sleeping=truth.sleeping_emitter,
            ground_c=truth.building.ground_c,
        )
        self._machine = Machine(truth.machine)
        self._tank = HotWaterTank(truth.tank)
        self.firmware = Firmware(
            truth.firmware,
            house.curve if curve is None else curve,
            modulation_min_frac=truth.machine.modulation_min_frac,
            nominal_w=truth.machine.nominal_w,
            room_setpoint_c=room_setpoint_c,
        )
        self._sky = self._settle(room_setpoint_c)
        self._tapped_l_per_min = 0.0
        self.grid_hz = GRID_HZ
        self._power_w = truth.machine.standby_w
        self._heat_w = 0.0
        self._electricity_j = 0.0
        self._space_j = 0.0
        self._dhw_j = 0.0
        self._backup_j = 0.0
        self._counted_heat_j = 0.0  # the pump's own counter never runs back
        start_c, offset_k = self._building.living.air_c, truth.sensors.room_offset_k
        self._walls = Walls(
            (
                RoomSensor(start_c=start_c, offset_k=offset_k, seed=seed, topic=SENSOR_TOPIC),
                RoomSensor(start_c=start_c, offset_k=0.0, seed=seed, topic=SECOND_SENSOR_TOPIC),
            ),
            Thermostat(setpoint_c=room_setpoint_c, topic=THERMOSTAT_TOPIC),
        )
        self._messages: list[Message] = []
        loaded = load_profile(profile) if isinstance(profile, str) else profile
        kept = manners_of(loaded) if manners is None else manners
        self._pump: PumpFace[PumpImage] = PumpFace(
            loaded,
            lambda on_write: pump_image(
                loaded,
                on_write,
                readings=self._pump_readings,
                manners=kept,
                older_firmware=older_firmware,
            ),
            firmware=self.firmware,
            manners=kept,
        )
        self.pump_registers = self._pump.image
        self._company = Company(
            load_profile(meter),
            None if room is None else load_profile(room),
            meter_readings=self._meter_readings,
            room_readings=self._room_readings,
        )
        self.meter_registers = self._company.registers
        self._talkers, units = list(self._company.talkers), dict[int, EmulatedDevice]()
        if isinstance(self.pump_registers, RegisterImage):
            pump = EmulatedDevice(self.pump_registers, self._pump.presence)
            units = {self.pump_registers.profile.connection.unit: pump, PUMP_UNIT: pump}
        else:
            self._talkers.insert(0, TopicDevice(self.pump_registers, self._pump.presence))
        if self.meter_registers is not None:
            units[METER_UNIT] = EmulatedDevice(self.meter_registers)
        self.modbus = Bus(units)
        self._expose()

    def advance(self, until: datetime) -> None:
        """Let time pass; raises ValueError when `until` lies in the past."""
        end_s = (until - self._start_at).total_seconds()
        if end_s < self._clock_s:
            raise ValueError(f"time does not run back from {self.at} to {until}")
        while self._clock_s < end_s:
            step_s = min(STEP_S, end_s - self._clock_s, self._next_expose_s - self._clock_s)
            self._step(step_s)
            self._clock_s += step_s
            self._pump.pass_time(self._clock_s)
            if self._clock_s >= self._next_expose_s:
                self.at = self._start_at + timedelta(seconds=self._clock_s)
                self._expose()
        self.at = until
        self._company.pass_time(self._clock_s)

    @property
    def listens(self) -> tuple[str, ...]:
        """The topics on which devices behind the broker take commands."""
        return tuple(topic for talker in self._talkers for topic in talker.listens)

    def command(self, topic: str, payload: str) -> list[Message]:
        """A message for a device has come; what it answers."""
        heard = [talker for talker in self._talkers if topic in talker.listens]
        return [answer for talker in heard for answer in talker.command(topic, payload)]

    def pop_messages(self) -> list[Message]:
        """What rooms and pump have said since the last call: (topic, payload, retain)."""
        messages = self._messages
        self._messages = []
        return messages

    def set_room_setpoint(self, setpoint_c: float) -> None:
        """The resident turns the wall thermostat, which is also the pump's room unit."""
        self._walls.thermostat.turn(setpoint_c)
        self.firmware.room_setpoint_c = setpoint_c
        self.pump_registers.hold(Capability.ROOM_SETPOINT, setpoint_c)

    def set_alarm(self, code: int) -> None:
        """A fault of the refrigerant circuit (0 clears it): the compressor stands."""
        self.firmware.alarm_code = code

    def silence(self, silent: bool = True) -> None:
        """The pump stops answering, or answers again; it lives on meanwhile."""
        self._pump.presence.silent = silent

    def busy(self, busy: bool = True) -> None:
        """The pump answers nothing but "busy", or everything again."""
        self._pump.presence.busy = busy

    def restart(self) -> None:
        """The pump's control was without power for a moment and boots."""
        self._pump.restart()

    def other_writer(self, capability: Capability, value: float) -> None:
        """Somebody sets a knob at the pump. Raises ValueError where the pump has no such knob."""
        self._pump.turn(capability, value)

    def truth(self) -> Truth:
        """What really is, now."""
        machine, loop, building, firmware = (
            self._machine,
            self._loop,
            self._building,
            self.firmware,
        )
        return Truth(
            at=self.at,
            zone_c=(building.living.air_c, building.sleeping.air_c),
            outdoor_c=self._sky.outdoor_c,
            flow_c=loop.flow_c,
            return_c=loop.inlet_c,
            power_w=self._power_w,
            heat_w=self._heat_w,
            electricity_kwh=self._electricity_j / J_PER_KWH,
            heat_kwh=(self._space_j + self._dhw_j) / J_PER_KWH,
            space_heat_kwh=self._space_j / J_PER_KWH,
            dhw_heat_kwh=self._dhw_j / J_PER_KWH,
            backup_kwh=self._backup_j / J_PER_KWH,
            compressor_hz=firmware.speed_frac * machine.truth.hz_max,
            compressor_starts=firmware.starts,
            defrosts=machine.defrosts,
            operating_state=firmware.operating_state(machine.defrosting),
            stored_kwh=building.stored_kwh() + loop.stored_kwh(),
            dhw_c=self._tank.upper_c,
        )

    def _step(self, step_s: float) -> None:
        """Control, machine, water, tank and building, each with what was true at the start."""
        firmware, machine, loop, building, tank = (
            self.firmware,
            self._machine,
            self._loop,
            self._building,
            self._tank,
        )
        sensors = self.house.truth.sensors
        sky = self._sky
        living_c = building.living.air_c
        sensed = Sensed(
            flow_c=loop.flow_c,
            outdoor_c=sky.outdoor_c + sensors.outdoor_offset_k,
            room_c=living_c + sensors.pump_room_offset_k,
            return_c=loop.inlet_c,
            tank_c=tank.sensor_c,
            power_w=self._power_w,
            defrosting=machine.defrosting,
        )
        firmware.step(step_s, sensed)
        machine.step(
            step_s,
            hz=firmware.speed_frac * machine.truth.hz_max,
            outdoor_c=sky.outdoor_c,
            humidity_frac=sky.humidity_frac,
            flow_c=loop.flow_c,
        )
        water = loop.truth
        working = firmware.running or machine.defrosting or firmware.backup_w > 0.0
        if working:
            kg_per_s, pump_w = water.circulation_kg_per_s, water.pump_w
        elif firmware.circulation:
            kg_per_s = water.circulation_kg_per_s * water.slow_circulation_frac
            pump_w = water.slow_pump_w
        else:
            kg_per_s = pump_w = 0.0
        heat_w = machine.heat_w + firmware.backup_w
        dhw = firmware.dhw
        to_tank_w = loop.step(
            step_s,
            machine_w=heat_w,
            kg_per_s=kg_per_s,
            dhw_sink_c=tank.lower_c if dhw else None,
            air_c=(living_c, building.sleeping.air_c),
        )
        tank.step(
            step_s, heat_w=to_tank_w, tapped_l_per_min=self._tapped_l_per_min, room_c=living_c
        )
        warm_living_w, warm_sleeping_w = loop.convective_w
        building.step(
            step_s,
            convective_w=(warm_living_w + tank.lost_w, warm_sleeping_w),
            radiant_w=loop.radiant_w,
        )
        self._heat_w = heat_w
        self._power_w = machine.power_w + pump_w + firmware.backup_w
        self._electricity_j += step_s * self._power_w
        self._backup_j += step_s * firmware.backup_w
        if dhw:
            self._dhw_j += step_s * heat_w
        else:
            self._space_j += step_s * heat_w

    def _expose(self) -> None:
        """Weather, people and room devices for the next minute."""
        at = self.at
        self._sky = self._weather.sky(at)
        self._building.expose(
            self._sky,
            gains_w=self._occupants.gains_w(at),
            airing_per_h=self._occupants.airing_per_h(at),
        )
        self._tapped_l_per_min = self._occupants.draw_l_per_min(at)
        zone_c = self._building.living.air_c, self._building.sleeping.air_c
        self._messages += self._walls.look(clock_s=self._clock_s, passed_s=EXPOSE_S, zone_c=zone_c)
        self._company.pass_time(self._clock_s)
        for talker in self._talkers:
            self._messages += talker.messages()
        self._next_expose_s = self._clock_s + EXPOSE_S

    def _settle(self, air_c: float) -> Sky:
        """Start as a house that has been heated through days like the first one."""
        hours = [
            self._weather.sky(at)
            for hour in range(24)
            if (at := self._start_at + timedelta(hours=hour)) < self._weather.ends_at
        ]
        count = len(hours)
        north, east, south, west = (
            sum(sky.vertical_w_per_m2[side] for sky in hours) / count for side in range(4)
        )
        mean = Sky(
            outdoor_c=sum(sky.outdoor_c for sky in hours) / count,
            wind_m_per_s=sum(sky.wind_m_per_s for sky in hours) / count,
            humidity_frac=sum(sky.humidity_frac for sky in hours) / count,
            vertical_w_per_m2=(north, east, south, west),
        )
        self._building.living.air_c = self._building.sleeping.air_c = air_c
        self._building.expose(mean, gains_w=FIRST_DAY_GAINS_W, airing_per_h=(0.0, 0.0))
        heat_w = self._building.settle(
            air_c=air_c, radiant_frac=self._loop.living.truth.radiant_frac
        )
        self._loop.settle(heat_w=heat_w, air_c=air_c)
        self.firmware.season(mean.outdoor_c)
        return mean

    def _pump_readings(self) -> Mapping[Signal, float | None]:
        """The pump's own view: its sensors and its own, imperfect, metering."""
        machine, firmware, sensors = self._machine, self.firmware, self.house.truth.sensors
        self._counted_heat_j = max(self._counted_heat_j, self._space_j + self._dhw_j)
        pump_room_c = self._building.living.air_c + sensors.pump_room_offset_k
        return {
            Signal.OUTDOOR_C: self._sky.outdoor_c + sensors.outdoor_offset_k,
            Signal.FLOW_C: self._loop.flow_c,
            Signal.FLOW_SETPOINT_C: firmware.flow_setpoint_c(pump_room_c),
            Signal.RETURN_C: self._loop.inlet_c,
            Signal.BRINE_C: None if machine.truth.source == "air" else machine.brine_c,
            Signal.DHW_C: self._tank.upper_c,
            Signal.ROOM_C: pump_room_c,
            Signal.ROOM_SETPOINT_C: firmware.room_setpoint_c,
            Signal.COMPRESSOR_HZ: firmware.speed_frac * machine.truth.hz_max,
            Signal.OPERATING_STATE: float(firmware.operating_state(machine.defrosting)),
            Signal.DEFROSTING: 1.0 if machine.defrosting else 0.0,
            Signal.ALARM: float(firmware.alarm_code or self._pump.alarm_code),
            Signal.POWER_W: self._power_w * sensors.pump_power_factor,
            Signal.HEAT_W: self._heat_w * sensors.pump_heat_factor,
            Signal.ENERGY_KWH: self._electricity_j / J_PER_KWH * sensors.pump_power_factor,
            Signal.HEAT_ENERGY_KWH: self._counted_heat_j / J_PER_KWH * sensors.pump_heat_factor,
        }

    def _room_readings(self) -> Mapping[Signal, float | None]:
        return {
            Signal.ROOM_C: self._building.living.air_c + self.house.truth.sensors.room_offset_k,
            Signal.ROOM_SETPOINT_C: self._walls.thermostat.setpoint_c,
        }

    def _meter_readings(self) -> Mapping[Signal, float | None]:
        factor = self.house.truth.sensors.meter_factor
        return {
            Signal.METER_POWER_W: self._power_w * factor,
            Signal.METER_ENERGY_KWH: self._electricity_j / J_PER_KWH * factor,
            Signal.FREQUENCY_HZ: self.grid_hz,
        }
