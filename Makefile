# One Makefile for the whole project; `make` lists what it can do.
# Objects of each variant live in build/<variant>/, the programs of the release variant in build/.
# The commands themselves: make -n.

PREFIX  ?= /usr/local
DESTDIR ?=
JOBS    ?= $(shell nproc)
FUZZ_SECONDS ?= 60
MAKEFLAGS += -j$(JOBS)

ROOMS    := base crypto loop protocol qr cache registry evidence gateway gateway/http gateway/config \
            gateway/outbound cli
PROGRAMS := build/jwb-gateway build/jwb
VERSION  := $(shell cat VERSION)

CC       := gcc
CSTD     := -std=gnu11
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wvla -Wundef -Wformat=2 -Wwrite-strings -Wimplicit-fallthrough
HARDEN   := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
DEFINES  := -D_GNU_SOURCE -DH2O_USE_LIBUV=0 -DJWB_VERSION='"$(VERSION)"'
CC_release := $(CC)
CC_asan    := $(CC)
CC_tsan    := $(CC)
CC_fuzz    := clang-14
CFLAGS_release := -O2 -g $(HARDEN)
CFLAGS_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
CFLAGS_tsan    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
CFLAGS_fuzz    := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
                  -fno-sanitize-recover=undefined -Wno-error
LDFLAGS_release := -pie -Wl,-z,relro,-z,now
LDFLAGS_asan    := -fsanitize=address,undefined
LDFLAGS_tsan    := -fsanitize=thread
LDFLAGS_fuzz    := -fsanitize=fuzzer,address,undefined
LIBS := -lh2o-evloop -lcurl -lssl -lcrypto -lmbedcrypto -lhiredis -lqrencode -lzbar -lpng -ljansson -lsqlite3 \
        -lyaml -lcairo -lz -lpthread -lm

