"""Lesson 02."""

import numpy as np

from mutants import alternative, mutant

# 2.1: one step of the network.


@mutant("2.1", hint="batch axis stays first")
def columns_instead_of_rows(x_t, a_prev, Waa, Wax, ba):
    return np.tanh(Waa @ a_prev.T + Wax @ x_t.T + ba[:, None])


@mutant("2.1", hint="This is the sum itself")
def without_tanh(x_t, a_prev, Waa, Wax, ba):
    return a_prev @ Waa.T + x_t @ Wax.T + ba


@mutant("2.1", hint="sigmoid of the sum")
def sigmoid_instead_of_tanh(x_t, a_prev, Waa, Wax, ba):
    return 1 / (1 + np.exp(-(a_prev @ Waa.T + x_t @ Wax.T + ba)))


@mutant("2.1", hint="the wrong way round")
def state_weight_not_transposed(x_t, a_prev, Waa, Wax, ba):
    return np.tanh(a_prev @ Waa + x_t @ Wax.T + ba)


@mutant("2.1", hint="previous state has no effect")
def forgets_the_state(x_t, a_prev, Waa, Wax, ba):
    return np.tanh(x_t @ Wax.T + ba)


@mutant("2.1", hint="`ba` came back as it is")
def bias_after_tanh(x_t, a_prev, Waa, Wax, ba):
    return np.tanh(a_prev @ Waa.T + x_t @ Wax.T) + ba


@mutant("2.1", hint="bias has no effect")
def without_bias(x_t, a_prev, Waa, Wax, ba):
    return np.tanh(a_prev @ Waa.T + x_t @ Wax.T)


@mutant("2.1", hint="in a product do not fit")
def input_weight_not_transposed(x_t, a_prev, Waa, Wax, ba):
    return np.tanh(a_prev @ Waa.T + x_t @ Wax + ba)


@mutant("2.1", hint="A weight stands on the left")
def formula_of_one_column(x_t, a_prev, Waa, Wax, ba):
    return np.tanh(Waa @ a_prev + Wax @ x_t + ba)


@mutant("2.1", hint="each term by itself")
def tanh_of_each_term(x_t, a_prev, Waa, Wax, ba):
    return np.tanh(a_prev @ Waa.T) + np.tanh(x_t @ Wax.T) + np.tanh(ba)


@mutant("2.1", hint="A batch of one is still a batch")
def squeezed_step(x_t, a_prev, Waa, Wax, ba):
    return np.tanh(a_prev @ Waa.T + x_t @ Wax.T + ba).squeeze()


@alternative("2.1")
def column_by_column(x_t, a_prev, Waa, Wax, ba):
    return np.stack([np.tanh(Waa @ a + Wax @ x + ba) for x, a in zip(x_t, a_prev, strict=True)])


@alternative("2.1")
def stacked_in_float32(x_t, a_prev, Waa, Wax, ba):
    inputs = np.concatenate([a_prev, x_t], axis=1).astype("float32")
    return np.tanh(inputs @ np.hstack([Waa, Wax]).astype("float32").T + ba.astype("float32"))


# 2.2: the loop over the positions.


def _step(x_t, a_prev, Waa, Wax, ba):
    return np.tanh(a_prev @ Waa.T + x_t @ Wax.T + ba)


def _loop(x, a0, Waa, Wax, ba):
    states = [a0]
    for t in range(x.shape[1]):
        states.append(_step(x[:, t], states[-1], Waa, Wax, ba))
    return states


@mutant("2.2", hint="the last state alone")
def last_state_only(x, a0, Waa, Wax, ba):
    return _loop(x, a0, Waa, Wax, ba)[-1]


@mutant("2.2", hint="Time is the first axis")
def time_first(x, a0, Waa, Wax, ba):
    return np.array(_loop(x, a0, Waa, Wax, ba)[1:])


@mutant("2.2", hint="a list of states")
def not_stacked(x, a0, Waa, Wax, ba):
    return _loop(x, a0, Waa, Wax, ba)[1:]


@mutant("2.2", hint="stored the state before the step")
def state_before_the_step(x, a0, Waa, Wax, ba):
    return np.stack(_loop(x, a0, Waa, Wax, ba)[:-1], axis=1)


@mutant("2.2", hint="`a0` itself came back too")
def with_the_starting_state(x, a0, Waa, Wax, ba):
    return np.stack(_loop(x, a0, Waa, Wax, ba), axis=1)


@mutant("2.2", hint="`a0` has no effect")
def starts_from_zeros(x, a0, Waa, Wax, ba):
    return np.stack(_loop(x, np.zeros_like(a0), Waa, Wax, ba)[1:], axis=1)


