"""What the planner's process imports: it would hold all that its parent holds."""

import subprocess
import sys


def imported(statement: str) -> set[str]:
    """Modules after this statement in a fresh interpreter."""
    said = subprocess.run(
        [sys.executable, "-c", f"import sys; {statement}; print(*sys.modules)"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return set(said.stdout.split())


def test_the_program_by_its_name_brings_nothing_along() -> None:
    # what multiprocessing does in a new process: the module of the entry point, not its main()
    assert not imported("from controller.__main__ import main") & {"controller.cli", "typer"}


def test_an_answer_needs_the_mathematics_only() -> None:
    modules = imported("import mpc.answer, mpc.solver, mpc.stability, mpc.rules")
    assert "cvxpy" in modules
    assert not {name for name in modules if name.startswith(("controller", "pydantic", "pebble"))}
