"""Modbus requests answered byte by byte, as the specification prints them."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Signal
from drivers.profile import load_modbus_profile
from hil.answers import answer
from hil.device import Bus, EmulatedDevice
from hil.manners import Manners
from hil.presence import Presence
from hil.registers import RegisterImage
from hil.serial_line import request_bytes

GENERIC = load_modbus_profile("generic_modbus")


def bus_of(**manners):
    kept = Manners(**manners)
    image = RegisterImage(
        GENERIC,
        readings=lambda: {Signal.FLOW_C: 38.5},
        on_write=lambda *_: None,
        manners=kept,
    )
    return Bus({1: EmulatedDevice(image, Presence(kept))})


def told(request, **manners):
    reply = answer(bus_of(**manners), 1, bytes.fromhex(request))
    return None if reply is None else reply.hex(" ")


def test_input_registers_are_read_by_function_4():
    assert told("04 0001 0001") == "04 02 01 81"


def test_bits_are_packed_from_the_lowest_of_the_first_byte():
    tables = {"coil": [1] + [0] * 8 + [1], "discrete": [0] * 7 + [1]}
    bus = SimpleNamespace(read=lambda _unit, space, *_: tables[space], manners=lambda _: Manners())
    assert answer(bus, 1, bytes.fromhex("01 0003 000a")).hex(" ") == "01 02 01 02"
    assert answer(bus, 1, bytes.fromhex("02 0003 0008")).hex(" ") == "02 01 80"


def test_one_register_is_written_by_function_6_and_several_by_16():
    assert told("06 0003 00d7") == "06 00 03 00 d7"
    assert told("10 0002 0002 04 0001 00d7") == "10 00 02 00 02"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ("01 0000 0001", "81 02"),  # it has no coils
        ("05 0000 ff00", "85 01"),  # and none can be written anywhere
        ("2b 0e 01 00", "ab 01"),
        ("04 0063 0001", "84 02"),  # a hole
        ("06 0063 0001", "86 02"),
        ("04 0001 0000", "84 03"),  # none
        ("04 0001 007e", "84 03"),  # more than an answer holds
        ("04 0001", "84 03"),  # cut short
        ("06 0003 7fff", "86 03"),  # 3276.7 degrees
        ("10 0002 0002 04 0001", "90 03"),
        ("10 0002 0002 02 0001", "90 03"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_code_of_the_book(request_, code):
    assert told(request_) == code


def test_a_device_refuses_the_write_function_it_does_not_know():
    assert told("06 0003 00d7", write_functions=(16,)) == "86 01"
    assert told("10 0003 0001 02 00d7", write_functions=(6,)) == "90 01"


def test_a_longer_read_than_the_device_gives_is_refused():
    assert told("04 0000 0004", largest_read=3) == "84 03"
    assert told("04 0000 0003", largest_read=3) is not None


def test_a_busy_device_says_so_and_a_silent_one_nothing():
    bus = bus_of()
    request = bytes.fromhex("04 0001 0001")
    bus.devices[1].presence.busy = True
    assert answer(bus, 1, request) == bytes.fromhex("84 06")
    bus.devices[1].presence.silent = True
    assert answer(bus, 1, request) is None
    assert answer(bus, 9, request) == bytes.fromhex("84 0b")


@given(st.integers(0, 255), st.binary(min_size=1, max_size=260))
def test_no_request_whatever_is_left_without_a_proper_answer(unit, request_):
    reply = answer(bus_of(), unit, request_)
    assert reply is not None
    assert reply[0] & 0x7F == request_[0] & 0x7F
    assert len(reply) <= 253


@given(st.binary(max_size=16))
def test_the_length_of_a_serial_request_is_known_from_its_head(head):
    whole = request_bytes(head)
    assert whole is None or whole == 0 or 8 <= whole <= 264
    if len(head) >= 7:
        assert whole is not None
