"""What is live in a template, what belongs to Python, and how settings arrive."""

import pytest

from kernelgen.errors import KernelgenError

SETTINGS = 'library = "pk"\n[kernels.case]\ntemplate = "case"\n[kernels.case.settings]\n'


def sources_of(built):
    return [cell.source for cell in built.notebook.cells]


def test_braces_in_strings_of_code_cells_belong_to_python(build):
    code = '\n'.join(
        [
            'x = 1',
            'print(f"{{{x}}}", "{{ x }}", \'{% if %}\', "{# c #}")',
            'print("""',
            '# %% no cell',
            '{{ nothing }}',
            '%ls',
            '""")',
        ]
    )  # fmt: skip
    assert sources_of(build(case=code + "\n")) == [code]


def test_a_comment_in_code_is_live_only_where_every_name_is_known(build):
    built = build(
        SETTINGS + "epochs = 3\n",
        "E = {{ epochs | literal }}  # for {{ epochs }} epochs\n# {{ unknown }} and {{ epochs + gone }} {{\n",
    )
    assert sources_of(built) == ["E = 3  # for 3 epochs\n# {{ unknown }} and {{ epochs + gone }} {{"]


def test_markdown_is_live(build):
    built = build(
        SETTINGS + 'name = "rex"\n',
        "# %% [markdown]\n# # On {{ name }}\n# It's {{ name | literal }}.\n\n# %%\nNAME = {{ name | literal }}\n",
    )
    assert sources_of(built) == ['# On rex\nIt\'s "rex".', 'NAME = "rex"']


def test_a_script_without_markers_is_one_code_cell_word_for_word(build):
    code = '#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n"""Doc."""\n\n\n# ls is more\n'
    code += '# !important\n\nprint("é")'
    built = build(case=code + "\n")
    assert sources_of(built) == [code]
    assert built.notebook.cells[0].cell_type == "code"


@pytest.mark.parametrize(
    "code",
    [
        "# %d is a format\n# more of it\n# ls\n# cd is a command\nx = 1",
        "# %matplotlib inline\n# !nvidia-smi\nx = 1",
        "# %%capture out\nx = 1",
        "# %%bash\n# rm -rf keep",
        "# !important: no command\nimport os\n# !ls\n# %timeit is slow\n\n\ndef f():\n    # %pip install x\n    return 1",
    ],
)
def test_a_comment_is_a_comment_wherever_it_stands(build, code):
    assert sources_of(build(case=f"# %%\n{code}\n")) == [code]


def test_magics_are_written_as_in_a_notebook(build):
    magics = "%matplotlib inline\n!ls \\\n  -l\nx = 1\nif x:\n    !ls \\\n        -l"
    cells = [magics, "%%capture out\nprint(x)", "a, b = !ls\nprint(out, a, b)", '%%bash\nls """ \'it', "print?"]
    assert sources_of(build(case="".join(f"# %%\n{cell}\n\n" for cell in cells))) == cells


def test_text_stands_in_comments(build):
    case = "# %% [markdown]\n# # On {{ name }}\n#\n# It's `%time`.\n\n# %% [raw]\n# a\n\n#   b\n\n"
    built = build(SETTINGS + 'name = "rex"\n', case + "# %%\nx = {{ name | literal }}\n")
    assert sources_of(built) == ["# On rex\n\nIt's `%time`.", "a\n\n  b", 'x = "rex"']
    assert [cell.cell_type for cell in built.notebook.cells] == ["markdown", "raw", "code"]


@pytest.mark.parametrize(
    ("case", "line", "problem"),
    [
        ("# %% [markdown]\n# Words.\n\nprint(1)\n\n# %%\nx = 1\n", 4, "code below a markdown marker"),
        ("# %% [markdown]\nprint(1)\n", 2, "code below a markdown marker"),
        ('# %% [markdown]\n"""Words."""\nprint(1)\n', 2, "code below a markdown marker"),
        ('# %% [markdown]\n"""a""" + x + """b"""\n', 2, "code below a markdown marker"),
        ("# %% [raw]\n# ---\n# ---\n!ls\n", 4, "code below a markdown marker"),
        ("# %% [markdown]\nJust words.\n", 2, "put a `# %%` above it, or `# ` before each line of text"),
        ('# %% [markdown]\n"""Words."""\n', 2, "`# ` before each line"),
        ("# %%\nx = 1\n\n# %%\n\ufeffprint(x)\n", 5, "U+FEFF"),
        ("# %% tags=5\nx = 1\n", 1, "a marker that cannot be read"),
        ('# %% language="bash"\n# ls\n', 1, "a marker that cannot be read"),
        ("# %% a = b\nx = 1\n", 1, "a marker that cannot be read"),
        ("# %% On {{ kernel.name }}\nx = 1\n", 1, "takes no values"),
        ("# %%\nx = '''\n>>> f()\n'''\n", 3, "put two other lines above it"),
        ("# %%\nif True:\n    x = 1\n# %%\n    y = 1\n", 5, "not valid Python"),
        ("# %%\nx = [\n# %%\n]\n", 2, "not valid Python"),
    ],
)
def test_what_a_notebook_would_not_run_as_python_does_is_refused_with_its_line(build, case, line, problem):
    with pytest.raises(KernelgenError) as error:
        build(case=case)
    assert str(error.value).startswith(f"kernel_templates/case.py.j2:{line}: ") and problem in str(error.value)


