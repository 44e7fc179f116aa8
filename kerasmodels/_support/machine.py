"""The machine of a benchmark, for the caption of its table."""

import os
import pathlib
import platform

import tensorflow as tf


def machine():
    """The processor, the number of cores, and the GPUs that TensorFlow finds."""
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
