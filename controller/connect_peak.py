"""From [tariff.hold] to meters that are read every second; refuses what is not fast enough."""

from collections.abc import Callable, Mapping

from controller.config import HouseConfig
from controller.config_devices import Device as DeviceConfig
from controller.config_peak import PeakHold
from controller.fast_peak import Meters
from controller.qualify import Duty, Response, knob_refusals
from drivers.api import Capability, Device, Knob, Signal
from drivers.errors import ConfigurationError
from drivers.frequency.one_signal import OneSignal, narrowed
from drivers.profile import AnyProfile, load_profile

ANY_W = 1000.0
"""A held peak promises no capacity, so none is too small for the knob's steps."""

AT_ONCE = Response(latency_s=0.0, ramp_frac_per_s=1.0)
"""What is wrong with a knob however fast the pump follows it."""


def peak_meters(
    config: HouseConfig,
    knobs: Mapping[Capability, Knob],
    *,
    meter: Callable[[DeviceConfig, AnyProfile], Device],
) -> Meters | None:
    """The meters of the duty; None without [tariff.hold].

    Raises `ConfigurationError` with every reason why it cannot be done.
    """
    if config.tariff.hold is None:
        return None
    reasons = peak_refusals(config, knobs)
    if reasons or config.grid_meter is None:
        raise ConfigurationError(f"tariff.hold: {'; '.join(reasons)}")
    return Meters(
        grid=_power(config.grid_meter, meter),
        pump=None if config.meter is None else _power(config.meter, meter),
    )


def _power(device: DeviceConfig, meter: Callable[[DeviceConfig, AnyProfile], Device]) -> OneSignal:
    profile = narrowed(load_profile(device.profile), Signal.METER_POWER_W)
    return OneSignal(meter(device, profile), Signal.METER_POWER_W)


def peak_refusals(config: HouseConfig, knobs: Mapping[Capability, Knob]) -> tuple[str, ...]:
    """Why the running interval cannot be held in this house; empty: it can."""
    said: list[str] = []
    if not config.tariff.peak:
        said.append("there is no charge on power: [[tariff.peak]]")
    if config.grid_meter is None:
        said.append("nothing measures the house at its connection: [grid_meter]")
    hold = config.tariff.hold or PeakHold()
    response = Response(latency_s=hold.latency_s, ramp_frac_per_s=hold.ramp_frac_per_s)
    if Capability.POWER_LIMIT in knobs:
        reasons = _refused(knobs[Capability.POWER_LIMIT], response)
        return (*said, *(f"power_limit is refused: {reason}" for reason in reasons))
    said.append("this pump takes no limit of power in watts")
    for name, knob in sorted(knobs.items()):
        reasons = _refused(knob, AT_ONCE) or ("only a limit in watts is served so far",)
        said.append(f"{name} is refused: {'; '.join(reasons)}")
    return tuple(said)


def _refused(knob: Knob, response: Response) -> tuple[str, ...]:
    return knob_refusals(Duty.PEAK, knob, response, capacity_w=ANY_W)


def peak_words(config: HouseConfig, knobs: Mapping[Capability, Knob]) -> str | None:
    """For `heatherd check`: whether the running interval is held; None where no peak is billed."""
    if not config.tariff.peak:
        return None
    if config.tariff.hold is not None:
        return "The running metered interval is held under the peak that is paid for."
    reasons = peak_refusals(config, knobs)
    how = "; ".join(reasons) if reasons else "set [tariff.hold]"
    return f"Only plans know the charges on power, the running interval is not held: {how}."