def test_an_indented_marker_does_not_split_a_cell(build):
    code = "# %%\ndef f():\n    # %% [markdown]\n    return 1"
    assert sources_of(build(case=code + "\n")) == [code.removeprefix("# %%\n")]


def test_odd_line_ends_within_strings_stay(build):
    code = 'x = "a\u2028b\x0cc\x85d"\nprint(len(x))'
    assert sources_of(build(case=code + "\n")) == [code]


def test_a_byte_order_mark_and_carriage_returns_are_read_as_python_reads_them(build):
    built = build(files={"kernel_templates/case.py.j2": b"\xef\xbb\xbfx = '''a\r\nb'''\r\nprint(x)\r\n"})
    assert sources_of(built) == ["x = '''a\nb'''\nprint(x)"]


def test_long_lists_are_broken_where_they_stand_and_not_in_comments(build):
    names = [f"species-{number:03}" for number in range(30)]
    built = build(
        SETTINGS + f"names = {names}\n",
        "# %% [markdown]\n# All: {{ names | literal }}\n\n"
        "# %%\nif True:\n    NAMES = {{ names | literal }}\nx = 1 / 0\n",
    )
    markdown, code = sources_of(built)
    assert markdown == "All: [" + ", ".join(f'"{name}"' for name in names) + "]"
    assert max(map(len, code.split("\n"))) <= 100 and len(code.split("\n")) > 4
    space = {}
    exec(code.replace("x = 1 / 0", ""), space)
    assert space["NAMES"] == names


def test_lines_of_errors_are_the_template_s_even_after_long_values(build):
    names = [f"species-{number:03}" for number in range(300)]
    with pytest.raises(KernelgenError) as error:
        build(SETTINGS + f"names = {names}\n", "NAMES = {{ names | literal }}\n\n# %%\nx = 1\nprint(nmaes)\n")
    assert str(error.value) == "kernel_templates/case.py.j2:5: undefined name nmaes; define or import it"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("{{ name | upper }}", "REX"),
        ("{{ name.upper() | literal }}", '"REX"'),
        ("{{ (n + 1) | literal }}", "4"),
        ("{{ n * 2 }}", "6"),
        ("{{ -n | literal }}", "-3"),
        ("{{ name if n > 2 else other }}", "rex"),
        ("{{ kernel.name if n else name }}", "case"),
        ("{{ {'a': {'b': n}} | literal }}", '{"a": {"b": 3}}'),
        ("{{ '}}' | literal }}", '"}}"'),
        ("{{ table['items'] + table.n }}", "11"),
        ("{{ ['a', name] | map('upper') | list | literal }}", '["A", "REX"]'),
        ("{{ result }}", "7"),
    ],
)
def test_jinja_evaluates_what_stands_between_the_braces(build, form, text):
    settings = 'name = "rex"\nother = "cat"\nn = 3\nresult = 7\ntable = { items = 5, n = 6 }\n'
    used = "# {{ name }} {{ other }} {{ n }} {{ result }} {{ table }}"
    quoted = f"# %% [markdown]\n# It is {form}.\n"
    built = build(SETTINGS + settings, f"{quoted}\n# %%\n{used}\ncase = REX = rex = 1\nx = [{form}, 1]\n")
    prose, code = sources_of(built)
    assert prose == f"It is {text}." and code.endswith(f"\nx = [{text}, 1]")
    comment = sources_of(build(SETTINGS + settings, f"{used}\nx = 1  # {form}\n"))[0].split("# ", 2)[2]
    # In a comment, a form is live where it has names, all of them known.
    assert comment == (form if form == "{{ '}}' | literal }}" else text)


def test_lines_of_errors_are_the_template_s_even_below_forms_of_several_lines(build):
    case = "# %% [markdown]\n# {{\n# n\n# }}\n\n# %%\nx = {{\n    n\n    | literal\n}}\nprint(nmaes)\n"
    with pytest.raises(KernelgenError) as error:
        build(SETTINGS + "n = 3\n", case)
    built = build(SETTINGS + "n = 3\n", case.replace("nmaes", "x"))
    assert sources_of(built) == ["3", "x = 3\nprint(x)"]
    assert str(error.value) == "kernel_templates/case.py.j2:11: undefined name nmaes; define or import it"


