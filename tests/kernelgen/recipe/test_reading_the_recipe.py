"""kernels.toml: the smallest form works, and every mistake is one clear line with file and key."""

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.recipe import load_project

WHERE = "kernel_templates/kernels.toml: "


def problems(root, *arguments):
    with pytest.raises(KernelgenError) as error:
        load_project(root, *arguments)
    return str(error.value).split("\n")


def test_the_smallest_recipe_has_a_default_for_everything(write_project):
    project = load_project(write_project())
    kernel = project.kernels["case"]
    assert (kernel.title, kernel.slug) == ("pk case", "pk-case")
    assert kernel.time_limit_minutes == 720
    assert not kernel.gpu and not kernel.internet and kernel.private
    assert kernel.settings == {} and kernel.sources == {}
    assert project.owner is None and project.datasets == {}


@pytest.mark.parametrize(("minutes", "limit"), [("0", 720), ("0.0", 720), ("90.0", 90)])
def test_a_time_limit_of_0_minutes_is_kaggles_session(write_project, minutes, limit):
    root = write_project(
        f'library = "pk"\n[kernels.case]\ntemplate = "case"\ntime_limit = "minutes"\nsettings = {{ minutes = {minutes} }}'
    )
    assert load_project(root).kernels["case"].time_limit_minutes == limit


