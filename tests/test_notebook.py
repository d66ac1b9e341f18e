"""docs/quickstart.ipynb, from its first cell to its last, on the smoke preset and a few images."""

import nbclient
import nbformat
import pytest
from conftest import ROOT

NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"


@pytest.mark.slow
def test_every_cell_of_the_notebook_works(few_faces, shared_cache, tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_REPORTS_CACHE", shared_cache)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    settings = notebook.cells[1]
    assert settings.source.endswith('PRESET, MORE, RUN = "quick", [], "runs/notebook"')
    settings.source = f'PRESET, MORE, RUN = "smoke", ["--data", {str(few_faces)!r}], {str(tmp_path / "run")!r}'
    page = notebook.cells.pop()
    assert 'python("-m", "common.gallery")' in page.source
    page.source = f'python("-m", "common.gallery", {str(tmp_path)!r})'
    notebook.cells.append(page)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    outputs = [cell.get("outputs", ()) for cell in notebook.cells]
    shown = [sum("image/png" in output.get("data", ()) or "image/jpeg" in output.get("data", ()) for output in own)
             for own in outputs]
    assert shown == [0, 0, 0, 0, 1, 1, 4, 1, 1, 0, 0], "grid, curves, four samples, two strips"
    assert (tmp_path / "index.html").is_file() and "hair as asked" in str(notebook.cells[-2].outputs)


def test_the_notebook_is_kept_without_outputs_and_has_ten_cells_of_code():
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.source[:5].split(".")[0] for cell in cells] == [f"# {number}" for number in range(1, 11)]
    assert not any(cell.outputs or cell.execution_count for cell in cells)
