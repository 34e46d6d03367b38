"""Lesson 05."""

import numpy as np

from mutants import alternative, mutant


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def side(first, second):
    return np.concatenate([first, second], axis=1)


# 5.1: one step of a GRU.


def _gru(x_t, c_prev, W, b, *, u="u", r="r", g=sigmoid, kept=None, h=np.tanh, mix=None, join=side):
    """A GRU step with one thing exchanged for another."""
    update = g(join(c_prev, x_t) @ W[u].T + b[u])
    reset = g(join(c_prev, x_t) @ W[r].T + b[r])
    candidate = h(join(reset * c_prev if kept is None else kept(reset, c_prev), x_t) @ W["c"].T + b["c"])
    if mix is not None:
        return mix(update, candidate, c_prev, reset)
    return update * candidate + (1 - update) * c_prev


@mutant("5.1", hint="two roles of the update gate")
def gru_roles_exchanged(x_t, c_prev, W, b):
    return _gru(x_t, c_prev, W, b, mix=lambda u, new, old, r: (1 - u) * new + u * old)


@mutant("5.1", hint="reset gate has no effect")
def gru_without_reset(x_t, c_prev, W, b):
    return _gru(x_t, c_prev, W, b, kept=lambda r, old: old)


@mutant("5.1", hint="comes after the product")
def gru_reset_after(x_t, c_prev, W, b):
    n_a = c_prev.shape[1]
    u, r = (sigmoid(side(c_prev, x_t) @ W[key].T + b[key]) for key in "ur")
    new = np.tanh(r * (c_prev @ W["c"][:, :n_a].T) + x_t @ W["c"][:, n_a:].T + b["c"])
    return u * new + (1 - u) * c_prev


@mutant("5.1", hint="lacks its `np.tanh`")
def gru_linear_candidate(x_t, c_prev, W, b):
    return _gru(x_t, c_prev, W, b, h=lambda z: z)


@mutant("5.1", hint="candidate passes through the sigmoid")
def gru_logistic_candidate(x_t, c_prev, W, b):
    return _gru(x_t, c_prev, W, b, h=sigmoid)


@mutant("5.1", hint="update and the reset gate are exchanged")
def gru_gates_exchanged(x_t, c_prev, W, b):
    return _gru(x_t, c_prev, W, b, u="r", r="u")


@mutant("5.1", hint="input stands before the state")
def gru_input_first(x_t, c_prev, W, b):
    return _gru(x_t, c_prev, W, b, join=lambda state, x: side(x, state))


@mutant("5.1", hint="biases have no effect")
def gru_without_biases(x_t, c_prev, W, b):
    return _gru(x_t, c_prev, W, {key: 0 * one for key, one in b.items()})


@mutant("5.1", hint="add all of the old state")
def gru_adds_everything(x_t, c_prev, W, b):
    return _gru(x_t, c_prev, W, b, mix=lambda u, new, old, r: u * new + old)


@mutant("5.1", hint="A gate must lie between 0 and 1")
def gru_tanh_gates(x_t, c_prev, W, b):
    return _gru(x_t, c_prev, W, b, g=np.tanh)


@mutant("5.1", hint="old state that stays is multiplied")
def gru_resets_what_stays(x_t, c_prev, W, b):
    return _gru(x_t, c_prev, W, b, mix=lambda u, new, old, r: u * new + (1 - u) * r * old)


@mutant("5.1", hint="multiplies the input too")
def gru_resets_the_input(x_t, c_prev, W, b):
    n_a = c_prev.shape[1]
    u, r = (sigmoid(side(c_prev, x_t) @ W[key].T + b[key]) for key in "ur")
    read = side(c_prev, x_t) * side(r, r[:, :1].repeat(x_t.shape[1], axis=1))
    assert read.shape[1] == n_a + x_t.shape[1]
    return u * np.tanh(read @ W["c"].T + b["c"]) + (1 - u) * c_prev


@mutant("5.1", hint="side by side")
def gru_joined_along_the_batch(x_t, c_prev, W, b):
    return np.concatenate([c_prev, x_t]) @ W["u"].T