TITLES = "Kaggle takes 5 to 50 printable characters for each, no space at an end; change it"
BAD_RECIPES = {
    "a number as library": (
        'library = 3\n[kernels.case]\ntemplate = "case"',
        ["library: expected a string, found the number 3"],
    ),
    "no kernels": ('library = "pk"', ["kernels: missing; write it"]),
    "no library": ('[kernels.case]\ntemplate = "case"', ["library: missing; write it"]),
    "an unknown key": (
        'library = "pk"\n[kernels.case]\ntemplat = "case"',
        ["[kernels.case] templat: unknown key (did you mean template?); remove or correct it"],
    ),
    "two violations": (
        'library = "pk"\n[kernels.case]\ntemplate = 3\ngpu = "yes"',
        [
            "[kernels.case] template: expected a string, found the number 3",
            "[kernels.case] gpu: expected true or false, found the string 'yes'",
        ],
    ),
    "a kernel's name in capitals": (
        'library = "pk"\n[kernels.Case]\ntemplate = "case"',
        ["[kernels] Case: string should match pattern '^[a-z0-9][a-z0-9-]*$', found the string 'Case'"],
    ),
    "an unknown template": (
        'library = "pk"\n[kernels.case]\ntemplate = "cas"',
        ["[kernels.case] template: there is no kernel_templates/cas.py.j2 (did you mean case?); correct the name"],
    ),
    "no template": (
        'library = "pk"\n[kernels.case]',
        [
            "[kernels.case] template: there is no kernel_templates/.py.j2 (there is case, set, source, two); "
            "correct the name"
        ],
    ),
    "a short title": (
        'library = "pk"\n[kernels.case]\ntemplate = "case"\ntitle = "abc"',
        [f"[kernels.case] title: 'abc' makes the slug 'abc'; {TITLES}"],
    ),
    "a long title": (
        f'library = "pk"\n[kernels.case]\ntemplate = "case"\ntitle = "{"x" * 51}"',
        [f"[kernels.case] title: '{'x' * 51}' makes the slug '{'x' * 51}'; {TITLES}"],
    ),
    "a title without a slug": (
        'library = "pk"\n[kernels.case]\ntemplate = "case"\ntitle = "!!!!!!a"',
        [f"[kernels.case] title: '!!!!!!a' makes the slug 'a'; {TITLES}"],
    ),
    "a title with a space at its end": (
        'library = "pk"\n[kernels.case]\ntemplate = "case"\ntitle = "A title "',
        [f"[kernels.case] title: 'A title ' makes the slug 'a-title'; {TITLES}"],
    ),
    "an own setting that the template does not name": (
        'library = "pk"\n[kernels.case]\ntemplate = "set"\nsettings = {epochs = 3, epoch = 3}',
        [
            "[kernels.case] epoch: kernel_templates/set.py.j2 does not name it "
            "(did you mean epochs?); remove it or use it there"
        ],
    ),
    "a shared setting that no template names": (
        'library = "pk"\n[settings]\nx = 2\n[kernels.case]\ntemplate = "case"',
        ["[settings] x: no template of the recipe names it; remove it"],
    ),
    "a float over an int": (
        'library = "pk"\n[settings]\nepochs = 3\n[kernels.case]\ntemplate = "set"\nsettings = {epochs = 2.5}',
        ["[kernels.case.settings] epochs: float 2.5 cannot replace int 3; give a value of the same type"],
    ),
    "a bool over an int": (
        'library = "pk"\n[settings]\nepochs = 1\n[kernels.case]\ntemplate = "set"\nsettings = {epochs = true}',
        ["[kernels.case.settings] epochs: bool True cannot replace int 1; give a value of the same type"],
    ),
    "a setting named like what Jinja has": (
        'library = "pk"\n[kernels.case]\ntemplate = "set"\nsettings = {epochs = 3, self = 3}',
        [
            "[kernels.case] self: kernel_templates/set.py.j2 does not name it (there is epochs); remove it or use it there"
        ],
    ),
    "a setting named like what a template has": (
        'library = "pk"\n[kernels.case]\ntemplate = "set"\nsettings = {epochs = 3, kernel = 3}',
        [
            "[kernels.case] kernel: kernel_templates/set.py.j2 does not name it (there is epochs); remove it or use it there"
        ],
    ),
    "an infinite setting": (
        'library = "pk"\n[kernels.case]\ntemplate = "set"\nsettings = {epochs = inf}',
        ["[kernels.case.settings] epochs: inf and nan have no Python literal"],
    ),
    "a date as setting": (
        'library = "pk"\n[kernels.case]\ntemplate = "set"\nsettings = {epochs = 2026-01-01}',
        [
            "[kernels.case.settings] epochs: a setting is a string, a number, true or false, a list "
            "or a table, but never a date"
        ],
    ),
    "a kind of source that there is not": (
        'library = "pk"\n[kernels.case]\ntemplate = "source"\nsources = {weights = "datset:x"}',
        [
            "[kernels.case.sources] weights: 'datset:x' is no source (there is kernel:case); write kernel:NAME (in a list "
            "also a family or a glob), dataset:NAME with datasets/NAME/dataset.toml, either also as OWNER/SLUG or "
            "OWNER/SLUG/VERSION, competition:SLUG or model:OWNER/MODEL/FRAMEWORK/VARIATION/VERSION"
        ],
    ),
    "a kernel source that the recipe lacks": (
        'library = "pk"\n[kernels.case]\ntemplate = "source"\nsources = {weights = "kernel:cas"}',
        [
            "[kernels.case.sources] weights: 'kernel:cas' is no source (did you mean kernel:case?); write kernel:NAME (in a list "
            "also a family or a glob), dataset:NAME with datasets/NAME/dataset.toml, either also as OWNER/SLUG or "
            "OWNER/SLUG/VERSION, competition:SLUG or model:OWNER/MODEL/FRAMEWORK/VARIATION/VERSION"
        ],
    ),
    "a dataset source without folder": (
        'library = "pk"\n[kernels.case]\ntemplate = "source"\nsources = {weights = "dataset:rex-weights"}',
        [
            "[kernels.case.sources] weights: 'dataset:rex-weights' is no source (there is kernel:case); write kernel:NAME (in a list "
            "also a family or a glob), dataset:NAME with datasets/NAME/dataset.toml, either also as OWNER/SLUG or "
            "OWNER/SLUG/VERSION, competition:SLUG or model:OWNER/MODEL/FRAMEWORK/VARIATION/VERSION"
        ],
    ),
    "a model without version": (
        'library = "pk"\n[kernels.case]\ntemplate = "source"\nsources = {weights = "model:me/rex/pt/b"}',
        [
            "[kernels.case.sources] weights: 'model:me/rex/pt/b' is no source (there is kernel:case); write kernel:NAME (in a list "
            "also a family or a glob), dataset:NAME with datasets/NAME/dataset.toml, either also as OWNER/SLUG or "
            "OWNER/SLUG/VERSION, competition:SLUG or model:OWNER/MODEL/FRAMEWORK/VARIATION/VERSION"
        ],
    ),
    "a source that the template does not use": (
        'library = "pk"\n[kernels.case]\ntemplate = "case"\nsources = {weights = "competition:birdclef-2023"}',
        ["[kernels.case] sources.weights: kernel_templates/case.py.j2 does not name it; remove it or use it there"],
    ),
    "two sources that would lie in one folder": (
        'library = "pk"\n[kernels.case]\ntemplate = "two"\n'
        'sources = {one = "dataset:ann/birds", two = "dataset:bob/birds"}',
        [
            "[kernels.case.sources] two: dataset:bob/birds and dataset:ann/birds would be mounted at the "
            "same place; rename one of them"
        ],
    ),
    "extending what is not there": (
        'library = "pk"\n[kernels.case]\nextends = "casa"',
        ["[kernels.case] extends: 'casa' is no kernel of this file (did you mean case?); correct it"],
    ),
    "extending in a circle": (
        'library = "pk"\n[kernels.a]\nextends = "b"\n[kernels.b]\nextends = "a"',
        ["[kernels.a] extends: goes in a circle: a -> b -> a; break it"],
    ),
    "kernels that feed on each other": (
        'library = "pk"\n[kernels.a]\ntemplate = "source"\nsources = {weights = "kernel:b"}\n'
        '[kernels.b]\ntemplate = "source"\nsources = {weights = "kernel:a"}',
        ["[kernels.a.sources] kernels feed on each other: a -> b -> a; break the circle"],
    ),
    "nothing to take each of": (
        'library = "pk"\n[kernels.case]\ntemplate = "set"\neach = {epochs = []}',
        ["[kernels.case.each] epochs: nothing stands in it; write at least one"],
    ),
    "a family with one title": (
        'library = "pk"\n[kernels.case]\ntemplate = "set"\neach = {epochs = [1, 2]}\ntitle = "One title"',
        [
            "[kernels.case] case-epochs2 ('One title') has the name or the slug of case-epochs1 in [kernels.case]; "
            "rename one, or give a title (in a family with {self})"
        ],
    ),
    "two kernels of one name": (
        'library = "pk"\n[kernels.case]\ntemplate = "set"\neach = {epochs = [1]}\n'
        '[kernels.case-epochs1]\nextends = "case"\ntitle = "Another title"\neach = {}\nsettings = {epochs = 1}',
        [
            "[kernels.case-epochs1] case-epochs1 ('Another title') has the name or the slug of case-epochs1 in "
            "[kernels.case]; rename one, or give a title (in a family with {self})"
        ],
    ),
    "a placeholder that each does not have": (
        'library = "pk"\n[kernels.case]\ntemplate = "set"\neach = {epochs = [1]}\ntitle = "Title {seed}"',
        ["[kernels.case] title: seed is not a name of `each`; write one of epochs, self"],
    ),
    "a placeholder with a line end": (
        'library = "pk"\n[kernels.case]\ntemplate = "case"\ntitle = "Title {se\\ned}"',
        ["[kernels.case] title: 'se\\ned' is not a name of `each`; write one of self"],
    ),
    "a time limit that no setting holds": (
        'library = "pk"\n[kernels.case]\ntemplate = "case"\ntime_limit = "minutes"',
        ["[kernels.case] time_limit: 'minutes' is not a setting that holds a number of minutes"],
    ),
    "a time limit that is no number": (
        'library = "pk"\n[kernels.case]\ntemplate = "case"\ntime_limit = true',
        ["[kernels.case] time_limit: expected a number, found true"],
    ),
    "an owner that cannot be": (
        'library = "pk"\nowner = "a b"\n[kernels.case]\ntemplate = "case"',
        ["owner: string should match pattern '^[A-Za-z0-9][A-Za-z0-9_-]*$', found the string 'a b'"],
    ),
    "no TOML": (
        "[a",
        ["not valid TOML: Expected ']' at the end of a table declaration (at end of document); mend the file"],
    ),
}


