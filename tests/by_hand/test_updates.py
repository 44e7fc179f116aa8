"""Gradients are seen right however a step applies them; too early an update is named."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasmodels.by_hand import check_gradients

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(7, 4)), RNG.normal(size=(7, 2))


class Net(keras.Model):
    """4 - 3 - 2, tanh, mean squared error; `update` gets g2, and g1 as a function.

    With `factor` both gradients are that times the right ones, with `first` that of w1.
    """

    def __init__(self, update, factor=1.0, first=1.0):
        super().__init__(name="net")
        self.update, self.factor, self.first = update, factor, first
        self.lr, self.own = 0.05, keras.optimizers.Adam(0.1)

    def build(self, shape):
        self.w1 = self.add_weight(shape=(4, 3), name="w1")
        self.w2 = self.add_weight(shape=(3, 2), name="w2")

    def call(self, x):
        return ops.matmul(ops.tanh(ops.matmul(x, self.w1)), self.w2)

    def train_step(self, data):
        x, y = data
        a = ops.tanh(ops.matmul(x, self.w1))
        dz2 = self.factor * 2 * (ops.matmul(a, self.w2) - y) / 14

        def g1():
            # Through w2 as it is now.
            dz1 = ops.matmul(dz2, ops.transpose(self.w2)) * (1 - a**2)
            return self.first * ops.matmul(ops.transpose(x), dz1)

        self.update(self, g1, ops.matmul(ops.transpose(a), dz2))
        return {}


def report(update, learning_rate=None, **factors):
    model = Net(update, **factors)
    model.build((None, 4))
    model.compile(keras.optimizers.SGD(0.7), "mse")
    return check_gradients(model, X, Y, max_entries=6, learning_rate=learning_rate)


def two_calls(m, g1, g2):
    first = g1()
    m.optimizer.apply([g2], [m.w2])
    m.optimizer.apply([first], [m.w1])


def no_list(m, g1, g2):
    m.optimizer.apply([g1(), g2])


def in_parts(m, g1, g2):
    first = g1()
    for _ in range(2):
        m.optimizer.apply([first / 2, g2 / 2], [m.w1, m.w2])


def two_optimizers(m, g1, g2):
    first = g1()
    m.own.apply_gradients([(g2, m.w2)])
    m.optimizer.apply([first], [m.w1])


def assigned_by_the_rate_of_the_optimizer(m, g1, g2):
    first = g1()
    m.w2.assign_sub(m.optimizer.learning_rate * g2)
    m.w1.assign(m.w1 - m.optimizer.learning_rate * first)


def assigned_by_a_rate_of_the_model(m, g1, g2):
    m.w1.assign_sub(m.lr * g1())
    m.w2.value.assign_add(-m.lr * g2)


def assigned_by_a_number(m, g1, g2):
    m.set_weights([m.w1 - 0.3 * g1(), m.w2 - 0.3 * g2])


def assigned_and_applied(m, g1, g2):
    m.w1.assign_sub(m.lr * g1())
    m.optimizer.apply([g2], [m.w2])


FITTED = [assigned_by_a_number]
WAYS = [two_calls, no_list, in_parts, two_optimizers, assigned_and_applied]
WAYS += [assigned_by_the_rate_of_the_optimizer, assigned_by_a_rate_of_the_model, *FITTED]


@pytest.mark.parametrize("update", WAYS, ids=lambda update: update.__name__)
def test_right_and_wrong_are_told_apart_whichever_way_they_are_applied(update):
    right = report(update)
    # What float64 leaves of a sum of seven products, and of a weight that moves.
    assert right.right and max(weight.error for weight in right.weights) < 1e-12
    assert right.order is None and (right.notes != ()) == (update in FITTED)
    wrong = report(update, first=0.5)
    assert [weight.wrong for weight in wrong.weights] == [True, False]
    assert wrong.weights[0].factor == pytest.approx(0.5, rel=1e-9)
    assert "the 2 of the square is missing" in str(wrong)


def test_a_common_factor_is_seen_where_the_rate_is_known():
    for update in (assigned_by_the_rate_of_the_optimizer, assigned_by_a_rate_of_the_model):
        assert [w.factor for w in report(update, factor=0.5).weights] == pytest.approx(
            [0.5, 0.5], rel=1e-9
        )
    # With a rate of its own it is that of half the rate, and the report tells so.
    fitted = report(assigned_by_a_number, factor=0.5)
    assert fitted.right and "0.15" in fitted.notes[0] and "learning_rate" in str(fitted)
    told = report(assigned_by_a_number, learning_rate=0.3, factor=0.5)
    assert not told.right and told.notes == ()
    assert report(assigned_by_a_number, learning_rate=0.3).right
    # No learning rate is negative: these steps climb.
    climbing = report(assigned_by_a_number, factor=-1.0)
    assert [w.factor for w in climbing.weights] == pytest.approx([-1, -1], rel=1e-9)
    assert not climbing.right and "the sign is turned" in str(climbing)


def early(m, g1, g2):
    m.optimizer.apply([g2], [m.w2])
    m.optimizer.apply([g1()], [m.w1])


def early_assigned(m, g1, g2):
    m.w2.assign_sub(m.optimizer.learning_rate * g2)
    m.w1.assign_sub(m.optimizer.learning_rate * g1())


def early_by_a_number(m, g1, g2):
    m.w2.assign_sub(0.01 * g2)
    m.w1.assign_sub(0.01 * g1())


@pytest.mark.parametrize("update", [early, early_assigned, early_by_a_number])
def test_a_layer_that_is_updated_before_the_error_goes_through_it_is_named(update):
    found = report(update)
    assert not found.right
    assert [weight.wrong for weight in found.weights] == [True, False]
    named = "net/w2 is updated before the gradient of net/w1 is taken through it"
    assert found.order.startswith(named) and named in str(found)


def test_a_wrong_gradient_in_the_right_order_has_no_early_update():
    found = report(two_calls, first=0.5)
    assert not found.right and found.order is None


def test_a_gradient_that_never_comes_is_wrong_and_named():
    found = report(lambda m, g1, g2: m.optimizer.apply([g1()], [m.w1]))
    assert [weight.wrong for weight in found.weights] == [False, True]
    assert "never comes" in str(found) and found.weights[1].hand_shape is None


def test_gradients_that_no_weights_belong_to_are_an_error_of_the_step():
    found = report(lambda m, g1, g2: m.own.apply([g1(), g2]))
    assert not found.right and "no weights" in found.failure
    found = report(lambda m, g1, g2: m.optimizer.apply([g1()]))
    assert "1 gradients" in found.failure and "built on 2" in found.failure


class Heavy(Net):
    """Momentum of its own: v <- 0.9 v + 0.05 g, w <- w - v."""

    def build(self, shape):
        super().build(shape)
        self.speeds = [
            self.add_weight(
                shape=w.shape, initializer="zeros", trainable=False, name=f"v{k}"
            )
            for k, w in enumerate((self.w1, self.w2))
        ]


def with_velocity(m, g1, g2):
    for weight, speed, gradient in zip((m.w1, m.w2), m.speeds, (g1(), g2)):
        speed.assign(0.9 * speed + 0.05 * gradient)
        weight.assign_sub(speed)


@pytest.mark.parametrize("first, right", [(1.0, True), (2.0, False)])
def test_a_velocity_of_earlier_steps_is_no_gradient(first, right):
    model = Heavy(with_velocity, first=first)
    model.build((None, 4))
    model.compile(keras.optimizers.SGD(0.7), "mse")
    # From steps before, and in no direction of the present gradient.
    for speed in model.speeds:
        speed.assign(RNG.normal(size=speed.shape))
    before = [weight.numpy() for weight in model.weights]
    found = check_gradients(model, X, Y, max_entries=6, learning_rate=0.05)
    assert found.right is right, str(found)
    assert [w.wrong for w in found.weights] == [not right, False]
    assert "net/v0, net/v1" in found.notes[0]
    for weight, expected in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), expected)
