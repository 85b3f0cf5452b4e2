import pk.audio.windows as by_alias
import pk.audio.windows
from pk import audio
from pk.audio import windows
from pk.audio.windows import Window

print(by_alias is windows is pk.audio.windows is audio.windows)
windows.SECONDS = 10
print(by_alias.SECONDS, Window is pk.audio.windows.Window, isinstance(by_alias.Window(0), Window))
