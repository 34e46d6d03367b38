"""A filter of system calls for the sandbox: what no answer needs, and what could get around its limits.

User namespaces would give back privileges (mounting memory without a limit); memory files and System V memory are
counted nowhere; the rest is a large part of what has been wrong with kernels. The program is BPF, by hand, for the two
processors that the course runs on.
"""

import platform
import struct

REFUSE, MISSING, ALLOW, KILL = 0x00050001, 0x00050026, 0x7FFF0000, 0x80000000  # EPERM, ENOSYS
NEW_USER = 0x10000000
EVERYWHERE = {425, 426, 427, 428, 429, 430, 431, 432, 442, 447}  # io_uring, the newer mount calls, memfd_secret
_X86 = {
    *(29, 101, 135, 155, 161, 165, 166, 167, 169, 175, 176, 179, 246, 248, 249, 250),
    *(272, 298, 303, 304, 308, 310, 311, 313, 319, 321, 323),
}
_ARM = {
    *(194, 117, 92, 41, 51, 40, 39, 224, 142, 105, 106, 60, 104, 217, 218, 219),
    *(97, 241, 264, 265, 268, 270, 271, 273, 279, 280, 282),
}
# processor: number of its architecture, refused calls, clone, clone3, first number of a foreign interface
MACHINES = {
    "x86_64": (0xC000003E, _X86 | EVERYWHERE, 56, 435, 0x40000000),
    "aarch64": (0xC00000B7, _ARM | EVERYWHERE, 220, 435, 0xFFFFFFFF),
}
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06


def program(machine: str = "") -> bytes | None:
    """The filter as bubblewrap takes it; `None` for a processor that is not known here."""
    known = MACHINES.get(machine or platform.machine())
    if known is None:
        return None
    architecture, refused, clone, clone3, foreign = known
    steps = [
        (_LOAD, 0, 0, 4),  # the architecture
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, 0),  # the number of the call
        (_AT_LEAST, 0, 1, foreign),
        (_RETURN, 0, 0, REFUSE),
    ]
    for number in sorted(refused):
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, REFUSE)]
    steps += [
        (_EQUAL, 0, 1, clone3),  # its flags lie in memory, where a filter cannot look; the C library takes clone then
        (_RETURN, 0, 0, MISSING),
        (_EQUAL, 0, 3, clone),
        (_LOAD, 0, 0, 16),  # its flags
        (_ANY_BIT, 0, 1, NEW_USER),
        (_RETURN, 0, 0, REFUSE),
        (_RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *step) for step in steps)
