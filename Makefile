.PHONY: test test-array-api doctest lint html html-noplot clean-jit clean

PYTHON ?= python
SPHINX = $(PYTHON) -m sphinx -W --keep-going -b html

test:
	$(PYTHON) -m pytest

test-array-api:
	SCIPY_ARRAY_API=1 $(PYTHON) -m pytest tests/common

doctest:
	$(PYTHON) -m pytest --doctest-modules skkernels
	$(PYTHON) -m pytest --doctest-glob="*.rst" doc/user_guide

lint:
	ruff check .
	ruff format --check .
	codespell

html:
	MPLBACKEND=Agg $(SPHINX) doc doc/_build/html

html-noplot:
	$(SPHINX) -D plot_gallery=0 doc doc/_build/html

# Not needed after edits: skkernels/utils/_jit.py puts a digest of all that a function
# compiles in into the key of its cache. Frees the disk, and rules the cache out.
clean-jit:
	find skkernels tests -name '*.nbi' -delete -o -name '*.nbc' -delete

clean: clean-jit
	rm -rf build dist doc/_build doc/auto_examples doc/generated
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
