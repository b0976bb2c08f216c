# Everything one does with Leganize; CI calls `make test` and nothing else.

PYTHON_HERE = .venv/bin/python

help:  ## this list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/: .*##/\t/' | expand -t 14

run:  ## start Leganize on http://127.0.0.1:3000 (PORT, HOST, LEGANIZE_DATA, DEMO=0)
	@scripts/run

test:  ## check everything, as CI does; the first run installs what is missing
	@scripts/test

lint:  ## style alone
	.venv/bin/ruff check . && .venv/bin/ruff format --check .

types:  ## types alone
	$(PYTHON_HERE) -m mypy .

proof:  ## measure the promised numbers at full length (about forty minutes) into docs/proof.md
	$(PYTHON_HERE) -m bench.proof --write docs/proof.md

bench:  ## the same measurements in about eight minutes, printed
	$(PYTHON_HERE) -m bench.proof --quick

messages:  ## gather what is to be translated, and compile what is
	scripts/messages

screenshots:  ## take every page's picture into var/screenshots, and the README's anew
	$(PYTHON_HERE) scripts/screenshots.py

.PHONY: help run test lint types proof bench messages screenshots
