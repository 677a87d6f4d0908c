# make demo, make test, make lint: each first prepares the environment in .venv; see `make help`.

FAMILY ?= continued
VENV ?= .venv$(if $(filter original,$(FAMILY)),-original)
# The oldest Python that mmal runs with is 3.10; the first that will do, else whatever python3 is.
BASE_PYTHON ?= $(shell for python in python3 python3.12 python3.11 python3.10; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
	&& echo $$python && exit; done; echo python3)
DEMO_DIR ?= work_dirs/demo
DEMO_POSE_DIR ?= work_dirs/demo_pose
LABEL_STUDIO ?= $(CURDIR)/.venv-label-studio/bin/label-studio
# Processes that share the tests.
TEST_JOBS ?= logical

ifdef PYTHON
# An environment of the user's: never changed, only checked.
prepare = $(PYTHON) tools/dev/check_env.py $(1)
else
PYTHON := $(VENV)/bin/python
prepare = $(BASE_PYTHON) tools/dev/setup_env.py --venv $(VENV) --family $(FAMILY)
endif
# What a demo says first: its images, and where its rounds go.
define plan
@echo "1. The environment, checked, or the first time prepared in about 4 minutes"
@echo "2. $(1), in about 10 seconds unless they are there"
@echo "3. Three rounds in $(2), in about 5 minutes on two cores; if interrupted, run this again"
endef

# The tools find this checkout's mmal, also with a Python into which it is not installed.
# Torch threads that wait busily starve the others when processes share few cores: 4 times slower.
export OMP_WAIT_POLICY ?= passive

export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))

.PHONY: help env demo demo-pose test test-label-studio lint clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    active learning rounds on generated images (about 9 minutes on 2 cores, of which 4"
	@echo "             for the environment, the first time); run again,"
	@echo "             it continues; DEMO_ARGS='--cfg-options active_learning.rounds=2', DEMO_DIR=..."
	@echo "make demo-pose  the same on generated people, for a pose estimator; DEMO_POSE_DIR=..."
	@echo "make test    the tests, in a process a core; TEST_ARGS='-k pool' passes options to pytest,"
	@echo "             TEST_JOBS=0 runs them in one process"
	@echo "make test-label-studio  a loop through the server of Label Studio, installed in an environment of"
	@echo "             its own (about 2 GB); LABEL_STUDIO=... is the program, if it is there"
	@echo "make lint    ruff: rules and formatting"
	@echo "make env     only the environment: $(VENV), by tools/dev/setup_env.py"
	@echo "make clean   remove what the demo and the tests wrote, but not $(VENV)"
	@echo
	@echo "PYTHON=...       use this Python as it is, instead of $(VENV)"
	@echo "BASE_PYTHON=...  the Python that $(VENV) is created with"
	@echo "FAMILY=original  the original OpenMMLab packages instead of their continuation, in .venv-original"

env:
	@$(call prepare,test)

demo:
	$(call plan,600 images in data/toy_voc,$(DEMO_DIR))
	@$(call prepare,demo)
	$(PYTHON) tools/misc/make_toy_voc.py data/toy_voc
	$(PYTHON) tools/run_rounds.py configs/demo/toy_voc.py --work-dir $(DEMO_DIR) \
		$$(test -e $(DEMO_DIR)/pool.json && echo --resume) $(DEMO_ARGS)
	@echo "Open in a browser: $(DEMO_DIR)/report.html"

demo-pose:
	$(call plan,600 images in data/toy_mpii,$(DEMO_POSE_DIR))
	@$(call prepare,test)
	$(PYTHON) tools/misc/make_toy_mpii.py data/toy_mpii
	$(PYTHON) tools/run_rounds.py configs/demo/toy_mpii.py --work-dir $(DEMO_POSE_DIR) \
		$$(test -e $(DEMO_POSE_DIR)/pool.json && echo --resume) $(DEMO_ARGS)
	@echo "Open in a browser: $(DEMO_POSE_DIR)/report.html"

test:
	@$(call prepare,test)
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -q tests -n $(TEST_JOBS) --dist worksteal $(TEST_ARGS)

# Label Studio pins much that others pin otherwise: an environment of its own.
test-label-studio:
	@$(call prepare,test)
	test -x $(LABEL_STUDIO) || { $(BASE_PYTHON) -m venv $(dir $(LABEL_STUDIO)).. \
		&& $(dir $(LABEL_STUDIO))pip install "label-studio>=1.20,<2"; }
	LABEL_STUDIO=$(LABEL_STUDIO) OMP_NUM_THREADS=1 $(PYTHON) -m pytest -v tests -m label_studio $(TEST_ARGS)

lint:
	@$(call prepare,lint)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

clean:
	rm -rf $(DEMO_DIR) $(DEMO_POSE_DIR) data/toy_voc data/toy_mpii build dist *.egg-info .pytest_cache .ruff_cache
	find mmal tests tools configs -name __pycache__ -prune -exec rm -rf {} +