@mutant("5.1", hint="A batch of one is still a batch")
def gru_squeezed(x_t, c_prev, W, b):
    return _gru(x_t, c_prev, W, b).squeeze()


@alternative("5.1")
def gru_example_by_example(x_t, c_prev, W, b):
    states = []
    for x, c in zip(x_t, c_prev, strict=True):
        r = sigmoid(W["r"] @ np.hstack([c, x]) + b["r"])
        keep = sigmoid(-(W["u"] @ np.hstack([c, x]) + b["u"]))
        states.append(keep * c + (1 - keep) * np.tanh(W["c"] @ np.hstack([r * c, x]) + b["c"]))
    return np.stack(states)


@alternative("5.1")
def gru_in_float32(x_t, c_prev, W, b):
    x_t, c_prev = x_t.astype("float32"), c_prev.astype("float32")
    W = {key: one.astype("float32") for key, one in W.items()}
    return _gru(x_t, c_prev, W, {key: one.astype("float32") for key, one in b.items()})


@mutant("5.1", hint="Units and examples have changed places")
def gru_batch_on_the_right(x_t, c_prev, W, b):
    both = side(c_prev, x_t)
    u, r = (sigmoid(W[key] @ both.T + b[key]) for key in "ur")
    return u * np.tanh(W["c"] @ side(r * c_prev, x_t).T + b["c"]) + (1 - u) * c_prev


# 5.2: one step of an LSTM.


def _lstm(x_t, a_prev, c_prev, W, b, *, keys="fuo", g=sigmoid, h=np.tanh, state=None, join=side, tied=False, out=None):
    read = join(a_prev if state is None else state, x_t)
    f, u, o = (g(read @ W[key].T + b[key]) for key in keys)
    new = (1 - u if tied else f) * c_prev + u * h(read @ W["c"].T + b["c"])
    return (o * np.tanh(new), new) if out is None else out(o, new, c_prev)


@mutant("5.2", hint="`c_next` came first")
def lstm_order_of_states(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b)[::-1]


@mutant("5.2", hint="hands on two states")
def lstm_hidden_state_only(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b)[0]


@mutant("5.2", hint="forget and the update gate are exchanged")
def lstm_forget_for_update(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b, keys="ufo")


@mutant("5.2", hint="update and the output gate are exchanged")
def lstm_output_for_update(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b, keys="fou")


@mutant("5.2", hint="`a_next` lacks a `np.tanh`")
def lstm_without_outer_tanh(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b, out=lambda o, new, old: (o * new, new))


@mutant("5.2", hint="reads the cell state")
def lstm_reads_the_cell(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b, state=c_prev)


@mutant("5.2", hint="lacks its `np.tanh`.")
def lstm_linear_candidate(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b, h=lambda z: z)


@mutant("5.2", hint="candidate passes through the sigmoid")
def lstm_logistic_candidate(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b, h=sigmoid)


@mutant("5.2", hint="output gate has no effect")
def lstm_without_output_gate(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b, out=lambda o, new, old: (np.tanh(new), new))


@mutant("5.2", hint="multiplies the cell state that is handed on")
def lstm_output_gate_on_the_cell(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b, out=lambda o, new, old: (o * np.tanh(new), o * new))


@mutant("5.2", hint="shows the cell state before the step")
def lstm_shows_the_old_cell(x_t, a_prev, c_prev, W, b):
    def out(o, new, old):
        return o * np.tanh(old), new

    return _lstm(x_t, a_prev, c_prev, W, b, out=out)


@mutant("5.2", hint="in the place of the forget gate")
def lstm_tied_gates(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b, tied=True)


@mutant("5.2", hint="biases have no effect")
def lstm_without_biases(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, {key: 0 * one for key, one in b.items()})


@mutant("5.2", hint="input stands before the state")
def lstm_input_first(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b, join=lambda state, x: side(x, state))


@mutant("5.2", hint="A gate must lie between 0 and 1")
def lstm_tanh_gates(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b, g=np.tanh)


