"""A slice of the fuzz, and proof that it can fail: planted faults are found."""

import dataclasses
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.fuzz import fuzz, page
from bench.fuzz_frames import RTU, TCP, crc, fuzz_frames, meaning
from bench.fuzz_kinds import KINDS
from bench.fuzz_registers import ModbusSubject, fuzz_registers, modbus_subjects, wrong
from bench.fuzz_tally import Tally, together
from bench.fuzz_topics import TopicSubject, fuzz_topics, text_at, topic_subjects
from drivers.points import Kind, Point, Space, WordOrder, decode, register_count
from drivers.profile import load_modbus_profile, load_mqtt_profile
from drivers.topics import TopicPoint
from drivers.transports.modbus_frames import tcp_answer_fault

POINTS = [
    point for subject in modbus_subjects() for point in subject.truth.points.values()
]  # fmt: skip
EDGES = st.sampled_from([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFE, 0xFFFF])


@pytest.mark.sockets
@pytest.mark.enable_socket
@pytest.mark.timeout(180)
def test_a_slice_of_the_fuzz_finds_nothing() -> None:
    tallies = fuzz(3000, seed=7)
    assert [example for tally in tallies for example in tally.examples] == []
    assert len(tallies) == len(KINDS)
    assert sum(tally.payloads for tally in tallies) >= 3000
    for tally in tallies:
        assert tally.readings > 0
        assert tally.refusals > 0
        assert tally.spoilt.total() == tally.payloads


@pytest.mark.parametrize("group", ["modbus", "mqtt"])
def test_the_drivers_do_read_what_is_healthy(group: str) -> None:
    for tally in fuzz(3000, seed=8, group=group):
        assert tally.readings > tally.spoilt.total() / 40
        assert tally.refusals > tally.readings / 10
        assert len(tally.spoilt) >= 10


def test_the_same_seed_gives_the_same_payloads() -> None:
    first, second = (fuzz(600, seed=3, group="modbus") for _ in range(2))
    assert first == second
    assert first != fuzz(600, seed=4, group="modbus")


def test_the_page_tells_counts_and_violations() -> None:
    tally = Tally("Modbus registers", payloads=3, readings=2)
    tally.violated("pump", "a reading made of a sentinel", (1.0, [2]))
    whole = together(tally.kind, [tally, tally])
    text = page([whole], "python -m bench.fuzz")
    assert "| Modbus registers | 6 | 4 | 0 | 0 | 2 |" in text
    assert "| pump: a reading made of a sentinel | 2 |" in text


@given(st.data())
def test_the_decoder_agrees_with_another_one(data: st.DataObject) -> None:
    point = data.draw(st.sampled_from(POINTS))
    size = register_count(point)
    words = st.integers(0, 0xFFFF) | EDGES
    registers = data.draw(st.lists(words, min_size=size, max_size=size))
    value = decode(point, registers)
    assert not isinstance(value, float) or wrong(point, registers, value) is None


# ---- planted faults ---


async def planted(truth_name: str, point: str, **changes: object) -> set[str]:
    """The rules that a driver breaks whose profile is wrong in one point."""
    truth = load_modbus_profile(truth_name)
    changed = dataclasses.replace(truth.points[point], **changes)  # type: ignore[arg-type]
    tried = dataclasses.replace(truth, points={**truth.points, point: changed})
    tally = await fuzz_registers(1500, 1, [ModbusSubject(truth, tried)])
    return set(tally.violations)


async def test_a_sentinel_that_is_forgotten_is_found() -> None:
    found = await planted("nibe_s", "outdoor", sentinels=(), minimum=-4000.0)
    assert "nibe_s: a reading made of a sentinel" in found


async def test_a_range_that_is_forgotten_is_found() -> None:
    found = await planted("nibe_s", "flow", minimum=None, maximum=None)
    assert found == {"nibe_s: a reading outside its range"}


async def test_a_wrong_scale_is_found() -> None:
    assert await planted("nibe_s", "flow", scale=0.01) == {"nibe_s: another number"}


async def test_words_taken_the_wrong_way_round_are_found() -> None:
    found = await planted("sdm120", "import_energy", word_order=WordOrder.LITTLE)
    assert "sdm120: another number" in found


class Unreadable(dict[int, int]):
    """Codes that cannot be looked up."""

    def get(self, *_: object) -> int:  # type: ignore[override]
        raise LookupError("planted")


