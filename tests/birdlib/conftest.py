"""What the library's tests share."""

import pytest


@pytest.fixture(autouse=True)
def _denormals_as_they_were():
    """OpenVINO lets the thread that compiles take denormal numbers for zeros; other tests count on them."""
    yield
    import torch

    torch.set_flush_denormal(False)