@mutant("5.2", hint="Units and examples have changed places")
def lstm_batch_on_the_right(x_t, a_prev, c_prev, W, b):
    f, u, o, candidate = (W[key] @ side(a_prev, x_t).T + b[key][:, None] for key in "fuoc")
    c_next = sigmoid(f) * c_prev + sigmoid(u) * np.tanh(candidate)
    return sigmoid(o) * np.tanh(c_next), c_next


@mutant("5.2", hint="You wrote `1 - f`")
def lstm_forget_means_forget(x_t, a_prev, c_prev, W, b):
    read = side(a_prev, x_t)
    f, u, o = (sigmoid(read @ W[key].T + b[key]) for key in "fuo")
    c_next = (1 - f) * c_prev + u * np.tanh(read @ W["c"].T + b["c"])
    return o * np.tanh(c_next), c_next


@mutant("5.2", hint="multiplies the hidden state")
def lstm_keeps_the_hidden_state(x_t, a_prev, c_prev, W, b):
    read = side(a_prev, x_t)
    f, u, o = (sigmoid(read @ W[key].T + b[key]) for key in "fuo")
    c_next = f * a_prev + u * np.tanh(read @ W["c"].T + b["c"])
    return o * np.tanh(c_next), c_next


@mutant("5.2", hint="inside the `np.tanh`")
def lstm_output_gate_inside(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b, out=lambda o, new, old: (np.tanh(o * new), new))


@mutant("5.2", hint="`a_next` shows the candidate")
def lstm_shows_the_candidate(x_t, a_prev, c_prev, W, b):
    candidate = np.tanh(side(a_prev, x_t) @ W["c"].T + b["c"])
    return _lstm(x_t, a_prev, c_prev, W, b, out=lambda o, new, old: (o * candidate, new))


@mutant("5.2", hint="handed on as it is")
def lstm_hands_on_the_tanh(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b, out=lambda o, new, old: (o * np.tanh(new), np.tanh(new)))


@mutant("5.2", hint="handed on as it is")
def lstm_tanh_twice(x_t, a_prev, c_prev, W, b):
    return _lstm(x_t, a_prev, c_prev, W, b, out=lambda o, new, old: (o * np.tanh(np.tanh(new)), np.tanh(new)))


@alternative("5.2")
def lstm_one_product(x_t, a_prev, c_prev, W, b):
    z = side(a_prev, x_t) @ np.concatenate([W[key] for key in "fuco"]).T + np.concatenate([b[key] for key in "fuco"])
    f, u, candidate, o = np.split(z, 4, axis=1)
    c_next = sigmoid(f) * c_prev + sigmoid(u) * np.tanh(candidate)
    return sigmoid(o) * np.tanh(c_next), c_next


@alternative("5.2")
def lstm_as_a_list(x_t, a_prev, c_prev, W, b):
    return list(_lstm(x_t, a_prev, c_prev, W, b))


# 5.3: the LSTM over all positions.


def _loop(x, mask, a0, c0, W, b, *, hold=None, carry=None, real=lambda mask: mask):
    a, c, states = a0, c0, []
    for t in range(x.shape[1]):
        new_a, new_c = _lstm(x[:, t], a, c, W, b)
        on = real(mask[:, t])[:, None]
        held = (np.where(on, new_a, a), np.where(on, new_c, c)) if hold is None else hold(on, new_a, new_c, a, c)
        states.append(held)
        a, c = held if carry is None else carry(*held)
    return tuple(np.stack(part, axis=1) for part in zip(*states, strict=True))


@mutant("5.3", hint="mask has no effect")
def forward_without_mask(x, mask, a0, c0, W, b):
    return _loop(x, mask, a0, c0, W, b, hold=lambda on, new_a, new_c, a, c: (new_a, new_c))


@mutant("5.3", hint="you returned 0")
def forward_zeros_at_padding(x, mask, a0, c0, W, b):
    a, c = _loop(x, mask, a0, c0, W, b)
    return a * mask[..., None], c * mask[..., None]


