# Unit tests of module/core, each a program that prints TAP.  Included by the
# Makefile at the top; all paths are from there.

UNIT_CC ?= $(CC)
UNIT_SANITIZE ?= -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_CFLAGS ?= -std=c99 -D_DEFAULT_SOURCE -g -O1 -fno-omit-frame-pointer \
	-Wall -Wextra -Werror -Wpedantic -Wshadow -Wcast-qual \
	-Wdeclaration-after-statement
UNIT_LIBS = -ljansson -lhiredis -lcrypto

UNIT_OBJECTS = $(patsubst module/core/%.c,build/unit-core/%.o,\
	$(wildcard module/core/*.c))
UNIT_PROGRAMS = $(patsubst t/unit/%.c,build/unit/%,$(wildcard t/unit/*.c))

.PHONY: unit
.SECONDARY: $(UNIT_OBJECTS)
unit: $(UNIT_PROGRAMS)

build/unit-core/%.o: module/core/%.c
	@mkdir -p $(@D) build/unit-core
	$(UNIT_CC) $(UNIT_CFLAGS) $(UNIT_SANITIZE) -MMD -MP -c -o $@ $<

build/unit/%: t/unit/%.c $(UNIT_OBJECTS)
	@mkdir -p $(@D) build/unit-core
	$(UNIT_CC) $(UNIT_CFLAGS) $(UNIT_SANITIZE) -Imodule/core -MMD -MP \
		-MF build/unit-core/test-$(@F).d -o $@ $< $(UNIT_OBJECTS) $(UNIT_LIBS)

-include $(UNIT_OBJECTS:.o=.d) $(wildcard build/unit-core/test-*.d)
