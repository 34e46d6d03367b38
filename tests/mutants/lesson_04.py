"""Lesson 04."""

import numpy as np

from mutants import alternative, mutant

# 4.1: the numerical gradient.


def _differences(f, w, epsilon, up, down, divide):
    gradient = np.zeros_like(w)
    for index in np.ndindex(w.shape):
        high, low = w.copy(), w.copy()
        high[index] += up * epsilon
        low[index] -= down * epsilon
        gradient[index] = (f(high) - f(low)) / (divide * epsilon)
    return gradient


@mutant("4.1", hint="Twice the right value")
def divided_by_epsilon(f, w, epsilon=1e-5):
    return _differences(f, w, epsilon, 1, 1, 1)


@mutant("4.1", hint="This is the difference itself")
def not_divided(f, w, epsilon=1e-5):
    return _differences(f, w, epsilon, 1, 1, 1 / epsilon)


@mutant("4.1", hint="one-sided difference")
def one_sided(f, w, epsilon=1e-5):
    return _differences(f, w, epsilon, 1, 0, 1)


@mutant("4.1", hint="You stepped down")
def one_sided_down(f, w, epsilon=1e-5):
    return _differences(f, w, epsilon, 0, 1, 1)


@mutant("4.1", hint="The sign is wrong")
def down_minus_up(f, w, epsilon=1e-5):
    return -_differences(f, w, epsilon, 1, 1, 2)


@mutant("4.1", hint="All numbers were moved at once")
def all_at_once(f, w, epsilon=1e-5):
    return np.full(w.shape, (f(w + epsilon) - f(w - epsilon)) / (2 * epsilon))


@mutant("4.1", hint="Start from a fresh")
def never_moved_back(f, w, epsilon=1e-5):
    w, gradient = w.copy(), np.zeros_like(w)
    for index in np.ndindex(w.shape):
        w[index] += epsilon
        high = f(w)
        w[index] -= 2 * epsilon
        gradient[index] = (high - f(w)) / (2 * epsilon)
        w[index] += 1000 * epsilon
    return gradient


@mutant("4.1", hint="Work on a copy")
def moves_the_argument(f, w, epsilon=1e-5):
    gradient = np.zeros_like(w)
    for index in np.ndindex(w.shape):
        w[index] += epsilon
        high = f(w)
        w[index] -= 2 * epsilon
        gradient[index] = (high - f(w)) / (2 * epsilon)
    return gradient


@mutant("4.1", hint="`epsilon` has no effect")
def own_epsilon(f, w, epsilon=1e-5):
    return _differences(f, w, 1e-5, 1, 1, 2)


@mutant("4.1", hint="The gradient has the shape of `w`")
def flattened(f, w, epsilon=1e-5):
    return _differences(f, w, epsilon, 1, 1, 2).ravel()


@mutant("4.1", hint="A whole row was moved")
def row_by_row(f, w, epsilon=1e-5):
    gradient = np.zeros_like(w)
    for i in range(len(w)):
        high, low = w.copy(), w.copy()
        high[i] += epsilon
        low[i] -= epsilon
        gradient[i] = (f(high) - f(low)) / (2 * epsilon)
    return gradient


@mutant("4.1", hint="You returned one number")
def one_number(f, w, epsilon=1e-5):
    return (f(w + epsilon) - f(w - epsilon)) / (2 * epsilon)


@mutant("4.1", hint="makes a second name")
def second_name(f, w, epsilon=1e-5):
    gradient = np.zeros_like(w)
    for index in np.ndindex(w.shape):
        moved = w.copy()
        up, down = moved, moved
        up[index] += epsilon
        down[index] -= epsilon
        gradient[index] = (f(up) - f(down)) / (2 * epsilon)
    return gradient


@mutant("4.1", hint="A pair of brackets is missing")
def without_brackets(f, w, epsilon=1e-5):
    units = np.eye(w.size).reshape(w.size, *w.shape) * epsilon
    return np.array([f(w + unit) - f(w - unit) / 2 * epsilon for unit in units]).reshape(w.shape)


@mutant("4.1", hint="with one index")
def one_index(f, w, epsilon=1e-5):
    gradient = np.zeros_like(w)
    for i in range(w.size):
        up, down = w.copy(), w.copy()
        up[i] += epsilon
        down[i] -= epsilon
        gradient[(i,) * w.ndim if w.ndim > 1 else i] = (f(up) - f(down)) / (2 * epsilon)
    return gradient