SOURCES := $(foreach room,$(ROOMS),$(wildcard $(room)/*.c))
MAINS   := gateway/main.c cli/main.c
LIBRARY := $(filter-out $(MAINS),$(SOURCES))
UNITS   := $(patsubst tests/unit/%_test.c,%,$(wildcard tests/unit/*_test.c))
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
E2E     := $(wildcard tests/e2e/*_test.mjs)
LINTED  := $(sort $(wildcard $(ROOMS) tests loadtest))

# Where the machine may still lack a compiler, its packages come before the first object.
DEPS_FIRST := $(if $(filter test test-faults demo fuzz lint bench-quick bench-refusals bench-status,$(MAKECMDGOALS)),deps)

.DEFAULT_GOAL := help
.PHONY: help deps build test test-unit test-e2e test-faults lint format fuzz bench-quick bench-refusals bench-status demo install clean FORCE
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9%-]+:.*## /{sub("%", "NAME", $$1); printf "  make %-12s %s\n", $$1, $$2}' \
	    $(MAKEFILE_LIST)

deps: ## installs what is missing of the packages in deps.txt and package-lock.json
	@tools/deps

build: $(PROGRAMS) ## the programs: build/jwb-gateway and build/jwb

# ---- compiling: one set of rules for each variant ----------------------------------------------
define variant
build/$(1)/%.o: %.c build/$(1)/flags
	@mkdir -p $$(@D)
	@echo '  CC   $$@'
	@$$(CC_$(1)) $$(CSTD) $$(WARNINGS) $$(DEFINES) $$(CFLAGS_$(1)) $$(CFLAGS) -I. -MMD -MP -c $$< -o $$@
build/$(1)/flags: FORCE | $$(DEPS_FIRST)
	@mkdir -p $$(@D)
	@echo $$(CC_$(1)) $$(CSTD) $$(WARNINGS) $$(DEFINES) $$(CFLAGS_$(1)) $$(CFLAGS) >$$@.$$$$$$$$; \
	    cmp -s $$@.$$$$$$$$ $$@ && rm $$@.$$$$$$$$ || mv $$@.$$$$$$$$ $$@
build/$(1)/libjwb.a: $$(LIBRARY:%.c=build/$(1)/%.o)
	@rm -f $$@ && $$(AR) rcs $$@ $$^
build/$(1)/jwb-gateway: build/$(1)/gateway/main.o build/$(1)/libjwb.a
	@echo '  LINK $$@'
	@$$(CC_$(1)) $$(LDFLAGS_$(1)) $$(LDFLAGS) $$^ $$(LIBS) -o $$@
build/$(1)/jwb: build/$(1)/cli/main.o build/$(1)/libjwb.a
	@echo '  LINK $$@'
	@$$(CC_$(1)) $$(LDFLAGS_$(1)) $$(LDFLAGS) $$^ $$(LIBS) -o $$@
build/$(1)/unit/%_test: build/$(1)/tests/unit/%_test.o build/$(1)/tests/support.o build/$(1)/libjwb.a
	@mkdir -p $$(@D)
	@echo '  LINK $$@'
	@$$(CC_$(1)) $$(LDFLAGS_$(1)) $$(LDFLAGS) $$^ -lcmocka $$(LIBS) -o $$@
build/$(1)/fuzz/%: build/$(1)/tests/fuzz/fuzz_%.o $(if $(filter-out fuzz,$(1)),build/$(1)/tests/fuzz/replay.o) \
                   build/$(1)/libjwb.a
	@mkdir -p $$(@D)
	@echo '  LINK $$@'
	@$$(CC_$(1)) $$(LDFLAGS_$(1)) $$(LDFLAGS) $$^ $$(LIBS) -o $$@
endef
$(foreach v,release asan tsan fuzz,$(eval $(call variant,$(v))))
# The built-in policy is taken from this file.
$(foreach v,release asan tsan fuzz,build/$(v)/gateway/config/policy_default.o): etc/policy.yaml
.SECONDARY:

build/jwb-gateway build/jwb: build/%: build/release/%
	@ln -sf release/$* $@

# ---- testing ------------------------------------------------------------------------------------
REAPER       := build/release/tests/suite
UNIT_SUITES  := $(UNITS:%=build/asan/unit/%_test) $(wildcard tests/independent/*_test.mjs) \
                $(if $(TEST),,$(FUZZERS:%=build/asan/fuzz/%) $(wildcard tests/lint/*_test))
E2E_PROGRAMS := $(if $(E2E),$(foreach v,release asan,build/$(v)/jwb build/$(v)/jwb-gateway))

$(REAPER): build/release/tests/suite.o
	@echo '  LINK $@'
	@$(CC) $(LDFLAGS_release) $(LDFLAGS) $^ -o $@

test: deps build $(REAPER) $(UNIT_SUITES) $(E2E_PROGRAMS) ## all tests; TEST=PATTERN chooses by name
	@tests/run $(E2E) $(E2E:%=%@asan) $(UNIT_SUITES)

test-unit: build $(REAPER) $(UNIT_SUITES) ## the unit tests, under sanitizers, and the fuzzers' corpora
	@tests/run $(UNIT_SUITES)

test-e2e: build $(REAPER) $(E2E_PROGRAMS) ## the end-to-end tests, with the programs as released and under sanitizers
	@tests/run $(E2E) $(E2E:%=%@asan)

test-faults: deps build ## the fault suites at length, then everything at once: about half an hour
	@tests/faults/run

unit-%: build/asan/unit/%_test ## one of them, tests/unit/NAME_test.c
	@$<

e2e-%: tests/e2e/%_test.mjs build ## one of them, tests/e2e/NAME_test.mjs
	@node $(if $(TEST),--test-name-pattern='$(TEST)') $<

# What it can't judge across functions; the compiler and the sanitizers watch for the same.
CPPCHECK_MISLED := autoVariables returnDanglingLifetime uninitvar

lint: deps ## room boundaries, links, format, static analysis
	@tools/check-rooms
	@tools/check-links
	@find $(LINTED) -name '*.[ch]' | sort -u | xargs clang-format-14 --dry-run -Werror
	@echo "format: $$(find $(LINTED) -name '*.[ch]' | sort -u | wc -l) files, 0 faults"
	@cppcheck -q -j$(JOBS) --error-exitcode=1 --std=c11 --enable=warning,portability,performance \
	    $(CPPCHECK_MISLED:%=--suppress=%) -I. $(DEFINES) $(SOURCES)
	@echo "cppcheck: $(words $(SOURCES)) files, 0 faults"

format: ## clang-format over all C files
	@find $(LINTED) -name '*.[ch]' | sort -u | xargs clang-format-14 -i

fuzz: $(FUZZERS:%=fuzz-%) ## each fuzzer for FUZZ_SECONDS; what it finds is in build/fuzz

fuzz-%: build/fuzz/fuzz/% ## one of them, tests/fuzz/fuzz_NAME.c
	@mkdir -p build/fuzz/corpus/$*
	$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 -artifact_prefix=build/fuzz/$*- \
	    build/fuzz/corpus/$* tests/fuzz/corpus/$*

# ---- measuring ----------------------------------------------------------------------------------
BENCH_PROGRAMS := build/release/loadtest/floor build/release/loadtest/trip

$(BENCH_PROGRAMS): %: %.o build/release/libjwb.a
	@echo '  LINK $@'
	@$(CC) $(LDFLAGS_release) $(LDFLAGS) $^ $(LIBS) -o $@

# The last revision before the evidence log.
BEFORE ?= 087a640ab06d702d7e24673f12011f5612384b7c

bench-quick: deps build $(BENCH_PROGRAMS) ## the gateway beside the least it could cost, and BEFORE=REVISION, in 4 minutes
	@BENCH_BEFORE=$(BEFORE) loadtest/bench.mjs

bench-refusals: deps build ## a partner's refused checks, told apart by their time: as good as by chance?
	@loadtest/refusals.mjs

bench-status: deps build ## how long after an action another gateway says what was before, beside the bare Redis
	@loadtest/status_change.mjs

# ---- using --------------------------------------------------------------------------------------
demo: deps build ## the whole job on real parts: display, scan, verify, seize
	@tools/demo

install: build ## into DESTDIR and PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/doc/jwb/embedding $(DESTDIR)$(PREFIX)/etc/jwb
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 LICENSE CHANGELOG.md $(wildcard README.md docs/*.md docs/*.yaml) $(DESTDIR)$(PREFIX)/share/doc/jwb
	install -m 644 docs/embedding/* $(DESTDIR)$(PREFIX)/share/doc/jwb/embedding
	install -m 644 etc/gateway.yaml etc/policy.yaml etc/holidays.txt $(DESTDIR)$(PREFIX)/etc/jwb

clean: ## removes build/
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