@mutant("2.2", hint="mend Exercise 2.1 first")
def with_a_wrong_step(x, a0, Waa, Wax, ba):
    return np.stack(_loop(x, a0, Waa.T, Wax, ba)[1:], axis=1)


@mutant("2.2", hint="Every position started from `a0` again")
def each_from_a0(x, a0, Waa, Wax, ba):
    return np.stack([_step(x[:, t], a0, Waa, Wax, ba) for t in range(x.shape[1])], axis=1)


@mutant("2.2", hint="forgot all earlier ones")
def forgets_between_positions(x, a0, Waa, Wax, ba):
    zero = np.zeros_like(a0)
    starts = [a0] + [zero] * (x.shape[1] - 1)
    return np.stack([_step(x[:, t], a, Waa, Wax, ba) for t, a in enumerate(starts)], axis=1)


@mutant("2.2", hint="You read the sequence from its end")
def from_the_end(x, a0, Waa, Wax, ba):
    return np.stack(_loop(x[:, ::-1], a0, Waa, Wax, ba)[1:], axis=1)


@mutant("2.2", hint="run the loop over all of")
def two_positions_at_most(x, a0, Waa, Wax, ba):
    return np.stack(_loop(x[:, :2], a0, Waa, Wax, ba)[1:], axis=1)


@alternative("2.2")
def filled_in(x, a0, Waa, Wax, ba):
    a = np.zeros((len(x), x.shape[1], len(ba)))
    for i in range(len(x)):
        a_prev = a0[i]
        for t in range(x.shape[1]):
            a[i, t] = a_prev = np.tanh(Waa @ a_prev + Wax @ x[i, t] + ba)
    return a


@alternative("2.2")
def input_product_before_the_loop(x, a0, Waa, Wax, ba):
    z = x @ Wax.T + ba
    states = []
    for t in range(z.shape[1]):
        a0 = np.tanh(z[:, t] + a0 @ Waa.T)
        states.append(a0)
    return np.stack(states, axis=1)


# 2.3: two matrices as one.


@mutant("2.3", hint="`Wax` stands on the left")
def input_weight_first(Waa, Wax):
    return np.concatenate([Wax, Waa], axis=1)


@mutant("2.3", hint="one below the other")
def one_below_the_other(Waa, Wax):
    return np.concatenate([Waa, Wax])


@mutant("2.3", hint="third axis")
def as_layers(Waa, Wax):
    return np.stack([Waa, Wax])


@mutant("2.3", hint="This is the transpose")
def transposed(Waa, Wax):
    return np.concatenate([Waa, Wax], axis=1).T


@mutant("2.3", hint="transposed inside")
def state_weight_turned(Waa, Wax):
    return np.concatenate([Waa.T, Wax], axis=1)


@mutant("2.3", hint="holds the columns of `Waa`")
def added(Waa, Wax):
    return Waa + Wax


@alternative("2.3")
def with_hstack(Waa, Wax):
    return np.hstack([Waa, Wax])


@alternative("2.3")
def column_blocks(Waa, Wax):
    Wa = np.empty((len(Waa), len(Waa) + Wax.shape[1]), dtype="float32")
    Wa[:, : len(Waa)], Wa[:, len(Waa) :] = Waa, Wax
    return Wa


# 2.4: how many parameters?


@mutant("2.4", hint="`Waa` is missing")
def without_the_loop(n_x, n_a, n_y):
    return n_a * n_x + n_a + n_y * n_a + n_y


@mutant("2.4", hint="`Wax` is missing")
def without_the_input(n_x, n_a, n_y):
    return n_a * n_a + n_a + n_y * n_a + n_y


@mutant("2.4", hint="Both biases are missing")
def without_biases(n_x, n_a, n_y):
    return n_a * (n_a + n_x + n_y)


@mutant("2.4", hint="Only the loop is counted")
def without_the_output(n_x, n_a, n_y):
    return n_a * (n_a + n_x + 1)


@mutant("2.4", hint="from the input to the output")
def output_reads_the_input(n_x, n_a, n_y):
    return n_a * (n_a + n_x + 1) + n_y * (n_x + 1)


@mutant("2.4", hint="not one in all")
def one_number_for_each_bias(n_x, n_a, n_y):
    return n_a * n_a + n_a * n_x + n_y * n_a + 2


@mutant("2.4", hint="`ba` is missing")
def without_ba(n_x, n_a, n_y):
    return n_a * n_a + n_a * n_x + n_y * n_a + n_y


@mutant("2.4", hint="`by` is missing")
def without_by(n_x, n_a, n_y):
    return n_a * n_a + n_a * n_x + n_a + n_y * n_a


