# `make demo` and `make test` are all that a fresh clone needs; both set up what they need first.
#
# Two environments in this folder: .venv (the tools) and .venv-kaggle (the packages of Kaggle's image, for runs).
# Both are made with the Python of Kaggle's image where it is installed, else with python3.
PYTHON ?= $(shell python3 -m kernelgen.running.pythons)
VENV := .venv
STAMP := $(VENV)/.set-up
RUN := $(VENV)/bin/python
# Two processes; tests that share a chain of runs stay in one of them. One that dies ends the run: a replacement may
# wait for ever (pytest-xdist #1378).
PYTEST := $(RUN) -m pytest -n 2 --dist loadgroup --max-worker-restart 0

# A recipe that names every component of a training, so that the notebook whose copy of the library is tested has all.
EVERY := 'start={name="random"}' 'stages=[\
	{loss=[{name="bce"},{name="cross_entropy"},{name="focal"},{name="soft_auc"},{name="distillation"},\
		{name="table_distillation"},{name="embedding_distillation"}],\
		schedule={name="warm_up"},start={name="trained"}},\
	{sampler={name="balanced"},schedule={name="cosine"},start={name="teacher_backbone"}},\
	{sampler={name="weighted"},start={name="imagenet"}},{sampler={name="source_shares",shares={recordings=1.0}}},\
	{clips=[{name="soundscapes"},{name="labelled_folder",folder="x"},{name="soft_labels",folder="x",audio="y"},\
		{name="other_year",folder="x"},\
		{name="outside_scores",folder="x"}],\
		augmentations=[{name="gain",p=1.0},{name="time_mask",p=1.0},{name="frequency_mask",p=1.0},\
		{name="low_pass",p=1.0},{name="filter_augment",p=1.0},{name="noise",p=1.0,folder="x"},\
		{name="coloured_noise",p=1.0},{name="sumup",p=1.0}]}]'

.PHONY: demo test check golden bench setup clean

# The main job on a competition made from nothing: build every kernel of the demo, run one after another.
demo: setup
	@$(RUN) build_kernels.py --target 'openvino-wheels,demo-*' --run
	@echo
	@echo "The scores of the trained ensemble and of untrained models (0.5 is chance for macro ROC-AUC):"
	@cat build/demo-score/run/scores.csv
	@echo "Open build/demo-train/run/__notebook__.ipynb and build/demo-submission/run/__notebook__.ipynb to see the runs."

# One thread for each of the two processes. The library's tests run again on the notebooks' copies, there with as many
# threads as the machine has; PASSIVE, because threads that spin while they wait take the cores from the others.
test: export OMP_WAIT_POLICY = PASSIVE
test: setup
	@$(RUN) build_kernels.py --target openvino-wheels,submission,export
	@$(RUN) build_kernels.py --target train-rexnet150 --set $(EVERY)
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(PYTEST)
	@echo "birdlib's own tests against the library taken out of the built notebooks:"
	@$(PYTEST) --library build/submission/submission.ipynb tests/birdlib
	@$(PYTEST) --library build/export/export.ipynb tests/birdlib -k "export or weights"
	@$(PYTEST) --library build/train-rexnet150/train-rexnet150.ipynb tests/birdlib \
		-k "(training or augmentation or models or data or losses or heads or samplers or clip_sources) and not processes"

# What the code has to be before its tests are run: form, types, and which room imports which.
check: setup
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check
	@$(RUN) -m mypy
	@$(VENV)/bin/lint-imports

# Writes the golden notebooks anew after a template changed: read the difference, then commit it.
golden: setup
	@rm -f tests/notebooks/golden/*.md
	@-$(RUN) -m pytest tests/notebooks/test_golden_notebooks.py -k reads_as_it_did >/dev/null
	@git --no-pager diff --stat -- tests/notebooks/golden
	@$(RUN) -m pytest tests/notebooks/test_golden_notebooks.py

# Measurements, side by side in one run; see benchmarks/.
bench: setup
	@$(RUN) build_kernels.py --target openvino-wheels
	@$(RUN) benchmarks/building.py
	@$(RUN) benchmarks/data_path.py
	@$(RUN) benchmarks/submission.py

setup: $(STAMP)
	@$(RUN) -m kernelgen.running.environment

# The stamp is written last: an interrupted installation is taken up again.
$(STAMP): pyproject.toml constraints.txt
	@$(RUN) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "$(VENV): installing the tools ..."
	@$(RUN) -m pip install -qq --disable-pip-version-check -e ".[test,push]" -c constraints.txt
	@touch $@

clean:
	@rm -rf $(VENV) .venv-kaggle build demo *.egg-info .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
