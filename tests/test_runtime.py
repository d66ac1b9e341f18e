"""common/runtime.py: an environment that does not fit is named; precision is what was asked for."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from common import runtime
from common.errors import UserError


@pytest.fixture(autouse=True)
def no_settings(monkeypatch, tmp_path):
    for name in ("KERAS_BACKEND", "TF_USE_LEGACY_KERAS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))


def test_a_usual_environment_passes(tmp_path):
    runtime.check_environment()
    (tmp_path / "keras.json").write_text(json.dumps({"floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow",
                                                     "image_data_format": "channels_last"}))
    runtime.check_environment()


@pytest.mark.parametrize(("name", "value"), [("KERAS_BACKEND", "jax"), ("TF_USE_LEGACY_KERAS", "1")])
def test_a_variable_that_breaks_the_import_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"unset {name}"):
        runtime.check_environment()


@pytest.mark.parametrize(("key", "value"), [("image_data_format", "channels_first"), ("backend", "jax"),
                                            ("floatx", "float16")])
def test_a_keras_json_that_does_not_fit_is_named(tmp_path, key, value):
    (tmp_path / "keras.json").write_text(json.dumps({key: value}))
    with pytest.raises(UserError, match=r"keras\.json: " + key):
        runtime.check_environment()


@pytest.mark.parametrize("text", ["[]", "no JSON", '"text"'])
def test_a_keras_json_that_is_no_object_is_passed_over(tmp_path, text):
    (tmp_path / "keras.json").write_text(text)
    runtime.check_environment()


def test_a_keras_that_is_too_old_to_train_with_is_named(monkeypatch, tmp_path):
    runtime.check_keras()
    (tmp_path / "keras-3.12.0.dist-info").mkdir()
    (tmp_path / "keras-3.12.0.dist-info/METADATA").write_text("Metadata-Version: 2.4\nName: keras\nVersion: 3.12.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"^Keras 3\.12\.0 is too old, training needs 3\.14 or newer; run `pip "
                                        r"install -r .*requirements\.txt`$"):
        runtime.check_keras()


def test_a_notebooks_backend_for_figures_does_no_harm():
    code = ("from common import runtime; runtime.check_environment(); from matplotlib.figure import Figure; "
            "import matplotlib; print(matplotlib.rcParams['backend'])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT,
                          env={**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline"})
    assert (done.stdout, done.stderr) == ("agg\n", "")


def test_what_an_import_prints_is_given_back_only_where_it_fails(capfd):
    with runtime._quiet():
        os.write(2, b"about CUDA\n")
    with pytest.raises(ImportError), runtime._quiet():
        os.write(2, b"the reason\n")
        raise ImportError
    assert capfd.readouterr().err == "the reason\n"


def test_bfloat16_keeps_weights_logits_and_pictures_in_float32(tensorflow):
    import keras

    from hw4_acgan import model

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        g, d = model.generator(), model.discriminator()
    finally:
        keras.config.set_dtype_policy("float32")
    assert g.output.dtype == "float32"
    assert [head.dtype for head in d.outputs] == ["float32"] * 3
    assert {str(v.dtype) for network in (g, d) for v in network.trainable_variables} == {"float32"}
    assert "bfloat16" in {layer.compute_dtype for layer in d.layers}


def test_the_graph_optimizer_that_changes_sums_is_off(tensorflow):
    assert tensorflow.config.optimizer.get_experimental_options()["arithmetic_optimization"] is False
