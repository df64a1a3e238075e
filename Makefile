# Everything runs in a virtual environment of its own, made by the first call and reused by the next.
VENV := .venv
BIN := $(VENV)/bin
SPARK_VENV := .venv-spark
AIRFLOW_VENV := .venv-airflow
ELSEWHERE_VENV := .venv-elsewhere
FLINK_VENV := .venv-flink
ORCHESTRATORS_VENV := .venv-orchestrators
STATE := $(or $(LIKELY_BUYERS_STATE),warehouse)
PYTHON ?= python3

export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export MLFLOW_DISABLE_TELEMETRY := true
export PATH := $(abspath $(BIN)):$(PATH)

# for what a target took, which it says at its end
STARTED := $(shell date +%s)
TOOK = @echo "make $@: $$(( $$(date +%s) - $(STARTED) )) s"

.PHONY: help demo spark-demo spark-jars generate check test lint quick-lint lint-python lint-dbt lint-sql quick-tests model-tests docs bench spark-bench lock clean

help:
	@echo "make demo    set up, make a demo shop, train, score, print the top buyers, publish, write a report"
	@echo "make generate  write what dbt reads of the feature catalogue, python/likely_buyers/features/catalogue.yml"
	@echo "make check   set up, lint what changed, run the tests that need no build: seconds"
	@echo "make test    set up, lint everything, run every test: minutes"
	@echo "make docs    build the docs into site/, strictly; no page of them loads anything from elsewhere"
	@echo "make spark-demo    the demo on a Spark cluster of this machine, with Delta tables (needs Java 17 and Maven)"
	@echo "make bench   set up, run the benchmarks (PySpark among them, in an environment of its own; it needs Java 17)"
	@echo "make spark-bench  the benchmarks of the target spark, on a Spark cluster of this machine"
	@echo "make lock    compile the pins of requirements.txt and python/requirements/ anew"
	@echo "make clean   remove the environments, and what dbt wrote but no data: target/ and logs/ of the state folder"

# --- set-up -----------------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "likely_buyers needs Python 3.11 or later; found: $$($(PYTHON) --version). Set PYTHON=python3.x"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: python/requirements/dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r python/requirements/dev.txt
	@# what is checked out passed: `make check` begins with what is changed from here on
	@touch $@ $(VENV)/.sql-linted

# uv trusts whom the system trusts, and asks the index that pip is configured to ask
UV_INSTALL = $(BIN)/uv pip install --quiet --system-certs $(addprefix --default-index ,$(or $(PIP_INDEX_URL),$(shell \
	$(BIN)/python -m pip config get global.index-url 2> /dev/null)))

# For the target `spark` and the PySpark job of the benchmark
$(SPARK_VENV)/.installed: python/requirements/spark.txt pyproject.toml | $(VENV)/.installed-uv
	$(BIN)/python -m venv --without-pip $(SPARK_VENV)
	@# compiled, since each session of Spark starts Python workers of its own: scikit-learn takes 2 seconds then, not 5
	$(UV_INSTALL) --python $(SPARK_VENV)/bin/python --compile-bytecode --require-hashes --no-deps -r $<
	$(UV_INSTALL) --python $(SPARK_VENV)/bin/python --no-deps --no-build-isolation -e .
	@touch $@

# what tests run Spark's SQL on, without Java
$(SPARK_VENV)/.installed-sail: python/requirements/sail.txt $(SPARK_VENV)/.installed
	$(UV_INSTALL) --python $(SPARK_VENV)/bin/python --require-hashes --no-deps -r $<
	@touch $@

# Delta Lake's jars are in no Python package. What Maven fetched is checked; Spark itself fetches nothing
$(SPARK_VENV)/jars/.fetched: python/requirements/delta-jars.xml python/requirements/delta-jars.sha256 | $(SPARK_VENV)/.installed
	@command -v mvn java > /dev/null || { echo "Delta Lake's jars come by Maven, and Spark needs Java 17: install both"; exit 1; }
	mvn --quiet --batch-mode --file $< dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/$(SPARK_VENV)/jars
	cd $(SPARK_VENV)/jars && sha256sum --quiet --check $(CURDIR)/python/requirements/delta-jars.sha256
	@touch $@

