"""What bytes can become the answer to a Modbus request, on TCP and on a serial line. Pure."""

_HEADER_BYTES = 6  # transaction, protocol, length
_BIT_READS = frozenset({0x01, 0x02})
_READS = frozenset({0x03, 0x04}) | _BIT_READS
_REFUSAL = 0x80
_CRC_BYTES = 2
_POLYNOMIAL = 0xA001


def checksum(frame: bytes) -> bytes:
    """CRC-16 of an RTU frame, low byte first (Modbus over Serial Line V1.02, 6.2.2)."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ _POLYNOMIAL if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def tcp_answer_fault(request: bytes, answer: bytes) -> str | None:
    """Why the bytes received so far cannot become the answer to `request`, or None.

    Layout (Modbus Messaging on TCP/IP V1.0b, 3.1): transaction 2, protocol 2, length 2 bytes, then
    `length` bytes: unit, function, data.
    """
    if not request:
        return "the device speaks unasked"
    if request[: len(answer)][:4] != answer[:4]:
        return "the answer belongs to another request or is not Modbus"
    if len(answer) < _HEADER_BYTES + 2:
        return None
    asked, told = request[_HEADER_BYTES:], answer[_HEADER_BYTES:]
    if _is_foreign(asked, told):
        return "the answer comes from another unit or function"
    expected = _expected_bytes(asked, told)
    announced = int.from_bytes(answer[4:6], "big")
    if announced != expected or len(told) > expected:
        return f"the answer has {max(announced, len(told))} bytes instead of {expected}"
    return _content_fault(asked, told) if len(told) == expected else None


def rtu_answer_fault(request: bytes, answer: bytes) -> str | None:
    """Why the bytes received so far cannot become the answer to `request`, or None.

    Layout (Modbus over Serial Line V1.02, 2.5.1): unit, function, data, checksum 2 bytes.
    """
    if not request:
        return "the device speaks unasked"
    if request[1] in _READS and answer[: len(request)] == request:
        return "the line echoes what is sent: switch the adapter's local echo off"
    if answer[0] != request[0] or (len(answer) > 1 and _is_foreign(request, answer)):
        return "the answer comes from another unit or function, or the line is disturbed"
    return _rtu_length_fault(request, answer) if len(answer) > 1 else None


def _rtu_length_fault(request: bytes, answer: bytes) -> str | None:
    """Why the length, checksum or content of an answer with a good head is wrong, or None."""
    expected = _expected_bytes(request, answer)
    total = expected + _CRC_BYTES
    if len(answer) > total:
        return f"the answer has {len(answer)} bytes instead of {total}"
    if len(answer) < total:  # a frame with too little data can have a good checksum
        return _amount_fault(request, answer)
    if checksum(answer[:expected]) != answer[expected:]:
        return "the checksum of the answer is wrong: the line is disturbed"
    return _content_fault(request, answer)


def tcp_answer_bytes(request: bytes, answer: bytes) -> int:
    """How many bytes the answer that begins like this should have."""
    return _HEADER_BYTES + _expected_bytes(request[_HEADER_BYTES:], answer[_HEADER_BYTES:])


def rtu_answer_bytes(request: bytes, answer: bytes) -> int:
    """How many bytes the answer that begins like this should have."""
    return _expected_bytes(request, answer) + _CRC_BYTES


def _is_foreign(asked: bytes, told: bytes) -> bool:
    """Whether unit or function differ; both begin with the unit."""
    return told[0] != asked[0] or told[1] & ~_REFUSAL != asked[1]


def _expected_bytes(asked: bytes, told: bytes) -> int:
    """Length of the answer from unit to end of data."""
    if len(told) > 1 and told[1] & _REFUSAL:
        return 3
    if asked[1] in _READS:
        return 3 + _data_bytes(asked)
    return 6


def _data_bytes(asked: bytes) -> int:
    """Bytes of data that answer a request to read: two for a register, one for eight bits."""
    count = int.from_bytes(asked[4:6], "big")
    return (count + 7) // 8 if asked[1] in _BIT_READS else 2 * count


def _amount_fault(asked: bytes, told: bytes) -> str | None:
    """Why the number of data bytes that an answer to a read announces does not fit, or None."""
    if len(told) < 3 or told[1] & _REFUSAL or asked[1] not in _READS:
        return None
    data_bytes = _data_bytes(asked)
    if told[2] == data_bytes:
        return None
    return f"the answer announces {told[2]} bytes instead of {data_bytes}"


def _content_fault(asked: bytes, told: bytes) -> str | None:
    """Why a complete answer of the right unit and function does not fit, or None."""
    if told[1] & _REFUSAL:
        return None
    if asked[1] in _READS:
        return _amount_fault(asked, told)
    if told[2:6] != asked[2:6]:  # address, and value (function 6) or count (function 16)
        return "the device acknowledged another write"
    return None
