"""Tables, baselines and a regression on a graph."""

import os

import numpy as np
import pytest
from matplotlib.figure import Figure

from kerasmodels import miniflow
from kerasmodels.miniflow.drawing import layers_of


def diabetes():
    x, y, _ = miniflow.table()
    return miniflow.split(x, y, seed=0)


def test_least_squares_on_all_rows_is_the_known_number():
    x, y, names = miniflow.table()
    assert x.shape == (442, 10) and len(names) == 11
    x, y = (x - x.mean(axis=0)) / x.std(axis=0), ((y - y.mean()) / y.std())[:, None]
    found = miniflow.baselines((x, y), (x, y))
    assert found["least squares"] == pytest.approx(0.4822515777796501, rel=1e-9)
    assert found["mean"] == pytest.approx(1.0, rel=1e-12)


def test_network_reaches_what_a_line_does():
    train, test = diabetes()
    model = miniflow.Regression(10, seed=0)
    losses = model.fit(*train, 100)
    assert losses[0] > 1.0 and losses[-1] < 0.55
    bare = miniflow.baselines(train, test)
    # Not better than a straight line here, and nowhere near the mean.
    assert 0.8 * bare["least squares"] < model.loss(*test) < 1.3 * bare["least squares"]
    assert model.loss(*test) < 0.75 * bare["mean"]
    np.testing.assert_allclose(
        np.asarray(model.to_keras()(test[0])), model.predict(test[0]), rtol=1e-9
    )


def test_first_epoch_and_whole_set_are_what_they_were():
    x, y, _ = miniflow.table()
    x, y = (x - x.mean(axis=0)) / x.std(axis=0), ((y - y.mean()) / y.std())[:, None]
    model = miniflow.Regression(10, seed=0)
    losses = model.fit(x, y, 100)
    # 1.1 to 3.1 and 0.44 to 0.48 over four seeds.
    assert 1.0 < losses[0] < 4.0
    assert 0.43 < model.loss(x, y) < 0.50


def test_targets_that_would_broadcast_are_refused():
    train, test = diabetes()
    for bad in ((test[0], test[1][:, 0]), (test[0], test[1][:3])):
        with pytest.raises(ValueError, match=r"`y`.*\(rows, 1\)"):
            miniflow.baselines(train, bad)
        with pytest.raises(ValueError, match=r"`y`.*\(rows, 1\)"):
            miniflow.Regression(10).fit(*bad, 1)


def test_a_loss_that_leaves_is_told():
    train, _ = diabetes()
    with pytest.raises(FloatingPointError, match="smaller learning rate"):
        with np.errstate(all="ignore"):
            miniflow.Regression(10).fit(*train, 50, learning_rate=1e6)


@pytest.mark.parametrize(
    "content",
    [
        b"1,2\n3,4\n5,6\n",
        b"a,b\n\xff\xfe,1\n2,3\n",
        b"a,\0\n1,2\n3,4\n",
        bytes(1000),
        b"a,b\n" + b"1" * 200_000 + b",2\n",
        # Longer than may be read; nothing but its length is stored.
        2**27 + 1,
    ],
    ids=["no header", "another code", "NUL", "zeros", "a long entry", "a long file"],
)
def test_tables_without_a_header_or_in_another_code_are_refused(content, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(b"" if isinstance(content, int) else content)
    os.truncate(path, content if isinstance(content, int) else len(content))
    with pytest.raises(ValueError, match="`read_csv` expects `path`"):
        miniflow.read_csv(path)
    with pytest.raises(ValueError, match="`read_csv` expects `path`"):
        miniflow.read_csv(tmp_path / "missing.csv")


def test_split_scales_by_the_training_rows_alone():
    rng = np.random.default_rng(0)
    x, y = rng.normal(3, 5, (50, 4)), rng.normal(size=50)
    x[:, 2] = 7.0
    (x_train, y_train), (x_test, y_test) = miniflow.split(x, y, 0.3, seed=1)
    assert len(x_test) == 15 and y_test.shape == (15, 1)
    np.testing.assert_allclose(x_train.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(x_train[:, [0, 1, 3]].std(axis=0), 1, rtol=1e-12)
    assert not np.any(x_train[:, 2]) and not np.any(x_test[:, 2])
    assert abs(y_test.mean()) > 1e-6
    again = miniflow.split(x, y, 0.3, seed=1)
    np.testing.assert_array_equal(again[1][0], x_test)


def test_csv(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("a, b,price\n1,2,3\n\n4,5,6.5\n")
    x, y, names = miniflow.read_csv(path)
    np.testing.assert_array_equal(x, [[1, 2], [4, 5]])
    np.testing.assert_array_equal(y, [3, 6.5])
    assert names == ["a", "b", "price"]


@pytest.mark.parametrize(
    "text, match",
    [
        ("a,b\n1,2\n3,NA\n", "'NA' in line 3, column 'b'"),
        ("a,b\n1,2\n3\n", "1 entries in line 3"),
        ("a,b\n\n1,2\n\n3\n", "1 entries in line 5"),
        ("a,b\n1,inf\n3,4\n", "'inf' in line 2"),
        ("a,b\n", "two rows"),
        ("a\n1\n2\n", "two columns"),
        ("", "header"),
    ],
)
def test_bad_tables_are_refused(tmp_path, text, match):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=match):
        miniflow.read_csv(path)


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: miniflow.table("boston"), "`source`"),
        (lambda: miniflow.split(np.ones((3, 2)), np.ones(4)), "targets"),
        (lambda: miniflow.split(np.ones((3, 2)), np.ones(3), 0.9), "share"),
        (lambda: miniflow.Regression(0), "`features`"),
        (lambda: miniflow.Regression(3).fit([[1.0]], [[1.0]], 0), "`epochs`"),
        (lambda: miniflow.draw(miniflow.Graph(miniflow.Parameter(1.0)), None), "forward"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_no_download_is_one_clear_line(monkeypatch):
    import keras

    def fails(*args, **kwargs):
        raise Exception("URL fetch failure: no network")

    monkeypatch.setattr(keras.datasets.california_housing, "load_data", fails)
    with pytest.raises(ValueError, match="cannot download.*no network.*diabetes"):
        miniflow.table("california")


def test_every_node_is_drawn_right_of_its_inputs():
    model = miniflow.Regression(3, 2)
    model.loss(np.ones((4, 3)), np.ones((4, 1)))
    model.graph.backward()
    column = layers_of(model.graph)
    for node in model.graph.order:
        assert all(column[below] < column[node] for below in node.inputs)
    axes = Figure().subplots()
    miniflow.draw(model.graph, axes)
    drawn = [text.get_text() for text in axes.texts]
    assert {node.name for node in model.graph.order} <= set(drawn)
    # A value for each node, and a gradient for each, the loss itself too.
    assert sum("rms" in text for text in drawn) == 2 * (len(model.graph.order) - 1)