@alternative("2.4")
def factored(n_x, n_a, n_y):
    return n_a * (n_a + n_x + 1) + n_y * (n_a + 1)


@alternative("2.4")
def counted_from_arrays(n_x, n_a, n_y):
    shapes = [(n_a, n_a + n_x), (n_a, 1), (n_y, n_a + 1)]
    return sum(np.ones(shape).sum() for shape in shapes)


# 2.5: the loss of a sequence.


def _picked(y_hat, y):
    return np.take_along_axis(y_hat, y[..., None], axis=-1)[..., 0]


def _right(y_hat, y, mask):
    return np.where(mask, -np.log(np.where(mask, _picked(y_hat, y), 1.0)), 0.0)


@mutant("2.5", hint="The sign is missing")
def without_the_sign(y_hat, y, mask):
    step = -_right(y_hat, y, mask)
    return step, step.sum(axis=1)


@mutant("2.5", hint="probability of the right class itself")
def probability_as_loss(y_hat, y, mask):
    step = _picked(y_hat, y) * mask
    return step, step.sum(axis=1)


@mutant("2.5", hint="`total` is missing")
def without_the_total(y_hat, y, mask):
    return _right(y_hat, y, mask)


@mutant("2.5", hint="`step_loss` comes first")
def total_first(y_hat, y, mask):
    step = _right(y_hat, y, mask)
    return step.sum(axis=1), step


@mutant("2.5", hint="natural logarithm")
def in_bits(y_hat, y, mask):
    step = _right(y_hat, y, mask) / np.log(2)
    return step, step.sum(axis=1)


@mutant("2.5", hint="largest probability")
def loss_of_the_largest(y_hat, y, mask):
    step = -np.log(np.where(mask, y_hat.max(axis=-1), 1.0))
    return step, step.sum(axis=1)


@mutant("2.5", hint="mean over the positions")
def mean_over_time(y_hat, y, mask):
    step = _right(y_hat, y, mask)
    return step, step.sum(axis=1) / mask.sum(axis=1)


@mutant("2.5", hint="added over the batch")
def sum_over_the_batch(y_hat, y, mask):
    step = _right(y_hat, y, mask)
    return step, step.sum(axis=0)


@mutant("2.5", hint="one number for the whole batch")
def sum_over_everything(y_hat, y, mask):
    step = _right(y_hat, y, mask)
    return step, step.sum()


@mutant("2.5", hint="The padded positions are counted")
def padding_counted(y_hat, y, mask):
    step = -np.log(_picked(y_hat, y))
    return step, step.sum(axis=1)


@mutant("2.5", hint="still holds the losses")
def only_the_total_masked(y_hat, y, mask):
    step = -np.log(_picked(y_hat, y))
    return step, (step * mask).sum(axis=1)


@mutant("2.5", hint="the wrong way round")
def mask_inverted(y_hat, y, mask):
    # Right where nothing is padded, so that the case with padding must tell.
    wrong = mask if mask.all() else ~mask
    step = -np.log(np.where(wrong, _picked(y_hat, y), 1.0))
    return step, step.sum(axis=1)


@mutant("2.5", hint="infinity times 0")
def mask_after_the_logarithm(y_hat, y, mask):
    step = -np.log(_picked(y_hat, y)) * mask
    return step, step.sum(axis=1)


@alternative("2.5")
def through_one_hot(y_hat, y, mask):
    right = (y_hat * np.eye(y_hat.shape[-1])[y]).sum(axis=-1)
    step = -np.log(np.where(mask, right, 1.0))
    return step, step.sum(axis=-1)


@alternative("2.5")
def position_by_position(y_hat, y, mask):
    step = np.zeros(y.shape, dtype="float32")
    for i in range(len(y)):
        for t in range(y.shape[1]):
            if mask[i, t]:
                step[i, t] = -np.log(y_hat[i, t, y[i, t]])
    return [step, step.sum(1)]


# 2.6: the weights for Keras.


@mutant("2.6", hint="weights as the formula has them")
def not_transposed(Waa, Wax, ba):
    return [Wax, Waa, ba]


@mutant("2.6", hint="`recurrent_kernel` is not transposed")
def recurrent_kernel_not_transposed(Waa, Wax, ba):
    return [Wax.T, Waa, ba]


@mutant("2.6", hint="`kernel` is not transposed")
def kernel_not_transposed(Waa, Wax, ba):
    return [Wax, Waa.T, ba]


@mutant("2.6", hint="what multiplies the input comes first")
def recurrent_kernel_first(Waa, Wax, ba):
    return [Waa.T, Wax.T, ba]