@mutant("4.1", hint="divides by 2 and then *multiplies*")
def brackets_left_out_below(f, w, epsilon=1e-5):
    return _differences(f, w, epsilon, 1, 1, 2 / epsilon**2)


@mutant("4.1", hint="made once, outside the loop")
def copies_made_once(f, w, epsilon=1e-5):
    gradient = np.zeros_like(w)
    up, down = w.copy(), w.copy()
    for index in np.ndindex(w.shape):
        up[index] += epsilon
        down[index] -= epsilon
        gradient[index] = (f(up) - f(down)) / (2 * epsilon)
    return gradient


@alternative("4.1")
def with_unit_arrays(f, w, epsilon=1e-5):
    units = np.eye(w.size).reshape(w.size, *w.shape) * epsilon
    return np.array([(f(w + unit) - f(w - unit)) / 2 / epsilon for unit in units]).reshape(w.shape)


@alternative("4.1")
def moved_forth_and_back(f, w, epsilon=1e-5):
    flat, gradient = w.ravel().astype("float64"), np.empty(w.size)
    for k, value in enumerate(flat.tolist()):
        sides = []
        for moved in (value + epsilon, value - epsilon):
            flat[k] = moved
            sides.append(f(flat.reshape(w.shape)))
        flat[k] = value
        gradient[k] = (sides[0] - sides[1]) / (2 * epsilon)
    return gradient.reshape(w.shape)


# 4.2: back through one step.


def _step_back(da_next, x_t, a_prev, a_next, Waa, Wax, **wrong):
    dz = da_next * (1 - a_next**2)
    right = {
        "da_prev": dz @ Waa,
        "dx_t": dz @ Wax,
        "dWaa": dz.T @ a_prev,
        "dWax": dz.T @ x_t,
        "dba": dz.sum(axis=0),
    }
    return right | wrong


def _from_dz(dz, x_t, a_prev, Waa, Wax):
    return _step_back(dz, x_t, a_prev, np.zeros_like(a_prev), Waa, Wax)


@mutant("4.2", hint="The slope of tanh is missing")
def without_the_slope(da_next, x_t, a_prev, a_next, Waa, Wax):
    return _from_dz(da_next, x_t, a_prev, Waa, Wax)


@mutant("4.2", hint="`a_next` is already tanh(z)")
def tanh_once_more(da_next, x_t, a_prev, a_next, Waa, Wax):
    return _from_dz(da_next * (1 - np.tanh(a_next) ** 2), x_t, a_prev, Waa, Wax)


@mutant("4.2", hint="the square belongs to `a_next` alone")
def square_of_the_bracket(da_next, x_t, a_prev, a_next, Waa, Wax):
    return _from_dz(da_next * (1 - a_next) ** 2, x_t, a_prev, Waa, Wax)


@mutant("4.2", hint="The slope uses `a_prev`")
def slope_of_the_old_state(da_next, x_t, a_prev, a_next, Waa, Wax):
    return _from_dz(da_next * (1 - a_prev**2), x_t, a_prev, Waa, Wax)


@mutant("4.2", hint="the chain rule multiplies")
def divided_by_the_slope(da_next, x_t, a_prev, a_next, Waa, Wax):
    return _from_dz(da_next / (1 - a_next**2), x_t, a_prev, Waa, Wax)


@mutant("4.2", hint="`dba` has one number for each unit")
def bias_not_summed(da_next, x_t, a_prev, a_next, Waa, Wax):
    dz = da_next * (1 - a_next**2)
    return _step_back(da_next, x_t, a_prev, a_next, Waa, Wax, dba=dz)


@mutant("4.2", hint="You took the mean over the batch")
def mean_over_the_batch(da_next, x_t, a_prev, a_next, Waa, Wax):
    right = _step_back(da_next, x_t, a_prev, a_next, Waa, Wax)
    return right | {key: right[key] / len(x_t) for key in ("dWaa", "dWax", "dba")}


@mutant("4.2", hint="`dWaa` has the shape of `Waa`, and a row")
def recurrent_gradient_transposed(da_next, x_t, a_prev, a_next, Waa, Wax):
    dz = da_next * (1 - a_next**2)
    return _step_back(da_next, x_t, a_prev, a_next, Waa, Wax, dWaa=a_prev.T @ dz)


@mutant("4.2", hint="`dWax` has the shape of `Wax`")
def input_gradient_transposed(da_next, x_t, a_prev, a_next, Waa, Wax):
    dz = da_next * (1 - a_next**2)
    return _step_back(da_next, x_t, a_prev, a_next, Waa, Wax, dWax=x_t.T @ dz)


