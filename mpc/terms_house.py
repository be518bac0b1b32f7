"""Terms of the optimisation: where the heat goes, and what the people want."""

from typing import Any

import cvxpy as cp

from mpc.symbols import Symbols, Term


def house(s: Symbols) -> Term:
    """x_k = A_k x_(k-1) + b_k q_k + d_k for the states of the house; the start is part of d_0."""
    n, blocks = s.shape.states, s.shape.blocks
    x = s.unknown("state_c", n, blocks)
    given = _emitted(s)
    a, b = s.number("a", n * n, blocks - 1), s.number("b", n, blocks)
    drive = s.number("drive_k", n, blocks)
    laws = []
    for i in range(n):
        pushed = drive[i] + cp.multiply(b[i], given)
        kept = sum(cp.multiply(a[i * n + j], x[j, :-1]) for j in range(n))
        laws += [x[i, 0] == pushed[0], x[i, 1:] == kept + pushed[1:]]
    return Term(0.0, tuple(laws))


def _emitted(s: Symbols) -> Any:
    """Heat into the house."""
    if s.shape.buffer:
        return s.unknown("emitted_kw", s.shape.blocks, nonneg=True)
    return s.heat_kw + s.heater_kw


def buffer(s: Symbols) -> Term:
    """x_k = a_k x_(k-1) + b_k (q_k - e_k) + d_k; the emitters get no more than it can give."""
    if not s.shape.buffer:
        return Term(0.0, ())
    blocks = s.shape.blocks
    x = s.unknown("buffer_c", blocks)
    out = s.unknown("emitted_kw", blocks, nonneg=True)
    gained = cp.multiply(s.number("buffer_b", blocks), s.heat_kw + s.heater_kw - out)
    gained = gained + s.number("buffer_drive_k", blocks)
    over = s.unknown("buffer_over_k", blocks, nonneg=True)
    cold = s.unknown("buffer_cold_kw", blocks - 1, nonneg=True)
    most = s.number("emitter_kw_per_k", nonneg=True) * x[:-1] - s.number("emitter_kw", blocks - 1)
    cost = s.number("below_cost", blocks, nonneg=True)
    return Term(
        cost @ over + cost[1:] @ cold,
        (
            x[0] == gained[0],
            x[1:] == cp.multiply(s.number("buffer_a", blocks - 1), x[:-1]) + gained[1:],
            out[0] <= s.number("emitter_first_kw"),
            out[1:] <= most + cold,
            x - over <= s.number("buffer_high_c"),
        ),
    )


def tank(s: Symbols) -> Term:
    """Two layers: x_k = A_k x_(k-1) + b_k q_k + d_k, with the forecast draw inside A and d."""
    if not s.shape.hot_water:
        return Term(0.0, ())
    blocks = s.shape.blocks
    x = s.unknown("tank_c", 2, blocks)
    a = s.number("tank_a", 4, blocks - 1)
    b, d = s.number("tank_b", 2, blocks), s.number("tank_drive_k", 2, blocks)
    laws = []
    for i in range(2):
        pushed = d[i] + cp.multiply(b[i], s.dhw_kw + s.dhw_heater_kw)
        kept = cp.multiply(a[2 * i], x[0, :-1]) + cp.multiply(a[2 * i + 1], x[1, :-1])
        laws += [x[i, 0] == pushed[0], x[i, 1:] == kept + pushed[1:]]
    return Term(0.0, tuple(laws))


def comfort(s: Symbols) -> Term:
    """Kelvin-blocks outside the band, at a price: a cold start is never infeasible."""
    blocks, rooms = s.shape.blocks, len(s.shape.rooms)
    room = s.unknown("state_c", s.shape.states, blocks)[list(s.shape.rooms)]
    below = s.unknown("below_k", rooms, blocks, nonneg=True)
    above = s.unknown("above_k", rooms, blocks, nonneg=True)
    low, high = s.number("low_c", rooms, blocks), s.number("high_c", rooms, blocks)
    cost = cp.sum(below @ s.number("below_cost", blocks, nonneg=True))
    cost = cost + cp.sum(above @ s.number("above_cost", blocks, nonneg=True))
    return Term(cost, (room + below >= low, room - above <= high))


def mean_room(s: Symbols) -> Term:
    """The first room's mean, recent past included, is not below the mean target; softly."""
    debt = s.unknown("debt_kh", nonneg=True)
    hours = s.number("hours", s.shape.blocks)
    state = s.unknown("state_c", s.shape.states, s.shape.blocks)
    enough = hours @ state[s.shape.rooms[0]] + debt >= s.number("target_kh")
    return Term(s.number("mean_cost_per_kh", nonneg=True) * debt, (enough,))


def frost(s: Symbols) -> Term:
    """The floor below which every other wish is forgotten: a price above all others."""
    blocks, rooms = s.shape.blocks, len(s.shape.rooms)
    room = s.unknown("state_c", s.shape.states, blocks)[list(s.shape.rooms)]
    missing = s.unknown("frost_k", rooms, blocks, nonneg=True)
    cost = cp.sum(missing @ s.number("frost_cost", blocks, nonneg=True))
    return Term(cost, (room + missing >= s.number("frost_c"),))


def tank_comfort(s: Symbols) -> Term:
    """Warm water above, by its deadlines; both layers hot when it is due; never above the limit.

    While the pump charges, the limit is the hottest it can make the tank.
    """
    if not s.shape.hot_water:
        return Term(0.0, ())
    blocks = s.shape.blocks
    x = s.unknown("tank_c", 2, blocks)
    below = s.unknown("tank_below_k", blocks, nonneg=True)
    below_lower = s.unknown("tank_unclean_k", blocks, nonneg=True)
    over = s.unknown("tank_over_k", blocks, nonneg=True)
    cost = s.number("tank_cost", blocks, nonneg=True) @ (below + below_lower + over)
    return Term(
        cost,
        (
            x[0] + below >= s.number("tank_low_c", blocks),
            x[1] + below_lower >= s.number("tank_lower_low_c", blocks),
            0.5 * (x[0] + x[1]) - over
            <= s.number("tank_high_c", blocks)
            - cp.multiply(s.number("tank_beyond_pump_k", blocks, nonneg=True), s.dhw_run),
        ),
    )


def stored_heat(s: Symbols) -> Term:
    """Heat missing at the end is paid for; heat above the reference earns nothing."""
    state = s.unknown("state_c", s.shape.states, s.shape.blocks)
    drained = s.unknown("drained_kwh", nonneg=True)
    left = s.number("stored_kwh_per_k", s.shape.states) @ state[:, -1]
    if s.shape.buffer:
        left = left + s.number("buffer_kwh_per_k") * s.unknown("buffer_c", s.shape.blocks)[-1]
    cost = s.number("stored_cost_per_kwh", nonneg=True) * drained
    laws = [left + drained >= s.number("stored_target_kwh")]
    if s.shape.hot_water:
        missing = s.unknown("tank_drained_kwh", nonneg=True)
        tank_kwh = s.number("tank_kwh_per_k") * cp.sum(
            s.unknown("tank_c", 2, s.shape.blocks)[:, -1]
        )
        cost = cost + s.number("tank_stored_cost_per_kwh", nonneg=True) * missing
        laws.append(tank_kwh + missing >= s.number("tank_target_kwh"))
    return Term(cost, tuple(laws))
