"""Every notebook runs from top to bottom in a fresh kernel; some are committed with outputs."""

import base64
import importlib
from pathlib import Path

import pytest
from conftest import REQUIRED

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Run for minutes in full; here they run shortened, and what they showed in full is kept in them.
WITH_OUTPUTS = ("02_training",)


def needed(name):
    """A module; without it the tests here are skipped, or fail where CUSNN_REQUIRE says so."""
    if "notebook" in REQUIRED:
        return importlib.import_module(name)
    return pytest.importorskip(name, reason=f"{name} is not installed")


nbformat, nbclient = needed("nbformat"), needed("nbclient")
needed("ipykernel")


def by_name(path):
    return path.stem


def test_there_are_notebooks():
    assert "01_one_neuron" in {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_committed_with_outputs_or_without(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if path.stem in WITH_OUTPUTS:
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        kinds = [out.output_type for cell in cells for out in cell.outputs]
        assert "display_data" in kinds
        assert "error" not in kinds
        return
    for cell in cells:
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_runs(path, monkeypatch):
    """No cell fails or warns, and every figure is drawn."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("CUSNN_SHORT_NOTEBOOKS", "1")
    monkeypatch.delenv("MPLBACKEND", raising=False)
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    ).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    warnings = [out.text for out in outputs if out.get("name") == "stderr"]
    assert warnings == []
    wanted = sum("plt.show()" in cell.source for cell in notebook.cells)
    shown = [out.data for out in outputs if "data" in out]
    pictures = [data["image/png"] for data in shown if "image/png" in data]
    sliders = [data for data in shown if "application/vnd.jupyter.widget-view+json" in data]
    assert wanted > 0
    assert len(pictures) + len(sliders) == wanted
    assert all(base64.b64decode(picture)[:4] == b"\x89PNG" for picture in pictures)