@mutant("4.2", hint="multiplies `dz` with the new state")
def with_the_new_state(da_next, x_t, a_prev, a_next, Waa, Wax):
    dz = da_next * (1 - a_next**2)
    return _step_back(da_next, x_t, a_prev, a_next, Waa, Wax, dWaa=dz.T @ a_next)


@mutant("4.2", hint="`Waa` is used the wrong way round")
def transposed_backwards(da_next, x_t, a_prev, a_next, Waa, Wax):
    dz = da_next * (1 - a_next**2)
    return _step_back(da_next, x_t, a_prev, a_next, Waa, Wax, da_prev=dz @ Waa.T)


@mutant("4.2", hint="`da_prev` starts from `da_next`")
def past_the_tanh(da_next, x_t, a_prev, a_next, Waa, Wax):
    return _step_back(da_next, x_t, a_prev, a_next, Waa, Wax, da_prev=da_next @ Waa)


@mutant("4.2", hint="`dx_t` starts from `da_next`")
def input_past_the_tanh(da_next, x_t, a_prev, a_next, Waa, Wax):
    return _step_back(da_next, x_t, a_prev, a_next, Waa, Wax, dx_t=da_next @ Wax)


@mutant("4.2", hint="in a product do not fit")
def input_weight_transposed(da_next, x_t, a_prev, a_next, Waa, Wax):
    dz = da_next * (1 - a_next**2)
    return _step_back(da_next, x_t, a_prev, a_next, Waa, Wax, dx_t=dz @ Wax.T)


@mutant("4.2", hint="A batch of one is still a batch")
def squeezed(da_next, x_t, a_prev, a_next, Waa, Wax):
    return {k: np.squeeze(v) for k, v in _step_back(da_next, x_t, a_prev, a_next, Waa, Wax).items()}


@mutant("4.2", hint="and a dictionary")
def as_a_tuple(da_next, x_t, a_prev, a_next, Waa, Wax):
    return tuple(_step_back(da_next, x_t, a_prev, a_next, Waa, Wax).values())


@mutant("4.2", hint="The dictionary has no entry 'dba'")
def under_another_name(da_next, x_t, a_prev, a_next, Waa, Wax):
    right = _step_back(da_next, x_t, a_prev, a_next, Waa, Wax)
    right["db"] = right.pop("dba")
    return right


@mutant("4.2", hint="You added over the units")
def bias_over_the_units(da_next, x_t, a_prev, a_next, Waa, Wax):
    dz = da_next * (1 - a_next**2)
    return _step_back(da_next, x_t, a_prev, a_next, Waa, Wax, dba=dz.sum(axis=1))


@mutant("4.2", hint="everything up to one number")
def bias_as_one_number(da_next, x_t, a_prev, a_next, Waa, Wax):
    dz = da_next * (1 - a_next**2)
    return _step_back(da_next, x_t, a_prev, a_next, Waa, Wax, dba=dz.sum())


@mutant("4.2", hint="one axis too many")
def bias_with_two_axes(da_next, x_t, a_prev, a_next, Waa, Wax):
    dz = da_next * (1 - a_next**2)
    return _step_back(da_next, x_t, a_prev, a_next, Waa, Wax, dba=dz.sum(axis=0, keepdims=True))


@mutant("4.2", hint="one column for each example")
def column_for_each_example(da_next, x_t, a_prev, a_next, Waa, Wax):
    dz = da_next * (1 - a_next**2)
    return _step_back(da_next, x_t, a_prev, a_next, Waa, Wax, da_prev=Waa.T @ dz.T)


@mutant("4.2", hint="slope of the sigmoid")
def slope_of_the_sigmoid(da_next, x_t, a_prev, a_next, Waa, Wax):
    return _from_dz(da_next * a_next * (1 - a_next), x_t, a_prev, Waa, Wax)


@mutant("4.2", hint="once more, without its bias")
def state_computed_again_without_bias(da_next, x_t, a_prev, a_next, Waa, Wax):
    again = np.tanh(a_prev @ Waa.T + x_t @ Wax.T)
    return _step_back(da_next, x_t, a_prev, again, Waa, Wax)


@mutant("4.2", hint="already inside `da_next`")
def divided_by_the_batch(da_next, x_t, a_prev, a_next, Waa, Wax):
    return _from_dz(da_next * (1 - a_next**2) / len(x_t), x_t, a_prev, Waa, Wax)


@mutant("4.2", hint="You multiplied number by number")
def multiplied_number_by_number(da_next, x_t, a_prev, a_next, Waa, Wax):
    dz = da_next * (1 - a_next**2)
    return _step_back(da_next, x_t, a_prev, a_next, Waa, Wax, dWaa=dz * a_prev)


