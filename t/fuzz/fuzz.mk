# Fuzzers of module/core, one for each parser of bytes from outside (libFuzzer,
# so clang).  Included by the Makefile at the top; all paths are from there.
# What is found stays in build/fuzz, as crash-, leak-, oom- and timeout- files.

FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
FUZZ_LIMITS ?= -max_total_time=$(FUZZ_SECONDS)
FUZZ_CFLAGS ?= -std=c99 -D_DEFAULT_SOURCE -g -O2 -fno-omit-frame-pointer \
	-Wall -Wextra -Werror -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=all
FUZZ_LIBS = -ljansson -lhiredis -lcrypto

FUZZ_TARGETS = $(patsubst t/fuzz/%.c,%,$(wildcard t/fuzz/*.c))
FUZZ_PROGRAMS = $(addprefix build/fuzz/,$(FUZZ_TARGETS))
FUZZ_OBJECTS = $(patsubst module/core/%.c,build/fuzz-core/%.o,\
	$(wildcard module/core/*.c))

.PHONY: fuzz fuzz-build fuzz-coverage $(addprefix fuzz-,$(FUZZ_TARGETS))
.SECONDARY: $(FUZZ_OBJECTS)

fuzz-build: $(FUZZ_PROGRAMS)

fuzz: $(addprefix fuzz-,$(FUZZ_TARGETS))

build/fuzz-core/%.o: module/core/%.c $(wildcard module/core/*.h)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -c -o $@ $<

# it holds each byte against fifty texts, and to tell libFuzzer of all that took
# most of the time; the dictionary has the texts

build/fuzz-core/image_pull.o: FUZZ_CFLAGS += -fno-sanitize-coverage=trace-cmp

build/fuzz/%: t/fuzz/%.c t/fuzz/fuzz.h $(FUZZ_OBJECTS)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -Imodule/core -o $@ $< $(FUZZ_OBJECTS) \
		$(FUZZ_LIBS)

# the lines that they reach: without sanitizers, which have none of their own

COVER_CFLAGS = -std=c99 -D_DEFAULT_SOURCE -g -O1 -fsanitize=fuzzer \
	-fprofile-instr-generate -fcoverage-mapping
COVER_PROGRAMS = $(addprefix build/fuzz-cover/,$(FUZZ_TARGETS))
COVER_OBJECTS = $(patsubst build/fuzz-core/%,build/fuzz-cover/core/%,\
	$(FUZZ_OBJECTS))

.SECONDARY: $(COVER_OBJECTS)

fuzz-coverage: $(COVER_PROGRAMS)
	@t/fuzz/coverage.sh build/fuzz-cover

build/fuzz-cover/core/%.o: module/core/%.c $(wildcard module/core/*.h)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(COVER_CFLAGS) -c -o $@ $<

build/fuzz-cover/%: t/fuzz/%.c t/fuzz/fuzz.h $(COVER_OBJECTS)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(COVER_CFLAGS) -Imodule/core -o $@ $< $(COVER_OBJECTS) \
		$(FUZZ_LIBS)

# the corpus grows in build/, the seeds stay as they are

$(addprefix fuzz-,$(FUZZ_TARGETS)): fuzz-%: build/fuzz/%
	@mkdir -p build/fuzz/corpus/$*
	cd build/fuzz && ./$* $(FUZZ_LIMITS) \
		-rss_limit_mb=1024 -timeout=10 -print_final_stats=1 \
		-artifact_prefix=$*- \
		$(if $(wildcard t/fuzz/$*.dict),-dict=$(CURDIR)/t/fuzz/$*.dict) \
		corpus/$* $(CURDIR)/t/fuzz/seeds/$*