@mutant("2.6", hint="both matrices are transposed")
def formula_order(Waa, Wax, ba):
    return [Waa, Wax, ba]


@mutant("2.6", hint="`bias` has one axis")
def bias_as_a_column(Waa, Wax, ba):
    return [Wax.T, Waa.T, ba[:, None]]


@mutant("2.6", hint="compare with `np.tanh(x_t @ Wax.T + ba)`")
def without_the_bias(Waa, Wax, ba):
    return [Wax.T, Waa.T, np.zeros_like(ba)]


@alternative("2.6")
def as_a_tuple_in_float32(Waa, Wax, ba):
    return tuple(np.transpose(w).astype("float32") for w in (Wax, Waa, ba))


@alternative("2.6")
def with_einsum(Waa, Wax, ba):
    return [*(np.einsum("ij->ji", W) for W in (Wax, Waa)), ba]


# 2.7: David's week, wired by hand.

RUN, BIKE, SWIM, SLEPT_RUN, SLEPT_BIKE, SLEPT_SWIM = range(6)
SUN, RAIN = range(2)


def _wired(rows, biases=None):
    """Weights from `{unit: (weather, {unit that it reads: weight})}`; run and bike are given."""
    nothing_done = dict.fromkeys((RUN, BIKE, SLEPT_RUN, SLEPT_BIKE), -1)
    given = {RUN: (SUN, nothing_done), BIKE: (SUN, {RUN: 1, SLEPT_RUN: 1})}
    right = {
        SWIM: (SUN, {BIKE: 1, SLEPT_BIKE: 1}),
        SLEPT_RUN: (RAIN, {RUN: 1, SLEPT_RUN: 1}),
        SLEPT_BIKE: (RAIN, {BIKE: 1, SLEPT_BIKE: 1}),
        SLEPT_SWIM: (RAIN, nothing_done),
    }
    Waa, Wax, ba = np.zeros((6, 6)), np.zeros((6, 2)), np.zeros(6)
    for unit, (weather, reads) in (given | right | rows).items():
        Wax[unit, weather] = 1
        for other, weight in reads.items():
            Waa[unit, other] = weight
        ba[unit] = (biases or {}).get(unit, -0.5 if unit in (RUN, SLEPT_SWIM) else -1.5)
    return Waa, Wax, ba


@mutant("2.7", hint="`Waa` is transposed")
def rows_and_columns_swapped():
    Waa, Wax, ba = _wired({})
    return Waa.T, Wax, ba


@mutant("2.7", hint="columns of `Wax` are swapped")
def weather_swapped():
    Waa, Wax, ba = _wired({})
    return Waa, Wax[:, ::-1], ba


@mutant("2.7", hint="exactly 0, which is")
def biases_of_minus_two():
    return _wired({}, {SWIM: -2, SLEPT_RUN: -2, SLEPT_BIKE: -2})


@mutant("2.7", hint="fires on the weather alone")
def biases_of_minus_a_half():
    return _wired({}, {SWIM: -0.5, SLEPT_RUN: -0.5, SLEPT_BIKE: -0.5})


@mutant("2.7", hint="Return `Waa, Wax, ba` with the shapes")
def bias_as_a_column_of_units():
    Waa, Wax, ba = _wired({})
    return Waa, Wax, ba[:, None]


@mutant("2.7", hint="first day with rain the state is all zeros")
def slept_after_swim_needs_swim():
    return _wired({SLEPT_SWIM: (RAIN, {SWIM: 1, SLEPT_SWIM: 1})}, {SLEPT_SWIM: -1.5})


@mutant("2.7", hint="only `run` may fire")
def swim_without_a_past():
    return _wired({SWIM: (SUN, {})}, {SWIM: -0.5})


@mutant("2.7", hint="After `bike` and sun comes `swim`")
def swim_after_run():
    return _wired({SWIM: (SUN, {RUN: 1, SLEPT_RUN: 1})})


@mutant("2.7", hint="must not be held down")
def run_held_down_by_swim():
    return _wired({RUN: (SUN, dict.fromkeys(range(6), -1))})


@mutant("2.7", hint="still know where he was")
def slept_after_run_reads_bike():
    return _wired({SLEPT_RUN: (RAIN, {BIKE: 1, SLEPT_RUN: 1})})


@mutant("2.7", hint="also keep itself on")
def one_night_only():
    return _wired({SLEPT_RUN: (RAIN, {RUN: 1}), SLEPT_BIKE: (RAIN, {BIKE: 1})})


@alternative("2.7")
def with_other_numbers():
    Waa, Wax, ba = _wired({})
    return 3 * Waa, 3 * Wax - 1, 3 * ba + 1


