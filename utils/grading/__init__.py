"""Grading submissions: the checks of the notebooks, run from outside a process that holds the learner's code.

A worker (`worker`) runs set-up and answers in a sandbox (`sandbox`) that has only a cut copy of the library
(`library`). Values travel as JSON and raw arrays (`wire`), and a check reaches an answer through a proxy (`proxy`).
`judging` marks one submission, `grade` a class; `submissions` and `archives` find what was handed in, and `tables`,
`gradebook` and `pages` hand back what came of it.
"""
