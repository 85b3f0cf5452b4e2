from importlib.util import find_spec


def has(name):
    return find_spec(name) is not None


HAVE_FAISS = has("faiss_that_is_nowhere")
