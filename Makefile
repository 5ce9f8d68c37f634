# One target a step; `make help` lists them. Every target sets up what it needs.
#
#   PYTHON         the Python to use: left out, the project's own .venv (made, with Caffe, when first needed);
#                  given, nothing is built or installed: it must have Caffe and the packages of pyproject.toml
#   SYSTEM_PYTHON  the Python that .venv is made from: the one that the system's boost_python serves
#   CUDA           1: Caffe for GPUs in .venv, with CUDNN=1, CUDA_ARCH='80 90' and CUDA_TOOLKIT=/path if given;
#                  0: for the CPU; left out: as it is in .venv (docs/gpu.md)

SYSTEM_PYTHON ?= /usr/bin/python3
VARIANT ?= compact/mask_pose
DB ?= data/onehand10k
# Names may hold spaces: recipes quote them, and $(call there,NAME) is not empty if there is such a file or folder.
space := $(subst ,, )
there = $(wildcard $(subst $(space),\ ,$(1)))
# DB itself where it is a database, else the database of that part in it.
IS_DB = $(call there,$(DB)/data.mdb)$(filter %.lmdb,$(DB))
TRAIN_DB = $(if $(IS_DB),$(DB),$(DB)/train.lmdb)
TEST_DB = $(if $(IS_DB),$(DB),$(DB)/test.lmdb)
OUT ?= out
COUNT ?= 6000
SEED ?= 1

ifeq ($(origin PYTHON),undefined)
PYTHON := .venv/bin/python
SETUP := .venv/.installed
else
SETUP := check-python
export PYTHONPATH := $(CURDIR)/python:$(PYTHONPATH)
endif

# A variable of the command line as an option of build.py; the environment's, which may mean other things, are not.
option = $(if $(findstring command,$(origin $(1))),--$(2) "$($(1))")
CAFFE = --python "$(SYSTEM_PYTHON)" $(call option,CUDA,cuda) $(call option,CUDNN,cudnn) \
  $(call option,CUDA_ARCH,cuda-arch) $(call option,CUDA_TOOLKIT,cuda-toolkit)

.DEFAULT_GOAL := help
.PHONY: help caffe caffe-if-missing caffe-test caffe-cuda-check bundle setup check-python prototxt proto lmdb synth browse \
  verify train time overfit predict evaluate report page reproduce mediapipe demo test test-fast fuzz lint lint-page

help: ## list the targets
	@echo "make TARGET [NAME=value …]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

caffe: ## build and install Caffe into .venv (once a machine: later clones reuse the wheel) [CUDA=1: for GPUs]
	@"$(SYSTEM_PYTHON)" caffe_build/build.py $(CAFFE)

caffe-if-missing:
	@"$(SYSTEM_PYTHON)" caffe_build/build.py $(CAFFE) --quiet

caffe-test: caffe ## run pycaffe's own tests and Caffe's C++ tests (builds the latter: minutes)
	@"$(SYSTEM_PYTHON)" caffe_build/test.py $(CAFFE)

caffe-cuda-check: ## [CUDNN=1] [CUDA_ARCH=…]: build for GPUs, try that Caffe in an environment of its own
	@"$(SYSTEM_PYTHON)" caffe_build/cuda_check.py $(CAFFE)

# pip with -qq shows errors alone: its warnings are about its own configuration.
bundle: OUT = dist
bundle: ## [CUDA=1] [CUDA_ARCH=90] [SPLIT=MB] [PACK_CUDA=1] [OUT=dist]: Python, Caffe and all else in one archive (docs/install.md)
	@"$(SYSTEM_PYTHON)" caffe_build/bundle.py $(CAFFE) --out "$(OUT)" $(if $(SPLIT),--split "$(SPLIT)") \
	  $(if $(PACK_CUDA),--pack-cuda)

setup: $(SETUP) ## everything the other targets need: Caffe, this package and its requirements

.venv/.installed: pyproject.toml | caffe-if-missing
	.venv/bin/python -m pip install -qq --editable '.[dev]'
	@touch $@

check-python:
	@"$(PYTHON)" -m maskpose --check >/dev/null

prototxt: $(SETUP) ## write prototxt/ from python/maskpose/model/network.py
	"$(PYTHON)" tools/make_prototxt.py

