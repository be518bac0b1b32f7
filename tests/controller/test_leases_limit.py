"""A lease under the grid operator's limit."""

from dataclasses import replace
from datetime import timedelta

from guarded import AT, OFFSET_KNOB

from controller.guard import Purpose
from controller.leases import due
from controller.store import Lease
from controller.wear import Move
from drivers.api import WriteClass


def test_a_stored_knob_does_not_wait_for_its_pause_when_the_grid_operator_limits():
    stored = replace(OFFSET_KNOB, minimum_interval_s=3600.0)
    lease = Lease(stored.capability, 0.0, 2.0, None, AT, AT)
    soon = AT + timedelta(minutes=1)
    assert due(Move(stored, -3.0, Purpose.DSO, soon), lease, gone=False)
    assert not due(Move(stored, -3.0, Purpose.PLANNER, soon), lease, gone=False)
    paced = replace(stored, write_class=WriteClass.VOLATILE)  # what the maker asks for stands
    assert not due(Move(paced, -3.0, Purpose.DSO, soon), lease, gone=False)
