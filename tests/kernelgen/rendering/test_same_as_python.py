"""What a built notebook executes is what Python executes of the rendered script.

Compared are syntax trees: of the code cells as IPython transforms them, one after the other, and of the script.
"""

import ast
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from kernelgen.rendering.template import Template

WHERE = "kernel_templates/case.py.j2"
IPYTHON = TransformerManager()
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("templates") / "case.py.j2"


def tree(code):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = ast.parse(code)
    # A text that stands in a string for its comment signs' sake does nothing in Python.
    module.body = [
        node
        for node in module.body
        if not isinstance(getattr(node, "value", None), ast.Constant) or not isinstance(node, ast.Expr)
    ]
    return ast.dump(module)


def cells_of(path, text, values=None):
    path.write_text(text, encoding="utf-8")
    return Template(path, WHERE, values or {}).render({"kernel": {}, "sources": {}, **(values or {})})


def executed(cells):
    """The Python that IPython makes of the code cells."""
    return "\n".join(as_ipython(cell.source) for cell in cells if cell.kind == "code")


def as_ipython(source):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return IPYTHON.transform_cell(source)


# Statements, each valid Python wherever a statement of the outermost level may stand.
STATEMENTS = [
    "x = 1",
    "# !rm -rf keep",
    "# %time f()",
    "# %reset the counters",
    "#%pip install x",
    "# %%time",
    "# %%bash",
    "# %%writefile worker.py",
    "# x = !ls",
    "# ?x, x?",
    "# cd is a command",
    "    # an indented comment\nif x:\n    y = 2\nz = 3",
    "    # %% indented",
    "def f(a):\n    # %% [markdown]\n    # !ls\n    return a",
    "@property\n# %time of a decorator\ndef g(self):\n    return self",
    'text = """\n# %%\n%matplotlib inline\n!ls\n# %% [markdown]\n# prose?\n"""',
    "# said\ntext = '''\n>>> f()\n%%time\n'''",
    "text = r'''\\\n# %% \\'\n'''",
    'text = "a \\\n# %% b"',
    "def h():\n    '''Says.\n\n# %% no cell\n    '''\n    return '''\n!x\n'''",
    "y = x \\\n    % 3",
    "y = (x\n%x\n)",
    "y = [\n    1,  # one\n    # !two\n]",
    "y = '%d%%' % x  # %s",
    'y = \'# %% [markdown]\'; z = """a"""  # It\'s',
    "first = {{1: 2}[1]: 3}",
    'second = {{"k": x}["k"] for x in "ab"}',
    "f'{ {1: 2}[1] }{{x}}'",
    "x: int = 1 # what?",
    'x = 3 if x else "it\'s"',
    "for i in ():\n    pass\nelse:\n    x = 1",
    "async def a():\n    await b",
    "z = x; del z",
    "'# %%'",
    "if x:\n\n\n    y = 3\n\n    # end",
    "z = 'a\u2028b\x0cc\x85d'  # \u2028x",
]
MARKERS = [
    "# %%",
    "#%%",
    "# %% A title",
    '# %% tags=["a"]',
    "# %%%",
    '# %% [markdown]\n# # It\'s a heading\n#\n# - `%time`, !ls, """\n#     indented\n\n# %%',
    "# %% [md]\n# %%bash\n#\n# !ls\n# %%",
    "# %% [raw]\n# ---\n# %%",
]
texts = st.text(
    alphabet=st.sampled_from(list("ab{}%#!'\"\\ \n\r\t\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029?/;,.-+<>=&\x00é")) | st.characters(codec="utf-8"),
    max_size=30,
) | st.sampled_from(
    ["# %%\nprint(1)", "\n# %% [markdown]\n", "%% of birds", "!rm -rf keep", "{{ library() }}", "{% if %}", '"""', "'''",
     "\u2028print(666)", "\rprint(666)", "\x85print(666)", "\x0bprint(666)", "+++\n-->", "\\", "x?", "%time", "```\n# %%"]
)  # fmt: skip
values = st.recursive(
    texts | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_each_statement_stays_what_it_is(path, statement):
    for text in (statement, f"# %%\n{statement}", f"# %% [markdown]\n# It's\n\n# %%\n{statement}\n# %%\nx = 1"):
        assert tree(executed(cells_of(path, text + "\n"))) == tree(text), text


@SLOW
@given(
    st.lists(st.sampled_from(STATEMENTS + MARKERS * 3), min_size=1, max_size=12),
    st.sampled_from(["\n", "\n\n", "\n\n\n"]),
)
def test_any_template_does_what_its_script_does(path, blocks, gap):
    text = gap.join(blocks) + "\n"
    assert tree(executed(cells_of(path, text))) == tree(text)


VALUED = """# %% [markdown]
# {{ note }}
# It is {{ note | literal }}.

# %%
# Note: {{ note }}
#{{ note }}
X = {{ note | literal }}  # {{ note }} and {{ note | literal }}
if X:
    # {{ note }}
    Y = [X, {{ (note if 1 else 0) | literal }}, # {{ note ~ note }}
         X]

# %% [raw]
# {{ note }}

# %%
print(X)
"""


@SLOW
@given(values)
def test_no_value_leaves_its_comment_its_literal_or_its_cell(path, value):
    cells = cells_of(path, VALUED, {"note": value})
    assert [cell.kind for cell in cells] == ["markdown", "code", "raw", "code"]
    expected = f"X = {value!r}\nif X:\n    Y = [X, {value!r}, X]\nprint(X)\n"
    assert tree(executed(cells)) == tree(expected)
    for cell in cells:
        assert cell.kind != "code" or tree(cell.python) == tree(as_ipython(cell.source))
        # Line numbers of messages: every value on one line.
        assert cell.text.count("\n") == [1, 6, 0, 0][cells.index(cell)]
    assert str(value) in cells[0].source and cells[2].source == str(value)
