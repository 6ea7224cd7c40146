# One Makefile for the whole project; `make` lists what it can do.
# Objects of each variant live in build/<variant>/, the programs of the release variant in build/.
# The commands themselves: make -n.

PREFIX  ?= /usr/local
DESTDIR ?=
JOBS    ?= $(shell nproc)
FUZZ_SECONDS ?= 60
MAKEFLAGS += -j$(JOBS)

ROOMS    := base crypto loop protocol qr cache registry evidence gateway gateway/http gateway/config \
            gateway/outbound cli terminal terminal/tool
PROGRAMS := build/jwb-gateway build/jwb build/jwb-terminal
VERSION  := $(shell cat VERSION)

CC       := gcc
CSTD     := -std=gnu11
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wvla -Wundef -Wformat=2 -Wwrite-strings -Wimplicit-fallthrough
HARDEN   := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
DEFINES  := -D_GNU_SOURCE -DH2O_USE_LIBUV=0 -DJWB_VERSION='"$(VERSION)"' -isystem /usr/include/p11-kit-1
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
LIBS := -lh2o-evloop -lcurl -lssl -lcrypto -lmbedcrypto -lhiredis -lqrencode -lpng -ljpeg -ljansson -lsqlite3 \
        -lyaml -lcairo -lp11-kit -lz -lpthread -lm

