"""What can go wrong with a device, grouped by what to do next.

DriverError
├── TransientError        try again later: timeout, device busy, truncated answer
│   ├── NoAnswerError         silence until the timeout; asking the same device more costs time
│   └── SlowDownError         a service refuses for haste; it says from when on it may be asked
├── LinkLostError         reconnect: socket closed, broker gone, port not open
├── ConfigurationError    wrong configuration or profile: nothing will help but a person
├── RefusedByDeviceError  the device understood and said no: illegal address, value or function
└── OutOfRangeError       we refuse: the value to write lies outside the declared range
"""

from datetime import datetime

LONGEST_LINE = 500
"""Characters of a line of a message: it may quote what a device or a service has said."""


class DriverError(Exception):
    """Any failure of a driver; the message states the fact in words an owner can act on."""

    def __init__(self, message: str) -> None:
        super().__init__("\n".join(line[:LONGEST_LINE] for line in message.splitlines()))


class TransientError(DriverError):
    """The device did not answer properly this time."""


class NoAnswerError(TransientError):
    """The device stayed silent until the timeout."""


class SlowDownError(TransientError):
    """The service was asked too often; `retry_at` is when it may be asked again."""

    def __init__(self, message: str, *, retry_at: datetime) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class LinkLostError(DriverError):
    """The connection is gone; the driver reconnects at its next call."""


class ConfigurationError(DriverError):
    """The configuration or the device profile is wrong."""


class RefusedByDeviceError(DriverError):
    """The device answered with a refusal."""


class OutOfRangeError(DriverError):
    """A value outside the range that the profile declares was about to be written."""