@mutant("5.3", hint="`a` is held still at padding")
def forward_holds_a_only(x, mask, a0, c0, W, b):
    return _loop(x, mask, a0, c0, W, b, hold=lambda on, new_a, new_c, a, c: (np.where(on, new_a, a), new_c))


@mutant("5.3", hint="`c` is held still at padding")
def forward_holds_c_only(x, mask, a0, c0, W, b):
    return _loop(x, mask, a0, c0, W, b, hold=lambda on, new_a, new_c, a, c: (new_a, np.where(on, new_c, c)))


@mutant("5.3", hint="states before the step")
def forward_mask_turned_round(x, mask, a0, c0, W, b):
    return _loop(x, mask, a0, c0, W, b, real=lambda mask: ~mask)


@mutant("5.3", hint="states before the step")
def forward_where_turned_round(x, mask, a0, c0, W, b):
    def hold(on, new_a, new_c, a, c):
        return np.where(on, a, new_a), np.where(on, c, new_c)

    return _loop(x, mask, a0, c0, W, b, hold=hold)


@mutant("5.3", hint="what you carry on is not")
def forward_carries_the_new(x, mask, a0, c0, W, b):
    a, c, states = a0, c0, []
    for t in range(x.shape[1]):
        new_a, new_c = _lstm(x[:, t], a, c, W, b)
        on = mask[:, t, None]
        states.append((np.where(on, new_a, a), np.where(on, new_c, c)))
        a, c = new_a, new_c
    return tuple(np.stack(part, axis=1) for part in zip(*states, strict=True))


@mutant("5.3", hint="what you carry on is not")
def forward_holds_outside(x, mask, a0, c0, W, b):
    a, c, held, states = a0, c0, (a0, c0), []
    for t in range(x.shape[1]):
        a, c = _lstm(x[:, t], a, c, W, b)
        held = tuple(np.where(mask[:, t, None], new, old) for new, old in zip((a, c), held, strict=True))
        states.append(held)
    return tuple(np.stack(part, axis=1) for part in zip(*states, strict=True))


@mutant("5.3", hint="A False may stand anywhere")
def forward_right_padding_only(x, mask, a0, c0, W, b):
    a, c = _loop(x, np.ones_like(mask), a0, c0, W, b)
    at = np.minimum(np.arange(x.shape[1]), mask.sum(axis=1, keepdims=True) - 1)[..., None]
    return np.take_along_axis(a, at, axis=1), np.take_along_axis(c, at, axis=1)


@mutant("5.3", hint="cell state is not carried on")
def forward_loses_the_cell(x, mask, a0, c0, W, b):
    return _loop(x, mask, a0, c0, W, b, carry=lambda a, c: (a, c0))


@mutant("5.3", hint="hidden state is not carried on")
def forward_loses_the_state(x, mask, a0, c0, W, b):
    return _loop(x, mask, a0, c0, W, b, carry=lambda a, c: (a0, c))


@mutant("5.3", hint="Every position started from")
def forward_starts_again(x, mask, a0, c0, W, b):
    return _loop(x, mask, a0, c0, W, b, carry=lambda a, c: (a0, c0))


@mutant("5.3", hint="you start from zeros")
def forward_from_zeros(x, mask, a0, c0, W, b):
    return _loop(x, mask, 0 * a0, 0 * c0, W, b)


@mutant("5.3", hint="`c` came first")
def forward_order(x, mask, a0, c0, W, b):
    return _loop(x, mask, a0, c0, W, b)[::-1]


@mutant("5.3", hint="Return both")
def forward_hidden_states_only(x, mask, a0, c0, W, b):
    return _loop(x, mask, a0, c0, W, b)[0]


@mutant("5.3", hint="time axis is missing")
def forward_last_states(x, mask, a0, c0, W, b):
    return tuple(part[:, -1] for part in _loop(x, mask, a0, c0, W, b))


@mutant("5.3", hint="Time is the first axis")
def forward_time_first(x, mask, a0, c0, W, b):
    return tuple(part.swapaxes(0, 1) for part in _loop(x, mask, a0, c0, W, b))


