'''It's a "docstring" of \'\'\' quotes, {curly} {{double}} and $dollars$ \N{BULLET}'''

PATTERN = r"\d+\.\w{2,3}"
TEMPLATE = "Die {name} {{bleibt}}"
WINDOWS_PATH = "C:\\new\\table"
RAW = R'\"'
