"""Modbus requests answered from a bus: function and data in, function and data out. Pure.

Written here rather than taken from a library: a device that stays silent, comes late, closes the
door on a second client or boots has to be in charge of its own frames.
Layout: Modbus Application Protocol V1.1b3, 6.1 (function 1), 6.2 (2), 6.3 (3), 6.4 (4), 6.6 (6),
6.12 (16), 7.
"""

from drivers.errors import NoAnswerError, RefusedByDeviceError
from drivers.points import Space
from hil.device import Bus, NoSuchUnitError
from hil.manners import WRITE_SEVERAL, WRITE_SINGLE
from hil.presence import BusyError
from hil.registers import IllegalValueError

READ_COILS, READ_DISCRETE, READ_HOLDING, READ_INPUT = 1, 2, 3, 4
READS = {
    READ_COILS: Space.COIL,
    READ_DISCRETE: Space.DISCRETE,
    READ_HOLDING: Space.HOLDING,
    READ_INPUT: Space.INPUT,
}
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
BUSY, NO_SUCH_UNIT = 6, 11
LARGEST_READ, LARGEST_WRITE = 125, 123
REFUSAL = 0x80


def answer(bus: Bus, unit: int, request: bytes) -> bytes | None:
    """The answer of a unit to one request, None where nothing comes back."""
    function = request[0]
    try:
        return bytes([function]) + _data(bus, unit, request)
    except NoAnswerError:
        return None
    except _UnknownFunctionError:
        code = ILLEGAL_FUNCTION
    except NoSuchUnitError:
        code = NO_SUCH_UNIT
    except IllegalValueError:
        code = ILLEGAL_VALUE
    except RefusedByDeviceError:
        code = ILLEGAL_ADDRESS
    except BusyError:
        code = BUSY
    return bytes([function | REFUSAL, code])


class _UnknownFunctionError(Exception):
    """The device does not know this function."""


def _data(bus: Bus, unit: int, request: bytes) -> bytes:
    function = request[0]
    if function in READS:
        return _read(bus, unit, request)
    if function in (WRITE_SINGLE, WRITE_SEVERAL) and function in bus.manners(unit).write_functions:
        return _write(bus, unit, request)
    raise _UnknownFunctionError


def _read(bus: Bus, unit: int, request: bytes) -> bytes:
    address, count = _numbers(request)
    if len(request) != 5 or not 1 <= count <= LARGEST_READ:
        raise IllegalValueError("illegal value: wrong number of registers")
    registers = bus.read(unit, READS[request[0]], address, count)
    if request[0] in (READ_COILS, READ_DISCRETE):
        bits = sum(bit << place for place, bit in enumerate(registers))
        return bytes([(count + 7) // 8]) + bits.to_bytes((count + 7) // 8, "little")
    return bytes([2 * count]) + b"".join(register.to_bytes(2, "big") for register in registers)


def _write(bus: Bus, unit: int, request: bytes) -> bytes:
    address, number = _numbers(request)
    values = [number]
    if request[0] == WRITE_SEVERAL:
        data = request[6:]
        if not 1 <= number <= LARGEST_WRITE or request[5:6] != bytes([len(data)]):
            raise IllegalValueError("illegal value: wrong number of bytes")
        values = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
        if len(data) != 2 * number:
            raise IllegalValueError("illegal value: wrong number of registers")
    bus.write(unit, address, values)
    return request[1:5]


def _numbers(request: bytes) -> tuple[int, int]:
    """Address, and count or value."""
    if len(request) < 5:
        raise IllegalValueError("illegal value: the request is too short")
    return int.from_bytes(request[1:3], "big"), int.from_bytes(request[3:5], "big")
