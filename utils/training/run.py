"""What every recipe's run has in common: its limit, its loop, its checkpoint, and the end of its report."""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np

from utils import runtime
from utils.training import checkpoint
from utils.training.budget import Budget, cosine
from utils.training.folder import RunError
from utils.training.report import circumstances

Show = Callable[[float, str], None]
CHECKPOINT_SECONDS = 15.0


def checked_limit(minutes: float | None, steps: int | None, seed: int) -> dict[str, float]:
    """Check what every recipe is given, and seed everything.

    Args:
        minutes: Wall time of the training.
        steps: Number of steps instead; None for `minutes`.
        seed: From 0 to 2³² − 1.

    Returns:
        The limit, as `Budget` takes it.

    Raises:
        RunError: If the limit or the seed is outside its range, or Keras does not run on TensorFlow.
    """
    try:
        limit = {"steps": steps} if steps is not None else {"seconds": 60.0 * (minutes or 0.0)}
        Budget(**limit)
        runtime.seed_everything(seed)
    except ValueError as error:
        raise RunError(str(error)) from None
    if keras.backend.backend() != "tensorflow":
        raise RunError(f"Keras runs on {keras.backend.backend()}, but this needs TensorFlow: unset KERAS_BACKEND")
    return limit


def adamw(model: keras.Model, recipe: Any, beta_2: float = 0.99) -> keras.optimizers.Optimizer:
    """Make AdamW with a recipe's `learning_rate`, `weight_decay` and `clip`; biases do not decay."""
    optimizer = keras.optimizers.AdamW(
        recipe.learning_rate, recipe.weight_decay, beta_2=beta_2, global_clipnorm=recipe.clip
    )
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build(model.trainable_variables)
    return optimizer


def crosses(before: float, after: float, parts: int) -> bool:
    """Tell whether a step ends one of `parts` equal parts of the training (or several, which count once).

    >>> crosses(0.24, 0.25, 4), crosses(0.25, 0.26, 4), crosses(0.1, 0.9, 4), crosses(0.99, 1.0, 4)
    (True, False, True, True)
    """
    return int(after * parts) > int(before * parts)


class Run:
    """One model's training: how far it is, its loop, its checkpoint.

    A recipe's run says what a step is (`take_steps`), when its history gets a point (`is_due`) and what the point says
    (`point`), and what the progress bar shows (`words`).

    Args:
        model: The model, built.
        optimizer: Its optimizer, built.
        path: Where the checkpoint lies.
        limit: The limit, as `Budget` takes it.
        seed: The run's seed.

    Attributes:
        step: Steps taken.
        used: Seconds used, those of earlier processes included.
        interruptions: How often the run was taken up again.
        history: The points, in the order in which they were made.
        over: Whether the run ends before its limit.
        stopped: Whether training shall stop now, to be taken up again later; another thread may say so.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        path: Path,
        limit: Mapping[str, float],
        seed: int,
    ) -> None:
        self.model, self.optimizer, self.path, self.limit, self.seed = model, optimizer, path, limit, seed
        self.peak = float(optimizer.learning_rate)
        self.step, self.used, self.interruptions = 0, 0.0, 0
        self.history: list[dict[str, float]] = []
        self.losses: list[float] = []  # since the last point
        self.over = self.stopped = False

    def take_steps(self) -> Callable[[], float]:
        """Make the function that takes the next step, from `self.step` on, and returns its loss."""
        raise NotImplementedError

    def is_due(self, before: float, after: float) -> bool:
        """Whether a point is due: the parts of the limit used before and after a step are given."""
        raise NotImplementedError

    def point(self) -> dict[str, float]:
        """What a point of the history says besides the step, the seconds and the training loss."""
        raise NotImplementedError

    def words(self, loss: float) -> str:
        """What the progress bar shows, given the mean of the last losses."""
        raise NotImplementedError

    def train(self, show: Show) -> None:
        """Train until the limit, with a checkpoint every 15 seconds and when interrupted."""
        budget = Budget(**self.limit, used=self.used)
        take_step = self.take_steps()
        saved, first = budget.used(), self.step
        try:
            while (done := budget.fraction(self.step)) < 1.0 and not (self.over or self.stopped):
                self.optimizer.learning_rate.assign(cosine(done, self.peak))
                loss = take_step()
                if not math.isfinite(loss):
                    raise RunError(f"the loss is {loss} at step {self.step}: the learning rate is too high")
                self.losses.append(loss)
                self.step, self.used = self.step + 1, budget.used()
                recent = self.losses[-20:]
                if self.is_due(done, budget.fraction(self.step)):
                    self._note()
                if budget.used() - saved > CHECKPOINT_SECONDS:
                    self.save()
                    saved = budget.used()
                show(done, f"step {self.step:,}: {self.words(sum(recent) / len(recent))}")
            if self.losses and not self.stopped:
                self._note()
        except KeyboardInterrupt:
            self.save()
            raise
        if self.step > first:
            self.save()

    def _note(self) -> None:
        """Add a point to the history."""
        mean = sum(self.losses) / len(self.losses)
        self.losses = []
        self.history.append({
            "step": self.step, "seconds": round(self.used, 2), "train_nats": mean, **self.point(),
        })  # fmt: skip

    def arrays(self) -> dict[str, list[Any]]:
        """The arrays of a checkpoint."""
        return {
            "model": [variable.numpy() for variable in self.model.variables],
            "optimizer": [variable.numpy() for variable in self.optimizer.variables],
        }

    def take_arrays(self, arrays: Mapping[str, list[np.ndarray]]) -> None:
        """Go on with what `arrays` returned."""
        checkpoint.assign(self.model.variables, arrays["model"], str(self.path))
        checkpoint.assign(self.optimizer.variables, arrays["optimizer"], str(self.path))

    def save(self) -> None:
        """Write a checkpoint."""
        plain = {
            "step": self.step, "used": self.used, "interruptions": self.interruptions, "history": self.history,
            "losses": self.losses, "over": self.over,
        }  # fmt: skip
        checkpoint.save(self.path, self.arrays(), plain)

    def restore(self) -> None:
        """Go on from the checkpoint."""
        arrays, plain = checkpoint.load(self.path)
        self.take_arrays(arrays)
        self.step, self.used, self.interruptions = plain["step"], plain["used"], plain["interruptions"] + 1
        self.history, self.losses, self.over = plain["history"], plain["losses"], plain["over"]

    def facts(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The end of every report: time, steps, parameters, seed, versions, settings and history."""
        return {
            "seconds": round(self.used, 1),
            "steps": self.step,
            "parameters": parameters(self.model),
            "interruptions": self.interruptions,
            "seed": self.seed,
            **circumstances(),
            "settings": settings,
            "history": self.history,
        }


