"""What a benchmark ran on, for the caption of its table."""

import os
import pathlib
import platform


def machine():
    """The processor and the number of cores."""
    model = platform.processor() or platform.machine()
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} cores"


def available_memory():
    """Bytes of memory that may still be taken, or 2^63 where the system does not say."""
    info = pathlib.Path("/proc/meminfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 2**63