SOURCES := $(foreach room,$(ROOMS),$(wildcard $(room)/*.c))
MAINS   := gateway/main.c cli/main.c terminal/tool/main.c
LIBRARY := $(filter-out $(MAINS),$(SOURCES))
UNITS   := $(patsubst tests/unit/%_test.c,%,$(wildcard tests/unit/*_test.c))
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
E2E     := $(wildcard tests/e2e/*_test.mjs)
# Again under sanitizers, but what a browser or a tracer drives, and what drives the terminal alone.
E2E_ASAN := $(patsubst %,%@asan,$(filter-out $(patsubst %,tests/e2e/%_test.mjs,page powercut airplane),$(E2E)))
LINTED  := $(sort $(wildcard $(ROOMS) tests loadtest))

# Where the machine may still lack a compiler, its packages come before the first object.
DEPS_FIRST := $(if $(filter test test-faults agree demo fuzz lint bench-quick bench-refusals bench-status bench-scan bench-terminal,$(MAKECMDGOALS)),deps)

.DEFAULT_GOAL := help
.PHONY: help deps build libjwbterminal test agree test-arm64 bench-terminal test-unit test-e2e test-faults lint format fuzz bench-quick bench-refusals bench-status bench-scan demo install clean FORCE
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9%-]+:.*## /{sub("%", "NAME", $$1); printf "  make %-12s %s\n", $$1, $$2}' \
	    $(MAKEFILE_LIST)

deps: ## installs what is missing of the packages in deps.txt and package-lock.json
	@tools/deps

build: $(PROGRAMS) ## the programs: build/jwb-gateway and build/jwb

# ---- compiling: one set of rules for each variant ----------------------------------------------
define objects
build/$(1)/%.o: %.c build/$(1)/flags
	@mkdir -p $$(@D)
	@echo '  CC   $$@'
	@$$(CC_$(1)) $$(CSTD) $$(WARNINGS) $$(DEFINES) $$(CFLAGS_$(1)) $$(CFLAGS) -I. -MMD -MP -c $$< -o $$@
build/$(1)/flags: FORCE | $$(DEPS_FIRST)
	@mkdir -p $$(@D)
	@echo $$(CC_$(1)) $$(CSTD) $$(WARNINGS) $$(DEFINES) $$(CFLAGS_$(1)) $$(CFLAGS) >$$@.$$$$$$$$; \
	    cmp -s $$@.$$$$$$$$ $$@ && rm $$@.$$$$$$$$ || mv $$@.$$$$$$$$ $$@
endef
define variant
$(call objects,$(1))
build/$(1)/libjwb.a: $$(LIBRARY:%.c=build/$(1)/%.o)
	@rm -f $$@ && $$(AR) rcs $$@ $$^
build/$(1)/jwb-gateway: build/$(1)/gateway/main.o build/$(1)/libjwb.a
	@echo '  LINK $$@'
	@$$(CC_$(1)) $$(LDFLAGS_$(1)) $$(LDFLAGS) $$^ $$(LIBS) -o $$@
build/$(1)/jwb: build/$(1)/cli/main.o build/$(1)/libjwb.a
	@echo '  LINK $$@'
	@$$(CC_$(1)) $$(LDFLAGS_$(1)) $$(LDFLAGS) $$^ $$(LIBS) -o $$@
build/$(1)/jwb-terminal: build/$(1)/terminal/tool/main.o build/$(1)/libjwb.a
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
# So are the page's files.
$(foreach v,release asan tsan fuzz,build/$(v)/gateway/web_files.o): $(wildcard web/*)
.SECONDARY:

build/jwb-gateway build/jwb build/jwb-terminal: build/%: build/release/%
	@ln -sf release/$* $@

# ---- the terminal's library: for the machine here, and for arm64 --------------------------------
# What it is made of; without OpenSSL. It becomes one object that shows the names of its door alone.
TERMINAL_PARTS := $(addprefix base/,buf check clock utf8) \
    $(filter-out crypto/crypto_openssl% crypto/crypto_pkcs11%,$(basename $(wildcard crypto/*.c))) \
    $(addprefix protocol/,cbor code cose cose_any digits jwks keyring status status_list trust_bundle) \
    $(basename $(wildcard terminal/*.c))
CFLAGS_device  := -Os -ffunction-sections -fdata-sections -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIC
CFLAGS_arm64   := $(CFLAGS_device) -isystem build/arm64/root/usr/include \
                  -isystem build/arm64/root/usr/include/aarch64-linux-gnu
CC_device      := $(CC)
CC_arm64       := aarch64-linux-gnu-gcc
BINUTILS_arm64 := aarch64-linux-gnu-

define terminal_library
$(call objects,$(1))
build/$(1)/libjwbterminal.a: $(TERMINAL_PARTS:%=build/$(1)/%.o)
	@echo '  AR   $$@'
	@rm -f $$@ && $(BINUTILS_$(1))ld -r --gc-sections -o build/$(1)/jwbterminal.o $$^ \
	    $$$$($(BINUTILS_$(1))nm -g --defined-only $$^ | sed -n 's/.* T \(jwbt_\)/-u \1/p')
	@$(BINUTILS_$(1))objcopy --wildcard --keep-global-symbol='jwbt_*' build/$(1)/jwbterminal.o
	@$(BINUTILS_$(1))ar rcs $$@ build/$(1)/jwbterminal.o
endef
$(foreach v,device arm64,$(eval $(call terminal_library,$(v))))

libjwbterminal: build/libjwbterminal.a ## the terminal's library: build/libjwbterminal.a
build/libjwbterminal.a: build/device/libjwbterminal.a
	@ln -sf device/$(@F) $@
# What tests/independent/agree_test.mjs takes.
AGREE := build/release/tests/agree
$(AGREE): %: %.o build/release/libjwb.a
	@echo '  LINK $@'
	@$(CC) $(LDFLAGS_release) $(LDFLAGS) $^ $(LIBS) -o $@
build/release/tests/terminal_world: %: %.o build/release/tests/support.o build/release/libjwb.a
	@echo '  LINK $@'
	@$(CC) $(LDFLAGS_release) $(LDFLAGS) $^ -lcmocka $(LIBS) -o $@

# Its tests there; the fixture signs with OpenSSL. The sweeps of faults and memory take too long, or need ASan.
ARM64_TESTS := $(addprefix build/arm64/tests/unit/terminal_,rules_test door_test folder_test)
ARM64_LIBS  := build/arm64/root/usr/lib/aarch64-linux-gnu
$(ARM64_TESTS): build/arm64/%: build/arm64/%.o build/arm64/tests/support.o \
    $(TERMINAL_PARTS:%=build/arm64/%.o) build/arm64/protocol/status_list_write.o \
    $(patsubst %.c,build/arm64/%.o,$(wildcard crypto/crypto_openssl*.c))
	@echo '  LINK $@'
	@$(CC_arm64) $^ -L$(ARM64_LIBS) -Wl,-rpath-link,$(ARM64_LIBS) -lcmocka -lcrypto -lmbedcrypto -lz -o $@
build/arm64/flags: build/arm64/root
build/arm64/root: tools/arm64
	@tools/arm64 $@ && touch $@

test-arm64: build/arm64/libjwbterminal.a $(ARM64_TESTS) ## the terminal's library, cross-compiled, its tests under qemu
	@file -L build/arm64/jwbterminal.o | grep -o 'ARM aarch64' && aarch64-linux-gnu-size build/arm64/jwbterminal.o
	@for t in $(ARM64_TESTS); do \
	    qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=$(ARM64_LIBS) $$t || exit; done

# ---- testing ------------------------------------------------------------------------------------
REAPER       := build/release/tests/suite
# What tests/lint/libjwbterminal_test takes.
LIBRARY_TEST := build/release/tests/terminal_world build/device/libjwbterminal.a
UNIT_SUITES  := $(UNITS:%=build/asan/unit/%_test) $(wildcard tests/independent/*_test.mjs) \
                $(if $(TEST),,$(FUZZERS:%=build/asan/fuzz/%) $(wildcard tests/lint/*_test))
E2E_PROGRAMS := $(if $(E2E),$(foreach v,release asan,build/$(v)/jwb build/$(v)/jwb-gateway build/$(v)/jwb-terminal))

$(REAPER): build/release/tests/suite.o
	@echo '  LINK $@'
	@$(CC) $(LDFLAGS_release) $(LDFLAGS) $^ -o $@

test: deps build $(REAPER) $(LIBRARY_TEST) $(AGREE) $(UNIT_SUITES) $(E2E_PROGRAMS) ## all tests; TEST=PATTERN chooses by name
	@tests/run $(E2E) $(E2E_ASAN) $(UNIT_SUITES)

test-unit: build $(REAPER) $(LIBRARY_TEST) $(AGREE) $(UNIT_SUITES) ## the unit tests, under sanitizers, and the fuzzers' corpora
	@tests/run $(UNIT_SUITES)

test-e2e: build $(REAPER) $(E2E_PROGRAMS) ## the end-to-end tests, with the programs as released and under sanitizers
	@tests/run $(E2E) $(E2E_ASAN)

test-faults: deps build ## the fault suites at length, then everything at once: about half an hour
	@tests/faults/run

agree: deps build $(AGREE) ## three verifiers and 100,000 mutated codes; AGREE_CODES, AGREE_SEED; about ten minutes
	@AGREE_CODES=$${AGREE_CODES:-100000} node tests/independent/agree_test.mjs

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
SCAN_PROGRAMS  := build/release/loadtest/scan_pictures build/release/loadtest/scan_run

$(BENCH_PROGRAMS) $(SCAN_PROGRAMS): %: %.o build/release/libjwb.a
	@echo '  LINK $@'
	@$(CC) $(LDFLAGS_release) $(LDFLAGS) $^ $(LIBS) -o $@

# The last revision before the evidence log.
BEFORE ?= 087a640ab06d702d7e24673f12011f5612384b7c

bench-quick: deps build $(BENCH_PROGRAMS) ## the gateway beside the least it could cost, and BEFORE=REVISION, in 4 minutes
	@BENCH_BEFORE=$(BEFORE) loadtest/bench.mjs

bench-refusals: deps build ## a partner's refused checks, told apart by their time: as good as by chance?
	@loadtest/refusals.mjs

BENCH_TERMINAL := build/release/loadtest/terminal build/device/loadtest/terminal_resident build/release/tests/terminal_world
build/release/loadtest/terminal: %: %.o build/release/tests/support.o build/release/libjwb.a
	@echo '  LINK $@'
	@$(CC) $(LDFLAGS_release) $(LDFLAGS) $^ -lcmocka $(LIBS) -o $@
build/device/loadtest/terminal_resident: %: %.o build/device/libjwbterminal.a
	@echo '  LINK $@'
	@$(CC) $^ -lmbedcrypto -lz -o $@

bench-terminal: deps $(BENCH_TERMINAL) ## an offline verify beside one bare signature check; size and memory; in a minute
	@loadtest/terminal.mjs

bench-status: deps build ## how long after an action another gateway says what was before, beside the bare Redis
	@loadtest/status_change.mjs

bench-scan: deps build $(SCAN_PROGRAMS) ## degraded pictures read by us, zbarimg and ZXingReader, in 5 minutes
	@loadtest/scan.mjs

# ---- using --------------------------------------------------------------------------------------
demo: deps build ## the whole job on real parts: display, scan, verify, seize
	@tools/demo

install: build libjwbterminal ## into DESTDIR and PREFIX (/usr/local)
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin include lib/pkgconfig share/doc/jwb/embedding share/man/man1 share/man/man3 etc/jwb)
	install -m 644 terminal/jwbterminal.h $(DESTDIR)$(PREFIX)/include
	install -m 644 build/libjwbterminal.a $(DESTDIR)$(PREFIX)/lib
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' terminal/jwbterminal.pc.in >$(DESTDIR)$(PREFIX)/lib/pkgconfig/jwbterminal.pc
	install -m 644 $(wildcard docs/man/*.1) $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(wildcard docs/man/*.3) $(DESTDIR)$(PREFIX)/share/man/man3
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 LICENSE CHANGELOG.md $(wildcard README.md docs/*.md docs/*.yaml) $(DESTDIR)$(PREFIX)/share/doc/jwb
	install -m 644 docs/embedding/* $(DESTDIR)$(PREFIX)/share/doc/jwb/embedding
	install -m 644 etc/gateway.yaml etc/policy.yaml etc/holidays.txt $(DESTDIR)$(PREFIX)/etc/jwb

clean: ## removes build/
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