spark-jars: $(SPARK_VENV)/jars/.fetched

$(VENV)/.installed-uv: python/requirements/uv.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# The files are complete: every package is in them with its hash. PySpark and PyFlink have no wheels: uv makes them in
# seconds, pip in minutes
$(AIRFLOW_VENV)/.installed $(ELSEWHERE_VENV)/.installed $(FLINK_VENV)/.installed $(ORCHESTRATORS_VENV)/.installed: .venv-%/.installed: python/requirements/%.txt | $(VENV)/.installed-uv
	$(BIN)/python -m venv --without-pip .venv-$*
	$(UV_INSTALL) --python .venv-$*/bin/python --require-hashes --no-deps -r $<
	@touch $@

# --- what users type --------------------------------------------------------

DEMO_SHOP := $(STATE)/demo_shop
DEMO_EARLIER_DAY := 2020-02-28

demo: $(VENV)/.installed $(STATE)/.demo-trained
	dbt build --exclude-resource-type unit_test
	likely-buyers top
	likely-buyers publish
	likely-buyers report

# Once for a state folder: a shop, and a model of it. The first day's horizon is over by the second, so that predictions can
# be held against what came true. It is built in a hurry: a model of few cutoffs, and no tests, which the second build runs.
$(STATE)/.demo-trained: | $(VENV)/.installed
	likely-buyers simulate --users 12000 --days 180 --seed 1 --out $(DEMO_SHOP)
	likely-buyers train --promote --vars '{as_of: $(DEMO_EARLIER_DAY), training_cutoffs: 4}'
	dbt build --vars '{as_of: $(DEMO_EARLIER_DAY)}' --exclude-resource-type test --exclude-resource-type unit_test
	likely-buyers train --promote
	@touch $@

# The demo on a cluster of this machine: a master, two workers and a Connect server, with the demo shop's champion or a new one.
# The shop, the registry and what dbt writes are those of the demo; tables lie in spark/ of the state folder.
spark-demo: export PATH := $(abspath $(SPARK_VENV)/bin):$(PATH)
spark-demo: $(SPARK_VENV)/.installed $(SPARK_VENV)/jars/.fetched
	test -d $(DEMO_SHOP) || likely-buyers simulate --users 12000 --days 180 --seed 1 --out $(DEMO_SHOP)
	python -m likely_buyers.spark --folder $(STATE)/spark --jars $(SPARK_VENV)/jars sh -ec '\
		test -s $(STATE)/registry.db || likely-buyers train --promote; \
		dbt build --exclude-resource-type unit_test; \
		likely-buyers top'
	$(TOOK)

generate: $(VENV)/.installed
	$(BIN)/python -m likely_buyers.features.generate

# two workers share two cores: more threads of one only wait for the other
check test: export OMP_NUM_THREADS := 1

# On two cores. The tests of models import scikit-learn and MLflow, which takes seconds, and so have a process of their own.
check: $(VENV)/.installed-dev
	@$(MAKE) --no-print-directory -j 2 quick-tests quick-lint model-tests
	$(TOOK)

quick-tests model-tests: export LIKELY_BUYERS_TRIES := few
quick-tests: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q -m "not slow" --ignore tests/python/unit/registry --ignore tests/python/unit/training tests/python/unit

model-tests: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q -m "not slow" tests/python/unit/registry tests/python/unit/training

# without Java and Maven the tests of Spark say that they were skipped
SPARK_READY := $(and $(shell command -v java),$(shell command -v mvn),$(SPARK_VENV)/jars/.fetched)

