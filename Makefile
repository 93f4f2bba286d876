# Sluice: make deps | all | demo | test | plan-table | interop | vmtest | soak | bench | fuzz | golden | mutate | coverage | lint | install. See README.md.
# V=1 shows commands. Variants: build/release (all), build/asan (test), build/fuzz (fuzz), build/cov (coverage).

BUILD    ?= build
VARIANT  ?= release
OUT      := $(BUILD)/$(VARIANT)
CC       := gcc
CLANG    ?= clang
ARCH     := $(shell uname -m)
Q        := $(if $(V),,@)

PACKAGES := libxdp libbpf libnl-3.0 libnl-route-3.0 libcrypto libevent libmicrohttpd gnutls \
            yaml-0.1 sqlite3 jansson smartcols libseccomp libcap
WARN     := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
DEFS     := -D_GNU_SOURCE -Iuser -Iinclude -I$(OUT)
HARDEN_release := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
HARDEN_asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
HARDEN_fuzz    := -O1 -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined -fno-omit-frame-pointer
HARDEN_cov     := -O0 --coverage -fprofile-update=atomic
LINK_release   := -pie -Wl,-z,relro,-z,now
LINK_asan      := -fsanitize=address,undefined
LINK_cov       := --coverage
LINK_fuzz      := -fsanitize=address,undefined,fuzzer
PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES))
CFLAGS   += -std=gnu11 -g $(WARN) $(HARDEN_$(VARIANT)) $(DEFS) $(PACKAGE_CFLAGS)
LDFLAGS  += $(LINK_$(VARIANT))
LIBS     := $(shell pkg-config --libs $(PACKAGES)) -lIPSec_MB -lpthread -lm

