"""When an emulated device answers: faults, boot time, its own watchdog; and its manners as data."""

import pytest

from drivers.errors import NoAnswerError
from drivers.profile import load_profile, shipped_profiles
from hil.manners import Effect, Manners, Watchdog, known_manners, parse_manners
from hil.presence import BusyError, Presence

PROFILES = {name: load_profile(name) for name in shipped_profiles()}


class Guarded:
    """A device with a watchdog, and what it has said."""

    def __init__(self, **rule):
        self.said = []
        dog = Watchdog(**({"silence_s": 60.0, "alarm_code": 3, "effect": Effect.STOP} | rule))
        self.presence = Presence(
            Manners(watchdog=dog), on_watchdog=lambda _, tripped: self.said.append(tripped)
        )


def test_a_plain_device_answers_always():
    presence = Presence(Manners())
    for _ in range(100):
        presence.listen("pump")
    assert presence.answers


def test_each_nth_request_may_be_too_much():
    presence = Presence(Manners(busy_every=3))
    answers = []
    for _ in range(6):
        try:
            presence.listen("pump")
            answers.append("ok")
        except BusyError:
            answers.append("busy")
    assert answers == ["ok", "ok", "busy"] * 2


def test_after_a_restart_it_is_silent_until_it_has_booted():
    presence = Presence(Manners(boot_s=90.0))
    presence.pass_time(1000.0)
    presence.restart()
    with pytest.raises(NoAnswerError):
        presence.listen("pump")
    presence.pass_time(1089.0)
    assert not presence.answers
    presence.pass_time(1090.0)
    presence.listen("pump")


def test_a_watchdog_sleeps_until_somebody_has_spoken():
    device = Guarded()
    device.presence.pass_time(3600.0)
    assert device.said == []


def test_a_watchdog_trips_after_silence_and_heals_at_the_next_request():
    device = Guarded()
    device.presence.listen("pump")
    device.presence.pass_time(59.0)
    assert device.said == []
    device.presence.pass_time(60.0)
    device.presence.pass_time(75.0)
    assert device.said == [True]
    device.presence.listen("pump")
    assert device.said == [True]  # whoever asks now still sees why it stood
    device.presence.pass_time(90.0)
    assert device.said == [True, False]


def test_a_watchdog_over_one_register_hears_only_writes_to_it():
    device = Guarded(armed_by=("surplus",))
    device.presence.listen("pump")
    device.presence.listen("pump", written="curve_offset")
    device.presence.pass_time(600.0)
    assert device.said == []
    device.presence.listen("pump", written="surplus")
    device.presence.pass_time(650.0)
    device.presence.listen("pump", written="curve_offset")
    device.presence.pass_time(660.0)
    assert device.said == [True]


def test_a_bridge_keeps_the_watchdog_content_until_it_dies_itself():
    device = Guarded(over_bridge=True, armed_by=("power_limit",))
    device.presence.listen("pump", written="power_limit")
    for minute in range(1, 60):
        device.presence.pass_time(60.0 * minute)
    assert device.said == []
    device.presence.silent = True
    device.presence.pass_time(3600.0)
    device.presence.pass_time(3660.0)
    assert device.said == [True]
    device.presence.silent = False
    device.presence.pass_time(3675.0)
    assert device.said == [True, False]


def test_a_restart_makes_the_watchdog_forget():
    device = Guarded()
    device.presence.listen("pump")
    device.presence.pass_time(60.0)
    device.presence.restart()
    device.presence.pass_time(3600.0)
    assert device.said == [True, False]


@pytest.mark.parametrize("name", sorted(known_manners()))
def test_manners_speak_of_a_profile_and_its_points(name):
    points, manners = PROFILES[name].points, known_manners()[name]
    assert set(manners.older_words) <= set(points)
    assert set(manners.settings) <= set(points)
    if manners.watchdog is not None:
        assert set(manners.watchdog.armed_by) <= {*points, *manners.more_registers}


def test_manners_with_an_unknown_key_are_refused():
    with pytest.raises(TypeError):
        parse_manners({"answer_ms": 3})
    with pytest.raises(ValueError, match="explode"):
        parse_manners({"watchdog": {"silence_s": 1.0, "alarm_code": 1, "effect": "explode"}})


def test_manners_in_words_name_what_differs():
    assert Manners().in_words() == []
    words = " ".join(known_manners()["lambda_eul"].in_words())
    assert "0.5 s" in words
    assert "function 16 only" in words
    assert "1.1.3" in words
    assert "alarm 3" in words
