import pk
from pk import formats, magics, notebook, templates, widths

print(repr(pk.__doc__))
print(repr(formats.__doc__))
print(formats.PATTERN, formats.TEMPLATE.format(name="Meise"), formats.WINDOWS_PATH, formats.RAW)
print(templates.render(x=3), templates.JINJA)
print(repr(magics.TEXT))
print(magics.percent(7, 4), magics.__doc__.count("%%writefile"))
print(repr(notebook.CELLS))
print(len(widths.LONG), widths.größe(2), widths.UNUSUAL == "\x0c\x0b\x1c\x85\u2028\u2029")
print(widths.form_feed(), widths.ﬁ)
