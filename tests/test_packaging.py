"""The wheel holds every module and every kernel, and nothing else."""

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import skip

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory):
    if importlib.util.find_spec("build") is None:
        skip("build", "the package build is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\n")
    names = [name for name in tracked if name] or [
        str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()
    ]
    for name in names:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(copy)],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {n for n in archive.namelist() if ".dist-info/" not in n}


def test_wheel_holds_the_package_and_the_kernels(wheel_names):
    kinds = (".py", ".csv", ".json", ".md", ".npz", ".typed")
    package = {
        str(p.relative_to(ROOT))
        for p in (ROOT / "cusnn").rglob("*")
        if p.is_file() and "__pycache__" not in p.parts and p.suffix in kinds
    }
    kernels = {f"cusnn/kernels/{p.name}" for p in (ROOT / "kernels").iterdir()}
    assert wheel_names == package | kernels