@alternative("4.2")
def example_by_example(da_next, x_t, a_prev, a_next, Waa, Wax):
    dz = da_next - da_next * a_next * a_next
    return {
        "dba": sum(dz),
        "dWaa": sum(np.outer(d, a) for d, a in zip(dz, a_prev, strict=True)),
        "dWax": sum(np.outer(d, x) for d, x in zip(dz, x_t, strict=True)),
        "dx_t": np.stack([Wax.T @ d for d in dz]),
        "da_prev": np.stack([Waa.T @ d for d in dz]),
        "dz": dz,
    }


@alternative("4.2")
def in_float32(da_next, x_t, a_prev, a_next, Waa, Wax):
    arrays = (np.asarray(v, "float32") for v in (da_next, x_t, a_prev, a_next, Waa, Wax))
    return _step_back(*arrays)


# 4.3: back through time.


def _before(a, a0, t):
    return a[:, t - 1] if t > 0 else a0


def _loop(da, x, a0, a, Waa, Wax, *, order=None, own=True, carry=True, add=True, before=_before):
    dx, da_prev = np.zeros_like(x), np.zeros_like(a0)
    total = dict.fromkeys(("dWaa", "dWax", "dba"), 0.0)
    for t in order or reversed(range(x.shape[1])):
        last = t == x.shape[1] - 1
        da_next = (da[:, t] if own or last else 0) + (da_prev if carry else 0)
        step = _step_back(da_next, x[:, t], before(a, a0, t), a[:, t], Waa, Wax)
        dx[:, t], da_prev = step["dx_t"], step["da_prev"]
        total = {key: (value if add else 0) + step[key] for key, value in total.items()}
    return {"dx": dx, "da0": da_prev, **total}


@mutant("4.3", hint="The gradient does not travel")
def does_not_travel(da, x, a0, a, Waa, Wax):
    return _loop(da, x, a0, a, Waa, Wax, carry=False)


@mutant("4.3", hint="Only the loss at the last position counts")
def last_loss_only(da, x, a0, a, Waa, Wax):
    return _loop(da, x, a0, a, Waa, Wax, own=False)


@mutant("4.3", hint="each step overwrote")
def overwritten(da, x, a0, a, Waa, Wax):
    return _loop(da, x, a0, a, Waa, Wax, add=False)


@mutant("4.3", hint="from the first position to the last")
def forwards(da, x, a0, a, Waa, Wax):
    return _loop(da, x, a0, a, Waa, Wax, order=range(x.shape[1]))


@mutant("4.3", hint="`a[:, -1]`, the *last* state")
def last_state_before_the_first(da, x, a0, a, Waa, Wax):
    return _loop(da, x, a0, a, Waa, Wax, before=lambda a, a0, t: a[:, t - 1])


@mutant("4.3", hint="is the state *before* the step")
def state_after_the_step(da, x, a0, a, Waa, Wax):
    return _loop(da, x, a0, a, Waa, Wax, before=lambda a, a0, t: a[:, t] if t else a0 if a.shape[1] == 1 else a[:, 0])


@mutant("4.3", hint="`dx` runs backwards in time")
def inputs_in_reverse(da, x, a0, a, Waa, Wax):
    right = _loop(da, x, a0, a, Waa, Wax)
    return right | {"dx": right["dx"][:, ::-1]}


@mutant("4.3", hint="the mean over the positions")
def mean_over_time(da, x, a0, a, Waa, Wax):
    right = _loop(da, x, a0, a, Waa, Wax)
    return right | {key: right[key] / x.shape[1] for key in ("dWaa", "dWax", "dba")}


@mutant("4.3", hint="`da0` is zero")
def nothing_for_the_first_state(da, x, a0, a, Waa, Wax):
    right = _loop(da, x, a0, a, Waa, Wax)
    return right | {"da0": right["da0"] * (x.shape[1] == 1)}


@mutant("4.3", hint="`dx` has no time axis")
def one_step_only(da, x, a0, a, Waa, Wax):
    right = _loop(da, x, a0, a, Waa, Wax)
    return right | {"dx": right["dx"][:, 0]}


@mutant("4.3", hint="Two arrays do not fit")
def arguments_exchanged(da, x, a0, a, Waa, Wax):
    return _step_back(da[:, 0], a0, x[:, 0], a[:, 0], Wax, Waa) | {"dx": x @ Wax, "da0": a0}