async def test_an_exception_that_escapes_is_found() -> None:
    found = await planted("nibe_s", "flow", codes=Unreadable({1: 1}))
    assert any(rule.startswith("nibe_s: LookupError escapes") for rule in found)


async def test_a_link_that_checks_no_answer_is_found() -> None:
    tally = await fuzz_frames(600, 1, fault=lambda _asked, _answer: None)
    assert any("registers from a malformed answer" in rule for rule in tally.violations)


async def test_a_link_that_refuses_good_answers_is_found() -> None:
    tally = await fuzz_frames(600, 1, fault=lambda _asked, _answer: "no")
    assert set(tally.violations) == {
        f"{TCP}: a good answer refused",
        f"{RTU}: a good answer refused",
    }


async def test_a_topic_range_that_is_forgotten_is_found() -> None:
    truth = load_mqtt_profile("generic_mqtt")
    point = dataclasses.replace(truth.points["flow"], minimum=None, maximum=None)
    tried = dataclasses.replace(truth, points={**truth.points, "flow": point})
    tally = await fuzz_topics(3000, 1, [TopicSubject(truth, tried)], rooms=False)
    assert set(tally.violations) == {"generic_mqtt: a reading outside its range"}


async def test_a_text_for_no_value_that_is_forgotten_is_found() -> None:
    truth = load_mqtt_profile("heishamon")
    names = [name for name, point in truth.points.items() if "-1" in point.absent]
    points = {name: dataclasses.replace(point, absent=()) for name, point in truth.points.items()}
    assert names
    tried = dataclasses.replace(truth, points=points)
    tally = await fuzz_topics(3000, 1, [TopicSubject(truth, tried)], rooms=False)
    assert any("without a value" in rule for rule in tally.violations)


# ---- the judges ---


def test_the_judge_of_frames_knows_a_good_answer() -> None:
    asked = bytes.fromhex("01 03 0010 0002")
    told = bytes.fromhex("01 03 04 000a 0102")
    tcp_request = bytes.fromhex("0007 0000 0006") + asked
    tcp_answer = bytes.fromhex("0007 0000 0007") + told
    assert meaning(TCP, tcp_request, tcp_answer) == [10, 258]
    assert meaning(TCP, tcp_request, tcp_answer[:-1]) is None
    assert tcp_answer_fault(tcp_request, tcp_answer) is None
    assert meaning(RTU, asked + crc(asked), told + crc(told) + b"\x00") == [10, 258]
    assert meaning(RTU, asked + crc(asked), told + b"\x00\x00") is None


def test_the_judge_of_registers_knows_each_kind() -> None:
    def point(kind: Kind, **more: object) -> Point:
        return Point(name="p", space=Space.HOLDING, address=0, kind=kind, **more)  # type: ignore[arg-type]

    assert wrong(point(Kind.INT16, scale=0.1), [0xFFC9], -5.5) is None
    assert wrong(point(Kind.INT16, sentinels=(-32768,)), [0x8000], -32768.0) is not None
    assert wrong(point(Kind.INT8), [0xFFFF], -1.0) is None
    assert wrong(point(Kind.UINT8), [0x1FF], 255.0) is not None
    words = struct.unpack(">HH", struct.pack(">f", 21.5))
    assert wrong(point(Kind.FLOAT32), words, 21.5) is None
    assert wrong(point(Kind.FLOAT32), words[::-1], 21.5) is not None
    assert wrong(point(Kind.UINT16), [None], 0.0) is not None


@pytest.mark.parametrize(
    ("pointer", "payload", "said"),
    [
        ("", b" 21.5 ", (True, "21.5")),
        ("/a/0/t", b'{"a": [{"t": 1e2}]}', (True, "100.0")),
        ("/a", b'{"b": 1}', (False, None)),
        ("/a", b'{"a": null}', (True, None)),
        ("/a", b'{"a": true}', (True, "true")),
        ("/a", b"{", (True, None)),
        ("", b"\xff", (True, None)),
    ],
)
def test_the_judge_of_messages_finds_the_place(
    pointer: str, payload: bytes, said: tuple[bool, str | None]
) -> None:
    assert text_at(TopicPoint(name="p", topic="t", pointer=pointer), payload) == said


def test_every_mqtt_device_but_rooms_is_a_subject() -> None:
    assert {"heishamon", "shelly_sg_ready", "shelly_pro_3em"} <= {
        subject.truth.name for subject in topic_subjects()
    }
