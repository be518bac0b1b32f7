"""The recorded days of drawn houses, kept in files: a house is simulated once, fitted often."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.identify_houses import Recorded, drawn_house, record
from mpc.house_data import HouseData

ROOT = Path(__file__).resolve().parent.parent
PLANT = (
    "hil/building.py", "hil/firmware.py", "hil/house.py", "hil/hydronics.py", "hil/machine.py",
    "hil/occupants.py", "hil/sensors.py", "hil/simulated_house.py", "hil/tank.py", "hil/weather.py",
    "hil/houses/*.toml", "bench/archive.py", "bench/identify_houses.py", "bench/sky.py",
    "bench/zones.py", "bench/data/tuned_curves.json",
)  # fmt: skip
DISTURBED_EVERY = 4
SERIES = ("room_c", "heat_w", "outdoor_c", "ghi_w_per_m2", "flow_c")


def digest(patterns: tuple[str, ...]) -> str:
    """Of everything a result depends on."""
    found = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:12]


def recorded(number: int, seed: int, folder: Path) -> Recorded:
    """The house's record from its file in `folder`, or simulated and written there."""
    path = folder / f"plants-{digest(PLANT)}-{seed}" / f"{number}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, record(drawn_house(number, seed), disturb=number % DISTURBED_EVERY == 0))
    return _read(path)


def _write(path: Path, found: Recorded) -> None:
    table: dict[str, Any] = {f"plain_{name}": values for name, values in found.data.series()}
    if found.disturbed is not None:
        table |= {f"disturbed_{name}": values for name, values in found.disturbed.series()}
    half_made = path.with_suffix(".part")
    with half_made.open("wb") as file:
        np.savez_compressed(
            file,
            starts_at=np.array(found.data.starts_at.isoformat()),
            step_s=np.array(found.data.step_s),
            unknown_w=np.array(found.unknown_w),
            **table,
        )
    half_made.replace(path)


def _read(path: Path) -> Recorded:
    with np.load(path) as table:
        starts_at = datetime.fromisoformat(str(table["starts_at"]))
        step_s = float(table["step_s"])

        def data(kind: str) -> HouseData:
            series = {name: np.asarray(table[f"{kind}_{name}"], float) for name in SERIES}
            return HouseData(starts_at=starts_at, step_s=step_s, **series)

        return Recorded(
            data("plain"),
            data("disturbed") if "disturbed_room_c" in table else None,
            float(table["unknown_w"]),
        )
