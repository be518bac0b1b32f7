"""Decoding and encoding: hand-worked cases, and the laws that hold for every point."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import ConfigurationError, OutOfRangeError
from drivers.points import (
    Gate,
    Kind,
    Point,
    Space,
    Undecodable,
    WordOrder,
    decode,
    encode,
    register_count,
)

WORD = st.integers(0, 0xFFFF)
INTEGER_BOUNDS = {
    Kind.INT8: (-128, 127),
    Kind.UINT8: (0, 255),
    Kind.INT16: (-32768, 32767),
    Kind.UINT16: (0, 65535),
    Kind.INT32: (-(2**31), 2**31 - 1),
    Kind.UINT32: (0, 2**32 - 1),
}


def point(kind: Kind, **fields: object) -> Point:
    return Point(name="p", space=Space.HOLDING, address=0, kind=kind, **fields)  # type: ignore[arg-type]


@st.composite
def points(draw: st.DrawFn) -> Point:
    """Any plain point a profile may describe."""
    bounds = sorted(draw(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2)))
    bounded = draw(st.booleans())
    return point(
        draw(st.sampled_from(Kind)),
        word_order=draw(st.sampled_from(WordOrder)),
        scale=draw(st.sampled_from([1.0, 0.1, 0.01, 0.5, 10.0, 1e-9, 1e9, -0.1, 0.3])),
        minimum=bounds[0] if bounded else None,
        maximum=bounds[1] if bounded else None,
        sentinels=tuple(draw(st.lists(st.integers(-(2**31), 2**32 - 1), max_size=3))),
    )


@pytest.mark.parametrize(
    ("kind", "registers", "raw"),
    [
        (Kind.INT8, [0x0005], 5),
        (Kind.INT8, [0xFFFD], -3),  # sign-extended to 16 bits
        (Kind.INT8, [0x00FD], -3),  # not extended: no 8-bit number is 253
        (Kind.UINT8, [0x00FD], 253),
        (Kind.INT16, [0x7FFF], 32767),
        (Kind.INT16, [0xFFFF], -1),
        (Kind.UINT16, [0xFFFF], 65535),
        (Kind.INT32, [0xFFFF, 0xFFFE], -2),
        (Kind.UINT32, [0x0001, 0x0002], 65538),
        (Kind.FLOAT32, [0x4248, 0x0000], 50.0),
    ],
)
def test_registers_are_read_as_their_kind(kind: Kind, registers: list[int], raw: float) -> None:
    assert decode(point(kind), registers) == raw


def test_little_word_order_takes_the_low_word_first() -> None:
    assert decode(point(Kind.UINT32, word_order=WordOrder.LITTLE), [2, 1]) == 65538.0
    assert encode(point(Kind.UINT32, word_order=WordOrder.LITTLE), 65538.0) == (2, 1)


def test_decimal_scales_give_the_decimal_number() -> None:
    assert decode(point(Kind.INT16, scale=0.1), [213]) == 21.3
    assert decode(point(Kind.UINT16, scale=10.0), [231]) == 2310.0


@pytest.mark.parametrize("sentinel", [-32768, 0x8000])
def test_sentinel_matches_by_bit_pattern_before_scaling(sentinel: int) -> None:
    temperature = point(Kind.INT16, scale=0.1, sentinels=(sentinel,))
    assert isinstance(decode(temperature, [0x8000]), Undecodable)
    assert decode(temperature, [0x8001]) == -3276.7


@pytest.mark.parametrize("register", [0xFF80, 0x0080])
def test_byte_sentinel_is_recognised_extended_or_not(register: int) -> None:
    assert isinstance(decode(point(Kind.INT8, sentinels=(-128,)), [register]), Undecodable)


@pytest.mark.parametrize(
    ("kind", "register"), [(Kind.UINT8, 0x0100), (Kind.INT8, 0x0100), (Kind.UINT8, 0xFF80)]
)
def test_register_wider_than_a_byte_is_no_value(kind: Kind, register: int) -> None:
    assert "8 bits" in str(decode(point(kind), [register]))


def test_codes_translate_and_unknown_codes_are_no_value() -> None:
    state = point(Kind.UINT8, codes={10: 0, 30: 1})
    assert decode(state, [30]) == 1.0
    assert "unknown code 40" in str(decode(state, [40]))
    assert encode(state, 1.0) == (30,)
    with pytest.raises(OutOfRangeError, match="not one of its codes"):
        encode(state, 2.0)


def test_zero_is_a_value() -> None:
    assert decode(point(Kind.INT16, scale=0.1), [0]) == 0.0
    assert encode(point(Kind.INT16, scale=0.1), 0.0) == (0,)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_floats_that_are_no_numbers_are_no_values(value: float) -> None:
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    assert isinstance(decode(point(Kind.FLOAT32), [high, low]), Undecodable)
    with pytest.raises(OutOfRangeError):
        encode(point(Kind.FLOAT32), value)
    with pytest.raises(OutOfRangeError):
        encode(point(Kind.INT16), value)


@pytest.mark.parametrize("registers", [[], [1, 2], [1, 2, 3]])
def test_wrong_number_of_registers_is_no_value(registers: list[int]) -> None:
    assert "registers instead of 1" in str(decode(point(Kind.INT16), registers))


def test_bounds_are_inclusive() -> None:
    bounded = point(Kind.INT16, scale=0.1, minimum=5.0, maximum=65.3)
    assert decode(bounded, [653]) == 65.3
    assert decode(bounded, [50]) == 5.0
    assert isinstance(decode(bounded, [654]), Undecodable)
    assert isinstance(decode(bounded, [49]), Undecodable)


@pytest.mark.parametrize(
    ("target", "value", "reason"),
    [
        (point(Kind.INT16, maximum=65.0), 65.1, "outside"),
        (point(Kind.INT16, minimum=5.0), 4.9, "outside"),
        (point(Kind.INT8), 128.0, "does not fit"),
        (point(Kind.UINT16), -1.0, "does not fit"),
        (point(Kind.INT32, scale=1e-9), 1e300, "does not fit"),
        (point(Kind.FLOAT32), 1e39, "too large"),
        (point(Kind.INT16, sentinels=(-32768,)), -32768.0, "reports no value"),
        (point(Kind.INT16, minimum=0.05, scale=0.1), 0.05, "cannot be written"),
    ],
)
def test_encode_refuses_what_would_not_come_back(target: Point, value: float, reason: str) -> None:
    with pytest.raises(OutOfRangeError, match=reason):
        encode(target, value)


def test_a_division_beyond_the_largest_float_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="does not fit"):
        encode(point(Kind.INT32, scale=1e-9), 1.7e308)


@pytest.mark.parametrize("scale", [0.0, 1e-300, float("inf"), float("nan")])
def test_a_scale_that_cannot_be_inverted_is_no_point(scale: float) -> None:
    with pytest.raises(ConfigurationError, match="scale"):
        point(Kind.INT16, scale=scale)


@settings(deadline=None)
@given(points(), st.lists(WORD, max_size=4))
def test_decode_never_raises_and_never_leaves_its_range(
    target: Point, registers: list[int]
) -> None:
    value = decode(target, registers)
    if isinstance(value, Undecodable):
        return
    assert math.isfinite(value)
    assert target.minimum is None or value >= target.minimum
    assert target.maximum is None or value <= target.maximum


@st.composite
def special_points(draw: st.DrawFn) -> Point:
    """Any point with codes, bits, weights or a mode before it."""
    shape = draw(st.sampled_from(["codes", "bits", "weights", "contacts", "gate"]))
    codes = draw(st.dictionaries(st.integers(0, 7), st.integers(0, 9), min_size=1))
    sentinels = tuple(draw(st.lists(st.integers(-32768, 65535), max_size=3)))
    weights = tuple(draw(st.lists(st.integers(1, 1000), min_size=1, max_size=4)))
    match shape:
        case "codes":
            return point(Kind.INT16, codes=codes, sentinels=sentinels)
        case "bits":
            return point(Kind.UINT16, codes=codes, mask=draw(st.integers(1, 0xFFFF)))
        case "weights":
            return point(Kind.UINT16, weights=weights, sentinels=sentinels, maximum=1e6)
        case "contacts":
            return point(Kind.UINT16, weights=weights, codes=codes, sentinels=sentinels)
        case _:
            gate = Gate(on=1, off=0, value_when_off=50.0, register_when_off=500)
            return point(
                Kind.INT16, scale=0.1, minimum=-50.0, maximum=75.0, gate=gate, sentinels=sentinels
            )


@settings(deadline=None)
@given(special_points(), st.lists(WORD | st.integers(0, 8), max_size=5))
def test_what_was_decoded_of_a_special_point_is_allowed_and_encodes_to_the_same_value(
    target: Point, registers: list[int]
) -> None:
    value = decode(target, registers)
    if isinstance(value, Undecodable):
        return
    assert value in target.codes.values() if target.codes else math.isfinite(value)
    try:
        again = encode(target, value)
    except OutOfRangeError:  # a code or share whose own registers mean "no value"
        assert target.sentinels or target.mask != 0xFFFFFFFF
    else:
        assert decode(target, again) == value


@settings(deadline=None)
@given(points(), st.data())
def test_a_sentinel_never_becomes_a_value(target: Point, data: st.DataObject) -> None:
    registers = data.draw(
        st.lists(WORD, min_size=register_count(target), max_size=register_count(target))
    )
    words = registers if target.word_order is WordOrder.BIG else registers[::-1]
    raw = int.from_bytes(b"".join(word.to_bytes(2, "big") for word in words), "big")
    marked = point(target.kind, word_order=target.word_order, sentinels=(raw,))
    assert isinstance(decode(marked, registers), Undecodable)


@settings(deadline=None)
@given(st.sampled_from(sorted(INTEGER_BOUNDS)), st.sampled_from(WordOrder), st.data())
def test_encode_then_decode_is_identity_up_to_half_a_step(
    kind: Kind, order: WordOrder, data: st.DataObject
) -> None:
    scale = data.draw(st.sampled_from([1.0, 0.1, 0.01, 0.5, 10.0, 0.3]))
    low, high = INTEGER_BOUNDS[kind]
    value = data.draw(st.floats(low * scale, high * scale))
    target = point(kind, scale=scale, word_order=order)
    back = decode(target, encode(target, value))
    assert not isinstance(back, Undecodable)
    assert abs(back - value) <= scale / 2 * (1 + 1e-6)


@settings(deadline=None)
@given(points(), st.lists(WORD, min_size=2, max_size=2))
def test_what_was_decoded_encodes_to_the_same_value(target: Point, words: list[int]) -> None:
    value = decode(target, words[: register_count(target)])
    if not isinstance(value, Undecodable):
        assert decode(target, encode(target, value)) == value


@settings(deadline=None)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float32_round_trip_is_exact(value: float) -> None:
    target = point(Kind.FLOAT32)
    assert decode(target, encode(target, value)) == value


SPLIT = point(Kind.UINT16, weights=(1, 1000, 0, 1, 1000), sentinels=(-32768,))
"""Two counters of kWh and MWh with a register between them that does not count."""


def test_weights_sum_adjacent_registers() -> None:
    assert register_count(SPLIT) == 5
    assert decode(SPLIT, [345, 12, 77, 6, 3]) == 15351.0
    assert decode(SPLIT, [0, 0, 0, 0, 0]) == 0.0


@pytest.mark.parametrize("place", range(5))
def test_a_missing_share_leaves_no_sum_but_a_missing_stranger_does(place: int) -> None:
    registers = [345, 12, 77, 6, 3]
    registers[place] = 0x8000
    assert isinstance(decode(SPLIT, registers), Undecodable) is (place != 2)


@given(st.integers(0, 130_000_000))
def test_a_sum_is_encoded_so_that_it_comes_back(total: int) -> None:
    try:
        registers = encode(SPLIT, total)
    except OutOfRangeError:  # only where a share would have to be the sentinel
        assert total // 1000 in (0x8000, 0x8000 + 0xFFFF)
    else:
        assert decode(SPLIT, registers) == total


@pytest.mark.parametrize("total", [-1.0, 2e8])
def test_a_sum_beyond_its_registers_is_refused(total: float) -> None:
    with pytest.raises(OutOfRangeError, match="does not fit"):
        encode(SPLIT, total)


def test_a_sum_keeps_its_range() -> None:
    bounded = point(Kind.UINT16, weights=(1, 1000), scale=0.1, maximum=100.0)
    assert decode(bounded, [999, 0]) == 99.9
    assert isinstance(decode(bounded, [1, 1]), Undecodable)


def test_flags_in_adjacent_registers_can_make_one_code() -> None:
    flags = point(Kind.UINT16, weights=(2, 1), codes={0: 0, 1: 1, 2: 2, 3: 2})
    assert [decode(flags, registers) for registers in ([0, 0], [0, 1], [1, 0], [1, 1])] == [
        0,
        1,
        2,
        2,
    ]
    assert encode(flags, 2.0) == (1, 0)
    assert isinstance(decode(flags, [1, 2]), Undecodable)


CONTACTS = point(Kind.UINT16, weights=(1, 2), codes={2: 1, 0: 2, 1: 3, 3: 4})
"""SG Ready on two contacts of which the second one blocks."""


@pytest.mark.parametrize(
    ("state", "registers"), [(1, (0, 1)), (2, (0, 0)), (3, (1, 0)), (4, (1, 1))]
)
def test_contacts_make_one_state(state: int, registers: tuple[int, ...]) -> None:
    assert encode(CONTACTS, state) == registers
    assert decode(CONTACTS, registers) == state


@pytest.mark.parametrize("registers", [[2, 0], [3, 0], [0, 2], [65535, 65535]])
def test_registers_that_are_no_flags_make_no_state(registers: list[int]) -> None:
    assert isinstance(decode(CONTACTS, registers), Undecodable)


BITS = point(Kind.UINT16, mask=0b0110, codes={0b0000: 0, 0b0010: 1, 0b0100: 2}, sentinels=(0x8000,))


@pytest.mark.parametrize(
    ("register", "value"), [(0b0000, 0), (0b1011, 1), (0b0101, 2), (0b0110, None), (0x8000, None)]
)
def test_only_the_masked_bits_make_the_code(register: int, value: int | None) -> None:
    decoded = decode(BITS, [register])
    assert isinstance(decoded, Undecodable) if value is None else decoded == value


def test_a_masked_code_is_encoded_as_its_bits() -> None:
    assert encode(BITS, 2.0) == (0b0100,)


GATED = point(
    Kind.UINT16,
    scale=100.0,
    minimum=0.0,
    maximum=30000.0,
    sentinels=(32767,),
    gate=Gate(on=2, off=0, value_when_off=99999.0, register_when_off=300),
)


@pytest.mark.parametrize(
    ("value", "registers"), [(4200.0, (2, 42)), (0.0, (2, 0)), (99999.0, (0, 300))]
)
def test_the_mode_goes_with_the_value(value: float, registers: tuple[int, ...]) -> None:
    assert register_count(GATED) == 2
    assert encode(GATED, value) == registers
    assert decode(GATED, registers) == value


@pytest.mark.parametrize("register", [0, 42, 32767])
def test_a_value_beside_an_off_mode_is_not_in_force(register: int) -> None:
    assert decode(GATED, [0, register]) == 99999.0


@pytest.mark.parametrize("registers", [[1, 42], [2, 32767], [2, 301], [2]])
def test_a_foreign_mode_or_a_value_without_meaning_is_no_value(registers: list[int]) -> None:
    assert isinstance(decode(GATED, registers), Undecodable)


@pytest.mark.parametrize("value", [-100.0, 30100.0, math.nan])
def test_a_gated_value_keeps_its_range(value: float) -> None:
    with pytest.raises(OutOfRangeError):
        encode(GATED, value)
