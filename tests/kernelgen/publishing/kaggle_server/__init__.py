"""A server on this machine that speaks Kaggle's API as its client expects it, with Kaggle's ways to refuse.

`KaggleServer` is started as a context manager and reached as an HTTP proxy: `server.environment(home)` is the
environment in which the real client, of this machine's Python, talks to it and to nothing else.

    with KaggleServer() as server:
        server.ready_after_polls = 2
        server.fault("SaveKernel", cut="after")
        subprocess.run([sys.executable, "-m", "kaggle", "kernels", "push", "-p", folder], env=server.environment(home))
        assert server.kernels["tester/case-one"].versions[-1].text == ...

What is known of Kaggle comes from the client's source, from its issues, and from replies that people published;
where it is not known how Kaggle behaves, the server has a switch.
"""

from .logs import papermill_failure
from .records import Run
from .server import KaggleServer

__all__ = ["KaggleServer", "Run", "papermill_failure"]
