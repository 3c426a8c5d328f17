"""Version 7 UUIDs (RFC 9562, section 5.7): sortable by the millisecond they were made in."""

import secrets
import time
from uuid import UUID


def uuid7() -> UUID:
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