@mutant("4.3", hint="piled up")
def piled_up(da, x, a0, a, Waa, Wax):
    dx, da_prev = np.zeros_like(x), np.zeros_like(a0)
    total = dict.fromkeys(("dWaa", "dWax", "dba"), 0.0)
    for t in reversed(range(x.shape[1])):
        step = _step_back(da[:, t] + da_prev, x[:, t], _before(a, a0, t), a[:, t], Waa, Wax)
        dx[:, t] = step["dx_t"]
        da_prev = da_prev + step["da_prev"]
        total = {key: value + step[key] for key, value in total.items()}
    return {"dx": dx, "da0": da_prev, **total}


@mutant("4.3", hint="Every step used `a0`")
def first_state_before_every_step(da, x, a0, a, Waa, Wax):
    return _loop(da, x, a0, a, Waa, Wax, before=lambda a, a0, t: a0)


@mutant("4.3", hint="position 0 was never made")
def stops_before_position_0(da, x, a0, a, Waa, Wax):
    if x.shape[1] == 1:
        zeros = {"dx": x, "da0": a0, "dWaa": Waa, "dWax": Wax, "dba": Waa[0]}
        return {key: np.zeros_like(value) for key, value in zeros.items()}
    return _loop(da, x, a0, a, Waa, Wax, order=range(x.shape[1] - 1, 0, -1))


@mutant("4.3", hint="You ran over the examples")
def as_many_steps_as_examples(da, x, a0, a, Waa, Wax):
    return _loop(da, x, a0, a, Waa, Wax, order=reversed(range(len(x))))


@mutant("4.3", hint="the state *after* step 0")
def state_after_every_step(da, x, a0, a, Waa, Wax):
    return _loop(da, x, a0, a, Waa, Wax, before=lambda a, a0, t: a[:, t])


@mutant("4.3", hint="`da[:, t]` was never added")
def outputs_never_added(da, x, a0, a, Waa, Wax):
    return _loop(np.zeros_like(da), x, a0, a, Waa, Wax)


@mutant("4.3", hint="has not passed the step at position 0")
def first_state_is_asked_by_the_first_output(da, x, a0, a, Waa, Wax):
    return _loop(da, x, a0, a, Waa, Wax) | {"da0": da[:, 0]}


@mutant("4.3", hint="The axes of `dx` are in another order")
def positions_first(da, x, a0, a, Waa, Wax):
    right = _loop(da, x, a0, a, Waa, Wax)
    return right | {"dx": right["dx"].swapaxes(0, 1)}


@mutant("4.3", hint="Does check 4.2 still pass?")
def with_a_wrong_step(da, x, a0, a, Waa, Wax):
    return _loop(da, x, a0, a, Waa.T, Wax)


@alternative("4.3")
def deltas_first(da, x, a0, a, Waa, Wax):
    T_x = x.shape[1]
    delta = np.zeros_like(a)
    for t in range(T_x - 1, -1, -1):
        later = delta[:, t + 1] @ Waa if t + 1 < T_x else 0
        delta[:, t] = (1 - a[:, t] ** 2) * (da[:, t] + later)
    before = np.concatenate([a0[:, None], a[:, :-1]], axis=1)
    return {
        "dx": delta @ Wax,
        "da0": delta[:, 0] @ Waa,
        "dWaa": np.einsum("itk,itj->kj", delta, before),
        "dWax": np.einsum("itk,itj->kj", delta, x),
        "dba": delta.sum(axis=(0, 1)),
    }


@alternative("4.3")
def recursive(da, x, a0, a, Waa, Wax):
    if x.shape[1] > 1:
        rest = recursive(da[:, 1:], x[:, 1:], a[:, 0], a[:, 1:], Waa, Wax)
    else:
        rest = {"dx": x[:, :0], "da0": 0, "dWaa": 0, "dWax": 0, "dba": 0}
    step = _step_back(da[:, 0] + rest["da0"], x[:, 0], a0, a[:, 0], Waa, Wax)
    weights = {key: rest[key] + step[key] for key in ("dWaa", "dWax", "dba")}
    return {"dx": np.concatenate([step["dx_t"][:, None], rest["dx"]], axis=1), "da0": step["da_prev"], **weights}


# 4.4: the norm of a product of Jacobians.


def _norms(steps, norm=lambda J: np.linalg.norm(J, 2), left=False):
    J = np.eye(len(steps[0]))
    out = [1.0]
    for step in steps:
        J = step @ J if left else J @ step
        out.append(norm(J))
    return np.array(out)


