"""What the service manager is told, and whether the computer's clock may be believed.

systemd restarts a service whose watchdog is not fed. It is fed by finished cycles only, so that a
loop that hangs is noticed as surely as a process that died. The protocol is one datagram per fact
(sd_notify(3)).
"""

import ctypes
import logging
import socket
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

MISSED_CYCLES, LEAST_PATIENCE_S = 5.0, 300.0
"""So many cycles, and at least so long, may fail to finish before the service manager steps in:
several devices that time out one after the other are slow, not stuck."""

SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd once the clock was right; gone after a restart of the computer."""

_NOT_SYNCHRONISED = 5
"""TIME_ERROR of adjtimex(2); chrony, ntpd and timesyncd all clear it."""

_TIMEX_BYTES = 512
"""More than struct timex takes on any 64-bit Linux (208); all zero asks and sets nothing."""


class Supervisor:
    """The service manager, told of every finished cycle; without one nothing happens."""

    def __init__(self, address: str | None, cycle_s: float) -> None:
        self._address = address
        patience_s = max(MISSED_CYCLES * cycle_s, LEAST_PATIENCE_S)
        self._first = f"READY=1\nWATCHDOG_USEC={patience_s * 1e6:.0f}\n"

    def advanced(self) -> None:
        """A cycle is finished; the first one says that the service is up."""
        first, self._first = self._first, ""
        self._tell(f"{first}WATCHDOG=1")

    def stopping(self) -> None:
        """The service is handing back and will end."""
        self._tell("STOPPING=1")

    def _tell(self, state: str) -> None:
        """Never waits and never fails: a deaf service manager must not stop the heating."""
        if not self._address:
            return
        name = self._address
        if name.startswith("@"):  # Linux's abstract name space
            name = "\0" + name[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as to:
                to.sendto(state.encode(), name)
        except OSError as error:
            log.warning("the service manager could not be told: %s", error)


def kernel_says_synchronised() -> bool:
    """Whether a time service keeps the kernel's clock right; False too if it does not tell."""
    try:
        answer = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):  # no C library, or one without it
        return False
    return 0 <= int(answer) < _NOT_SYNCHRONISED


class ClockTrust:
    """Whether the clock was right once since the service started: from then on it is believed.

    A Raspberry Pi has no battery for its clock: it starts with the time of its last shutdown.
    """

    def __init__(
        self,
        marker: Path = SYNCHRONISED,
        kernel_says: Callable[[], bool] = kernel_says_synchronised,
    ) -> None:
        self._marker = marker
        self._kernel_says = kernel_says
        self._trusted = False

    def __call__(self) -> bool:
        """Asked in every cycle."""
        if not self._trusted:
            self._trusted = self._marker.exists() or self._kernel_says()
            if self._trusted:
                log.info("the clock is synchronised")
        return self._trusted
