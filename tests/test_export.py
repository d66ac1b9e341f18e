"""tools/export.py: a run's generator for ONNX Runtime and LiteRT gives what Keras gives."""

import importlib.util
import json

import numpy as np
import pytest
from conftest import ROOT

specification = importlib.util.spec_from_file_location("export", ROOT / "tools/export.py")
export = importlib.util.module_from_spec(specification)
specification.loader.exec_module(export)


@pytest.fixture(scope="module")
def networks(tensorflow):
    """Three generators as trained in bfloat16 (the second and third have layers of our own), with moved statistics."""
    import keras

    from cyclegan_style import model as cyclegan
    from hw4_acgan import model as acgan
    from lab5_cgan import model as lab5

    keras.utils.set_random_seed(1)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        made = {"hw4_acgan": acgan.generator(z=100, condition="embedding", embedding=5),
                "lab5_cgan": lab5.cgan_generator(100), "cyclegan_style": cyclegan.unet_generator(32)}
    finally:
        keras.config.set_dtype_policy("float32")
    random = np.random.default_rng(0)
    for network in made.values():
        for weight in network.weights:
            if "moving" in weight.path:
                weight.assign(weight + random.uniform(0, 0.5, weight.shape))
    return made


def make_run(folder, report, network):
    name = "generator_AtoB.keras" if report == "cyclegan_style" else "generator.keras"
    folder.mkdir()
    network.save(folder / name)
    (folder / "config.json").write_text(json.dumps({"report": {"folder": report, "variant": "x"}, "settings": {}}))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "litert"])
@pytest.mark.parametrize("report", ["hw4_acgan", "lab5_cgan", "cyclegan_style"])
def test_it_gives_what_keras_gives_on_64_inputs(networks, tmp_path, capsys, report, kind):
    run = make_run(tmp_path / "run", report, networks[report])
    assert export.main([str(run), "--to", kind]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    suffix = {"onnx": "onnx", "litert": "tflite"}[kind]
    name = f"generator{'_AtoB' if report == 'cyclegan_style' else ''}"
    assert sorted(path.name for path in (run / "exported").iterdir()) == [f"{name}.{suffix}", f"{name}.{suffix}.json"]
    assert line.startswith(f"{run / 'exported' / name}.{suffix}: ") and line.endswith(" from Keras on 64 inputs")
    assert float(line.split("at most ")[1].split()[0]) <= 1e-4


@pytest.mark.slow
def test_the_file_says_what_its_inputs_are_and_another_program_needs_no_keras(networks, tmp_path):
    import onnx
    import onnxruntime

    run = make_run(tmp_path / "run", "hw4_acgan", networks["hw4_acgan"])
    (path,) = export.export(run, "onnx")
    told = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert told["report"] == "hw4_acgan"
    inputs = json.loads(told["inputs"])
    assert inputs["hair"] == {"shape": [None], "dtype": "int32", "meaning": "index of the hair colour: orange, white, "
                              "aqua, gray, green, red, purple, pink, blue, black, brown, blonde"}
    assert json.loads(told["output"])["meaning"] == "RGB in [-1, 1]"
    session = onnxruntime.InferenceSession(path)
    (images,) = session.run(None, {"z": np.zeros((3, 100), np.float32), "hair": np.array([0, 5, 11], np.int32),
                                   "eyes": np.array([0, 0, 10], np.int32)})
    assert images.shape == (3, 64, 64, 3) and images.dtype == np.float32 and abs(images).max() <= 1


def test_a_network_that_differs_is_not_left_there(networks, tmp_path, monkeypatch, capsys):
    run = make_run(tmp_path / "run", "lab5_cgan", networks["lab5_cgan"])

    def another(twin, path, about):
        path.write_text("a network")
        return lambda values: np.asarray(twin(values)) + 2e-4

    monkeypatch.setattr(export, "to_onnx", another)
    assert export.main([str(run), "--to", "onnx"]) == 4
    error = capsys.readouterr().err
    assert "generator.onnx: differs from Keras by 0.0002, more than 0.0001; not written" in error
    assert list((run / "exported").iterdir()) == []


def test_what_cannot_be_exported_is_one_line(tmp_path, capsys):
    assert export.main([str(tmp_path / "none"), "--to", "onnx"]) == 2
    assert "holds no trained run; train it with: " in capsys.readouterr().err and not list(tmp_path.iterdir())
    (tmp_path / "generator.keras").write_bytes(b"PK")
    assert export.main([str(tmp_path), "--to", "litert"]) == 4
    assert "generator.keras: cannot be loaded, it is damaged or not a network (" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "size", "words"), [
    ("condition", 22, "orange eyes, pink eyes"), ("condition", 23, "orange hair, white hair"),
    ("text", 24, "(nothing), orange hair"), ("label", 24, "gray cube, red cube"),
    ("sentence", 2400, "sentences.npz"), ("picture", 3, "RGB in [-1, 1]")])
def test_the_meaning_of_an_input(name, size, words):
    assert words in export.meaning(name, size, uniform=False)
    assert ("gray eyes" in export.meaning(name, size, uniform=False)) == (size in (23, 24) and name != "label")
