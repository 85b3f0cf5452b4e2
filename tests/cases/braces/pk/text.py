"""{{ title }} {% for x in y %} {# hidden #} {% endfor %}"""

TITLE = "{{ x }} {% raw %} {{ y }} {% endraw %} {# c #}"
RAW = r"{{ '\n' }}" "{{{{"
# {{ undefined_name }} {% include "x" %}
# {# never closed


def render(**values):
    return "{{name}} {name}".format(**values)