@mutant("5.3", hint="lists of states")
def forward_unstacked(x, mask, a0, c0, W, b):
    return tuple(list(part.swapaxes(0, 1)) for part in _loop(x, mask, a0, c0, W, b))


@mutant("5.3", hint="give the mask a second axis")
def forward_flat_mask(x, mask, a0, c0, W, b):
    new_a, _ = _lstm(x[:, 0], a0, c0, W, b)
    return np.where(mask[:, 0], new_a, a0)


@alternative("5.3")
def forward_filled_in(x, mask, a0, c0, W, b):
    states = np.zeros((2, *x.shape[:2], a0.shape[1]))
    before = np.stack([a0, c0])
    for t in range(x.shape[1]):
        after = np.stack(_lstm(x[:, t], *before, W, b))
        before[:, mask[:, t]] = after[:, mask[:, t]]
        states[:, :, t] = before
    return states[0], states[1]


@alternative("5.3")
def forward_by_multiplication(x, mask, a0, c0, W, b):
    def hold(on, new_a, new_c, a, c):
        return on * new_a + ~on * a, on * new_c + ~on * c

    return _loop(x, mask, a0, c0, W, b, hold=hold)


# 5.4: gates set by hand.


def _wired(forget, update, forget_flag=0.0, update_flag=0.0, column=2):
    W = {key: np.zeros((1, 3)) for key in "fuco"}
    b = {key: np.zeros(1) for key in "fuco"}
    W["c"][0, 1] = 1
    b["o"][0] = 12
    b["f"][0], b["u"][0] = forget, update
    W["f"][0, column], W["u"][0, column] = forget_flag, update_flag
    return W, b


def _choose(behaviour, remember=(12, -12), forget=(-12, 12), copy=(12, -12, -24, 24)):
    return _wired(*{"remember": remember, "forget": forget, "copy": copy}[behaviour])


@mutant("5.4", hint="Γ_u is 0.5: its bias is not set")
def forgets_the_update_bias(behaviour):
    return _choose(behaviour, remember=(12, 0))


@mutant("5.4", hint="Γ_f is 0.5: its bias is not set")
def forgets_the_forget_bias(behaviour):
    return _choose(behaviour, forget=(0, 12))


@mutant("5.4", hint="must overcome the bias")
def flag_cancels_the_forget_bias(behaviour):
    return _choose(behaviour, copy=(12, -12, -12, 24))


@mutant("5.4", hint="Both gates do the opposite")
def gates_exchanged(behaviour):
    return _choose(behaviour, remember=(-12, 12), forget=(12, -12))


@mutant("5.4", hint="leaks at every step")
def weak_biases(behaviour):
    return _choose(behaviour, remember=(5, -5), forget=(-5, 5))


@mutant("5.4", hint="The old value does not go")
def adds_to_the_old_value(behaviour):
    return _choose(behaviour, copy=(12, -12, 0, 24))


@mutant("5.4", hint="must overcome the bias")
def flag_cancels_the_bias(behaviour):
    return _choose(behaviour, copy=(12, -12, -24, 12))


@mutant("5.4", hint="The flag is column 2")
def reads_the_value_as_flag(behaviour):
    if behaviour != "copy":
        return _choose(behaviour)
    return _wired(12, -12, -24, 24, column=1)


@mutant("5.4", hint="The cell forgets")
def forgets_instead_of_remembering(behaviour):
    return _choose(behaviour, remember=(-12, -12))


@mutant("5.4", hint="Look at the update gate alone")
def never_writes(behaviour):
    return _choose(behaviour, forget=(-12, -12))


@mutant("5.4", hint="The candidate is given")
def changes_the_candidate(behaviour):
    W, b = _choose(behaviour, forget=(-12, 12))
    if behaviour == "forget":
        W["c"][0, 1] = 12
    return W, b


@mutant("5.4", hint="dicts with the keys")
def returns_arrays(behaviour):
    W, b = _choose(behaviour)
    return np.stack(list(W.values())), np.stack(list(b.values()))