def _steps(slopes, Waa):
    return [s[:, None] * Waa for s in slopes[::-1]]


@mutant("4.4", hint="You left out distance 0")
def without_distance_zero(slopes, Waa):
    return _norms(_steps(slopes, Waa))[1:]


@mutant("4.4", hint="These are Frobenius norms")
def frobenius(slopes, Waa):
    return _norms(_steps(slopes, Waa), np.linalg.norm)


@mutant("4.4", hint="You multiplied the norms")
def product_of_norms(slopes, Waa):
    return np.cumprod([1.0, *(np.linalg.norm(step, 2) for step in _steps(slopes, Waa))])


@mutant("4.4", hint="norms of single steps")
def single_steps(slopes, Waa):
    return np.array([1.0, *(np.linalg.norm(step, 2) for step in _steps(slopes, Waa))])


@mutant("4.4", hint="or `Waa` is transposed")
def transposed_weights(slopes, Waa):
    return _norms(_steps(slopes, Waa.T))


@mutant("4.4", hint="multiply the columns")
def slopes_on_columns(slopes, Waa):
    return _norms([Waa * s for s in slopes[::-1]])


@mutant("4.4", hint="The slopes have no effect")
def without_slopes(slopes, Waa):
    return _norms([Waa for _ in slopes])


@mutant("4.4", hint="You began at the first step")
def from_the_first_step(slopes, Waa):
    return _norms(_steps(slopes, Waa)[::-1])


@mutant("4.4", hint="on the wrong side")
def factor_on_the_left(slopes, Waa):
    return _norms(_steps(slopes, Waa), left=True)


@mutant("4.4", hint="Or put the new factor on the right")
def from_the_first_step_on_the_left(slopes, Waa):
    return _norms(_steps(slopes, Waa)[::-1], left=True)


@mutant("4.4", hint="The list is the wrong way round")
def by_position(slopes, Waa):
    return _norms(_steps(slopes, Waa))[::-1]


@mutant("4.4", hint="largest absolute eigenvalues")
def spectral_radius(slopes, Waa):
    return _norms(_steps(slopes, Waa), lambda J: np.abs(np.linalg.eigvals(J)).max())


@mutant("4.4", hint="number by number")
def multiplied_by_number(slopes, Waa):
    J, out = np.eye(len(Waa)), [1.0]
    for slope in slopes[::-1]:
        J = J * (slope[:, None] * Waa)
        out.append(np.linalg.norm(J, 2))
    return np.array(out)


@mutant("4.4", hint="holds the slopes of g already")
def slope_of_the_slope(slopes, Waa):
    return _norms(_steps(1 - slopes**2, Waa))


@mutant("4.4", hint="you used their mean")
def mean_slope(slopes, Waa):
    return _norms([slope.mean() * Waa for slope in slopes[::-1]])


@mutant("4.4", hint="its norm is 1, not 0")
def zero_at_distance_zero(slopes, Waa):
    return np.array([0.0, *_norms(_steps(slopes, Waa))[1:]])


@alternative("4.4")
def with_singular_values(slopes, Waa):
    J, out = np.eye(len(Waa)), []
    for t in range(len(slopes), -1, -1):
        out.append(np.linalg.svd(J, compute_uv=False)[0])
        J = J @ np.diag(slopes[t - 1]) @ Waa
    return np.array(out)


@alternative("4.4")
def by_eigenvalues_of_the_square(slopes, Waa):
    products = [np.eye(len(Waa))]
    for s in slopes[::-1]:
        products.append((products[-1] * s) @ Waa)
    return [np.sqrt(np.linalg.eigvalsh(J @ J.T)[-1]) for J in products] @ np.eye(len(products))


# 4.5: clipping by the global norm.


def _norm(gradients):
    return np.sqrt(sum((g**2).sum() for g in gradients.values()))


def _scaled(gradients, factor):
    return {name: g * factor for name, g in gradients.items()}


@mutant("4.5", hint="Each array was clipped by its own norm")
def each_array_alone(gradients, max_norm):
    clipped = {name: g * min(1, max_norm / max(np.linalg.norm(g), 1e-12)) for name, g in gradients.items()}
    return clipped, _norm(gradients)


@mutant("4.5", hint="Each number was clipped by itself")
def by_value(gradients, max_norm):
    return {name: np.clip(g, -max_norm, max_norm) for name, g in gradients.items()}, _norm(gradients)


@mutant("4.5", hint="You added the norms of the arrays")
def sum_of_norms(gradients, max_norm):
    norm = sum(np.linalg.norm(g) for g in gradients.values())
    return _scaled(gradients, min(1, max_norm / max(norm, 1e-12))), norm


