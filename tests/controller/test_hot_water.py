"""What the planner is told of the tank, and what an owner may write of it."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config import ConfigError, parse_config
from controller.config_hot_water import HotWaterSection, Ready
from controller.hot_water import (
    TankLimits,
    deadline,
    hot_water_request,
    low_trajectory,
    runs_short,
    sanitise_due_at,
)
from controller.hot_water_tank import PATIENCE_S, Layered, TankBelief, first_tank
from controller.snapshot import Reading
from mpc.draws import PERSON_KWH
from mpc.horizon import Horizon
from mpc.storage import HotWater

ZONE = ZoneInfo("Europe/Copenhagen")
AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)  # a Thursday, 13:00 local
LIMITS = TankLimits(reach_c=60.0)
SECTION = HotWaterSection(
    enabled=True,
    people=3.0,
    comfort_c=46.0,
    economy_c=40.0,
    max_c=54.0,
    ready=(Ready(at="06:30"), Ready(at="18:00", temperature_c=48.0)),
    sensor="top",
)
WEEKLY = SECTION.model_copy(update={"legionella_c": 58.0})


def horizon(at: datetime = AT, *, hours: float = 48.0, step_s: int = 900) -> Horizon:
    steps = round(hours * 3600.0 / step_s)
    flat = (0.0,) * steps
    return Horizon(
        starts_at=at, step_s=step_s, outdoor_c=flat, ghi_w_per_m2=flat, spot_per_kwh=flat,
        price_per_kwh=flat, price_known=(True,) * steps, notes=(),
    )  # fmt: skip


def belief(at: datetime = AT, **changes: Any) -> TankBelief:
    known: dict[str, Any] = {
        "now": Layered(at=at, upper_c=47.0, lower_c=41.0),
        "reading": Reading(47.0, at),
        "watch": None,
        "draws": first_tank(SECTION, at).draws,
        "hour": None,
        "since": at - timedelta(days=30),
    }
    return TankBelief(**{**known, **changes})


def asked(
    section: HotWaterSection = SECTION, limits: TankLimits = LIMITS, **changes: Any
) -> HotWater:
    request = hot_water_request(
        belief(**changes), horizon(), at=AT, section=section, limits=limits, zone=ZONE
    )
    assert request is not None
    return request


def bounds_at(section: HotWaterSection, start: datetime, hours: float = 48.0) -> dict[str, float]:
    """The raised lower bounds, by the local end of their step."""
    grid = horizon(start, hours=hours)
    ends = [start + timedelta(minutes=15 * (k + 1)) for k in range(len(grid.outdoor_c))]
    low_c = low_trajectory(ends, section, ZONE)
    return {
        end.astimezone(ZONE).strftime("%d %H:%M"): c
        for end, c in zip(ends, low_c, strict=True)
        if c > min(low_c)
    }


# ---- the question --------------------------------------------------------------------------------


def test_the_request_starts_from_what_is_believed_and_keeps_within_the_owners_limits() -> None:
    request = asked()
    assert request.state_c == (47.0, 41.0)
    assert set(request.high_c) == {54.0}
    assert len(request.low_c) == len(request.high_c) == len(request.draw_kwh_per_k) == 192
    assert request.sanitise_steps is None
    assert request.sanitise_c is None


def test_the_tank_is_hot_before_each_deadline_and_at_economy_between() -> None:
    assert bounds_at(SECTION, AT) == {
        "15 17:45": 49.0, "15 18:00": 49.0, "16 06:15": 47.0, "16 06:30": 47.0,
        "16 17:45": 49.0, "16 18:00": 49.0, "17 06:15": 47.0, "17 06:30": 47.0,
    }  # fmt: skip
    assert min(asked().low_c) == 41.0


def test_without_deadlines_the_tank_is_hot_at_all_times() -> None:
    always = SECTION.model_copy(update={"ready": ()})
    assert set(asked(always).low_c) == {47.0}


def test_deadlines_keep_local_time_over_both_changes_of_the_clock() -> None:
    for start in (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)):
        raised = bounds_at(SECTION, start)
        assert len(raised) == 8
        assert {text.split()[1] for text in raised} == {"17:45", "18:00", "06:15", "06:30"}


def test_a_deadline_that_comes_twice_or_never_counts_once() -> None:
    early = Ready(at="02:30")
    twice = deadline(date(2026, 10, 25), early, ZONE)
    assert twice == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    never = deadline(date(2026, 3, 29), early, ZONE)
    assert never == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_a_deadline_between_whole_hours_holds_on_a_grid_of_hours() -> None:
    ends = [AT + timedelta(hours=k + 1) for k in range(24)]
    low_c = low_trajectory(ends, SECTION, ZONE)
    hot = [end.astimezone(ZONE).hour for end, c in zip(ends, low_c, strict=True) if c == 47.0]
    assert hot == [6]


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["00:00", "02:00", "02:30", "06:30", "23:59"]),
    st.sampled_from(["Europe/Copenhagen", "Australia/Lord_Howe", "America/St_Johns", "UTC"]),
)
def test_every_local_day_has_each_deadline_once(naive: datetime, at: str, zone: str) -> None:
    here, start = ZoneInfo(zone), naive.replace(tzinfo=UTC, minute=0, second=0, microsecond=0)
    section = SECTION.model_copy(update={"ready": (Ready(at=at),)})
    ends = [start + timedelta(minutes=15 * (k + 1)) for k in range(4 * 96)]
    low_c = low_trajectory(ends, section, here)
    rises = sum(after > before for before, after in pairwise(low_c))
    assert 3 <= rises + (low_c[0] > min(low_c)) <= 5


def test_people_draw_their_prior_until_they_are_known() -> None:
    request = asked()
    kwh = sum(request.draw_kwh_per_k) * (46.0 - 10.0)
    assert 2.0 * 3.0 * PERSON_KWH < kwh < 1.5 * 2.0 * 3.0 * PERSON_KWH


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        (SECTION.model_copy(update={"enabled": False}), {}),
        (SECTION, {"now": None, "reading": None}),
        (SECTION, {"reading": Reading(47.0, AT - timedelta(seconds=PATIENCE_S + 1.0))}),
    ],
    ids=["off", "never heard of", "silent"],
)
def test_a_tank_that_is_not_ours_or_not_known_is_not_planned(
    section: HotWaterSection, changes: dict[str, Any]
) -> None:
    question = hot_water_request(
        belief(**changes), horizon(), at=AT, section=section, limits=LIMITS, zone=ZONE
    )
    assert question is None


def test_the_knob_bounds_what_may_be_planned() -> None:
    assert set(asked(limits=TankLimits(reach_c=50.0)).high_c) == {50.0}


# ---- legionella ----------------------------------------------------------------------------------


def test_a_clean_tank_is_left_alone_until_the_last_day() -> None:
    assert asked(WEEKLY, sanitised_at=AT - timedelta(days=3)).sanitise_steps is None


def test_in_its_last_day_the_tank_is_heated_through_at_any_hour_of_it() -> None:
    request = asked(WEEKLY, sanitised_at=AT - timedelta(days=5, hours=12))
    assert request.sanitise_steps == (47, 143)  # from 12 h on to 36 h, when it is due
    assert request.sanitise_c == 59.0
    assert request.pump_max_c >= 59.0
    assert set(request.high_c[:47]) == {54.0}
    assert set(request.high_c[47:]) == {60.0}


@pytest.mark.parametrize("days", [7.0, 8.0, 100.0])
def test_what_is_overdue_is_made_good_within_a_day(days: float) -> None:
    request = asked(WEEKLY, sanitised_at=AT - timedelta(days=days))
    assert request.sanitise_steps == (0, 96)


def test_a_tank_that_was_never_seen_hot_is_due_within_a_day() -> None:
    new = belief(since=AT - timedelta(hours=4))
    assert sanitise_due_at(new, WEEKLY) == AT + timedelta(hours=20)
    assert asked(WEEKLY, since=AT - timedelta(hours=4)).sanitise_steps == (0, 79)


def test_a_heater_in_the_plan_leaves_the_compressor_its_limit() -> None:
    limits = TankLimits(reach_c=60.0, heater=True)
    assert asked(WEEKLY, limits, sanitised_at=None).pump_max_c == WEEKLY.pump_max_c


def test_what_the_knob_cannot_reach_is_left_to_the_pumps_own_programme() -> None:
    request = asked(WEEKLY, TankLimits(reach_c=55.0), sanitised_at=None)
    assert request.sanitise_steps is None
    assert max(request.high_c) <= 54.0


# ---- the owner's words ---------------------------------------------------------------------------


def test_hot_water_is_the_pumps_own_unless_the_owner_says_so(document: dict[str, Any]) -> None:
    assert not parse_config(document).hot_water.enabled


def test_an_owner_can_say_it_all(document: dict[str, Any]) -> None:
    document["hot_water"] = {
        "enabled": True,
        "people": 4,
        "volume_l": 300,
        "ready": [{"at": "06:30"}, {"at": "18:00", "temperature_c": 48}],
        "legionella_c": 60,
        "legionella_every": "7 d",
        "legionella_hold": "30 min",
        "knob": "dhw_boost",
    }
    section = parse_config(document).hot_water
    assert section.ready[1].temperature_c == 48.0
    assert section.legionella_every_s == 7 * 86400.0
    assert section.capability == "dhw_boost"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ({"ready": [{"at": "6:30"}]}, 'a time of day is text such as "06:30"'),
        ({"ready": [{"at": "24:00"}]}, "a time of day"),
        ({"ready": [{"at": "06:30"}, {"at": "06:30"}]}, "ready names a time twice"),
        ({"ready": [{"at": "06:30", "temperature_c": 66.0}]}, "ready at 06:30"),
        ({"economy_c": 50.0}, "economy_c <= comfort_c < max_c"),
        ({"comfort_c": 56.0}, "economy_c <= comfort_c < max_c"),
        ({"economy_c": 30.0}, "greater than or equal to 38"),
        ({"legionella_every": "60 d"}, "legionella_every is between 1 d and 31 d"),
        ({"legionella_hold": "1 d"}, "legionella_hold is at most 6 h"),
        ({"volume": 200.0}, "did you mean 'volume_l'?"),
        ({"people": 0}, "greater than or equal to 0.5"),
    ],
)
def test_what_does_not_fit_is_said_in_words(
    document: dict[str, Any], words: dict[str, Any], complaint: str
) -> None:
    document["hot_water"] = words
    with pytest.raises(ConfigError, match="hot_water") as caught:
        parse_config(document)
    assert complaint in str(caught.value)


# ---- the safety net ------------------------------------------------------------------------------


def test_the_net_looks_at_what_the_coming_half_hour_may_draw() -> None:
    evening = datetime(2026, 1, 15, 19, 30, tzinfo=UTC)  # 20:30 local: showers
    night = datetime(2026, 1, 15, 1, 0, tzinfo=UTC)

    def short(at: datetime, upper_c: float, lower_c: float) -> bool:
        layered = Layered(at=at, upper_c=upper_c, lower_c=lower_c)
        return runs_short(belief(at, now=layered), at=at, section=SECTION, zone=ZONE)

    assert short(evening, 42.0, 20.0)
    assert not short(night, 42.0, 20.0)
    assert not short(evening, 52.0, 50.0)
    assert not runs_short(belief(evening, now=None), at=evening, section=SECTION, zone=ZONE)


def test_a_charge_gives_what_was_learned_and_before_that_what_the_data_sheet_says() -> None:
    told = TankLimits(reach_c=60.0, charge_w=5000.0)
    assert asked(limits=told).charge_w == 5000.0
    assert asked(limits=told, charge_w=4300.0).charge_w == 4300.0


def test_the_owner_says_what_a_charge_leaves_in_the_pipes() -> None:
    assert asked(SECTION.model_copy(update={"warm_up_kwh": 0.7})).warm_up_kwh == 0.7
