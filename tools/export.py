"""Writes the generator of a finished run for other programs, and checks that it gives there what it gives in Keras.

    pip install -r requirements-export.txt
    python tools/export.py runs/hw4_acgan/acgan --to onnx       # runs/hw4_acgan/acgan/exported/generator.onnx
    python tools/export.py runs/hw4_acgan/acgan --to litert     # ... .tflite; needs no more than requirements.txt

Beside each network stands a .json with its inputs, their ranges and what they mean; ONNX has the same in its metadata.
Of a run with --average it is the network with the average of its weights, unless --weights says otherwise.
Networks are written in float32, also those that were trained in bfloat16. They are compared with Keras, the same twin
in float32, on 64 inputs; one that differs by more than 1e-4 is not left there.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import runtime, sampling
from common.anime import tags
from common.errors import DONE, Failure, StorageError, UserError, say
from common.files import atomic, make_folder, write_json

if TYPE_CHECKING:
    import keras

NETWORKS = ("generator.keras", "generator_AtoB.keras", "generator_BtoA.keras")
LAYERS = ("lab5_cgan.model", "cyclegan_style.model")  # with layers of their own
SUFFIXES = {"onnx": ".onnx", "litert": ".tflite"}
INPUTS, MOST = 64, 1e-4  # inputs that are compared, and how far one value may be from Keras'
IMAGE = "picture"       # the name of an input that is an image
Answer = Callable[[list[np.ndarray]], np.ndarray]


def meaning(name: str, size: int | None, uniform: bool) -> str:
    """What a network's input is, by its name and size."""
    columns = tags.colour_columns(size) if name in ("condition", "text") else ()
    if name == "label":
        from lab5_cgan.labels import OBJECTS

        columns = OBJECTS
    return {"z": "noise, uniform in [-1, 1]" if uniform else "noise from N(0, 1)",
            "hair": f"index of the hair colour: {', '.join(tags.HAIR)}",
            "eyes": f"index of the eye colour: {', '.join(tags.EYES)}",
            "sentence": "a sentence vector of the run's sentences.npz"}.get(
                name, f"1 where asked for, else 0: {', '.join(columns)}" if columns else "RGB in [-1, 1]")


def describe(twin: keras.Model, info: dict[str, Any], kind: str, average: bool) -> dict[str, Any]:
    """The inputs and the output of a network, and the run that it is from."""
    from wgan_gp_text.model import WGANGP

    folder = info.get("report", {}).get("folder")
    low = WGANGP.LOW if folder == "wgan_gp_text" else -1.0
    uniform = info.get("settings", {}).get("noise") == "uniform"
    count = 1 if kind == "litert" or takes_images(twin) else None
    return {"report": folder, "variant": info.get("report", {}).get("variant"),
            "weights": "average" if average else "trained",
            "inputs": {tensor.name: {"shape": [count, *tensor.shape[1:]], "dtype": str(tensor.dtype),
                                     "meaning": meaning(tensor.name, tensor.shape[-1], uniform)}
                       for tensor in twin.inputs},
            "output": {"shape": [count, *twin.output_shape[1:]], "dtype": "float32", "meaning": f"RGB in [{low:g}, 1]"}}


def takes_images(twin: keras.Model) -> bool:
    """Whether it translates images: then it takes one at a time, since its batch normalisation goes by the batch."""
    return any(tensor.name == IMAGE for tensor in twin.inputs)


def of_one(twin: keras.Model) -> list[Any]:
    """The signature of the network with one input at a time."""
    import keras

    return [[keras.InputSpec(shape=(1, *tensor.shape[1:]), dtype=tensor.dtype, name=tensor.name)
             for tensor in twin.inputs]]