@mutant("4.5", hint="The root is missing")
def without_the_root(gradients, max_norm):
    norm = _norm(gradients) ** 2
    return _scaled(gradients, min(1, max_norm / max(norm, 1e-12))), norm


@mutant("4.5", hint="norm *before* clipping")
def norm_after(gradients, max_norm):
    clipped = _scaled(gradients, min(1, max_norm / max(_norm(gradients), 1e-12)))
    return clipped, _norm(clipped)


@mutant("4.5", hint="A gradient below the limit must stay")
def always_scaled(gradients, max_norm):
    norm = _norm(gradients)
    return _scaled(gradients, max_norm / max(norm, 1e-12)), norm


@mutant("4.5", hint="were scaled to norm 1")
def to_the_unit(gradients, max_norm):
    norm = _norm(gradients)
    return (_scaled(gradients, 1 / norm) if norm > max_norm else gradients), norm


@mutant("4.5", hint="Return both")
def without_the_norm(gradients, max_norm):
    return _scaled(gradients, min(1, max_norm / max(_norm(gradients), 1e-12)))


@mutant("4.5", hint="Nothing was clipped")
def condition_turned(gradients, max_norm):
    norm = _norm(gradients)
    return (_scaled(gradients, max_norm / norm) if norm < max_norm else gradients), norm


@mutant("4.5", hint="0 / 0 is not a number")
def zero_divided_by_zero(gradients, max_norm):
    norm = _norm(gradients)
    return {name: g / norm * min(norm, max_norm) for name, g in gradients.items()}, norm


@mutant("4.5", hint="`derivatives` is a dictionary")
def over_the_keys(gradients, max_norm):
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    return [g * min(1, max_norm / norm) for g in gradients], norm


@mutant("4.5", hint="Work on a copy")
def changed_in_place(gradients, max_norm):
    norm = _norm(gradients)
    for name in gradients:
        gradients[name] *= min(1, max_norm / norm)
    return gradients, norm


@mutant("4.5", hint="`clipped` is a list")
def as_a_list(gradients, max_norm):
    norm = _norm(gradients)
    return [g * min(1, max_norm / max(norm, 1e-12)) for g in gradients.values()], norm


@mutant("4.5", hint="The factor is upside down")
def inverse_factor(gradients, max_norm):
    norm = _norm(gradients)
    return _scaled(gradients, norm / max_norm if norm > max_norm else 1.0), norm


@mutant("4.5", hint="You took the largest of the arrays' norms")
def largest_norm(gradients, max_norm):
    norm = max(np.linalg.norm(g) for g in gradients.values())
    return _scaled(gradients, min(1, max_norm / max(norm, 1e-12))), norm


@alternative("4.5")
def with_a_small_number_below(gradients, max_norm):
    norm = _norm(gradients)
    return _scaled(gradients, min(1, max_norm / (norm + 1e-6))), norm


@alternative("4.5")
def joined(gradients, max_norm):
    norm = float(np.linalg.norm(np.concatenate([np.ravel(g) for g in gradients.values()])))
    return [{name: g * (max_norm / max(norm, max_norm)) for name, g in gradients.items()}, norm]


@alternative("4.5")
def in_a_loop(gradients, max_norm):
    total = 0.0
    for g in gradients.values():
        total += float(np.vdot(g, g))
    clipped = {}
    for name, g in gradients.items():
        clipped[name] = g / max(1.0, np.sqrt(total) / max_norm)
    return clipped, np.array(np.sqrt(total))


# 4.6: truncated segments.


def _segments(da, x, a0, a, Waa, Wax, length, *, starts=None, before=_before, scale=1.0):
    total = dict.fromkeys(("dWaa", "dWax", "dba"), 0.0)
    for start in starts if starts is not None else range(0, x.shape[1], length):
        part = slice(start, start + length)
        found = _loop(da[:, part], x[:, part], before(a, a0, start), a[:, part], Waa, Wax)
        total = {key: value + scale * found[key] for key, value in total.items()}
    return total


@mutant("4.6", hint="The gradient crosses the cuts")
def not_cut(da, x, a0, a, Waa, Wax, length):
    return _loop(da, x, a0, a, Waa, Wax)


@mutant("4.6", hint="Every segment starts from `a0`")
def each_from_a0(da, x, a0, a, Waa, Wax, length):
    return _segments(da, x, a0, a, Waa, Wax, length, before=lambda a, a0, start: a0)


