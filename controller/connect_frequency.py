"""From [frequency] to a frequency that is read every second; refuses what is not fast enough."""

from collections.abc import Callable, Mapping

from controller.actuation import choose_knob
from controller.config import HouseConfig
from controller.config_devices import Device as DeviceConfig
from controller.config_frequency import FrequencySection
from controller.fast_frequency import Seconds
from controller.qualify import (
    DEMANDS,
    Duty,
    FrequencySource,
    Response,
    knob_refusals,
    source_refusals,
)
from drivers.api import Capability, Device, Knob, Now, Signal
from drivers.errors import ConfigurationError
from drivers.frequency.one_signal import OneSignal, counted_in, narrowed
from drivers.profile import AnyProfile, load_profile
from drivers.rooms.topics_room import RoomTopics, TopicsRoom
from drivers.topics import TopicPoint
from drivers.transports.mqtt import MqttLink

LOOP_S = 1.0
"""A deviation may wait so long for the loop that asks once a second."""

POSSIBLE_HZ = (40.0, 70.0)


def seconds_sources(
    config: HouseConfig,
    knobs: Mapping[Capability, Knob],
    *,
    mqtt: Callable[[], MqttLink],
    meter: Callable[[DeviceConfig, AnyProfile], Device],
    now: Now,
) -> Seconds | None:
    """The sources of the one-second loop; None without [frequency].

    Raises `ConfigurationError` with every reason why knob or source does not qualify.
    """
    section = config.frequency
    if section is None:
        return None
    if reasons := frequency_refusals(config, section, knobs):
        raise ConfigurationError(f"frequency: {'; '.join(reasons)}")
    if section.device is None:
        point = TopicPoint(
            name=Signal.FREQUENCY_HZ.value, topic=section.topic or "", pointer=section.pointer,
            unit="Hz", minimum=POSSIBLE_HZ[0], maximum=POSSIBLE_HZ[1],
        )  # fmt: skip
        topics = RoomTopics(points={Signal.FREQUENCY_HZ: (point,)})
        heard: Device = TopicsRoom("frequency", mqtt(), topics, now=now)
    else:
        profile = load_profile(section.device.profile)
        heard = meter(section.device, narrowed(profile, Signal.FREQUENCY_HZ))
    power = None
    if config.meter is not None:
        profile = load_profile(config.meter.profile)
        power = OneSignal(
            meter(config.meter, narrowed(profile, Signal.METER_POWER_W)), Signal.METER_POWER_W
        )
    return Seconds(frequency=OneSignal(heard, Signal.FREQUENCY_HZ), power=power)


def frequency_words(config: HouseConfig) -> str | None:
    """What is promised, for people; None: nothing. Only after `seconds_sources` has not refused."""
    section = config.frequency
    if section is None:
        return None
    source = section.topic or (section.device and section.device.profile)
    said = (
        f"The frequency is answered with {section.capacity_w:g} W of {section.product} by "
        f"{section.knob}, as seen by {source}; both qualify by what is stated."
    )
    begins_s = (section.latency_s or 0.0) + (section.delay_s or 0.0) + LOOP_S
    allowed_s = DEMANDS[Duty(section.product.value)].start_s
    if begins_s > allowed_s:
        said += (
            f" Source, loop and knob together begin after up to {begins_s:g} s; "
            f"{allowed_s:g} s are allowed, so the operator's test may fail."
        )
    return said


def frequency_refusals(
    config: HouseConfig, section: FrequencySection, knobs: Mapping[Capability, Knob]
) -> tuple[str, ...]:
    """Why this house may not promise this; empty: it may."""
    knob = knobs.get(section.knob)
    if knob is None:
        have = ", ".join(sorted(knobs)) or "none"
        return (f"this pump has no knob {section.knob} (it has {have})",)
    response = Response(
        latency_s=section.latency_s,
        ramp_frac_per_s=section.ramp_frac_per_s,
        w_per_unit=section.w_per_unit,
    )
    duty = Duty(section.product.value)
    reasons = knob_refusals(duty, knob, response, capacity_w=section.capacity_w)
    if not reasons and section.knob is not Capability.POWER_LIMIT:
        reasons = ("only a limit of power in watts is served so far",)
    said = [f"{section.knob} is refused for {section.product}: {reason}" for reason in reasons]
    heat = choose_knob(knobs, config.heat_pump.capability)
    if section.droop.down and (heat is None or heat.capability is not Capability.POWER_LIMIT):
        said.append(
            f"{section.product} asks for more power too, which a limit gives only where it is what "
            'holds the pump back: set heat_pump.knob = "power_limit"'
        )
    said += [f"the source is refused: {reason}" for reason in source_refusals(_stated(section))]
    return tuple(said)


def _stated(section: FrequencySection) -> FrequencySource:
    """As stated, but never finer than what its registers count in."""
    resolution_hz = section.resolution_hz
    if section.device is not None:
        profile = load_profile(section.device.profile)
        if resolution_hz is not None and Signal.FREQUENCY_HZ in profile.signals:
            resolution_hz = max(resolution_hz, counted_in(profile, Signal.FREQUENCY_HZ))
    return FrequencySource(
        resolution_hz=resolution_hz, noise_hz=section.noise_hz, delay_s=section.delay_s
    )