test: lint $(AIRFLOW_VENV)/.installed $(ELSEWHERE_VENV)/.installed $(FLINK_VENV)/.installed \
		$(ORCHESTRATORS_VENV)/.installed $(SPARK_VENV)/.installed-sail $(SPARK_READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=10
	$(TOOK)

# sqlfluff and dbt-bouncer cannot be told of another state folder: pyproject.toml names the artifacts they read
lint quick-lint lint-sql: export LIKELY_BUYERS_STATE := warehouse
# a model that says the same of each feature is read with two of them
lint quick-lint lint-sql: export LIKELY_BUYERS_LINTED_FEATURES := 2
lint: $(VENV)/.installed-dev
	@$(MAKE) --no-print-directory -j 2 lint-python lint-sql

quick-lint: lint-python lint-dbt $(VENV)/.sql-linted

lint-python: $(VENV)/.installed-dev
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	$(BIN)/python -m likely_buyers.features.generate --check

lint-dbt: $(VENV)/.installed-dev
	dbt --quiet --warn-error parse
	dbt-bouncer run --config-file pyproject.toml

lint-sql: lint-dbt
	sqlfluff lint --processes 2 models tests
	@touch $(VENV)/.sql-linted

# sqlfluff takes a second for each file: here those that changed since they last passed
$(VENV)/.sql-linted: $(shell find models tests -name '*.sql') | $(VENV)/.installed-dev
	sqlfluff lint --processes 2 $?
	@touch $@

# material's notice about a successor is no warning about these pages
docs: export NO_MKDOCS_2_WARNING := 1
docs: $(VENV)/.installed-dev
	mkdocs build --strict

# ARGS="--events 100 --without twice", say; python python/benchmarks/run.py --help lists them
bench: $(VENV)/.installed-dev $(SPARK_VENV)/.installed
	$(BIN)/python python/benchmarks/run.py $(ARGS)
	$(BIN)/python python/benchmarks/loads.py

spark-bench: $(VENV)/.installed-dev $(SPARK_VENV)/jars/.fetched
	$(BIN)/python python/benchmarks/on_spark.py $(ARGS)

# --- upkeep -----------------------------------------------------------------

UV_COMPILE := uv pip compile --quiet --python-version 3.11 --generate-hashes --no-strip-extras \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: $(BIN)/python
	$(BIN)/python -m pip install --quiet uv
	$(UV_COMPILE) pyproject.toml --extra build --extra publish --extra report --output-file requirements.txt
	$(UV_COMPILE) pyproject.toml --extra dev --extra publish --extra report --extra postgres --extra serve --extra watch \
		--constraints requirements.txt \
		--output-file python/requirements/dev.txt
	$(UV_COMPILE) pyproject.toml --extra build --extra publish --extra report --extra postgres --extra s3 --extra serve --extra watch \
		--constraints python/requirements/dev.txt --output-file python/requirements/image.txt
	grep -oE '^[a-z][^ ]*==[^ ]*' requirements.txt | grep -v '^pandas==' > $(VENV)/versions-but-pandas.txt
	echo 'pandas<3' > $(VENV)/older-pandas.txt
	$(UV_COMPILE) pyproject.toml --group spark --extra build --override $(VENV)/older-pandas.txt \
		--constraints $(VENV)/versions-but-pandas.txt --output-file python/requirements/spark.txt
	$(UV_COMPILE) --group airflow --output-file python/requirements/airflow.txt
	grep -oE '^(scikit-learn|scipy|skops|threadpoolctl|pyyaml|mlflow-skinny|alembic|sqlalchemy)==[^ ]*' requirements.txt \
		> $(VENV)/versions-of-the-model.txt
	for group in elsewhere flink orchestrators sail uv; do \
		$(UV_COMPILE) --group $$group --constraints $(VENV)/versions-of-the-model.txt \
			--output-file python/requirements/$$group.txt || exit 1; \
	done

clean:
	rm -rf $(VENV) $(SPARK_VENV) $(AIRFLOW_VENV) $(ELSEWHERE_VENV) $(FLINK_VENV) $(ORCHESTRATORS_VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf $(STATE)/target $(STATE)/logs site
