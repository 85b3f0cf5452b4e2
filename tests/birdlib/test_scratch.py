"""The folder for scratch files."""

from birdlib.scratch import scratch_folder


def test_it_can_be_written_and_stays_the_same():
    folder = scratch_folder()
    (folder / "a").write_text("a")
    assert scratch_folder() == folder
    (folder / "a").unlink()
