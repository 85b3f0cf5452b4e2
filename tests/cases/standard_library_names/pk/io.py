import io


def read():
    return io.StringIO("text").read()
