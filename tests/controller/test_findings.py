"""What looking alone can tell: signs, sensor placement, exchanged pipes."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from controller.findings import (
    Finding,
    Judgement,
    Look,
    flow_above_return,
    load_seen,
    outdoor_as_forecast,
    power_signs,
    room_plausible,
    room_reacts,
    worst,
)
from controller.snapshot import Reading, Snapshot
from drivers.api import Absent, OperatingState, Sample, Signal

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
OK, WRONG, DOUBTFUL, SKIPPED = Judgement.OK, Judgement.WRONG, Judgement.DOUBTFUL, Judgement.SKIPPED


def snapshot(values: Mapping[Signal, float], at: datetime = AT) -> Snapshot:
    return Snapshot(at, {signal: Reading(value, at) for signal, value in values.items()})


def look(values: Mapping[Signal, float], **pump: float) -> Look:
    return Look(snapshot(values), {Signal(name): Sample(v, AT) for name, v in pump.items()})


@pytest.mark.parametrize(
    ("meter_w", "pump_w", "judgement"),
    [
        (1900.0, 1800.0, OK),
        (5200.0, 1800.0, OK),  # the whole house
        (-1850.0, 1800.0, WRONG),
        (900.0, 1800.0, DOUBTFUL),
        (1900.0, 100.0, SKIPPED),  # the pump rests
    ],
)
def test_the_meter_counts_the_pump_as_import(
    meter_w: float, pump_w: float, judgement: Judgement
) -> None:
    looks = [look({Signal.METER_POWER_W: meter_w, Signal.POWER_W: pump_w})] * 3
    assert power_signs(looks, AT).judgement is judgement


def test_without_a_meter_its_sign_cannot_be_told() -> None:
    assert power_signs([look({Signal.POWER_W: 2000.0})], AT).judgement is SKIPPED


@pytest.mark.parametrize(
    ("after_w", "judgement", "words"),
    [
        (2400.0, OK, "from 400 to 2400 W"),
        (2900.0, OK, ""),
        (-1600.0, WRONG, "sign is reversed"),
        (410.0, DOUBTFUL, "does not see that load"),
        (20400.0, DOUBTFUL, "wrong scale"),
        (602.0, DOUBTFUL, ""),
    ],
)
def test_a_known_load_shows_as_import_of_its_size(
    after_w: float, judgement: Judgement, words: str
) -> None:
    finding = load_seen(400.0, after_w, 2000.0, AT)
    assert finding.judgement is judgement
    assert words in finding.text


@pytest.mark.parametrize(
    ("room_c", "own_c", "judgement"),
    [
        (21.0, None, OK),
        (21.0, 22.0, OK),
        (21.0, 25.0, DOUBTFUL),
        (3.0, 21.0, WRONG),
        (45.0, None, WRONG),
        (0.0, None, WRONG),
    ],
)
def test_the_room_sensor_shows_a_room(
    room_c: float, own_c: float | None, judgement: Judgement
) -> None:
    own = {} if own_c is None else {"room_c": own_c}
    assert room_plausible([look({Signal.ROOM_C: room_c}, **own)], AT).judgement is judgement


def test_a_house_without_a_room_temperature_is_not_steered() -> None:
    assert room_plausible([look({})], AT).judgement is WRONG


def test_a_silent_room_sensor_of_the_pump_is_none() -> None:
    quiet = Look(snapshot({Signal.ROOM_C: 21.0}), {Signal.ROOM_C: Absent("no sensor")})
    assert room_plausible([quiet], AT).judgement is OK


@pytest.mark.parametrize(
    ("hours", "swing_k", "judgement"),
    [(24.0, 0.8, OK), (24.0, 0.0, DOUBTFUL), (6.0, 0.8, SKIPPED)],
)
def test_a_room_sensor_moves(hours: float, swing_k: float, judgement: Judgement) -> None:
    history = [
        snapshot(
            {Signal.ROOM_C: 21.0 + swing_k * step / 10.0}, AT + timedelta(hours=step * hours / 10)
        )
        for step in range(11)
    ]
    assert room_reacts(history, AT).judgement is judgement


def test_no_history_tells_nothing_of_the_room_sensor() -> None:
    assert room_reacts([], AT).judgement is SKIPPED


def heating(flow_c: float, return_c: float, *, hz: float = 50.0) -> Snapshot:
    return snapshot(
        {
            Signal.FLOW_C: flow_c,
            Signal.RETURN_C: return_c,
            Signal.COMPRESSOR_HZ: hz,
            Signal.OPERATING_STATE: float(OperatingState.HEATING),
        }
    )


@pytest.mark.parametrize(
    ("history", "judgement"),
    [
        ([heating(38.0, 33.0)], OK),
        ([heating(33.0, 38.0)], WRONG),
        ([heating(33.0, 33.2)], OK),
        ([heating(30.0, 31.0, hz=0.0)], SKIPPED),
        ([], SKIPPED),
    ],
)
def test_flow_is_above_return_while_heating(history: list[Snapshot], judgement: Judgement) -> None:
    assert flow_above_return(history, AT).judgement is judgement


@pytest.mark.parametrize(
    ("outdoor_c", "forecast_c", "judgement"),
    [
        (0.0, 1.0, OK),
        (12.0, 1.0, DOUBTFUL),
        (0.0, None, SKIPPED),
        (None, 1.0, SKIPPED),
        (0.0, 0.0, OK),
    ],
)
def test_the_outdoor_sensor_agrees_with_the_forecast(
    outdoor_c: float | None, forecast_c: float | None, judgement: Judgement
) -> None:
    values = {} if outdoor_c is None else {Signal.OUTDOOR_C: outdoor_c}
    assert outdoor_as_forecast([look(values)], forecast_c, AT).judgement is judgement


def test_one_wrong_finding_decides() -> None:
    def found(*judgements: Judgement) -> dict[str, Finding]:
        return {str(n): Finding(str(n), j, "", AT) for n, j in enumerate(judgements)}

    assert worst(found(OK, WRONG, SKIPPED)) is WRONG
    assert worst(found(OK, DOUBTFUL)) is DOUBTFUL
    assert worst(found(SKIPPED, OK)) is OK
    assert worst(found(SKIPPED)) is SKIPPED
    assert worst({}) is SKIPPED