def examples(twin: keras.Model) -> list[list[np.ndarray]]:
    """INPUTS inputs in batches of 16, or one by one, see `takes_images`."""
    random = np.random.default_rng(0)

    def values(tensor: Any, count: int) -> np.ndarray:
        shape = (count, *tensor.shape[1:])
        if "int" in str(tensor.dtype):
            return random.integers(0, len(tags.EYES), shape, tensor.dtype)
        if tensor.name in ("condition", "text", "label"):
            return (random.random(shape) < 0.1).astype(np.float32)
        draw = random.uniform(-1, 1, shape) if tensor.name == IMAGE else random.standard_normal(shape)
        return draw.astype(np.float32)

    size = 1 if takes_images(twin) else 16
    return [[values(tensor, size) for tensor in twin.inputs] for _ in range(INPUTS // size)]


def to_onnx(twin: keras.Model, path: Path, about: dict[str, Any]) -> Answer:
    """Writes the ONNX file, with what it is in its metadata; gives what ONNX Runtime answers with it."""
    try:
        import onnx
        import onnxruntime
        import tf2onnx  # noqa: F401 - Keras uses it
    except ImportError as error:
        raise UserError(f"--to onnx: {error.name} is missing; run `pip install -r requirements-export.txt`") from None
    signature = {"input_signature": of_one(twin)} if takes_images(twin) else {}
    twin.export(path, format="onnx", verbose=False, **signature)
    content = onnx.load(path)
    for key, value in about.items():
        content.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    onnx.save(content, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in session.get_inputs()]
    return lambda values: session.run(None, dict(zip(names, values, strict=True)))[0]


def to_litert(twin: keras.Model, path: Path, about: dict[str, Any]) -> Answer:
    """Writes the LiteRT file, which takes one image at a time; gives what TensorFlow's interpreter answers with it."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        twin.export(folder, format="tf_saved_model", verbose=False, input_signature=of_one(twin))
        path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())
    interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    places = {detail["name"].removeprefix("serving_default_").partition(":")[0]: detail["index"]
              for detail in interpreter.get_input_details()}
    (result,) = interpreter.get_output_details()

    def answer(values: list[np.ndarray]) -> np.ndarray:
        images = []
        for row in range(len(values[0])):
            for tensor, value in zip(twin.inputs, values, strict=True):
                interpreter.set_tensor(places[tensor.name], value[row:row + 1])
            interpreter.invoke()
            images.append(interpreter.get_tensor(result["index"]))
        return np.concatenate(images)

    return answer


def export(run: Path, kind: str, out: Path | None = None, weights: str | None = None) -> list[Path]:
    """Writes the networks of a run, see above.

    Args:
        run: the run folder.
        kind: "onnx" or "litert".
        out: where they go; None is RUN/exported.
        weights: "average" or "trained"; None takes the average where the run has it.

    Returns:
        The files of the networks.

    Raises:
        UserError: the run is not finished, or a package is missing.
        StorageError: a file is damaged or cannot be written, or the network gives something else there than here.
    """
    runtime.import_tensorflow()
    from common import networks

    for module in LAYERS:
        importlib.import_module(module)
    names = [name for name in NETWORKS if (run / name).is_file()] or NETWORKS[:1]
    if (run / "transfer.keras").is_file():
        raise UserError(f"{run}: MSG-Net is not exported, since its images have any size; load transfer.keras in "
                        "Keras, see docs/runs.md")
    sources = [sampling.find_network(run, "python REPORT/train.py --preset quick", name, weights) for name in names]
    folder = make_folder((out or run / "exported").absolute(), "--out")
    written = []
    for source in sources:
        stem = source.stem.removesuffix("_average")
        twin, path = networks.float32_twin(sampling.read_network(source)), folder / f"{stem}{SUFFIXES[kind]}"
        batches = examples(twin)
        here = [np.asarray(twin(values if len(values) > 1 else values[0], training=False)) for values in batches]
        about = describe(twin, sampling.run_info(run), kind, average=stem != source.stem)
        with atomic(path) as temporary:
            answer = {"onnx": to_onnx, "litert": to_litert}[kind](twin, temporary, about)
            apart = max(float(np.abs(answer(values) - wanted).max())
                        for values, wanted in zip(batches, here, strict=True))
            if not apart <= MOST:
                raise StorageError(f"{path}: differs from Keras by {apart:.2g}, more than {MOST:g}; not written")
        write_json(path.with_name(f"{path.name}.json"), about)
        say(f"{path}: {path.stat().st_size / 1e6:.1f} MB, at most {apart:.1g} from Keras on {INPUTS} inputs")
        written.append(path)
    return written


def main(words: list[str] | None = None) -> int:
    """Exit code 0, or that of the error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a finished run")
    parser.add_argument("--to", required=True, choices=SUFFIXES, help="the format")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where it goes (default: RUN/exported)")
    parser.add_argument("--weights", choices=sampling.WEIGHTS, help="default: average where the run has it")
    options = parser.parse_args(words)
    warnings.simplefilter("ignore")  # of Keras and TensorFlow, about their own later versions
    try:
        export(options.run, options.to, options.out, options.weights)
    except Failure as error:
        print(f"export.py: {error}", file=sys.stderr)
        return error.code
    return DONE


if __name__ == "__main__":
    sys.exit(main())
