"""A machine that Kaggle does not have, or would not give, is refused when the kernel is built."""

import pytest

from kernelgen.errors import KernelgenError

RECIPE = 'library = "pk"\n[kernels.case]\ntemplate = "case"\n'


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (
            'gpu = true\nmachine_shape = "NvidiaTeslaT4x2"',
            "is no GPU that a pushed kernel can have; write NvidiaTeslaT4 or",
        ),
        (
            'gpu = true\nmachine_shape = "NvidiaTeslaP100"',
            "is no GPU that a pushed kernel can have; write NvidiaTeslaT4 or",
        ),
        (
            'gpu = true\nmachine_shape = "NvidiaTeslaT4Highmem"',
            "is no GPU that a pushed kernel can have; write NvidiaTeslaT4 or",
        ),
        (
            'gpu = true\nmachine_shape = "nvidiateslat4"',
            "is no GPU that a pushed kernel can have; write NvidiaTeslaT4 or",
        ),
        ('gpu = true\nmachine_shape = "GPU T4 x2"', "is no GPU that a pushed kernel can have; write NvidiaTeslaT4 or"),
        ('machine_shape = "TpuV5E8"', "is no GPU that a pushed kernel can have; write NvidiaTeslaT4 or"),
        ('gpu = true\nmachine_shape = "Tpu1VmV38"', "is no GPU that a pushed kernel can have; write NvidiaTeslaT4 or"),
        ('machine_shape = "NvidiaTeslaT4"', "is a GPU, but gpu is not true; write gpu = true"),
        ('gpu = false\nmachine_shape = "NvidiaL4"', "is a GPU, but gpu is not true; write gpu = true"),
        ('machine_shape = "None"', "is no GPU that a pushed kernel can have; write NvidiaTeslaT4 or"),
        ('gpu = true\nmachine_shape = "None"', "is no GPU that a pushed kernel can have; write NvidiaTeslaT4 or"),
    ],
)
def test_a_machine_that_cannot_be_had_is_refused_with_the_way_out(build, keys, problem):
    with pytest.raises(KernelgenError) as error:
        build(RECIPE + keys + "\n")
    assert str(error.value).startswith("kernel_templates/kernels.toml: [kernels.case] machine_shape: ")
    assert problem in str(error.value)


@pytest.mark.parametrize("shape", ["NvidiaTeslaT4", "NvidiaL4", "NvidiaL4X1", "NvidiaH100"])
def test_a_gpu_that_kaggle_has_is_written_into_the_metadata(build, shape):
    metadata = build(f'{RECIPE}gpu = true\nmachine_shape = "{shape}"\n').metadata
    assert (metadata["machine_shape"], metadata["enable_gpu"]) == (shape, True)


def test_a_kernel_without_a_shape_leaves_the_choice_to_kaggle(build):
    assert "machine_shape" not in build(RECIPE + "gpu = true\n").metadata
    assert "machine_shape" not in build(RECIPE + 'machine_shape = ""\n').metadata
