"""Who may know what: the packages import what DESIGN gives them and never each other."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import million_ird
from tests.policy.documents import COMMANDS, ROOT

_NETWORK = {"aiohttp", "requests", "httpx", "urllib3", "httpcore", "http.client", "http.server", "urllib.request"}
_WEB_FRAMEWORKS = {"starlette", "fastapi", "flask", "django", "tornado"}
FORBIDDEN = {
    "million_ird": {"ray", "torch", "webdataset", "pipelines", "annotation", "pretrain"} | _NETWORK | _WEB_FRAMEWORKS,
    "pipelines": {"torch", "webdataset", "annotation", "pretrain"},
    "annotation": {"ray", "torch", "webdataset", "pipelines", "pretrain"},
    "pretrain": {"pipelines", "annotation"} | _NETWORK,
}
HEAVY = (
    "ray",
    "torch",
    "webdataset",
    "duckdb",
    "datasets",
    "cv2",
    "skimage",
    "scipy",
    "aiohttp",
    "pandas",
    "PIL",
    "fastapi",
)
"""Packages that take long to import: none may come along before a verb runs."""

_DISTRIBUTIONS = {"cv2": "opencv-python-headless", "skimage": "scikit-image", "PIL": "pillow", "triton": "torch"}
"""Where a module's distribution has another name, or is brought by another (PyTorch for CUDA brings Triton)."""
_MODULES = {distribution: module for module, distribution in _DISTRIBUTIONS.items()}


def imports(file: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def is_within(module: str, forbidden: str) -> bool:
    return module == forbidden or module.startswith(f"{forbidden}.")


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_package_never_imports_what_it_must_not_know(package: str) -> None:
    offences = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in _files(package)
        for module in imports(file)
        if any(is_within(module, forbidden) for forbidden in FORBIDDEN[package])
    ]
    assert _files(package)
    assert offences == []


@pytest.mark.parametrize("package", FORBIDDEN)
def test_folders_of_a_package_never_import_in_a_ring(package: str) -> None:
    """Whoever reads one of them has to read those that it imports, and those never lead back."""
    folders = {folder.name for folder in (ROOT / package).iterdir() if folder.is_dir()}
    known = {folder: _parts(package, folder) & folders - {folder} for folder in folders}
    ring: list[str] = []
    try:
        TopologicalSorter(known).prepare()
    except CycleError as error:
        ring = error.args[1]
    assert ring == []


def _parts(package: str, folder: str) -> set[str]:
    """Files and folders of a package, by name, that one of its folders imports from."""
    found = (module for file in _files(f"{package}/{folder}") for module in imports(file))
    return {module.split(".")[1] for module in found if module.startswith(f"{package}.")}


def test_the_walk_sees_every_form_of_import(tmp_path: Path) -> None:
    file = tmp_path / "file.py"
    file.write_text("def f():\n    from ray import data\n    import torch.nn as nn\nfrom urllib import request\n")
    assert {"ray", "torch.nn", "urllib.request"} <= set(imports(file))


def _declared() -> set[str]:
    """Distributions that the packages may need, those of extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {name: names for name, names in project["optional-dependencies"].items() if name not in ("demo", "dev")}
    return {re.split(r"[\[<>=]", line)[0] for names in (project["dependencies"], *extras.values()) for line in names}


def test_every_imported_distribution_is_declared() -> None:
    declared = _declared()
    imported = {module.split(".")[0] for package in FORBIDDEN for file in _files(package) for module in imports(file)}
    outside = imported - set(sys.stdlib_module_names) - set(FORBIDDEN)
    assert {_DISTRIBUTIONS.get(module, module) for module in outside} <= declared


def _loaded(code: str) -> set[str]:
    """Top-level names in `sys.modules` after a program ran in a process of its own."""
    program = f"{code}\nimport sys\nprint('modules:', *sorted({{name.split('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(result.stdout.splitlines()[-1].split()[1:])


def test_importing_the_package_loads_next_to_nothing() -> None:
    loaded = _loaded("import million_ird")
    assert not loaded & {*HEAVY, "numpy", "pyarrow", "fsspec", "pipelines"}


def test_the_help_of_the_command_loads_next_to_nothing() -> None:
    loaded = _loaded("from million_ird.cli import main\nassert main(['--help']) == 0")
    assert not loaded & {*HEAVY, "numpy", "pyarrow", "fsspec", "pipelines"}


def test_the_public_reader_loads_no_heavy_package() -> None:
    assert not _loaded("from million_ird import open_dataset") & set(HEAVY)


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_help_of_a_verb_loads_no_heavy_package(verb: str) -> None:
    code = (
        "from million_ird.cli import main\n"
        f"try:\n    main([*{verb.split()!r}, '--help'])\nexcept SystemExit as end:\n    assert end.code == 0"
    )
    allowed = {"cv2"} if verb == "fit-niqe" else set()  # its module is the screen itself
    assert not _loaded(code) & set(HEAVY) - allowed


def test_the_step_and_the_networks_need_nothing_but_torch_and_numpy() -> None:
    loaded = _loaded("import pretrain.step, pretrain.models.dynet, pretrain.models.counting, pretrain.compile")
    outside = loaded & {_MODULES.get(name, name) for name in _declared()} | loaded & set(HEAVY)
    assert outside <= {"torch", "numpy"}


def test_the_exported_members() -> None:
    assert million_ird.__all__ == ["Dataset", "open_dataset"]
    for member in million_ird.__all__:
        assert getattr(million_ird, member).__module__ == "million_ird.dataset"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = million_ird.nothing
