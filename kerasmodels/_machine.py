"""What a benchmark ran on, for the caption of its table."""

import os
import pathlib
import platform

import tensorflow as tf


def machine():
    """The processor, the number of cores, and the GPUs that TensorFlow sees."""
    model = platform.processor() or platform.machine()
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    text = f"{model}, {os.cpu_count()} cores"
    for gpu in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpu)
        text += f", {details.get('device_name', gpu.name)}"
    return text


def available_memory():
    """Bytes of memory that may still be taken, or 2^63 where the system does not say."""
    info = pathlib.Path("/proc/meminfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 2**63
