# The commands to type. The build itself is Meson's (meson.build); CONTRIBUTING.md has more.
PREFIX ?= /usr/local
export PYTHONDONTWRITEBYTECODE = 1

.DEFAULT_GOAL := build
.PHONY: help demo build test bench bench-server install clean

help:
	@echo 'make demo      install what is needed, build, and show the worked example'
	@echo 'make build     build the library and the command line into build/release'
	@echo 'make test      build, check and test; ends with "N passed, N failed"'
	@echo 'make bench     build and run the benchmarks; bench-server: those of the server'
	@echo 'make install   install under PREFIX ($(PREFIX)), below DESTDIR if set'
	@echo 'make clean     remove build/'

demo:
	@tools/install_deps.sh
	@[ -e build/release/src/factum ] || echo 'building: one to two minutes on two cores'
	@$(MAKE) --no-print-directory build
	@examples/demo.sh build/release

# On a terminal ninja shows its progress.
build: build/release/build.ninja
	@if [ -t 1 ]; then ninja -C build/release; else ninja --quiet -C build/release; fi

# The simulated crashes and other people's clients take longer: .ci/run has them.
suites = unit conformance sim integration examples kill schema golden docs fuzz package

test:
	@tools/install_deps.sh --test
	@echo 'building, checking and testing: about ten minutes on two cores'
	@$(MAKE) --no-print-directory build/test/build.ninja
	@tools/run_tests.py --static --in-memory $(addprefix --suite ,$(suites)) build/test

bench:
	@tools/install_deps.sh --bench
	@$(MAKE) --no-print-directory build/bench/build.ninja
	@ninja --quiet -C build/bench
	@bench/run.sh build/bench

bench-server:
	@tools/install_deps.sh --bench
	@$(MAKE) --no-print-directory build/bench/build.ninja
	@ninja --quiet -C build/bench
	@bench/server.sh build/bench

install: build
	@tools/install.sh build/release '$(PREFIX)'

clean:
	rm -rf build

# Meson's own long output is shown only if it fails.
setup = @tools/install_deps.sh --tell && mkdir -p build && \
	{ meson setup $(@D) $(1) >build/setup.log 2>&1 || { cat build/setup.log; exit 1; }; }

# Optimized over all layers at once, which saves up to a tenth of the time. Not by clang, whose static library
# could then be used by clang alone.
lto = $(if $(findstring clang,$(CC)),false,true)
release = --buildtype=release -Db_lto=$(lto) -Dtests=false

build/release/build.ninja:
	$(call setup,$(release))

build/test/build.ninja:
	$(call setup,--buildtype=debugoptimized -Dwhole_layers=true)

build/bench/build.ninja:
	$(call setup,$(release) -Dbench=true)
