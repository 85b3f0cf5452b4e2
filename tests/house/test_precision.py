"""Numbers that do not depend on the processor: every model says in which precision it is computed."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
THE_PLACE = ROOT / "birdlib" / "inference" / "requests.py"
# What makes or compiles a model of OpenVINO's, by whatever name the module goes.
COMPILING = {"Core", "compile_model", "import_model"}


def sources():
    for folder in ("birdlib", "kernel_templates", "benchmarks", "tests/birdlib", "tests/benchmarks", "tests/notebooks"):
        for path in (ROOT / folder).rglob("*.py*"):
            if path.suffix in (".py", ".j2") and path != THE_PLACE:
                yield path


def compiling_lines(text):
    """Line numbers of the calls that compile a model, in code and in code that stands in strings."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in COMPILING:
                yield node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (node.lineno for name in COMPILING if f"{name}(" in node.value)


def test_models_are_compiled_in_one_place_which_asks_for_the_precision():
    elsewhere = [
        f"{path.relative_to(ROOT)}:{line}" for path in sources() for line in compiling_lines(path.read_text("utf-8"))
    ]
    assert elsewhere == []
    assert THE_PLACE.read_text("utf-8").count(".compile_model(") == 1


@pytest.mark.parametrize(
    "code",
    ["ov.Core()", "core.compile_model(g, 'CPU')", "compile_model(g)", "from x import Core\nCore()", "S = 'ov.Core()'"],
)
def test_the_search_sees_each_way_to_compile(code):
    assert list(compiling_lines(code))


def test_a_model_is_computed_in_the_precision_that_was_asked_for():
    """Wherever this runs: a product whose exact result needs float32's bits, and that bf16 would round."""
    import numpy as np
    import openvino as ov
    from openvino import opset13 as ops

    from birdlib.inference.requests import compile_for_cpu

    numbers = ops.parameter([4, 64], np.float32)
    weights = np.eye(64, dtype=np.float32) * np.float32(1 + 2**-12)
    graph = ov.Model([ops.matmul(numbers, weights, False, False)], [numbers])
    given = np.full((4, 64), 1 + 2**-11, np.float32)
    computed = compile_for_cpu(graph, "f32")(given)[0]
    np.testing.assert_allclose(computed, given * weights[0, 0], rtol=1e-7)
