"""Modbus over a serial line (RTU): one link per device, shared by the units on the line."""

import os
from dataclasses import dataclass
from pathlib import Path

from pymodbus.client import AsyncModbusSerialClient

from drivers.transports.modbus_client import ClientLink, OnConnection, OnPacket, Wire
from drivers.transports.modbus_frames import rtu_answer_bytes, rtu_answer_fault

BITS_PER_CHARACTER = 11  # start, eight data, parity or second stop, stop
SILENT_CHARACTERS = 3.5  # between two frames (Modbus over Serial Line V1.02, 2.5.1.1)
SHORTEST_SILENCE_S = 0.00175  # above 19200 baud, same clause


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialSettings:
    """How every unit on the line talks; eight data bits always, as RTU demands."""

    baudrate: int = 9600
    parity: str = "N"  # "N", "E" or "O"
    stop_bits: int = 1

    @property
    def silence_s(self) -> float:
        """The least pause between two frames."""
        characters_s = SILENT_CHARACTERS * BITS_PER_CHARACTER / self.baudrate
        return max(characters_s, SHORTEST_SILENCE_S)


class SerialLink(ClientLink):
    """A `ModbusLink` on the serial device at a path such as /dev/ttyUSB0.

    The device is opened at the first request and locked against other programs. RTU frames have
    no number: after silence, a malformed or a cancelled answer the device is closed, and opened
    again (which discards what came meanwhile) only when one more timeout has passed.
    """

    def __init__(
        self,
        device: str,
        settings: SerialSettings,
        *,
        timeout_s: float = 1.0,
        gap_s: float = 0.0,
    ) -> None:
        def open_client(
            on_packet: OnPacket, on_connection: OnConnection
        ) -> AsyncModbusSerialClient:
            return AsyncModbusSerialClient(
                device,
                baudrate=settings.baudrate,
                parity=settings.parity,
                stopbits=settings.stop_bits,
                timeout=timeout_s,
                retries=0,
                reconnect_delay=0,
                trace_packet=on_packet,
                trace_connect=on_connection,
            )

        self.settings = settings
        wire = Wire(
            endpoint=device,
            open_client=open_client,
            answer_fault=rtu_answer_fault,
            answer_bytes=rtu_answer_bytes,
            why_closed=lambda: f": {_why_closed(device)}",
            quiet_s=timeout_s,
        )
        super().__init__(wire, timeout_s=timeout_s, gap_s=max(gap_s, settings.silence_s))


def _why_closed(device: str) -> str:
    """What keeps a serial device from being opened, as far as one can see."""
    if not Path(device).exists():
        return "there is no such device; is the adapter plugged in?"
    if not os.access(device, os.R_OK | os.W_OK):
        return "no permission; add heatherd's user to the group that owns it (often dialout)"
    return "another program has it open, or it is no serial device"
