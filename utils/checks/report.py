"""What a learner sees of a check, and of a lesson's checks together."""

import html
import itertools
import re
import sys
from dataclasses import dataclass

from utils.checks.cases import Case, Exercise, Failure

PASSED, FAILED = "✓", "✗"


class Shown:
    """Something shown as rich HTML in a notebook and as words in a terminal."""

    def html(self) -> str:
        """The rich form."""
        raise NotImplementedError

    def words(self) -> str:
        """The plain form."""
        raise NotImplementedError

    def plain_in_notebook(self) -> str:
        """What stands beside the HTML in a notebook."""
        return self.words()

    def __repr__(self) -> str:
        return self.words()

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        in_notebook = in_kernel()
        return {"text/html": self.html(), "text/plain": self.plain_in_notebook() if in_notebook else self.words()}


def in_kernel() -> bool:
    """Whether this process is a notebook's kernel, not a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


@dataclass(frozen=True, repr=False)
class Result(Shown):
    """What came of checking one exercise.

    Attributes:
        exercise: The exercise.
        outcomes: Its cases, each with why it failed, or `None`.
        seed: What decided the random inputs.
        name: What the answer is called.
    """

    exercise: Exercise
    outcomes: tuple[tuple[Case, Failure | None], ...]
    seed: int
    name: str

    @property
    def points(self) -> int:
        """Points of the cases that passed."""
        return sum(case.points for case, failure in self.outcomes if failure is None)

    @property
    def max_points(self) -> int:
        """Points of all cases."""
        return sum(case.points for case, _ in self.outcomes)

    @property
    def passed(self) -> bool:
        """Whether every case passed."""
        return self.points == self.max_points

    @property
    def solved(self) -> bool:
        """Whether the learner has written an answer at all."""
        return all(failure is None or failure.solved for _, failure in self.outcomes)

    @property
    def failure(self) -> Failure | None:
        """The first failure."""
        return next((failure for _, failure in self.outcomes if failure), None)

    def __float__(self) -> float:
        return float(self.points)

    def plain_in_notebook(self) -> str:
        """Exactly one number: nbgrader reads it as partial credit."""
        return f"{float(self)}"

    def headline(self) -> str:
        """One line: the exercise and its points."""
        state = f"{self.points} of {self.max_points} points" if self.solved else "not solved yet"
        return f"Exercise {self.exercise.number} · {self.exercise.title}: {state}"

    def words(self) -> str:
        """The headline, a line a case, and the first failure."""
        lines = [f"{PASSED if self.passed else FAILED} {self.headline()}"]
        if not self.solved:
            return "\n".join([*lines, f"  {self.to_do()}"])
        lines += [f"  {FAILED if failure else PASSED} {case.name}" for case, failure in self.outcomes]
        if failure := self.failure:
            lines += ["", f"  {sentence(failure)}"]
            for label, text in (("inputs", failure.inputs), ("expected", failure.expected), ("got", failure.got)):
                if text:
                    lines += [f"  {label}:", *(f"    {line}" for line in text.splitlines())]
            lines += [f"  Hint: {failure.hint}"] if failure.hint else []
            lines += [f"  {line}" for line in failure.trace.splitlines()]
            lines += [f"  The same inputs again: {self.again()}"]
        return "\n".join(lines)

    def to_do(self) -> str:
        """What to do about an answer that is not written yet: this one, or an earlier one that it calls."""
        if f"Exercise {self.exercise.number} " in self.failure.sentence:
            return "Replace the line `raise NotImplementedError(...)` by your answer."
        return f"It calls an earlier answer: {self.failure.sentence}."

    def again(self) -> str:
        """The call that repeats this check with the same inputs."""
        return f'check("{self.exercise.number}", {self.name}, seed={self.seed})'

    def html(self) -> str:
        """The same, with a coloured bar, and the arrays side by side."""
        colour = "#2e7d32" if self.passed else "#b26a00" if self.solved else "#777777"
        if not self.solved:
            body = f"<div>{formatted(self.to_do())}</div>"
        else:
            cases = " &nbsp; ".join(
                f"{FAILED if failure else PASSED}&nbsp;{formatted(case.name)}" for case, failure in self.outcomes
            )
            body = f'<div style="opacity:.85">{cases}</div>' + self._failure_html()
        mark = PASSED if self.passed else FAILED if self.solved else "…"
        return (
            f'<div style="border-left:4px solid {colour};padding:.3em .8em;margin:.2em 0;line-height:1.5">'
            f"<div><b>{mark} {formatted(self.headline())}</b></div>{body}</div>"
        )

    def _failure_html(self) -> str:
        failure = self.failure
        if failure is None:
            return ""
        parts = [f'<div style="margin-top:.5em">{formatted(sentence(failure))}</div>']
        short = "" if "\n" in failure.inputs or len(failure.inputs) > 60 else failure.inputs
        if failure.inputs and not short:
            shown = f'<pre style="margin:0">{html.escape(failure.inputs)}</pre>'
            parts.append(f'<details style="opacity:.7"><summary>The inputs of this case</summary>{shown}</details>')
        arrays = [
            f'<div><div style="opacity:.7">{label}</div><pre style="margin:0">{html.escape(text)}</pre></div>'
            for label, text in (("inputs", short), ("expected", failure.expected), ("got", failure.got))
            if text
        ]
        if arrays:
            parts.append(f'<div style="display:flex;gap:2.5em;flex-wrap:wrap;margin:.4em 0">{"".join(arrays)}</div>')
        if failure.hint:
            parts.append(f"<div><b>Hint:</b> {formatted(failure.hint)}</div>")
        if failure.trace:
            parts.append(f'<pre style="margin:.4em 0">{html.escape(failure.trace)}</pre>')
        parts.append(f'<div style="opacity:.7">The same inputs again: <code>{html.escape(self.again())}</code></div>')
        return "".join(parts)


@dataclass(frozen=True, repr=False)
class Tally(Shown):
    """The latest result of each exercise of a lesson."""

    lesson: str
    rows: tuple[tuple[Exercise, Result | None], ...]

    def _lines(self) -> list[tuple[str, str, str]]:
        lines = []
        for exercise, result in self.rows:
            mark = "…" if result is None or not result.solved else PASSED if result.passed else FAILED
            points = "not checked yet" if result is None else f"{result.points} of {result.max_points}"
            lines.append((mark, f"{exercise.number} {exercise.title}", points))
        return lines

    def headline(self) -> str:
        """One line: how many exercises of the lesson are solved."""
        done = sum(result is not None and result.passed for _, result in self.rows)
        return f"Lesson {self.lesson}: {done} of {len(self.rows)} exercises solved"

    def words(self) -> str:
        """The headline, and a line an exercise."""
        return "\n".join([self.headline(), *(f"  {mark} {name}: {points}" for mark, name, points in self._lines())])

    def html(self) -> str:
        """The same, with a bar."""
        done = sum(result is not None and result.passed for _, result in self.rows)
        rows = "".join(
            f'<tr><td style="text-align:left">{mark} {formatted(name)}</td>'
            f'<td style="text-align:right">{points}</td></tr>'
            for mark, name, points in self._lines()
        )
        width = round(100 * done / len(self.rows)) if self.rows else 0
        return (
            f'<div role="img" aria-label="{self.headline()}" style="max-width:32em">'
            f"<b>{self.headline()}</b>"
            f'<div style="background:#8884;border-radius:3px;margin:.3em 0"><div style="background:#2e7d32;'
            f'height:.6em;border-radius:3px;width:{width}%"></div></div><table>{rows}</table></div>'
        )


def sentence(failure: Failure) -> str:
    """What went wrong, with the name of the function and a mark at its end."""
    return failure.sentence if failure.sentence.endswith("?") else f"{failure.sentence}."


def formatted(text: str) -> str:
    """Text as HTML, with `code` between backticks set as code, and *words* between stars stressed."""
    parts = html.escape(text, quote=False).split("`")
    stressed = (re.sub(r"\*(\w[^*]*)\*", r"<em>\1</em>", part) for part in parts[::2])
    code = (f"<code>{part}</code>" for part in parts[1::2])
    return "".join(part for pair in itertools.zip_longest(stressed, code, fillvalue="") for part in pair)
