"""Libraries that are loaded into a program before all others, and make its system calls fail or its clock wrong.

What they do follows a file, so a test turns it on and off while the program runs, or counts passes.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

NO_MOUNT = "this system lets no user mount a file system of their own"
NO_COMPILER = "no C compiler here to build the library that makes system calls fail"

_FAULTS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_segment(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path);
    return length > 4 && !memcmp(path + length - 4, ".log", 4);
}

/* FAULT_CALL fails on segment files, with FAULT_ERRNO or EIO: while the file FAULT_WHILE exists, which FAULT_ONCE
   removes; or, without that, from pass FAULT_FROM to before pass FAULT_TO. */
static int fails(const char *call, int file) {
    static int passes;
    const char *wanted = getenv("FAULT_CALL"), *during = getenv("FAULT_WHILE"), *number = getenv("FAULT_ERRNO");
    if (!wanted || strcmp(wanted, call) || !is_segment(file)) return 0;
    if (during) {
        if (access(during, F_OK)) return 0;
        if (getenv("FAULT_ONCE")) unlink(during);
    } else {
        passes++;
        if (passes < atoi(getenv("FAULT_FROM")) || passes >= atoi(getenv("FAULT_TO"))) return 0;
    }
    errno = number ? atoi(number) : EIO;
    return 1;
}

int fdatasync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return fails("fdatasync", file) ? -1 : real(file);
}

ssize_t pwrite64(int file, const void *data, size_t size, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t) =
        (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
    if (!fails("pwrite", file)) return real(file, data, size, at);
    if (size > 1) real(file, data, size / 2, at);  /* and half of it is there */
    return -1;
}

/* With FAULT_NO_CUT no segment can be cut. */
int ftruncate64(int file, off_t size) {
    int (*real)(int, off_t) = (int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate64");
    if (getenv("FAULT_NO_CUT") && is_segment(file)) { errno = EIO; return -1; }
    return real(file, size);
}
"""

_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

/* The wall clock is ahead by the double that stands in the file CLOCK_AHEAD. */
int clock_gettime(clockid_t which, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    static volatile double *ahead;
    if (!real) {
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
        int file = open(getenv("CLOCK_AHEAD"), O_RDONLY);
        ahead = mmap(0, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    }
    int answer = real(which, now);
    if (which == CLOCK_REALTIME) now->tv_sec += (time_t)*ahead;
    return answer;
}
"""


def has_compiler() -> bool:
    return shutil.which("gcc") is not None


def failing_disk(folder: Path) -> str:
    """The library that makes writing segments fail, as ``LD_PRELOAD`` names it."""
    return _built(folder, "faults", _FAULTS)


def wrong_clock(folder: Path) -> str:
    """The library that sets the clock wrong, as ``LD_PRELOAD`` names it."""
    return _built(folder, "clock", _CLOCK)


def set_clock(file: Path, ahead: float) -> None:
    """Let the clock that follows *file* be *ahead* by whole seconds."""
    with file.open("r+b" if file.exists() else "wb") as out:
        out.write(struct.pack("d", ahead))


def _built(folder: Path, name: str, source: str) -> str:
    code, library = folder / f"{name}.c", folder / f"{name}.so"
    code.write_text(source, encoding="utf-8")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, code, "-ldl"], check=True)
    return str(library)
