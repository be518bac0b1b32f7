"""Whether a measured frequency is believed: gaps, spikes, values that stand still. Pure."""

from dataclasses import dataclass, replace

POSSIBLE_HZ = (45.0, 55.0)
GAP_S = 3.0  # without a reading, and the frequency is no longer known
JUMP_HZ = 0.5  # between two looks: twice what the steepest ramp of the operators' tests does
STUCK_S = 60.0  # a grid never stands still to the last digit for so long


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What was heard so far; times in seconds of a clock that only runs forwards."""

    believed_hz: float | None = None
    believed_at_s: float = 0.0
    read_hz: float | None = None  # the last possible reading, believed or not
    changed_at_s: float = 0.0  # when it last differed from the one before
    doubted_hz: float | None = None  # a jump that waits for a second reading like it


def watched(
    before: Watch, reading_hz: float | None, at_s: float, *, applied: bool = False
) -> Watch:
    """The watch after one look. `applied`: a test signal, which may stand still.

    A jump, and the first reading after nothing was known, is believed when the next one confirms
    it; in between the last good value holds. What is older than the gap, stuck or impossible leaves
    nothing to believe (`believed_hz` is None).
    """
    if reading_hz is None or not POSSIBLE_HZ[0] <= reading_hz <= POSSIBLE_HZ[1]:
        return _held(before, at_s, doubted_hz=None)
    changed_at_s = at_s if reading_hz != before.read_hz else before.changed_at_s
    if not applied and at_s - changed_at_s >= STUCK_S:
        return Watch(read_hz=reading_hz, changed_at_s=changed_at_s)
    if not (_near(reading_hz, before.believed_hz) or _near(reading_hz, before.doubted_hz)):
        held = _held(before, at_s, doubted_hz=reading_hz)
        return replace(held, read_hz=reading_hz, changed_at_s=changed_at_s)
    return Watch(
        believed_hz=reading_hz, believed_at_s=at_s, read_hz=reading_hz, changed_at_s=changed_at_s
    )


def _near(reading_hz: float, other_hz: float | None) -> bool:
    return other_hz is not None and abs(reading_hz - other_hz) <= JUMP_HZ


def _held(before: Watch, at_s: float, *, doubted_hz: float | None) -> Watch:
    known = before.believed_hz is not None and at_s - before.believed_at_s < GAP_S
    return replace(before, believed_hz=before.believed_hz if known else None, doubted_hz=doubted_hz)
