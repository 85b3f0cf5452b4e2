"""The gradients of two steps, by however many processes: python spread.py COMPETITION PREPARED FOLDER DEVICE_BATCH.

With --nan-in-the-last the last process gets nothing but NaN to hear.
"""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
from conftest import make_settings, surroundings_of  # noqa: E402

from birdlib.competition.editions import edition  # noqa: E402
from birdlib.competition.layout import CompetitionFiles  # noqa: E402
from birdlib.data.prepared import Prepared  # noqa: E402
from birdlib.training.process import accelerator_for  # noqa: E402
from birdlib.training.trainer import Trainer  # noqa: E402

torch.set_num_threads(1)
competition, output, folder = (Path(one) for one in sys.argv[1:4])
prepared = Prepared.read(output, CompetitionFiles(competition, edition("demo")))
around = surroundings_of(prepared, folder, device_batch=int(sys.argv[4]))
# What differs between processes by design is switched off: mixing partners, dropout, batch statistics.
# An embedding that no loss asks for stays without a gradient.
settings = make_settings(batch_size=12, augmentations=[], head={"name": "pooled", "dropout": 0.0}, embedding_size=4)
accelerator = accelerator_for(settings)
trainer = Trainer(settings, around, accelerator, seed=1, fold="full", teachers=[])
for module in trainer.model.modules():
    if isinstance(module, nn.BatchNorm2d):
        module.eval()
run = trainer.stage_run
batches = run.batches(0)
if sys.argv[5:] and accelerator.process_index == accelerator.num_processes - 1:
    batches = ((waves * torch.nan, *others) for waves, *others in batches)
for step in range(2):
    loss, _, suspects = run.accumulate(batches, step, lambda: 0.0)
if accelerator.is_main_process:
    model = accelerator.unwrap_model(trainer.model)
    gradients = {name: one.grad for name, one in model.named_parameters() if one.grad is not None}
    torch.save({"loss": loss, "gradients": gradients}, folder / "gradients.pt")
    backend = torch.distributed.get_backend() if accelerator.num_processes > 1 else "none"
    print(f"processes {accelerator.num_processes}, parts {run.plan.micro_batches}, backend {backend}")
    print(f"loss {loss}, suspects {len(suspects)}")
accelerator.end_training()
