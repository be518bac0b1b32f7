"""What was learned of the house: versions that can be taken back, and the model they make. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median

import numpy as np
from pydantic import TypeAdapter

from controller.config import HouseConfig
from controller.records import content_hash
from mpc.arrays import FloatArray
from mpc.building import Building
from mpc.plan import Estimate

KEPT = 30
"""Versions kept: a month of nights."""

DRIFT_FRAC = 0.25
"""A loss that moved this far from the earlier ones is a change of the house, not of the fit."""

WORSE_FRAC = 1.5
"""Predictions this much worse than when the model was adopted mean that it no longer fits."""

LEAST_ERROR_K = 0.1
"""A sensor's step: smaller errors are not told apart."""

DRIFT_VERSIONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One identified house that was adopted."""

    version: int
    learned_at: datetime
    building: Building
    order: str
    log_std: Mapping[str, float]  # of the parameters' logarithms
    loss_w_per_k: float
    from_at: datetime  # the data it was learned from
    until_at: datetime
    error_k: float  # of its 24 h predictions on days it had not seen
    error_before_k: float  # of the model it took over from, on the same days
    house: str  # names the section [house] it belongs to
    log_covariance: tuple[float, ...] = ()  # of `log_std`'s names, row by row; empty: not kept

    def covariance(self) -> FloatArray:
        """Of the parameters' logarithms, in the order of `log_std`; independent if not kept."""
        count = len(self.log_std)
        if len(self.log_covariance) == count * count:
            return np.array(self.log_covariance).reshape(count, count)
        return np.diag(np.square(list(self.log_std.values())))


@dataclass(frozen=True, slots=True)
class Lessons:
    """All that were adopted, oldest first, and which one holds; survives restarts."""

    adopted: tuple[Lesson, ...] = ()
    version: int | None = None  # in force; None: as on day one
    paused: bool = False  # after a rollback nothing new is adopted until the owner says so
    remarks: tuple[str, ...] = ()  # of the last night, for the owner
    opening: Estimate | None = None  # where the model in force begins; it counts while it is fresh

    def in_force(self, config: HouseConfig) -> Lesson | None:
        """The lesson that holds; none for a house that was described anew since."""
        found = next((x for x in self.adopted if x.version == self.version), None)
        return found if found is not None and found.house == house_name(config) else None

    @property
    def next_version(self) -> int:
        """The number of the next lesson; numbers are never used twice."""
        return 1 + max((lesson.version for lesson in self.adopted), default=0)

    def with_new(self, lesson: Lesson) -> "Lessons":
        """The new lesson holds."""
        return Lessons((*self.adopted, lesson)[-KEPT:], lesson.version)

    def rolled_back(self) -> "Lessons":
        """The version before the one in force holds, and nothing new is adopted for now."""
        older = [x.version for x in self.adopted if x.version < (self.version or 0)]
        return replace(self, version=max(older, default=None), paused=True, opening=None)

    def resumed(self) -> "Lessons":
        """New lessons may be adopted again."""
        return replace(self, paused=False)


PLACE = ("latitude_deg", "longitude_deg", "altitude_m")
ZONE = "second_zone"  # cut out of what was learned

LESSONS: TypeAdapter[Lessons] = TypeAdapter(Lessons)
LEARNED_BUILDING: TypeAdapter[Building] = TypeAdapter(Building)
KEY = "learned"
"""Where the state store keeps them."""


def house_name(config: HouseConfig) -> str:
    """Names what the owner says of the house: who writes another year or area starts anew.

    Where it stands changes nothing that was learned; windows by side change what sun means, and
    whether wind counts what a loss means. What an owner has not told changes no name.
    """
    house = config.house
    left_out: dict[str, bool | set[str]] = dict.fromkeys((*PLACE, ZONE), True)
    left_out |= {key: True for key in ("windows", "wind") if getattr(house, key) is None}
    if house.model.wind_w_per_k_per_m_s is None:
        left_out["model"] = {"wind_w_per_k_per_m_s"}
    return content_hash(house.model_dump_json(exclude=left_out))


def building_text(lesson: Lesson | None) -> str | None:
    """The learned building as it is kept among the records."""
    return None if lesson is None else LEARNED_BUILDING.dump_json(lesson.building).decode()


def no_longer_fits(lesson: Lesson, recent_error_k: float) -> bool:
    """Whether it predicts much worse than when it was adopted; False where that is not known."""
    return recent_error_k > WORSE_FRAC * max(lesson.error_k, LEAST_ERROR_K)


def drift_words(lessons: Lessons, config: HouseConfig, recent_error_k: float) -> tuple[str, ...]:
    """What the owner should look at: a house that changed, a model that no longer fits."""
    now = lessons.in_force(config)
    if now is None:
        return ()
    words = []
    older = [
        x.loss_w_per_k for x in lessons.adopted if x.house == now.house and x.version < now.version
    ][-DRIFT_VERSIONS:]
    if older:
        change = now.loss_w_per_k / median(older) - 1.0
        if abs(change) > DRIFT_FRAC:
            more = "more" if change > 0.0 else "less"
            words.append(
                f"The house loses {abs(change):.0%} {more} heat than it used to: "
                "a window, new insulation, or a sensor that was moved?"
            )
    if no_longer_fits(now, recent_error_k):
        words.append(
            f"Predictions are off by {recent_error_k:.2f} K lately, {now.error_k:.2f} K when the "
            "model was adopted: something in the house is no longer as it was."
        )
    return tuple(words)