@pytest.mark.parametrize("case", BAD_RECIPES)
def test_a_mistake_in_the_recipe_is_one_line_with_file_and_key(write_project, case):
    recipe, expected = BAD_RECIPES[case]
    root = write_project(
        recipe,
        files={
            "kernel_templates/set.py.j2": "EPOCHS = {{ epochs | literal }}\n",
            "kernel_templates/source.py.j2": "WEIGHTS = {{ sources.weights | literal }}\n",
            "kernel_templates/two.py.j2": "A = {{ sources.one | literal }}\nB = {{ sources['two'] | literal }}\n",
        },
    )
    assert problems(root) == [WHERE + line for line in expected]


@pytest.mark.parametrize(
    "table",
    ["kernels.case.settings", "kernels.case.sources", "kernels.case.each", "kernels.case", "kernels", "settings"],
)
def test_a_name_with_a_line_end_is_shown_in_one_line(write_project, table):
    lines = {"kernels.case": 'template = "case"'}
    lines[table] = lines.get(table, "") + '\n"a\\nb" = ["x"]'
    tables = "".join(f"[{name}]\n{text}\n" for name, text in lines.items())
    line = problems(write_project(f'library = "pk"\n{tables}'))[0]
    assert line.startswith(f"{WHERE}[{table}] 'a\\nb': ") and len(line.splitlines()) == 1


