"""From what devices say to a frozen snapshot: too old, too new and no number is no reading."""

from datetime import UTC, datetime, timedelta

import pytest

from controller.sense import DEFAULT_STALE_S, freeze, sense
from controller.snapshot import Missing, Reading, Snapshot
from drivers.api import Absent, OperatingState, Sample, Signal
from drivers.errors import LinkLostError
from drivers.profile import load_modbus_profile
from drivers.testing import AN_INSTANT, make_rig

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
ROOM = Signal.ROOM_C


def frozen(
    *answers: Sample | Absent, before: Snapshot | None = None, stale_s: float | None = None
) -> Snapshot:
    limits = {} if stale_s is None else {ROOM: stale_s}
    return freeze([{ROOM: a} for a in answers], at=AT, before=before, stale_s=limits)


def aged(seconds: float) -> Sample:
    return Sample(21.0, AT - timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("sample", "stale_s", "reason"),
    [
        (aged(0), None, None),
        (aged(DEFAULT_STALE_S), None, None),
        (aged(DEFAULT_STALE_S + 1), None, "silent for more than 5 min"),
        (aged(3600), 7200.0, None),
        (aged(7201), 7200.0, "silent for more than 120 min"),
        (aged(-60), None, None),
        (aged(-301), None, "stamped in the future"),
        (Sample(float("nan"), AT), None, "nan is not a number"),
        (Sample(float("inf"), AT), None, "inf is not a number"),
        (Absent("unplugged"), None, "unplugged"),
    ],
)
def test_a_value_is_a_reading_or_missing_with_the_reason(
    sample: Sample | Absent, stale_s: float | None, reason: str | None
) -> None:
    snapshot = frozen(sample, stale_s=stale_s)
    assert snapshot.why_missing(ROOM) == reason
    assert (snapshot.value(ROOM) is None) == (reason is not None)


def test_zero_is_a_reading() -> None:
    snapshot = frozen(Sample(0.0, AT))
    assert snapshot.value(ROOM) == 0.0
    assert snapshot.why_missing(ROOM) is None


def test_the_first_good_sample_wins() -> None:
    assert frozen(Sample(20.0, AT), Sample(22.0, AT)).value(ROOM) == 20.0
    assert frozen(Absent("offline"), Sample(22.0, AT)).value(ROOM) == 22.0
    assert frozen(Sample(20.0, AT), Absent("offline")).value(ROOM) == 20.0
    assert frozen(aged(999), Sample(22.0, AT)).value(ROOM) == 22.0


def test_every_devices_reason_is_told() -> None:
    reason = frozen(Absent("sensor offline"), Absent("no such register")).why_missing(ROOM)
    assert reason is not None
    assert "sensor offline" in reason
    assert "no such register" in reason


def test_missing_counts_from_when_it_began() -> None:
    began_at = AT - timedelta(hours=3)
    before = Snapshot(began_at, {ROOM: Missing("offline", began_at)})
    assert frozen(Absent("no battery"), before=before).signals[ROOM] == Missing(
        "no battery", began_at
    )
    healthy = Snapshot(began_at, {ROOM: Reading(21.0, began_at)})
    assert frozen(Absent("offline"), before=healthy).signals[ROOM] == Missing("offline", AT)
    assert frozen(Absent("offline")).signals[ROOM] == Missing("offline", AT)


def test_a_signal_that_nobody_promised_is_told_so() -> None:
    assert Snapshot(AT, {}).why_missing(ROOM) == "no device delivers it"


async def test_devices_are_read_together_and_a_dead_one_costs_only_its_own_signals() -> None:
    pump, meter = (
        make_rig(load_modbus_profile("generic_modbus")),
        make_rig(load_modbus_profile("nibe_s")),
    )
    pump.bank.failure = LinkLostError("unplugged")
    snapshot = await sense([pump.pump, meter.pump], at=AN_INSTANT, before=None, stale_s={})
    assert snapshot.value(Signal.FLOW_C) is not None
    assert snapshot.why_missing(Signal.HEAT_W) == "unplugged"


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, None),
        ({Signal.OPERATING_STATE: 0.0}, OperatingState.OFF),
        ({Signal.OPERATING_STATE: 1.0}, OperatingState.HEATING),
        ({Signal.OPERATING_STATE: 77.0}, None),
        ({Signal.OPERATING_STATE: 1.0, Signal.DEFROSTING: 1.0}, OperatingState.DEFROST),
        ({Signal.DEFROSTING: 0.0}, None),
    ],
)
def test_the_pump_says_what_it_does(
    values: dict[Signal, float], state: OperatingState | None
) -> None:
    signals = {signal: Reading(value, AT) for signal, value in values.items()}
    assert Snapshot(AT, signals).operating_state is state