@alternative("5.4")
def other_sizes(behaviour):
    return _choose(behaviour, remember=(30, -20), forget=(-40, 15), copy=(20, -15, -50, 40))


@alternative("5.4")
def ones_and_a_sign(behaviour):
    keep = {"remember": 1, "forget": -1, "copy": 1}[behaviour]
    turn = 40 if behaviour == "copy" else 0
    return _wired(18 * keep, -18 * keep, -turn, turn)


# 5.5: the weights for Keras.


def _keras(W, b, keys="urc", flip_W=True, flip_b=True, turn=np.transpose):
    n_a = len(b["u"])
    W = W | {"u": -W["u"] if flip_W else W["u"]}
    b = b | {"u": -b["u"] if flip_b else b["u"]}
    return [
        np.concatenate([W[key][:, n_a:].T for key in keys], axis=1),
        np.concatenate([turn(W[key][:, :n_a]) for key in keys], axis=1),
        np.concatenate([b[key] for key in keys]),
    ]


@mutant("5.5", hint="says how much of the old state *stays*")
def weights_without_the_sign(W, b):
    return _keras(W, b, flip_W=False, flip_b=False)


@mutant("5.5", hint="The update gate's bias changes its sign too")
def weights_bias_not_flipped(W, b):
    return _keras(W, b, flip_b=False)


@mutant("5.5", hint="The matrix of the update gate changes its sign too")
def weights_matrix_not_flipped(W, b):
    return _keras(W, b, flip_W=False)


@mutant("5.5", hint="Keras' order is z, r, h")
def weights_reset_first(W, b):
    return _keras(W, b, keys="ruc")


@mutant("5.5", hint="h and r are exchanged")
def weights_candidate_second(W, b):
    return _keras(W, b, keys="ucr")


@mutant("5.5", hint="square blocks that are not transposed")
def weights_recurrent_not_transposed(W, b):
    return _keras(W, b, turn=lambda block: block)


@mutant("5.5", hint="You cut after `n_x` columns")
def weights_input_first(W, b):
    n_x = W["u"].shape[1] - len(b["u"])
    stacked = np.concatenate([-W["u"], W["r"], W["c"]]).T
    return [stacked[:n_x], stacked[n_x:], np.concatenate([-b["u"], b["r"], b["c"]])]


@mutant("5.5", hint="You cut after `n_x` columns")
def weights_input_first_without_the_sign(W, b):
    n_x = W["u"].shape[1] - len(b["u"])
    stacked = np.concatenate([W["u"], W["r"], W["c"]]).T
    return [stacked[:n_x], stacked[n_x:], np.concatenate([b["u"], b["r"], b["c"]])]


@mutant("5.5", hint="along its last axis")
def weights_stacked_below(W, b):
    kernel, recurrent, bias = _keras(W, b)
    return [kernel.T, recurrent.T, bias]


@mutant("5.5", hint="1 minus the *weights*")
def weights_one_minus(W, b):
    W, b = W | {"u": 1 - W["u"]}, b | {"u": 1 - b["u"]}
    return _keras(W, b, flip_W=False, flip_b=False)


@alternative("5.5")
def weights_cut_from_one_matrix(W, b):
    n_a = len(b["u"])
    every = np.concatenate([-W["u"], W["r"], W["c"]]).T
    return every[n_a:], every[:n_a], np.hstack([-b["u"], b["r"], b["c"]])


# 5.6: the adding problem and its baseline.


def _adding(values, first, second):
    rows = np.arange(len(values))
    marks = np.zeros(values.shape)
    marks[rows, first] = marks[rows, second] = 1
    y = (values * marks).sum(axis=1, keepdims=True)
    return values, marks, y


@mutant("5.6", hint="standard deviation")
def adding_std(values, first, second):
    values, marks, y = _adding(values, first, second)
    return np.stack([values, marks], axis=-1), y, y.std()


