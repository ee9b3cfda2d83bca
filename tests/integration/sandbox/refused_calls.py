# SPDX-License-Identifier: Apache-2.0
# x86-64 numbers of system calls that no sandboxed program may make, with harmless arguments; texts are passed by their address.
REFUSED_CALLS = {
    "mount": (165, b"none", b"/tmp", b"tmpfs", 0, 0), "umount2": (166, b"/tmp", 2), "unshare user": (272, 0x10000000),
    "unshare mount": (272, 0x20000), "setns": (308, 0, 0), "pivot_root": (155, b"/tmp", b"/tmp"), "chroot": (161, b"/tmp"),
    "ptrace": (101, 0, 0, 0, 0), "process_vm_readv": (310, 1, 0, 0, 0, 0, 0), "init_module": (175, 0, 0, b"x"),
    "finit_module": (313, 0, b"x", 0), "delete_module": (176, b"x", 0), "bpf": (321, 0, 0, 0), "keyctl": (250, 0, 0, 0, 0, 0),
    "add_key": (248, b"user", b"x", b"y", 1, -4), "perf_event_open": (298, 0, 0, -1, -1, 0), "userfaultfd": (323, 0),
    "io_uring_setup": (425, 8, 0), "open_by_handle_at": (304, -100, 0, 0), "kexec_load": (246, 0, 0, 0, 0),
    "reboot": (169, 0xfee1dead, 672274793, 0, 0), "sethostname": (170, b"x", 1), "settimeofday": (164, 0, 0),
    "swapon": (167, b"/tmp", 0), "syslog": (103, 3, 0, 0), "pidfd_getfd": (438, 0, 0, 0), "clone3": (435, 0, 0), "acct": (163, 0),
    "mount_setattr": (442, -1, b"", 0, 0, 0), "fsopen": (430, b"tmpfs", 0), "open_tree": (428, -100, b"/", 1),
    "clone with a user namespace": (56, 0x10000011, 0, 0, 0, 0), "socket AF_VSOCK": (41, 40, 1, 0),
    "socket AF_PACKET": (41, 17, 3, 0), "socket AF_ALG": (41, 38, 5, 0), "a 32-bit number (x32)": (0x40000000,),
    "a number of no call": (5000,),
}
