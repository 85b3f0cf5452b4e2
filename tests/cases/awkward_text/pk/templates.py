"""{{ library() }} and {% raw %} and {# a comment #} mean nothing here."""

JINJA = "{{ epochs | literal }}{% for x in y %}{# note #}{% endfor %}"


def render(x):
    values = {"a": {"b": x}}
    return f"{{{x}}}" + f"{values['a']['b']}" + str({"k": {x}})
