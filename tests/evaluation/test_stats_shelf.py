"""The statistics are plain Python: no Django, and figures that say why they are NaN."""

import copy
import json
import math
import pickle
import pkgutil
import subprocess
import sys

from evaluation import stats
from evaluation.stats.figure import Figure, undefined


def test_the_package_imports_without_django():
    modules = [module.name for module in pkgutil.iter_modules(stats.__path__)]
    assert {"agreement", "intervals", "paired", "power", "ppi", "preference", "sequential"} <= set(modules)
    code = f"import sys; {'; '.join(f'import evaluation.stats.{m}' for m in modules)}; print('django' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_a_figure_is_a_float_with_a_reason():
    figure = undefined("one rater")
    assert math.isnan(figure) and figure.reason == "one rater"
    assert Figure(0.5) == 0.5 and Figure(0.5).reason == ""
    assert json.dumps(Figure(0.5)) == "0.5"
    for same in (copy.deepcopy(figure), pickle.loads(pickle.dumps(figure))):
        assert same.reason == "one rater"
