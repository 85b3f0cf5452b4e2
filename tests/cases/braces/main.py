from pk import text

x = {"a": {"b": 1}}
name = "world"
print(f"{{literal}} {x['a']['b']} {name!r:>10} {{{name}}}")
print("{{ jinja }} {% block %} {# comment #}", "{{", "}}", '{% if %}', """{{
}}""")
print('%s' % '{{ a }}', "{}{}".format("{{", "}}"))  # {{ comment }} {% raw %} {#
first = {{1: 2}[1]: 3}
second = {{"k": v}["k"] for v in "ab"}
print(first, sorted(second), {k: {j: {} for j in k} for k in ["a"]}, {**{"k": {**{"z": 1}}}})
print(f"{ {1: {2: 3}}[1]}", f'''{
    name
}''')
print(text.TITLE, text.RAW, text.render(name="n"), text.__doc__)
