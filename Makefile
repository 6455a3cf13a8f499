# `make demo` and `make test` are all a new user needs; everything else is for those who work on Counterfoil.
PYTHON ?= python3.11
BIN := .venv/bin
STAMP := .venv/installed-$(shell sha256sum requirements.lock pyproject.toml | sha256sum | cut -c1-16)

# Three processes for two cores, since the long checks wait more than they compute; a file a process, the longest first.
SPREAD := -n 3 --dist loadfile --no-loadscope-reorder

# A shell that forbids Python to keep what it compiled has every process of every test compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check t quick times coverage docs lint lock schemas soak outside bench clean

$(STAMP):
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/counterfoil warm
	$(BIN)/python -m counterfoil_prefect.deployments.prepare
	touch $@

# The Azure Blob server of the tests, by the Node.js that pip installed.
.venv/azurite/ready: tests/azurite/package-lock.json $(STAMP)
	rm -rf $(@D) && mkdir $(@D) && cp tests/azurite/package.json $< $(@D)
	PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent
	touch $@

demo: $(STAMP)          ## the main job on synthetic data; REVIEW=ask waits for your decision
	$(BIN)/counterfoil demo $(if $(REVIEW),--review $(REVIEW))

check: lint             ## format, lint, types, imports: in less than a minute

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint .venv/azurite/ready  ## every check
	$(BIN)/pytest $(SPREAD) -m "not soak" --junitxml=build/test.xml

QUICK := not soak and not slow and not services

quick: $(STAMP)         ## the fast checks that need no service
	$(BIN)/pytest $(SPREAD) -m "$(QUICK)" --junitxml=build/quick.xml

t: $(STAMP)             ## one room's lint and quick tests: make t ROOM=governance, or mpc/suites, or flows
	ROOM=$(ROOM) BIN=$(BIN) sh tests/lib/room.sh "$(QUICK)"

times: $(STAMP)         ## seconds by folder of the last `make test`, or of FILE=build/quick.xml
	$(BIN)/python -m tests.lib.times $(or $(FILE),build/test.xml)

coverage: $(STAMP)      ## what the quick checks leave unexercised; fails below the floor in pyproject.toml
	$(BIN)/pytest $(SPREAD) -m "$(QUICK)" --cov --cov-report=html:build/coverage --cov-report=term:skip-covered

docs: $(STAMP)          ## the site, strictly, in build/site/html
	$(BIN)/python -m docs.site

soak: $(STAMP) .venv/azurite/ready .venv-mpyc/ready  ## hours: every check with as many trials as a release needs; SEED=n starts elsewhere
	SEED=$(or $(SEED),0) $(BIN)/pytest -n 2 --dist load -m soak --durations=0

outside: $(STAMP)       ## the log's format, checked by Go's checksum database; needs deployments/debian-packages.sh outside
	$(BIN)/pytest -m outside

lock:                   ## new pins, with hashes and without download addresses
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --generate-hashes --python-version 3.11 \
	  --quiet --custom-compile-command "make lock" -o requirements.lock
	for peer in spu mpyc; do $(BIN)/uv pip compile benchmarks/$$peer.in --generate-hashes \
	  --python-version 3.11 --quiet --custom-compile-command "make lock" -o benchmarks/$$peer.lock || exit 1; done

schemas: $(STAMP)       ## what descriptors state, into the JSON schemas
	$(BIN)/python -m counterfoil_prefect.deployments.schemas

.venv-%/ready: benchmarks/%.lock
	$(PYTHON) -m venv --clear .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	touch $@

bench: $(STAMP) .venv-spu/ready .venv-mpyc/ready  ## against SPU and MPyC; SMALL=1 takes about two minutes
	$(BIN)/python -m benchmarks $(if $(SMALL),--small)

clean:
	rm -rf .venv .venv-* .demo build *.egg-info
