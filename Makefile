# One Makefile for the whole project; `make` lists what it can do.
# Objects of each variant live in build/<variant>/, the programs of the release variant in build/.

PREFIX  ?= /usr/local
DESTDIR ?=
JOBS    ?= $(shell nproc)

ROOMS    := base crypto loop protocol qr cache registry evidence gateway gateway/http gateway/config cli
PROGRAMS := build/jwb-gateway build/jwb
VERSION  := $(shell cat VERSION)

CC       ?= gcc
CSTD     := -std=gnu11
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wvla -Wundef -Wformat=2 -Wwrite-strings -Wimplicit-fallthrough
HARDEN   := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
DEFINES  := -D_GNU_SOURCE -DH2O_USE_LIBUV=0 -DJWB_VERSION='"$(VERSION)"'
CFLAGS_release := -O2 -g $(HARDEN)
CFLAGS_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
CFLAGS_tsan    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
LDFLAGS_release := -pie -Wl,-z,relro,-z,now
LDFLAGS_asan    := -fsanitize=address,undefined
LDFLAGS_tsan    := -fsanitize=thread
LIBS := -lh2o-evloop -lwslay -lssl -lcrypto -lmbedcrypto -lhiredis -lqrencode -lzbar -lpng -ljansson -lsqlite3 \
        -lyaml -lz -lpthread -lm

SOURCES := $(foreach room,$(ROOMS),$(wildcard $(room)/*.c))
MAINS   := gateway/main.c cli/main.c
LIBRARY := $(filter-out $(MAINS),$(SOURCES))
UNITS   := $(patsubst tests/unit/%_test.c,%,$(wildcard tests/unit/*_test.c))

.DEFAULT_GOAL := help
.PHONY: help build clean
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: $(PROGRAMS) ## the programs: build/jwb-gateway and build/jwb

# ---- compiling: one set of rules for each variant ----------------------------------------------
define variant
build/$(1)/%.o: %.c build/$(1)/flags
	@mkdir -p $$(@D)
	$$(CC) $$(CSTD) $$(WARNINGS) $$(DEFINES) $$(CFLAGS_$(1)) $$(CFLAGS) -I. -MMD -MP -c $$< -o $$@
build/$(1)/flags: Makefile VERSION
	@mkdir -p $$(@D) && touch $$@
build/$(1)/libjwb.a: $$(LIBRARY:%.c=build/$(1)/%.o)
	@rm -f $$@ && $$(AR) rcs $$@ $$^
build/$(1)/jwb-gateway: build/$(1)/gateway/main.o build/$(1)/libjwb.a
	$$(CC) $$(LDFLAGS_$(1)) $$(LDFLAGS) $$^ $$(LIBS) -o $$@
build/$(1)/jwb: build/$(1)/cli/main.o build/$(1)/libjwb.a
	$$(CC) $$(LDFLAGS_$(1)) $$(LDFLAGS) $$^ $$(LIBS) -o $$@
build/$(1)/unit/%_test: build/$(1)/tests/unit/%_test.o build/$(1)/tests/support.o build/$(1)/libjwb.a
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS_$(1)) $$(LDFLAGS) $$^ -lcmocka $$(LIBS) -o $$@
endef
$(foreach v,release asan tsan,$(eval $(call variant,$(v))))
.SECONDARY:

build/jwb-gateway build/jwb: build/%: build/release/%
	@ln -sf release/$* $@

# `make unit-NAME` builds and runs one unit test program, tests/unit/NAME_test.c
unit-%: build/asan/unit/%_test
	@$<

clean: ## removes build/
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
