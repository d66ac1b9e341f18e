"""Settings that must precede TensorFlow's first op: environment, seeds, graph optimizer, precision."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from common.errors import UserError, say, uninterrupted
from common.files import ROOT
from common.scale import ONE, Scale

OLDEST_KERAS = (3, 14)  # that kernels.py works with: it looks inside of Keras' layers
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}  # precision -> Keras dtype policy


@dataclass(frozen=True)
class Runtime:
    """The result of `start`: precision (`float32` or `bfloat16`), name of the device, versions for config.json.

    `strategy` is the tf.distribute.Strategy of several devices, None for one.
    """

    precision: str
    device: str
    versions: dict[str, str]
    strategy: Any = None

    def scope(self) -> contextlib.AbstractContextManager:
        """Build networks, optimizers and games inside this scope, so that every device gets a copy."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()


def check_environment() -> None:
    """Raises UserError for environment settings under which Keras 3 on TensorFlow cannot work."""
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        raise UserError(f"KERAS_BACKEND={os.environ['KERAS_BACKEND']}: this repository needs tensorflow; "
                        "run `unset KERAS_BACKEND`")
    if os.environ.get("TF_USE_LEGACY_KERAS", "") not in ("", "0", "False", "false"):
        raise UserError("TF_USE_LEGACY_KERAS is set: this repository needs Keras 3; run `unset TF_USE_LEGACY_KERAS`")
    # Figures go to files. A notebook's backend, which its `!python` inherits, need not be installed here.
    os.environ["MPLBACKEND"] = "agg"
    # Without an NVIDIA GPU, TensorFlow's error messages are only about its absence, and alarm users.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if Path("/dev/nvidia0").exists() else "3")
    home = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"))  # pathlib fails where there is none
    try:
        settings = json.loads((home / "keras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        settings = None  # no such file, or one that Keras ignores too
    if not isinstance(settings, dict):
        return
    wanted = {"image_data_format": "channels_last", "floatx": "float32", "epsilon": 1e-7}
    for key, value in wanted.items():
        if settings.get(key, value) != value:
            raise UserError(f"{home / 'keras.json'}: {key} is {settings[key]!r}, this repository needs {value!r}; "
                            "change it there")
    if settings.get("backend", "tensorflow") != "tensorflow" and "KERAS_BACKEND" not in os.environ:
        raise UserError(f"{home / 'keras.json'}: backend is {settings['backend']!r}; run `export "
                        "KERAS_BACKEND=tensorflow`")


def check_keras() -> None:
    """Raises UserError for a Keras that is too old to train with."""
    with contextlib.suppress(metadata.PackageNotFoundError):  # then the import says what is missing
        version = metadata.version("keras")
        if tuple(map(int, version.split(".")[:2])) < OLDEST_KERAS:
            raise UserError(f"Keras {version} is too old, training needs {'.'.join(map(str, OLDEST_KERAS))} or newer; "
                            f"run `pip install -r {shlex.quote(str(ROOT / 'requirements.txt'))}`")


def import_tensorflow() -> None:
    """Imports TensorFlow and Keras, and hides the lines that TensorFlow's C++ code prints at import.

    Raises:
        UserError: the environment does not fit, see `check_environment`.
    """
    check_environment()
    with uninterrupted(), _quiet():
        import keras  # noqa: F401 - it imports TensorFlow


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Holds back what the process writes to standard error; prints it if the block fails."""
    if sys.stderr is None:  # closed: nothing to hold back
        yield
        return
    sys.stderr.flush()
    before = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(before, 2)
            kept.seek(0)
            os.write(2, kept.read())
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)


def start(seed: int, precision: str = "auto", scale: Scale = ONE) -> Runtime:
    """Imports TensorFlow and makes all settings that must precede its first op.

    Args:
        seed: for initial weights and dropout; noise and order are drawn from (seed, step) elsewhere.
        precision: "float32", "bfloat16" (weights, logits and images stay float32) or "auto".
        scale: the devices and machines; several machines wait for each other here.

    Raises:
        UserError: the environment does not fit, see `check_environment`, or there are fewer devices.
    """
    import_tensorflow()
    import keras
    import tensorflow as tf

    from common import distribution, sums

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    strategy = distribution.strategy(scale)
    if gpus:
        tf.config.experimental.enable_op_determinism()  # on a CPU the ops used here are deterministic without it
    sums.add_in_order()
    keras.utils.set_random_seed(seed)
    chosen = precision if precision != "auto" else ("bfloat16" if _native_bfloat16(gpus) else "float32")
    keras.config.set_dtype_policy(POLICIES[chosen])
    device = _gpu_name(gpus[0]) if gpus else f"{os.cpu_count()} CPU cores"
    if scale.replicas > 1:
        device = f"{scale.replicas} x {device}" if gpus else f"{device} as {scale.replicas} devices"
        device += f", worker {scale.worker} of {scale.workers}" if scale.workers > 1 else ""
    say(f"precision {chosen}{' (auto)' if precision == 'auto' else ''}, {device}, tensorflow {tf.__version__}, "
        f"keras {keras.__version__}")
    versions = {"python": platform.python_version(), "tensorflow": tf.__version__, "keras": keras.__version__}
    return Runtime(chosen, device, versions, strategy)


@contextlib.contextmanager
def policy(precision: str) -> Iterator[None]:
    """Networks built inside the block have this precision; the previous policy is restored."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _native_bfloat16(gpus: list[Any]) -> bool:
    """Whether the hardware multiplies bfloat16 natively: an Ampere or newer GPU, else avx512_bf16 or amx_bf16."""
    import tensorflow as tf

    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return details.get("compute_capability", (0, 0)) >= (8, 0)
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False  # not Linux: float32 works everywhere
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _gpu_name(gpu: Any) -> str:
    import tensorflow as tf

    return tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