def train_all(runs: Sequence[Run], workers: int, show: Show) -> None:
    """Train several models, some of them at the same time.

    Args:
        runs: Their runs.
        workers: How many train at the same time, each in a thread.
        show: Called with the part of all that is done, and a few words on one of them.

    Raises:
        BaseException: What the first of them raised; the others save their checkpoints.
    """
    if len(runs) == 1:
        runs[0].train(show)
        return
    parts = [0.0] * len(runs)

    def shown_as(number: int) -> Show:
        def shown(done: float, words: str) -> None:
            parts[number] = done
            show(sum(parts) / len(parts), f"model {number + 1} of {len(runs)}, {words}")

        return shown

    with ThreadPoolExecutor(workers) as pool:
        under_way = [pool.submit(run.train, shown_as(number)) for number, run in enumerate(runs)]
        try:
            for each in under_way:
                each.result()
                parts[under_way.index(each)] = 1.0
        except BaseException:
            for run in runs:
                run.stopped = True
            raise


class BestKept(Run):
    """A run that keeps the weights that did best; `score` of a point is higher for better ones."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.best = [weight.numpy() for weight in self.model.trainable_variables]
        self.best_score = -math.inf

    def keep(self, score: float) -> None:
        """Keep the weights if no earlier ones did better."""
        if score >= self.best_score:
            self.best, self.best_score = [weight.numpy() for weight in self.model.trainable_variables], score

    def arrays(self) -> dict[str, list[Any]]:
        """The arrays of a checkpoint, with the best weights and their score."""
        return {**super().arrays(), "best": self.best, "best_score": [np.float64(self.best_score)]}

    def take_arrays(self, arrays: Mapping[str, list[np.ndarray]]) -> None:
        """Go on with what `arrays` returned."""
        super().take_arrays(arrays)
        self.best, self.best_score = arrays["best"], float(arrays["best_score"][0])

    def take_best(self) -> None:
        """Give the model its best weights."""
        checkpoint.assign(self.model.trainable_variables, self.best, "the run")


def parameters(model: keras.Model) -> int:
    """Count the numbers that training changes."""
    return int(sum(np.prod(variable.shape) for variable in model.trainable_variables))


def draw_losses(history: list[dict[str, float]], lines: Mapping[str, str], ylabel: str, title: str, path: Path) -> None:
    """Draw points of a history against the training time.

    Args:
        history: The points.
        lines: The name of each line → the points' key.
        ylabel: The vertical axis.
        title: The finding.
        path: The PNG to write.
    """
    from utils.plots import curves

    minutes = [point["seconds"] / 60 for point in history]
    drawn = {name: (minutes, [point[key] for point in history]) for name, key in lines.items()}
    curves(drawn, xlabel="training time (minutes)", ylabel=ylabel, title=title).save(path)
