"""A fresh process that makes plans, or only solves their matrices: its peak memory and its time.

As a script (python -m bench.mpc_process KIND FILE) it is that process: KIND is `planner` (as the
service starts it), `clarabel` or `highs`; FILE holds pickled questions or matrices. It imports
nothing else, so that what it needs is what it shows.
"""

import json
import pickle
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Footprint:
    """Of one process from its start to its last answer."""

    peak_mb: float
    cpu_s: float
    wall_s: float


def footprint(kind: str, work: Any) -> Footprint:
    """Start a process for this work and wait for it. Raises CalledProcessError if it fails."""
    import time

    with tempfile.TemporaryDirectory(prefix="heatherd-") as folder:
        path = Path(folder) / "work.pickle"
        path.write_bytes(pickle.dumps(work))
        began_s = time.perf_counter()
        told = subprocess.run(
            [sys.executable, "-m", "bench.mpc_process", kind, str(path)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        wall_s = time.perf_counter() - began_s
    seen = json.loads(told.stdout)
    return Footprint(peak_mb=seen["peak_mb"], cpu_s=seen["cpu_s"], wall_s=wall_s)


def _planner(path: Path) -> None:
    from mpc.answer import solve_request

    for request in pickle.loads(path.read_bytes()):
        solve_request(request)


def _clarabel(path: Path) -> None:
    import clarabel
    import numpy as np
    from scipy import sparse

    for m in pickle.loads(path.read_bytes()):
        a = sparse.csc_matrix((m["data"], m["indices"], m["indptr"]), shape=m["shape"])
        equal, columns = m["equalities"], m["shape"][1]
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_threads = False, 1
        cones = [clarabel.ZeroConeT(equal), clarabel.NonnegativeConeT(len(m["b"]) - equal)]
        nothing = sparse.csc_matrix((columns, columns))
        clarabel.DefaultSolver(nothing, np.array(m["c"]), a, m["b"], cones, settings).solve()


def _highs(path: Path) -> None:
    import highspy
    import numpy as np

    for m in pickle.loads(path.read_bytes()):
        model = highspy.HighsLp()
        model.num_row_, model.num_col_ = m["shape"]
        model.col_cost_ = m["c"]
        model.col_lower_ = np.full(m["shape"][1], -highspy.kHighsInf)
        model.col_upper_ = np.full(m["shape"][1], highspy.kHighsInf)
        low = np.full(len(m["b"]), -highspy.kHighsInf)
        low[: m["equalities"]] = m["b"][: m["equalities"]]
        model.row_lower_, model.row_upper_ = low, m["b"]
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_, model.a_matrix_.index_ = m["indptr"], m["indices"]
        model.a_matrix_.value_ = m["data"]
        run = highspy.Highs()
        run.setOptionValue("output_flag", False)
        run.setOptionValue("threads", 1)
        run.passModel(model)
        run.run()


def plain(problem: Any) -> Mapping[str, Any]:
    """Matrices without any class of ours: a raw process need not import us."""
    a = problem.a.tocsc()
    return {
        "c": problem.c, "b": problem.b, "equalities": problem.equalities, "shape": a.shape,
        "data": a.data, "indices": a.indices, "indptr": a.indptr,
    }  # fmt: skip


def _peak_mb() -> float:
    """Of this program. (What `getrusage` calls the peak counts the parent before exec as well.)"""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) / 1024.0
    raise OSError("no peak memory in /proc/self/status")


def main() -> None:
    """Be the process."""
    kind, path = sys.argv[1], Path(sys.argv[2])
    {"planner": _planner, "clarabel": _clarabel, "highs": _highs}[kind](path)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seen = {"peak_mb": _peak_mb(), "cpu_s": used.ru_utime + used.ru_stime}
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main()
