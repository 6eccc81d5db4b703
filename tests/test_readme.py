"""What the README prints runs, and the files that it names are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.S)


def test_nothing_is_left_to_fill_in():
    assert len(EXAMPLES) == 2
    assert "@@" not in TEXT
    assert "TODO" not in TEXT


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda code: code.split("\n", 1)[0])
def test_example_runs(code, capsys):
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    if "result" in names:
        rates = names["result"].rates()
        assert all(0.1 < rate < 200.0 for rate in rates.values()), rates
        assert "{'E': " in capsys.readouterr().out
    else:
        assert names["forward"].spikes.any()
        assert names["grad_weights"].shape == names["weights"].shape
        assert names["grad_weights"].any()


def test_named_files_exist():
    named = re.findall(r"`((?:cusnn|kernels|tests|benchmarks|notebooks)/[\w./-]*)`", TEXT)
    named += re.findall(r"\]\(([\w./-]+)\)", TEXT)
    assert named
    for name in named:
        assert (ROOT / name).exists(), name