@alternative("2.7")
def in_another_order_of_the_slept_units():
    Waa, Wax, ba = _wired({})
    order = [RUN, BIKE, SWIM, SLEPT_SWIM, SLEPT_RUN, SLEPT_BIKE]
    return Waa[np.ix_(order, order)].astype("float32"), Wax[order], ba[order]


@mutant("2.2", hint="Your loop runs over the examples")
def loop_over_the_examples(x, a0, Waa, Wax, ba):
    a_prev, states = a0, []
    for t in range(x.shape[1]):
        a_prev = np.tanh(a_prev @ Waa.T + x[0, [t]] @ Wax.T + ba)
        states.append(a_prev)
    return np.stack(states, axis=1)


@mutant("2.2", hint="its step was never made")
def loop_begins_at_one(x, a0, Waa, Wax, ba):
    a = np.zeros((*x.shape[:2], a0.shape[1]))
    a_prev = a0
    for t in range(1, x.shape[1]):
        a[:, t] = a_prev = np.tanh(a_prev @ Waa.T + x[:, t] @ Wax.T + ba)
    return a


@mutant("2.5", hint="arguments of `np.where` are exchanged")
def where_exchanged(y_hat, y, mask):
    right = np.take_along_axis(y_hat, y[..., None], axis=-1)[..., 0]
    step_loss = -np.log(np.where(mask, 1.0, right))
    return step_loss, step_loss.sum(axis=1)


@mutant("2.5", hint="keeps the last axis")
def last_axis_not_removed(y_hat, y, mask):
    right = np.take_along_axis(y_hat, y[..., None], axis=-1)
    step_loss = -np.log(np.where(mask, right, 1.0))
    return step_loss, step_loss.sum(axis=1)


@mutant("2.5", hint="`-log 0` is infinite. Put 1")
def probability_zero_at_the_padding(y_hat, y, mask):
    right = np.take_along_axis(y_hat, y[..., None], axis=-1)[..., 0]
    with np.errstate(divide="ignore"):
        step_loss = -np.log(np.where(mask, right, 0.0))
    return step_loss, step_loss.sum(axis=1)


@mutant("2.7", hint="`SWIM` hears the rain too")
def swims_in_the_rain():
    Wax = np.array([[1.0, 0], [1, 0], [1, 1], [0, 1], [0, 1], [0, 1]])
    Waa = np.zeros((6, 6))
    Waa[[0, 5]] = [-1, -1, 0, -1, -1, 0]
    Waa[1, [0, 3]] = Waa[3, [0, 3]] = 1
    Waa[2, [1, 4]] = Waa[4, [1, 4]] = 1
    return Waa, Wax, np.array([-0.5, -1.5, -1.5, -1.5, -1.5, -0.5])


@mutant("2.7", hint="End with `return Waa, Wax, ba`")
def returns_nothing():
    return None


@mutant("2.3", hint="Return one array")
def returns_the_pair(Waa, Wax):
    return Waa, Wax


@mutant("2.2", hint="`len(x)` is the size of the batch")
def as_many_steps_as_examples(x, a0, Waa, Wax, ba):
    a_prev, states = a0, []
    for t in range(len(x)):
        a_prev = np.tanh(a_prev @ Waa.T + x[:, t] @ Wax.T + ba)
        states.append(a_prev)
    return np.stack(states, axis=1)


@mutant("2.2", hint="Mind the order of the arguments")
def state_and_input_exchanged(x, a0, Waa, Wax, ba):
    return np.tanh(x[:, 0] @ Waa.T + a0 @ Wax.T + ba)[:, None]


@mutant("2.5", hint="an axis too many at the end")
def third_axis_everywhere(y_hat, y, mask):
    right = np.take_along_axis(y_hat, y[..., None], axis=-1)
    step_loss = -np.log(np.where(mask[..., None], right, 1.0))
    return step_loss, step_loss.sum(axis=1)


@mutant("2.5", hint="Give `y` a third one")
def indices_without_a_third_axis(y_hat, y, mask):
    right = np.take_along_axis(y_hat, y, axis=-1)
    return -np.log(np.where(mask, right, 1.0)), right.sum(axis=1)


@mutant("2.7", hint="`np.array(...)`")
def weights_as_lists():
    return tuple(weight.tolist() for weight in swims_in_the_rain())


@mutant("2.7", hint="the unit that the sentence above names")
def sleeps_in_the_sun():
    Waa, Wax, ba = swims_in_the_rain()
    Wax = np.array([[1.0, 0], [1, 0], [1, 0], [1, 0], [0, 1], [0, 1]])
    return Waa, Wax, ba
