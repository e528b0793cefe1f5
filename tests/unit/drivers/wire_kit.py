"""Bytes as documents print them, and sums made one byte or one bit at a time, for tests of the wires."""

from __future__ import annotations


def typed(text: str) -> bytes:
    """Hexadecimal as the documents print it."""
    return bytes.fromhex(text)


def added(data: bytes, modulus: int) -> int:
    """A sum of bytes, one by one."""
    total = 0
    for byte in data:
        total = (total + byte) % modulus
    return total


def crc32(data: bytes) -> int:
    """CRC-32 (IEEE 802.3), bit by bit."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xEDB88320 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def crc_ccitt(data: bytes) -> bytes:
    """Polynomial 1021, from 0, bit by bit; low byte first."""
    register = 0
    for byte in data:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1 ^ (0x1021 if register & 0x8000 else 0)) & 0xFFFF
    return register.to_bytes(2, "little")