@pytest.mark.parametrize(
    "code",
    [
        "first = {{1: 2}[1]: 3}",
        'second = {{"k": x}["k"]: {1: {2: 3}} for x in "ab"}',
        "third = {{-1: 2}[-1]: {3: 4}}",
        "fourth = {{\n    # a key\n    1: 2}[1]: {3: 4}}",
        "fifth = 1  # {{ 'it' }}, {{ gone | nothing }}, {{ epochs",
        "sixth = 1  # {% if x %} {# no comment #}",
    ],
)
def test_braces_of_python_s_own_stay(build, code):
    assert sources_of(build(case=code + "\n")) == [code]


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ("y = {{ name.gone | literal }}", "has no attribute 'gone' in {{ name.gone | literal }}; correct it"),
        ("y = {{ kernel.tilte | literal }}", "has no attribute 'tilte'"),
        ("y = {{ [gone, name] | literal }}", "gone has no value"),
        ("# %% [markdown]\n# {{ kernel.gone }}", "has no attribute 'gone' in {{ kernel.gone }}"),
        ("y = {{ [name, kernel.gone] | literal }}", "has no attribute 'gone'"),
        ("y = {{ 1 / 0 }}", "division by zero in {{ 1 / 0 }}"),
        ("y = {{ name | no_filter }}", "No filter named 'no_filter'"),
        ("y = {{ names | random }}", "No filter named 'random'"),
        ("y = {{ range(3) | list }}", "range has no value"),
        ("y = {{ a b }}", "expected token 'end of print statement', got 'b' in {{ a b }}; correct it"),
        ("y = {{ }}", "Expected an expression"),
        ("y = {{- name -}}", "a sign that removes blanks in {{- name -}}; correct it"),
        ("y = {{ library }}", "{{ library() }} must stand alone in a code cell"),
        ("y = {{ library() | upper }}", "{{ library() }} must stand alone in a code cell"),
        ("y = {{ provenance | literal }}", "a function has no Python literal"),
        ("y = {{ name.upper }}", "has no Python literal"),
        ("y = {{ name | map('upper') }}", "a generator has no Python literal"),
        ("y = {{ name() }}", "'str' object is not callable in {{ name() }}"),
        ("y = {{ name }}", "is no name in Python; write {{ name | literal }} for its value"),
        ("y = {{ name | upper }}", "is no name in Python; write {{ name | upper | literal }} for its value"),
        ("y = {{ provenance() }}", "is no name in Python"),
        ("!echo {{ lines }}", "{{ lines }} is no plain text of one line"),
        ("# %% [markdown]\n# {{ gone }}", "gone has no value"),
    ],
)
def test_a_form_that_cannot_be_filled_is_told_with_its_line(build, case, problem):
    line = 3 if "# %%" in case else 2
    with pytest.raises(KernelgenError) as error:
        build(SETTINGS + 'name = "a b"\nlines = "a\\nb"\n', f"# {{{{ name }}}} {{{{ lines }}}}\n{case}\n")
    assert str(error.value).startswith(f"kernel_templates/case.py.j2:{line}: ") and problem in str(error.value)


def test_a_name_from_the_recipe_may_stand_in_an_import(build, with_library):
    built = build(
        SETTINGS + 'loss = { name = "bce", "at-most" = 3 }\n',
        with_library("from pk.losses.{{ loss.name }} import f\n\nf({{ loss['at-most'] }}, {{ loss | literal }})\n"),
        {"pk/losses/bce.py": "def f(*x): ...\n", "pk/losses/focal.py": ""},
    )
    assert sources_of(built)[-1] == 'from pk.losses.bce import f\n\nf(3, {"name": "bce", "at-most": 3})'
    assert [module.name for module in built.closure.modules] == ["pk", "pk.losses.bce"]


@pytest.mark.parametrize(
    ("template", "line", "said"),
    [
        ("# %%\nx = 1\n{{ library() }}\nimport pk\n", 3, "must stand alone in a code cell"),
        ("# %% [markdown]\n# {{ library() }}\n\n# %%\nimport pk\n", 2, "must stand alone in a code cell"),
        (
            "# %%\n{{ library() }}\n\n# %%\n{{ library() }}\n\n# %%\nimport pk\n",
            5,
            "in a code cell, once",
        ),
        ("# %%\nx = 1\n\nimport pk\n", 4, "put it alone in a code cell above the first import"),
        ("# %%\ndef f(:\n    pass\n", 2, "not valid Python"),
    ],
)
def test_a_library_in_the_wrong_place_and_broken_python_are_told_with_their_line(build, template, line, said):
    with pytest.raises(KernelgenError) as error:
        build(case=template)
    assert str(error.value).startswith(f"kernel_templates/case.py.j2:{line}: ") and said in str(error.value)


def test_of_a_library_that_nothing_imports_no_module_is_brought(build):
    first, *others = sources_of(build(case="# %%\n{{ library() }}\n\n# %%\nprint(1)\n"))
    assert "argv" in first and others == ["print(1)"]


def test_await_outside_functions_and_shell_cells_are_fine(build):
    code = (
        "# %%\nimport asyncio\nawait asyncio.sleep(0)\n\n# %%\n%%bash\nls 'unbalanced\n# %d {{ }}\n\n"
        "# %%\n!echo {x}\nfiles = !ls\nprint(files)\n"
    )
    assert sources_of(build(case=code))[1:] == [
        "%%bash\nls 'unbalanced\n# %d {{ }}", "!echo {x}\nfiles = !ls\nprint(files)"
    ]  # fmt: skip
