"""The export gives equal numbers in a process that has TensorFlow but not the package."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from kerasmodels import bsde
from tests.helpers import paths

READER = """
import sys, numpy as np, tensorflow as tf
folder = sys.argv[1]
loaded = tf.saved_model.load(folder + "/export")
data = np.load(folder + "/inputs.npz")
signatures = loaded.signatures
assert set(signatures) == {"serving_default", "u0", "z"}, set(signatures)
out = {}
for size in (1, 5):
    given = {k: tf.constant(data[k][:size]) for k in ("x", "dw", "t")}
    out[f"u{size}"] = signatures["serving_default"](**given)["u"]
start = signatures["u0"]()
out["u0"], out["z0"] = start["u0"], start["z0"]
for n in range(data["dw"].shape[1]):
    t, x = tf.constant(data["t"][:, n]), tf.constant(data["x"][:, n])
    out[f"z_{n}"] = signatures["z"](t=t, x=x)["z"]
np.savez(folder + "/outputs.npz", **{k: v.numpy() for k, v in out.items()})
assert not [m for m in sys.modules if m.startswith("kerasmodels")]
"""


@pytest.mark.parametrize(
    "control", ["stacked", pytest.param("shared", marks=pytest.mark.slow)]
)
def test_export_runs_without_the_package(control, tmp_path):
    model = bsde.GlobalModel(
        bsde.HJB(3), grid=[0.0, 0.1, 0.5, 1.0], control=control, terminal_skip=True
    )
    x, dw, t = paths(model, 5)
    model.export(tmp_path / "export")
    np.savez(tmp_path / "inputs.npz", x=x, dw=dw, t=t)
    # -I and another folder: the repository is not on the path of the reader.
    done = subprocess.run(
        [sys.executable, "-I", "-c", READER, str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    out = np.load(tmp_path / "outputs.npz")
    u, z = model.trajectory((x, dw, t))
    np.testing.assert_allclose(out["u5"], u[:, -1], rtol=1e-6)
    np.testing.assert_allclose(out["u1"], u[:1, -1], rtol=1e-6)
    np.testing.assert_array_equal(out["u0"], model.u0.numpy())
    np.testing.assert_array_equal(out["z0"], model.z0.numpy())
    for n in range(3):
        np.testing.assert_allclose(out[f"z_{n}"], z[:, n], rtol=1e-5, atol=1e-6)


def test_export_replaces_an_older_one_and_leaves_no_rubbish(tmp_path):
    for dim in (2, 3):
        bsde.GlobalModel(bsde.Heat(dim), num_steps=2).export(tmp_path / "export")
    assert [p.name for p in pathlib.Path(tmp_path).iterdir()] == ["export"]


def test_export_leaves_a_folder_of_other_files_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="holds other files"):
        bsde.GlobalModel(bsde.Heat(2), num_steps=2).export(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