LAYERS   := base alarm crypto audit esp ike bgp config dataplane ipc proc state plan doctor store view hub
LIB_SRC  := $(filter-out user/hub/main.c,$(sort $(foreach l,$(LAYERS),$(shell find user/$(l) -name '*.c' 2>/dev/null))))
LIB_OBJ  := $(LIB_SRC:%.c=$(OUT)/%.o)
BPF_SRC  := $(wildcard bpf/*.bpf.c)
SKELS    := $(BPF_SRC:bpf/%.bpf.c=$(OUT)/%.skel.h)
CLI_SRC  := $(wildcard tools/sluice/*.c)
CLI_LIBS := $(shell pkg-config --libs libcurl)

UNIT     := $(patsubst tests/%.c,$(OUT)/tests/%,$(wildcard tests/unit/test_*.c tests/sim/test_*.c tests/bpf/test_*.c))
HELPERS  := $(patsubst tests/%.c,$(OUT)/tests/%,$(wildcard tests/net/*.c tests/bench/*.c))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(OUT)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all deps demo test plan-table interop vmtest soak bench fuzz fuzz-build golden mutate coverage lint install clean tests
.DELETE_ON_ERROR:
.SECONDARY:

all: $(OUT)/sluiced $(OUT)/sluice

$(OUT)/sluiced: $(OUT)/user/hub/main.o $(OUT)/libsluice.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(OUT)/sluice: $(CLI_SRC:%.c=$(OUT)/%.o) $(OUT)/libsluice.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) $(CLI_LIBS)

$(OUT)/libsluice.a: $(LIB_OBJ)
	@echo "  AR    $@"
	$(Q)rm -f $@ && ar rcs $@ $^

$(OUT)/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

# Only user/dataplane and the BPF tests include skeletons.
$(patsubst %.c,$(OUT)/%.o,$(wildcard user/dataplane/*.c tests/bpf/*.c tests/bench/*.c)): $(SKELS)

# These know which compiler's instructions they count.
$(OUT)/tests/bpf/%.o $(OUT)/tests/bench/%.o: \
	DEFS += -DBPF_CLANG=$(firstword $(subst ., ,$(shell $(CLANG) -dumpversion 2>/dev/null)))

$(OUT)/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) include/sluice/abi.h
	@mkdir -p $(@D)
	@echo "  BPF   $<"
	$(Q)$(CLANG) -O2 -g -Wall -Werror -target bpf -mcpu=v3 -Iinclude -Ibpf -I/usr/include/$(ARCH)-linux-gnu -c -o $@ $<

$(OUT)/%.skel.h: $(OUT)/%.bpf.o
	$(Q)bpftool gen skeleton $< name $*_bpf > $@

$(OUT)/tests/%: $(OUT)/tests/%.o $(OUT)/libsluice.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(OUT)/libsluice.a $(LIBS) -lcmocka -lm

tests: $(UNIT) $(HELPERS) all

deps:
	@tools/deps.sh build

demo:
	@tools/deps.sh
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) $(patsubst tests/%.c,$(BUILD)/release/tests/%,$(wildcard tests/net/*.c))
	@tools/demo/demo.sh

# Sanitizers read files, so the filters of their builds let processes do that: some tests run what is shipped.
test:
	@tools/deps.sh test
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) VARIANT=asan tests
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all $(BUILD)/release/tests/net/cert_make
	@tests/run.sh $(BUILD)/asan

# What `sluice plan` says of every key of the schema against what happens; `make test` has a sample of it.
plan-table:
	@tools/deps.sh test
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) VARIANT=asan tests
	@ALL=1 tests/run.sh $(BUILD)/asan net/hub_plan

fuzz-build: $(FUZZERS)

fuzz:
	@tools/deps.sh
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) VARIANT=fuzz CC=$(CLANG) fuzz-build
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) VARIANT=release $(BUILD)/release/tests/sim/test_ike_sim
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) VARIANT=asan $(BUILD)/asan/tests/unit/test_bad_packets
	@COUNT=$${PACKETS:-11500000} $(BUILD)/asan/tests/unit/test_bad_packets
	@tests/fuzz/run.sh $(BUILD)/fuzz $${SECONDS_EACH:-10} $(BUILD)/release/tests/sim/test_ike_sim

interop:
	@tools/deps.sh interop
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) $(patsubst tests/%.c,$(BUILD)/release/tests/%,$(wildcard tests/net/*.c))
	@tests/interop/run.sh $(BUILD)/release $(CASE)

# SEQUENCES=1000 CALLS=20000 SEED=1: sites that come, change and go at random, and calls of the API that are made up.
soak:
	@tools/deps.sh test
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) tests
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) VARIANT=asan tests
	@BIN=$(CURDIR)/$(BUILD)/asan CALLS=$${CALLS:-20000} tests/soak/api.sh
	@BIN=$(CURDIR)/$(BUILD)/release tests/soak/sites.sh

# KERNEL=6.12 CASE=name: one kernel, one case
vmtest:
	@tools/deps.sh vmtest
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) tests
	@vmtest/run.sh release

bench:
	@tools/deps.sh bench
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) tests
	@tests/bench/run.sh $(BUILD)/release

# Documents, metrics and tables anew (tests/golden): what has changed is what git diff shows.
golden: $(OUT)/tests/unit/test_golden $(OUT)/tests/unit/test_cli
	$(Q)for t in $^; do SLUICE_GOLDEN=renew $$t || exit 1; done
	$(Q)git --no-pager diff --stat -- tests/golden

mutate:
	@tools/deps.sh
	@tests/mutate.sh $(LIKE)

# Lines that unit and simulation tests run, by layer; FILES=user/hub: by file there.
coverage:
	@tools/deps.sh coverage
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) VARIANT=cov $(patsubst tests/%.c,$(BUILD)/cov/tests/%,$(wildcard tests/unit/test_*.c tests/sim/test_*.c))
	@tests/coverage.sh $(BUILD)/cov $(FILES)

lint: all
	@tools/lint.sh $(OUT)

install: all
	@tools/install.sh $(OUT) "$(DESTDIR)"

clean:
	rm -rf $(BUILD)

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
