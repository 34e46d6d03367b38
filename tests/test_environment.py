"""What is installed, declared and imported belong together."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["dependencies"])}
LINES = [line for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines() if line.strip()]
PINS = {canonicalize_name(r.name): r for r in (Requirement(line) for line in LINES if line[0] not in "#-")}
DISTRIBUTIONS = packages_distributions()

# Installed for what they do, not for what they let us import.
NOT_IMPORTED = {
    "conllu": "tensorflow-datasets reads universal_dependencies with it",
    "importlib-resources": "tensorflow-datasets imports it without declaring it",
    "ipykernel": "the kernel of the lessons",
    "jupyter": "brings the widgets that progress bars need",
    "jupyterlab": "opens the lessons",
    "jupytext": "edits a solution as a Python file",
    "nbval": "plugin of pytest: runs the solutions",
    "pytest-timeout": "plugin of pytest",
    "pytest-xdist": "plugin of pytest: tests on several cores",
    "ruff": "lints and formats",
}
# Modules that need a clone of the repository, and with it requirements.txt; Colab does without.
FOR_MAINTAINERS = {"release.py", "grading"}


def test_every_requirement_is_pinned_to_one_version():
    assert LINES[-1] == "-e ."
    for pin in PINS.values():
        assert re.fullmatch(r"==[\d.]+", str(pin.specifier)), pin


@pytest.mark.parametrize("name", DECLARED)
def test_a_dependency_of_the_library_is_pinned_within_its_range(name):
    assert name in PINS, f"pin {name} in requirements.txt"
    (pin,) = PINS[name].specifier
    assert DECLARED[name].specifier.contains(pin.version), f"{PINS[name]} is not {DECLARED[name]}"


def test_every_requirement_is_imported_or_has_another_reason_to_be_there():
    notebooks = [path for folder in ("solutions", "lessons") for path in (ROOT / folder).glob("*.ipynb")]
    modules = [path for folder in ("utils", "tests") for path in (ROOT / folder).rglob("*.py")]
    imported = set().union(*map(distributions_in, [*notebooks, *modules]))
    assert set(PINS) - imported == set(NOT_IMPORTED)


def test_what_the_library_imports_is_declared_in_pyproject():
    for path in (ROOT / "utils").rglob("*.py"):
        if not FOR_MAINTAINERS & set(path.parts):
            missing = distributions_in(path) - set(DECLARED)
            assert not missing, f"{path.relative_to(ROOT)} imports {missing}, which pyproject.toml does not declare"


def test_colab_needs_no_other_versions():
    # Colab in August 2026. A range that left one of these out would replace it, and ask learners for a restart.
    colab = {"tensorflow": "2.20.0", "keras": "3.13.2", "numpy": "2.1.3", "ipython": "7.34.0", "matplotlib": "3.10.0"}
    for name, version in colab.items():
        assert DECLARED[name].specifier.contains(version), DECLARED[name]
    assert "nbgrader" not in DECLARED


def test_every_supported_python_is_tested_and_the_container_has_one():
    supported = [f"3.{minor}" for minor in range(30) if f"3.{minor}" in SpecifierSet(PROJECT["requires-python"])]
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert f"python: {json.dumps(supported)}" in workflow
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert container["image"].rpartition(":")[2] in supported


def distributions_in(path: Path) -> set[str]:
    """The distributions from which a module or a notebook imports, by their canonical names."""
    if path.suffix == ".ipynb":
        cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        sources = [re.sub(r"(?m)^(\s*)[%!].*", r"\1pass", source) for source in cells]
    else:
        sources = [path.read_text(encoding="utf-8")]
    names = set()
    for node in (node for source in sources for node in ast.walk(ast.parse(source))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module)
    tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    return {canonicalize_name(d) for top in tops for d in DISTRIBUTIONS.get(top, ()) if d != PROJECT["name"]}


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_code_and_notebooks_are_clean_for_ruff(command):
    done = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