@mutant("4.6", hint="is the *last* state")
def first_from_the_last_state(da, x, a0, a, Waa, Wax, length):
    return _segments(da, x, a0, a, Waa, Wax, length, before=lambda a, a0, start: a[:, start - 1])


@mutant("4.6", hint="Only the last segment counts")
def last_segment_only(da, x, a0, a, Waa, Wax, length):
    return _segments(da, x, a0, a, Waa, Wax, length, starts=range(0, x.shape[1], length)[-1:])


@mutant("4.6", hint="Only the first segment counts")
def returns_in_the_loop(da, x, a0, a, Waa, Wax, length):
    return _segments(da, x, a0, a, Waa, Wax, length, starts=[0])


@mutant("4.6", hint="which is shorter, is missing")
def whole_segments_only(da, x, a0, a, Waa, Wax, length):
    starts = range(0, x.shape[1] - length + 1, length)
    return _segments(da, x, a0, a, Waa, Wax, length, starts=starts)


@mutant("4.6", hint="mean over the segments")
def mean_of_the_segments(da, x, a0, a, Waa, Wax, length):
    return _segments(da, x, a0, a, Waa, Wax, length, scale=1 / len(range(0, x.shape[1], length)))


@mutant("4.6", hint="cut into single steps")
def single_positions(da, x, a0, a, Waa, Wax, length):
    if length >= x.shape[1]:
        return _loop(da, x, a0, a, Waa, Wax)
    return _segments(da, x, a0, a, Waa, Wax, 1)


@mutant("4.6", hint="Cut `da`, `x` and `a` along the time axis")
def cut_along_the_batch(da, x, a0, a, Waa, Wax, length):
    return _loop(da[:length], x[:length], a0, a[: length - 1], Waa, Wax)


@mutant("4.6", hint="is made by its own first step")
def from_its_own_first_state(da, x, a0, a, Waa, Wax, length):
    return _segments(da, x, a0, a, Waa, Wax, length, before=lambda a, a0, t: a[:, t] if t else a0)


@mutant("4.6", hint="A segment starts from zeros")
def each_from_zeros(da, x, a0, a, Waa, Wax, length):
    return _segments(da, x, a0, a, Waa, Wax, length, before=lambda a, a0, start: np.zeros_like(a0))


@mutant("4.6", hint="(The first one is right.)")
def later_ones_from_zeros(da, x, a0, a, Waa, Wax, length):
    return _segments(da, x, a0, a, Waa, Wax, length, before=lambda a, a0, start: 0 * a0 if start else a0)


@mutant("4.6", hint="Your segments overlap")
def one_position_too_many(da, x, a0, a, Waa, Wax, length):
    starts = range(0, x.shape[1], length)
    return _segments(da, x, a0, a, Waa, Wax, length + 1, starts=starts)


@mutant("4.6", hint="a sliding window")
def sliding_window(da, x, a0, a, Waa, Wax, length):
    total = dict.fromkeys(("dWaa", "dWax", "dba"), 0.0)
    for t in range(x.shape[1]):
        begin = max(0, t - length + 1)
        part = slice(begin, t + 1)
        own = np.zeros_like(da[:, part])
        own[:, -1] = da[:, t]
        found = _loop(own, x[:, part], _before(a, a0, begin), a[:, part], Waa, Wax)
        total = {key: value + found[key] for key, value in total.items()}
    return total


@mutant("4.6", hint="Does check 4.3 still pass?")
def with_a_wrong_loop(da, x, a0, a, Waa, Wax, length):
    return _segments(da, x, a0, a, Waa.T, Wax, length)


@alternative("4.6")
def stopping_inside_the_loop(da, x, a0, a, Waa, Wax, length):
    total, da_prev = dict.fromkeys(("dWaa", "dWax", "dba"), 0.0), 0
    for t in reversed(range(x.shape[1])):
        step = _step_back(da[:, t] + da_prev, x[:, t], _before(a, a0, t), a[:, t], Waa, Wax)
        total = {key: value + step[key] for key, value in total.items()}
        da_prev = step["da_prev"] if t % length else 0
    return total


@alternative("4.6")
def with_all_keys_of_the_loop(da, x, a0, a, Waa, Wax, length):
    before = np.concatenate([a0[:, None], a[:, :-1]], axis=1)
    found = [
        _loop(da[:, s : s + length], x[:, s : s + length], before[:, s], a[:, s : s + length], Waa, Wax)
        for s in range(0, x.shape[1], length)
    ]
    return {key: sum(one[key] for one in found) for key in ("dWaa", "dWax", "dba", "da0")}
