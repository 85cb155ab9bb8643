from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = (
    "tensorflow",
    "keras",
    "tf_keras",
    "tensorflow_model_optimization",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "pydantic",
    "numpy",
    "mlflow",
    "fsspec",
)
ROOT = Path(__file__).parent.parent


def test_a_layer_imports_only_those_below_it() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_an_idle_pytest_run_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "test_idle.py").write_text(
        "import sys\n"
        "def test_idle():\n"
        "    assert 'pytest_opml.plugin.hooks' in sys.modules\n"
        f"    assert not [name for name in {HEAVY!r} if name in sys.modules]\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_building_cases_imports_no_tensorflow(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pytest_opml import matrix\n"
        "matrix(models=['efficientnet_lite0'], dataset='digits', techniques=['int8', 'cluster-256+float16'])\n"
        "assert not [name for name in ('tensorflow', 'keras', 'scipy', 'sklearn') if name in sys.modules]\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
