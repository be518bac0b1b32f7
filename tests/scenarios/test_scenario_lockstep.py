"""Controller and simulator process over real Modbus TCP and a real broker, in lockstep."""

import asyncio

import pytest
from scripted import records_in, spec

from bench.process_world import process_world
from bench.run import archive_of, drive, run_in_memory
from bench.spec import house_config
from controller.act import Applied
from controller.planner import InlinePlanner
from hil.house import load_house

pytestmark = [pytest.mark.sockets, pytest.mark.enable_socket]

TWO_HOURS = spec(days=2 / 24)


def commands(config):
    return [(r.at, r.wanted, r.verdict, r.outcome) for r in records_in(config)]


async def over_sockets(directory):
    """A run; the planner sits in this process, starting one takes longer than the run."""
    archive = archive_of(TWO_HOURS)
    async with process_world(TWO_HOURS, archive, None) as world:
        config = house_config(
            TWO_HOURS,
            load_house(TWO_HOURS.house),
            archive.zone,
            address=world.address,
            directory=directory,
        )
        await drive(TWO_HOURS, config, world, planner=InlinePlanner(), progress=None)
        await world.finish()
        return commands(config), world.truths


def test_a_run_over_sockets_repeats_itself_and_equals_the_one_in_memory(tmp_path):
    first, truths = asyncio.run(over_sockets(tmp_path / "first"))
    again, truths_again = asyncio.run(over_sockets(tmp_path / "again"))
    in_memory = run_in_memory(TWO_HOURS, tmp_path / "memory")
    assert len(first) == 120
    assert any(isinstance(outcome, Applied) for *_, outcome in first)
    assert first == again
    assert truths == truths_again
    assert first == commands(in_memory.config)
