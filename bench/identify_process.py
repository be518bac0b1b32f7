"""A fresh process that makes one nightly fit: its peak memory and its time.

As a script (python -m bench.identify_process FILE) it is that process; FILE holds the pickled data
and prior. It imports nothing else, so that what it needs is what it shows.
"""

import json
import pickle
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.mpc_process import Footprint
from mpc.house_data import HouseData
from mpc.identify import identify
from mpc.identify_model import Prior


def fit_footprint(data: HouseData, prior: Prior) -> Footprint:
    """Start a process for this fit and wait for it. Raises CalledProcessError if it fails."""
    with tempfile.TemporaryDirectory(prefix="heatherd-") as folder:
        path = Path(folder) / "work.pickle"
        path.write_bytes(pickle.dumps((data, prior)))
        told = subprocess.run(
            [sys.executable, "-m", "bench.identify_process", str(path)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    return Footprint(**json.loads(told.stdout))


def _peak_mb() -> float:
    """Of this program, from /proc (what `getrusage` calls the peak counts the parent as well)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(float(line.split()[1]) / 1024.0 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    """Be the process."""
    import time

    data, prior = pickle.loads(Path(sys.argv[1]).read_bytes())
    began_s = time.perf_counter()
    identify(data, prior)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seen = {
        "peak_mb": _peak_mb(),
        "cpu_s": used.ru_utime + used.ru_stime,
        "wall_s": time.perf_counter() - began_s,
    }
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main()
