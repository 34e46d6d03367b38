"""How long a run trains, and the learning rate that follows from it."""

import math
import time
from collections.abc import Callable


class Budget:
    """A limit in wall time or in steps, which knows what part of it is used.

    With wall time, a slow machine trains fewer steps but ends the schedule of its learning rate all the same.

    Args:
        seconds: Wall time, above 0; None for a limit in steps.
        steps: Number of steps, at least 1; None for a limit in time.
        used: Seconds used before this process, by a run that was interrupted.
        clock: Returns seconds that only rise.

    Raises:
        ValueError: If not exactly one limit is given, or it is not above 0.

    >>> budget = Budget(steps=4)
    >>> budget.fraction(1)
    0.25
    """

    def __init__(
        self,
        *,
        seconds: float | None = None,
        steps: int | None = None,
        used: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if (seconds is None) == (steps is None):
            raise ValueError(f"seconds is {seconds} and steps is {steps}, but exactly one limit is expected")
        if not (0 < seconds < math.inf if steps is None else steps >= 1):
            raise ValueError(f"seconds is {seconds} and steps is {steps}, but the limit must be above 0, and finite")
        self.seconds = seconds
        self.steps = steps
        self._clock = clock
        self._begin = clock() - used

    def used(self) -> float:
        """The seconds used so far, those of earlier processes included."""
        return self._clock() - self._begin

    def fraction(self, step: int) -> float:
        """The part of the limit that is used after `step` steps, in [0, 1]."""
        return min(1.0, step / self.steps if self.steps is not None else self.used() / self.seconds)


def cosine(fraction: float, peak: float, *, warmup: float = 0.02, floor: float = 0.0) -> float:
    """Compute a learning rate that rises linearly and then falls along half a cosine.

    Args:
        fraction: Part of the training that is done, in [0, 1].
        peak: The highest rate.
        warmup: Part of the training in which the rate rises, in [0, 1).
        floor: The rate at the end, as a part of `peak`.

    Returns:
        The rate, above 0 at the beginning.

    Source: Loshchilov & Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017.

    >>> [round(cosine(fraction, 1.0, warmup=0.2), 2) for fraction in (0.1, 0.2, 0.6, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if fraction < warmup:
        return peak * max(fraction / warmup, 0.01)
    done = (fraction - warmup) / (1 - warmup)
    return peak * (floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2)