PLAIN = "remove white space at its ends and characters that cannot be printed"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("a\\nb", f"'a\\nb' is no plain text; {PLAIN}"),
        ("a\\u0000b", f"'a\\x00b' is no plain text; {PLAIN}"),
        ("a\\u2028b", f"'a\\u2028b' is no plain text; {PLAIN}"),
        ("  x ", f"'  x ' is no plain text; {PLAIN}"),
        ("", "is empty; write something or remove it"),
        ("x" * 300, f"{'x' * 37!r}... has 300 characters; no more than"),
    ],
)
@pytest.mark.parametrize("key", ["keywords", "docker_image", "submits"])
def test_a_text_that_kaggle_cannot_take_is_one_line(write_project, key, text, wrong):
    value, item = (f'["audio", "{text}"]', " item 2") if key == "keywords" else (f'"{text}"', "")
    (line,) = problems(write_project(f'library = "pk"\n[kernels.case]\ntemplate = "case"\n{key} = {value}\n'))
    assert line.startswith(f"{WHERE}[kernels.case] {key}{item}: {wrong}")


def test_texts_that_kaggle_takes_pass(write_project):
    texts = (
        'keywords = ["vögel", "deep learning"]\ndocker_image = "gcr.io/a/b@sha256:0"\nsubmits = "sub dir/my file.csv"'
    )
    kernel = load_project(write_project(f'library = "pk"\n[kernels.case]\ntemplate = "case"\n{texts}\n')).kernels[
        "case"
    ]
    assert kernel.keywords == ["vögel", "deep learning"] and kernel.submits == "sub dir/my file.csv"


def test_the_keywords_of_a_dataset_are_texts_that_kaggle_takes(write_project):
    text = 'title = "Weights"\nlicense = "other"\nkeywords = ["a", "a\\nb"]\n'
    assert problems(write_project(files={"datasets/weights-x/dataset.toml": text})) == [
        f"datasets/weights-x/dataset.toml: keywords item 2: 'a\\nb' is no plain text; {PLAIN}"
    ]


def test_a_library_that_is_not_there_is_one_line(write_project):
    root = write_project('library = "gone"\n[kernels.case]\ntemplate = "case"\n')
    assert problems(root) == [
        f"library = 'gone': neither gone/ nor gone.py is in {root}; name the package that lies there"
    ]


def test_a_name_without_a_value_is_told_with_the_template_s_line(write_project):
    root = write_project(case="# %%\nimport os\n\nEPOCHS = {{ epochs | literal }}\n")
    assert problems(root) == [
        "kernel_templates/case.py.j2:4: epochs has no value in kernels.toml; write it under [kernels.case.settings]"
    ]


def test_a_source_that_is_not_declared_is_told_with_the_template_s_line(write_project):
    root = write_project(case="# %%\nWEIGHTS = {{ sources.weights | literal }}\n")
    assert problems(root) == [
        "kernel_templates/case.py.j2:2: sources.weights has no value in kernels.toml; "
        "write it under [kernels.case.sources]"
    ]


def test_broken_jinja_is_told_with_the_template_s_line(write_project):
    (line,) = problems(write_project(case="x = 1\ny = {{ a b }}\n"))
    assert line.startswith("kernel_templates/case.py.j2:2: expected token")


def test_a_folder_without_recipe_is_one_line(tmp_path):
    for folder in (tmp_path, tmp_path / "gone"):
        assert problems(folder) == [
            "kernel_templates/kernels.toml: cannot be read: No such file or directory; check the path"
        ]


def test_a_bad_dataset_folder_is_one_line_with_file_and_key(write_project):
    root = write_project(
        files={
            "datasets/weights-x/dataset.toml": 'title = "Weights"\nlicense = "MIT-ish"\n',
            "datasets/w/dataset.toml": 'title = "Weights"\nlicense = "other"\n',
            "datasets/short-title/dataset.toml": 'title = "W"\nlicense = "other"\nsubtitle = "short"\n',
        }
    )
    lines = problems(root)
    assert (
        lines[0]
        == "datasets/short-title/dataset.toml: title: string should have at least 6 characters, found the string 'W'"
    )
    assert lines[1].startswith("datasets/short-title/dataset.toml: subtitle: string should have at least 20 characters")
    assert lines[2].startswith("datasets/w/dataset.toml: the folder's name is the slug on Kaggle: 6 to 50")
    assert lines[3].startswith("datasets/weights-x/dataset.toml: license: 'MIT-ish' is no licence of Kaggle's")
    assert len(lines) == 4
