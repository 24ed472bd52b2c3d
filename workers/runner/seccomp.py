"""A filter of system calls, written out for the two processors that onnxplain runs on."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from dataclasses import dataclass

# name: number on x86_64, number on aarch64 (None: it has no such call)
FILES = {
    "open": (2, None), "creat": (85, None), "openat": (257, 56), "openat2": (437, 437),
}  # fmt: skip
ALWAYS = {
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "truncate": (76, 45), "mkdir": (83, None),
    "mkdirat": (258, 34), "mknod": (133, None), "mknodat": (259, 33), "rmdir": (84, None), "unlink": (87, None),
    "unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "link": (86, None),
    "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36), "chmod": (90, None), "fchmodat": (268, 53),
    "fchmodat2": (452, 452), "chown": (92, None), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None),
    "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "chdir": (80, 49), "fchdir": (81, 50),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "inotify_init": (253, None), "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242),
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "kcmp": (312, 272),
    "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "setpriority": (141, 140), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "semop": (65, 193),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "mq_open": (240, 180),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "setns": (308, 268),
    "unshare": (272, 97), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "quotactl": (179, 60), "swapon": (167, 224),
    "swapoff": (168, 225), "acct": (163, 89), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
    "personality": (135, 92), "syslog": (103, 116), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266), "sethostname": (170, 161), "setdomainname": (171, 162),
    "iopl": (172, None), "ioperm": (173, None), "vhangup": (153, 58),
}  # fmt: skip
CLONE, CLONE3, TGKILL, PRLIMIT = (56, 220), (435, 435), (234, 131), (302, 261)
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
OTHER_X86 = 0x40000000
CLONE_THREAD = 0x10000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, MACHINE, FIRST = 0, 4, 16
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
PR_SET_NO_NEW_PRIVS = 38
SET_FILTER, ALL_THREADS = 1, 1
SECCOMP = {"x86_64": 317, "aarch64": 277}

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Step:
    """One instruction of the filter; jumps count the instructions that are passed over."""

    code: int
    value: int
    yes: int = 0
    no: int = 0


def program(machine: str, pid: int, *, files: bool) -> list[Step]:
    """Return the filter for a processor and this process; `files`: files may be opened, for others to judge."""
    column = list(MACHINES).index(machine)
    refused = ALWAYS if files else ALWAYS | FILES
    steps = [Step(LOAD, MACHINE), Step(EQUAL, MACHINES[machine], 1), Step(RETURN, KILL), Step(LOAD, NUMBER)]
    if machine == "x86_64":
        steps += [Step(AT_LEAST, OTHER_X86, 0, 1), _no()]
    for numbers in refused.values():
        number = numbers[column]
        if number is not None:
            steps += [Step(EQUAL, number, 0, 1), _no()]
    # its flags lie in memory, where no filter can see them: without it, libc goes back to clone
    steps += [Step(EQUAL, CLONE3[column], 0, 1), _no(errno.ENOSYS)]
    steps += _only(CLONE[column], ANY_BIT, CLONE_THREAD)
    steps += _only(TGKILL[column], EQUAL, pid)
    steps += _only(PRLIMIT[column], EQUAL, 0)
    return [*steps, Step(RETURN, ALLOW)]


def _no(number: int = errno.EPERM) -> Step:
    return Step(RETURN, REFUSE | number)


def _only(number: int, test: int, value: int) -> list[Step]:
    """Allow a call only with such a first argument; what follows finds the call's number loaded again."""
    return [
        Step(EQUAL, number, 0, 4), Step(LOAD, FIRST), Step(test, value, 0, 1), Step(RETURN, ALLOW), _no(),
    ]  # fmt: skip


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("yes", ctypes.c_ubyte),
        ("no", ctypes.c_ubyte),
        ("value", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.POINTER(_Instruction)))


def no_new_privileges() -> None:
    """Give up for ever what a set-user-id program could give; both walls need it."""
    if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS) failed")


def restrict(*, files: bool = False) -> bool:
    """Put the filter on every thread of this process; False: there is none for this processor."""
    machine = platform.machine()
    if machine not in MACHINES:
        return False
    steps = program(machine, os.getpid(), files=files)
    array = (_Instruction * len(steps))(*(_Instruction(s.code, s.yes, s.no, s.value) for s in steps))
    filter_ = _Program(len(steps), ctypes.cast(array, ctypes.POINTER(_Instruction)))
    result = _libc.syscall(SECCOMP[machine], SET_FILTER, ALL_THREADS, ctypes.byref(filter_))
    if result != 0:
        # a positive number names a thread that could not follow
        raise OSError(ctypes.get_errno() or errno.EBUSY, "the kernel refused the filter of system calls")
    return True
