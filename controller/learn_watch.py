"""The watchdog of learning: a model that no longer fits gives way to an older one that does. Pure.

Every night the model in force predicts the last days, whatever comes of the new fit. Where it errs
much more than when it was adopted, and no new model was good enough to follow it, those it followed
are tried, that of day one included: a sensor was put back, a tenant has moved out, or it should
never have been adopted.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from controller.config import HouseConfig
from controller.learned import DRIFT_VERSIONS, Lesson, Lessons, no_longer_fits
from mpc.building import Building

BETTER_FRAC = 0.02
"""By so much an error must be smaller: a model is not changed for nothing."""


def watched(
    lessons: Lessons,
    config: HouseConfig,
    error_k: float,
    error_of: Callable[[Building | None], float],
) -> tuple[Lessons, tuple[str, ...]]:
    """The lessons with the best older version in force, and what to tell; unchanged if none helps.

    `error_k`: of the model in force on the last days; `error_of` a learned building, or of day one
    (None), on the same days, NaN if it cannot be told. The owner's own rollback is left alone.
    """
    held = lessons.in_force(config)
    if held is None or lessons.paused or not no_longer_fits(held, error_k):
        return lessons, ()
    older: list[Lesson | None] = [
        x for x in lessons.adopted if x.house == held.house and x.version < held.version
    ]
    tried = [None, *older[-DRIFT_VERSIONS:]]
    errors_k = {
        None if x is None else x.version: error_of(None if x is None else x.building) for x in tried
    }
    known_k = {version: e for version, e in errors_k.items() if math.isfinite(e)}
    best = min(known_k, key=known_k.__getitem__, default=held.version)
    if best == held.version or known_k[best] > (1.0 - BETTER_FRAC) * error_k:
        return lessons, ()
    name = "that of day one" if best is None else f"version {best}"
    said = f"The model in force gives way to {name}, which errs by {known_k[best]:.2f} K lately."
    return replace(lessons, version=best), (said,)