proto: $(SETUP) ## write record_pb2.py (needs protoc), and the descriptor of Caffe's messages
	protoc -I python --python_out=python maskpose/data/record.proto
	"$(PYTHON)" -c "from caffe.proto.caffe_pb2 import DESCRIPTOR as d; open('python/maskpose/model/caffe.descriptor', 'wb').write(d.serialized_pb)"

lmdb: $(SETUP) ## SRC=folder of OneHand10K [DB=folder for train.lmdb and test.lmdb] [ARGS=…]
	@test -n "$(SRC)" || { echo 'error: say where the data set is: make lmdb SRC=path/to/OneHand10K' >&2; exit 2; }
	"$(PYTHON)" data_prep/onehand10k.py "$(SRC)" "$(DB)" $(ARGS)

synth: OUT = data/synth
synth: $(SETUP) ## [COUNT=6000] [SEED=1] [OUT=data/synth] [ARGS=…]: render labelled hands (docs/synthetic.md)
	"$(PYTHON)" data_prep/synth_hands.py --count "$(COUNT)" --seed "$(SEED)" $(ARGS) "$(OUT)"

browse: OUT = runs/browse
browse: $(SETUP) ## [DB=folder or database] [OUT=runs/browse] [ARGS=…]: contact sheets, statistics, duplicates (docs/data.md)
	"$(PYTHON)" tools/browse_db.py "$(DB)" --out "$(OUT)" $(ARGS)

verify: $(SETUP) ## [DB=folder or database]: checksums, and whether every image and mask can be decoded
	"$(PYTHON)" tools/verify_db.py "$(DB)"

train: $(SETUP) ## [VARIANT=…] [DB=…] [VAL=lmdb] [WEIGHTS=file] [RESUME=file|auto] [ITERS=n] [GPU=n] [ARGS=…]
	"$(PYTHON)" tools/train.py --variant "$(VARIANT)" --db "$(TRAIN_DB)" $(if $(WEIGHTS),--weights "$(WEIGHTS)") \
	  $(if $(VAL),--val-db "$(VAL)") $(if $(RESUME),--resume "$(RESUME)") $(if $(ITERS),--iterations "$(ITERS)") \
	  $(if $(GPU),--gpu "$(GPU)") $(ARGS)

time: $(SETUP) ## [VARIANT=…] [DB=…] [ITERS=n] [GPU=n]: seconds an iteration takes, forward, backward, data
	"$(PYTHON)" tools/time_iteration.py --variant "$(VARIANT)" $(if $(ITERS),--iterations "$(ITERS)") \
	  $(if $(call there,$(TRAIN_DB))$(findstring command,$(origin DB)),--db "$(TRAIN_DB)") $(if $(GPU),--gpu "$(GPU)") $(ARGS)

overfit: $(SETUP) ## SRC=… : learn 16 images by heart, and score them: data, loss and decoding agree
	@test -n "$(SRC)" || { echo 'error: say where the data set is: make overfit SRC=path/to/OneHand10K' >&2; exit 2; }
	"$(PYTHON)" tools/overfit.py "$(SRC)" $(ARGS)

# IMAGE is one name, whatever signs it holds, or several, or a pattern: neither make nor the shell reads it as its own
override IMAGE := $(value IMAGE)
export IMAGE

predict: $(SETUP) ## IMAGE=photo.jpg [OUT=out] [VARIANT=…] [WEIGHTS=…] [GPU=n] [ARGS=…]
	@test -n "$$IMAGE" || { echo 'error: say which image: make predict IMAGE=photo.jpg' >&2; exit 2; }
	@if [ -e "$$IMAGE" ]; then set -- "$$IMAGE"; else set -- $$IMAGE; fi; \
	  "$(PYTHON)" tools/predict.py "$$@" --out "$(OUT)" --variant "$(VARIANT)" \
	  $(if $(WEIGHTS),--weights "$(WEIGHTS)") $(if $(GPU),--gpu "$(GPU)") $(ARGS)

