# One target a step; `make help` lists them. Every target sets up what it needs.
#
#   PYTHON         the Python to use: left out, the project's own .venv (made, with Caffe, when first needed);
#                  given, nothing is built or installed: it must have Caffe and the packages of pyproject.toml
#   SYSTEM_PYTHON  the Python that .venv is made from: the one that the system's boost_python serves

SYSTEM_PYTHON ?= /usr/bin/python3
VARIANT ?= compact/mask_pose
DB ?= data/onehand10k
OUT ?= out

ifeq ($(origin PYTHON),undefined)
PYTHON := .venv/bin/python
SETUP := .venv/.installed
else
SETUP := check-python
export PYTHONPATH := $(CURDIR)/python:$(PYTHONPATH)
endif

.DEFAULT_GOAL := help
.PHONY: help caffe caffe-if-missing caffe-test setup check-python prototxt proto lmdb train overfit predict evaluate demo test lint

help: ## list the targets
	@echo "make TARGET [NAME=value …]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

caffe: ## build and install Caffe into .venv (once a machine: later clones reuse the wheel)
	@$(SYSTEM_PYTHON) caffe_build/build.py --python $(SYSTEM_PYTHON)

caffe-if-missing:
	@$(SYSTEM_PYTHON) caffe_build/build.py --python $(SYSTEM_PYTHON) --quiet

caffe-test: caffe ## run pycaffe's own tests and Caffe's C++ tests (builds the latter: minutes)
	@$(SYSTEM_PYTHON) caffe_build/test.py --python $(SYSTEM_PYTHON)

setup: $(SETUP) ## everything the other targets need: Caffe, this package and its requirements

.venv/.installed: pyproject.toml | caffe-if-missing
	.venv/bin/python -m pip install --quiet --editable '.[dev]'
	@touch $@

check-python:
	@$(PYTHON) -m maskpose --check >/dev/null

prototxt: $(SETUP) ## write prototxt/ from python/maskpose/network.py
	$(PYTHON) tools/make_prototxt.py

proto: ## write record_pb2.py from record.proto (needs protoc)
	protoc -I python --python_out=python maskpose/record.proto

lmdb: $(SETUP) ## SRC=folder of OneHand10K [DB=folder for train.lmdb and test.lmdb] [ARGS=…]
	@test -n "$(SRC)" || { echo 'error: say where the data set is: make lmdb SRC=path/to/OneHand10K' >&2; exit 2; }
	$(PYTHON) data_prep/onehand10k.py "$(SRC)" "$(DB)" $(ARGS)

train: $(SETUP) ## [VARIANT=…] [DB=…] [WEIGHTS=file] [RESUME=file|auto] [ITERS=n] [GPU=n] [ARGS=…]
	$(PYTHON) tools/train.py --variant $(VARIANT) --db "$(DB)/train.lmdb" $(if $(WEIGHTS),--weights "$(WEIGHTS)") \
	  $(if $(RESUME),--resume "$(RESUME)") $(if $(ITERS),--iterations $(ITERS)) $(if $(GPU),--gpu $(GPU)) $(ARGS)

overfit: $(SETUP) ## SRC=… : learn 16 photographs by heart, and score them: data, loss and decoding agree
	@test -n "$(SRC)" || { echo 'error: say where the data set is: make overfit SRC=path/to/OneHand10K' >&2; exit 2; }
	$(PYTHON) tools/overfit.py "$(SRC)" $(ARGS)

predict: $(SETUP) ## IMAGE=photo.jpg [OUT=out] [VARIANT=…] [WEIGHTS=…] [GPU=n] [ARGS=…]
	@test -n "$(IMAGE)" || { echo 'error: which photograph? make predict IMAGE=photo.jpg' >&2; exit 2; }
	$(PYTHON) tools/predict.py $(IMAGE) --out "$(OUT)" --variant $(VARIANT) \
	  $(if $(WEIGHTS),--weights "$(WEIGHTS)") $(if $(GPU),--gpu $(GPU)) $(ARGS)

evaluate: $(SETUP) ## [DB=…] [VARIANT=…] [WEIGHTS=…] [GPU=n] [ARGS=…]: PCK, mask IoU and AP on DB/test.lmdb
	$(PYTHON) tools/evaluate.py --db "$(DB)/test.lmdb" --variant $(VARIANT) \
	  $(if $(WEIGHTS),--weights "$(WEIGHTS)") $(if $(GPU),--gpu $(GPU)) $(ARGS)

demo: $(SETUP) ## a look at everything in minutes: data, training, prediction, scores, pictures
	$(PYTHON) tools/demo.py

test: $(SETUP) ## the project's tests
	$(PYTHON) -m pytest
	$(PYTHON) -m ruff check

lint: $(SETUP) ## ruff alone
	$(PYTHON) -m ruff check
