"""The library as a sandbox sees it: what the lesson uses, without what the lesson asks for.

The copy holds the modules that the lesson's set-up and exercises import, and what those import. Checks are an empty
call there, figures draw nothing, and what this lesson or a later one teaches is withheld.
"""

import ast
import shutil
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
ALWAYS = ("utils", "utils.runtime", "utils.checks.subject", "utils.grading.wire", "utils.grading.worker")
DATA = (".grammar",)
CHECKS = '''\
"""Stands in for the checks, which run outside."""


def check(number, answer=None, *, seed=None):
    """Does nothing here: the grader checks the answer itself."""


def progress(lesson=None):
    """Does nothing here."""
'''
PLOTS = '''\
"""Stands in for the figures: nothing is drawn while a lesson is graded."""


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *arguments, **options: None
'''
INSTEAD = {
    "utils.checks": CHECKS,
    "utils.plots": PLOTS,
    "utils.grading": '"""What runs inside the sandbox."""\n',
}
# What a lesson asks its learners to write, and the library offers to later lessons: module or name → lesson.
TAUGHT = {
    "utils.text.Vocabulary": "01",
    "utils.text.one_hot": "01",
    "utils.text.pad": "01",
    "utils.text.masked_mean": "01",
    "utils.text.bucket_ids": "01",
    "utils.text.padding_share": "01",
    "utils.layers.lstm": "05",
    "utils.layers.by_hand": "05",
    "utils.metrics.language.nats_per_token": "06",
    "utils.metrics.language.bits_per_token": "06",
    "utils.metrics.language.perplexity": "06",
    "utils.metrics.language.summed_nats": "06",
    "utils.decoding.scaled": "06",
    "utils.decoding.top_k": "06",
    "utils.decoding.nucleus": "06",
    "utils.decoding.Sampling": "06",
    "utils.decoding.Generator": "06",
    "utils.metrics.tags.token_accuracy": "07",
    "utils.metrics.tags.entity_f1": "07",
    "utils.metrics.tags.is_bio": "07",
    "utils.metrics.tags.illegal_tags": "07",
    "utils.viterbi.viterbi": "07",
    "utils.viterbi.legal_bio": "07",
    "utils.layers.fixed_context": "08",
    "utils.metrics.sequences.bleu": "08",
    "utils.metrics.sequences.edit_distance": "08",
    "utils.metrics.sequences.error_rates": "08",
    "utils.decoding.BeamSearch": "08",
    "utils.layers.attention": "09",
    "utils.layers.encoder_decoder": "09",
    "utils.layers.attention_by_hand": "09",
    "utils.metrics.sequences.alignment_error_rate": "09",
}
NEVER = ("checks", "grading", "release", "cli", "cli_train", "training", "experiments", "progress", "notebooks")


def build(folder: Path, lesson: str, cells: Iterable[str], package: Path = PACKAGE) -> Path:
    """Writes the copy for a lesson.

    Args:
        folder: Where to; the copy is its folder `utils`.
        lesson: The lesson's two digits.
        cells: The code of the lesson's cells that are run.
        package: The library.

    Returns:
        The folder, to be put on Python's path.
    """
    for module in sorted(needed(cells, package)):
        path = _file(module, package)
        target = folder / path.relative_to(package.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = INSTEAD.get(module) or withheld(path.read_text(encoding="utf-8"), module, lesson)
        target.write_text(text, encoding="utf-8")
        if path.name == "__init__.py":
            _copy_data(path.parent, target.parent, package)
    for made in (folder, *folder.rglob("*")):
        made.chmod(0o755 if made.is_dir() else 0o644)
    return folder


def needed(cells: Iterable[str], package: Path = PACKAGE) -> set[str]:
    """Modules of the library that these cells import, and what those import in turn."""
    waiting = [*ALWAYS, *(name for cell in cells for name in _imports(_parsed(cell), "", package))]
    found: set[str] = set()
    while waiting:
        module = waiting.pop()
        path = _file(module, package)
        if module in found or path is None:
            continue
        if module.split(".")[1:2] and module.split(".")[1] in NEVER and module not in (*ALWAYS, *INSTEAD):
            continue
        found.add(module)
        parent = module.rpartition(".")[0]
        waiting += [parent] if parent else []
        if module not in INSTEAD:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            waiting += _imports(tree, module if path.name == "__init__.py" else parent, package)
    return found


def withheld(source: str, module: str, lesson: str) -> str:
    """A module's source without what `lesson` or a later one teaches."""
    if TAUGHT.get(module, "") >= lesson:
        return f'raise ImportError("{module} is not available here: a lesson asks you to write it")\n'
    tree, lines = ast.parse(source), source.splitlines()
    for node in reversed(tree.body):
        name = getattr(node, "name", None)
        if isinstance(node, ast.ImportFrom) and TAUGHT.get(node.module or "", "") >= lesson:
            lines[node.lineno - 1 : node.end_lineno] = []
        elif name and TAUGHT.get(f"{module}.{name}", "") >= lesson:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            lines[first - 1 : node.end_lineno] = [
                f"def {name}(*arguments, **options):",
                f'    raise NameError("{module}.{name} is not available here: the lesson asks you to write it")',
            ]
    return "\n".join(lines) + "\n"


def _parsed(cell):
    """The tree of a cell; what Python cannot read (a magic) imports nothing of the library."""
    kept = [line for line in cell.splitlines() if not line.lstrip().startswith(("%", "!"))]
    try:
        return ast.parse("\n".join(kept))
    except SyntaxError:
        lines = [line for line in kept if line.startswith(("from utils", "import utils"))]
        try:
            return ast.parse("\n".join(lines))
        except SyntaxError:
            return ast.parse("")


def _imports(tree, package_name, package):
    """Modules of the library that a tree imports, here or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "utils")
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*package_name.split(".")[: -node.level + 1 or None], *filter(None, [base])])
            if base.split(".")[0] == "utils":
                yield base
                names = (f"{base}.{alias.name}" for alias in node.names)
                yield from (name for name in names if _file(name, package))


def _file(module, package):
    """The file of a module; `None` where the library has none."""
    path = package.joinpath(*module.split(".")[1:])
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


def _copy_data(source, target, package):
    """Copies the files beside a package, and in folders without code, that its modules read."""
    for path in source.rglob("*"):
        beside = path.parent == source or not (path.parent / "__init__.py").exists()
        if path.suffix in DATA and beside and source != package:
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