evaluate: $(SETUP) ## [DB=…] [VARIANT=…] [WEIGHTS=…] [GPU=n] [ARGS=…]: PCK, mask IoU and AP on DB/test.lmdb
	"$(PYTHON)" tools/evaluate.py --db "$(TEST_DB)" --variant "$(VARIANT)" \
	  $(if $(WEIGHTS),--weights "$(WEIGHTS)") $(if $(GPU),--gpu "$(GPU)") $(ARGS)

report: OUT = runs/report.html
report: RUNS = runs/scores
report: $(SETUP) ## [RUNS='NAME=folder …'] [OUT=runs/report.html] [ARGS=…]: evaluate's folders as one HTML page
	"$(PYTHON)" tools/report.py $(RUNS) --out "$(OUT)" $(ARGS)

page: OUT = site
page: $(SETUP) ## [OUT=site] [ARGS=--serve]: a page that finds hands in a browser (docs/page.md)
	"$(PYTHON)" tools/page.py --out "$(OUT)" $(ARGS)

reproduce: OUT = runs/reproduce
reproduce: $(SETUP) ## DATA=… [SCALE=paper|compact] [ITERS=n] [SEEDS=n] [GPU=n] [CMU=…] [OUT=…]: the paper's table and figures
	@test -n "$(DATA)" || { echo 'error: say where the data set is: make reproduce DATA=path/to/OneHand10K' >&2; exit 2; }
	"$(PYTHON)" tools/reproduce.py --data "$(DATA)" --out "$(OUT)" $(if $(SCALE),--scale "$(SCALE)") \
	  $(if $(ITERS),--iterations "$(ITERS)") $(if $(SEEDS),--seeds "$(SEEDS)") $(if $(GPU),--gpu "$(GPU)") \
	  $(if $(CMU),--cmu "$(CMU)") $(if $(EA),--ea "$(EA)") $(if $(MIX),--mix $(MIX)) $(if $(X2),--x2) \
	  $(if $(PREDICTIONS),--predictions $(PREDICTIONS)) $(if $(OPENPOSE),--openpose "$(OPENPOSE)") $(ARGS)

mediapipe: $(SETUP) .venv-mediapipe/.installed ## [DB=…] [ARGS=…]: evaluate, with MediaPipe's keypoints beside ours
	.venv-mediapipe/bin/python tools/mediapipe_predict.py --db "$(TEST_DB)" --out runs/mediapipe.json
	"$(PYTHON)" tools/evaluate.py --db "$(TEST_DB)" --variant "$(VARIANT)" --predictions runs/mediapipe.json \
	  $(if $(WEIGHTS),--weights "$(WEIGHTS)") $(if $(GPU),--gpu "$(GPU)") $(ARGS)

.venv-mediapipe/.installed: pyproject.toml
	"$(SYSTEM_PYTHON)" -m venv .venv-mediapipe
	.venv-mediapipe/bin/python -m pip install -qq --editable '.[mediapipe]'
	@touch $@

demo: $(SETUP) ## everything in minutes: data, training, prediction, scores, images
	"$(PYTHON)" tools/demo.py

test: $(SETUP) ## the project's tests; the ten slowest are named at the end
	"$(PYTHON)" -m pytest --durations=10

test-fast: $(SETUP) ## the tests that take no training, browser or build: for whoever changes a line
	"$(PYTHON)" -m pytest -m "not slow"

fuzz: OUT = runs/fuzz
fuzz: MINUTES = 60
fuzz: $(SETUP) ## [MINUTES=60] [TARGET='name …'] [OUT=runs/fuzz] [ARGS=…]: mutated files for every parser (docs/reliability.md)
	$(PYTHON) tools/fuzz.py --minutes $(MINUTES) $(if $(TARGET),--target $(TARGET)) --out "$(OUT)" $(ARGS)

node_modules/.installed: package-lock.json
	@npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@

lint-page: node_modules/.installed
	npx --no-install eslint
	npx --no-install prettier --check --log-level=warn .

lint: $(SETUP) ## style (ruff check, ruff format) and types (pyright); the page's style (eslint, prettier) if there is npm
	"$(PYTHON)" -m ruff check
	"$(PYTHON)" -m ruff format --check
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 "$(PYTHON)" -m pyright --pythonpath "$(PYTHON)"
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory lint-page; \
	  else echo 'the page is not checked: there is no npm (Debian: npm)'; fi