@mutant("5.6", hint="error of the answer 1")
def adding_around_one(values, first, second):
    values, marks, y = _adding(values, first, second)
    return np.stack([values, marks], axis=-1), y, ((y - 1) ** 2).mean()


@mutant("5.6", hint="error of the answer 0")
def adding_around_zero(values, first, second):
    values, marks, y = _adding(values, first, second)
    return np.stack([values, marks], axis=-1), y, (y**2).mean()


@mutant("5.6", hint="variance over all possible examples")
def adding_in_theory(values, first, second):
    values, marks, y = _adding(values, first, second)
    return np.stack([values, marks], axis=-1), y, 1 / 6


@mutant("5.6", hint="0.1767 of some papers")
def adding_copied(values, first, second):
    values, marks, y = _adding(values, first, second)
    return np.stack([values, marks], axis=-1), y, 0.1767


@mutant("5.6", hint="baseline is the mean of `y`")
def adding_mean(values, first, second):
    values, marks, y = _adding(values, first, second)
    return np.stack([values, marks], axis=-1), y, y.mean()


@mutant("5.6", hint="in another order")
def adding_targets_first(values, first, second):
    values, marks, y = _adding(values, first, second)
    return y, np.stack([values, marks], axis=-1), y.var()


@mutant("5.6", hint="in another order")
def adding_baseline_second(values, first, second):
    values, marks, y = _adding(values, first, second)
    return np.stack([values, marks], axis=-1), y.var(), y


@mutant("5.6", hint="counted from 0")
def adding_counts_from_one(values, first, second):
    values, marks, y = _adding(values, first - 1, second - 1)
    return np.stack([values, marks], axis=-1), y, y.var()


@mutant("5.6", hint="divides by m − 1")
def adding_unbiased(values, first, second):
    values, marks, y = _adding(values, first, second)
    return np.stack([values, marks], axis=-1), y, y.var(ddof=1) if len(y) > 1 else 0.0


@mutant("5.6", hint="`y` has one axis")
def adding_flat(values, first, second):
    values, marks, y = _adding(values, first, second)
    return np.stack([values, marks], axis=-1), y[:, 0], y.var()


@mutant("5.6", hint="features stand on the wrong axis")
def adding_features_second(values, first, second):
    values, marks, y = _adding(values, first, second)
    return np.stack([values, marks], axis=1), y, y.var()


@mutant("5.6", hint="marks are feature 0")
def adding_marks_first(values, first, second):
    values, marks, y = _adding(values, first, second)
    return np.stack([marks, values], axis=-1), y, y.var()


@mutant("5.6", hint="sets whole columns")
def adding_whole_columns(values, first, second):
    marks = np.zeros(values.shape)
    marks[:, first] = marks[:, second] = 1
    rows = np.arange(len(values))
    y = (values[rows, first] + values[rows, second])[:, None]
    return np.stack([values, marks], axis=-1), y, y.var()


@mutant("5.6", hint="product of the two marked values")
def adding_product(values, first, second):
    values, marks, _ = _adding(values, first, second)
    rows = np.arange(len(values))
    y = (values[rows, first] * values[rows, second])[:, None]
    return np.stack([values, marks], axis=-1), y, y.var()


@mutant("5.6", hint="sum of all values")
def adding_all_values(values, first, second):
    values, marks, _ = _adding(values, first, second)
    y = values.sum(axis=1, keepdims=True)
    return np.stack([values, marks], axis=-1), y, y.var()


@mutant("5.6", hint="Return three things")
def adding_without_baseline(values, first, second):
    values, marks, y = _adding(values, first, second)
    return np.stack([values, marks], axis=-1), y


@alternative("5.6")
def adding_row_by_row(values, first, second):
    x, y = np.zeros((*values.shape, 2), "float32"), np.zeros((len(values), 1), "float32")
    x[..., 0] = values
    for i, (j, k) in enumerate(zip(first, second, strict=True)):
        x[i, [j, k], 1] = 1
        y[i] = values[i, j] + values[i, k]
    return x, y, float(((y - y.mean()) ** 2).mean())
