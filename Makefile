# nginx-image-digest.  `make help` tells the targets.

# NGINX_SRC: an nginx source tree to build against; Debian's nginx-dev if
# empty.  With it the tests run that tree's nginx.
# SANITIZE=1: address and undefined behaviour sanitizers; needs NGINX_SRC.
# VALGRIND=1: the tests run nginx under valgrind.

NGINX_SRC =
SANITIZE  =
VALGRIND  =
BUILD     = build
MODULE    = $(BUILD)/ngx_http_image_digest_module.so
JOBS      = $(shell nproc 2>/dev/null || echo 2)
CFLAGS    = -O2 -g

# Debian's packages, by what they are for

PACKAGES_BUILD = gcc libc6-dev make libcurl4-openssl-dev libjansson-dev \
	libhiredis-dev libssl-dev libpcre2-dev zlib1g-dev
ifeq ($(NGINX_SRC),)
PACKAGES_BUILD += nginx-dev
endif
PACKAGES_RUN   = $(PACKAGES_BUILD) nginx ca-certificates redis-server \
	libmojolicious-perl curl
PACKAGES_FUZZ  = $(PACKAGES_BUILD) clang libclang-rt-dev
PACKAGES_COVER = $(PACKAGES_FUZZ) llvm
PACKAGES_MODEL = gcc libc6-dev make spin
PACKAGES_TEST  = $(PACKAGES_RUN) $(PACKAGES_FUZZ) $(PACKAGES_MODEL) \
	docker-registry skopeo ccache libio-socket-ssl-perl openssl \
	docker.io podman tinyproxy jq faketime iproute2 patch
PACKAGES_LINT  = $(PACKAGES_TEST) cppcheck

install_packages = @t/run/packages

# the tree that is configured, a copy, and what configure is told

TREE    = $(BUILD)/nginx
BUILT   = $(TREE)/objs/ngx_http_image_digest_module.so
HEADERS = $(wildcard module/*/*.h)
SOURCES = $(wildcard module/*/*.c) $(HEADERS) module/exports.map

WARNINGS = -Wextra -Wno-unused-parameter
HARDEN   = -fstack-protector-strong -Wformat -Werror=format-security \
	-D_FORTIFY_SOURCE=2 -ffile-prefix-map=$(CURDIR)/=
LINK     = -Wl,-z,relro -Wl,-z,now
GOALS    = modules
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))

ifneq ($(SANITIZE),)
ifeq ($(NGINX_SRC),)
$(error SANITIZE=1 needs nginx's full source: NGINX_SRC=/path/to/nginx)
endif
SAN    = -fsanitize=address,undefined \
	-fno-sanitize=alignment,nonnull-attribute \
	-fno-omit-frame-pointer
HARDEN = $(SAN) -fno-sanitize-recover=undefined -DNGX_DEBUG_PALLOC=1 \
	-ffile-prefix-map=$(CURDIR)/=
LINK   = $(SAN)
endif

ifeq ($(NGINX_SRC),)
FLAGS = eval "$$(cat conf_flags)"; set -- "$${NGX_CONF_FLAGS[@]}"
NGINX_BINARY = nginx
else
FLAGS = set -- --with-compat --with-debug --with-threads \
	--with-http_ssl_module --with-http_v2_module \
	--with-http_auth_request_module --with-http_dav_module \
	--with-http_realip_module --with-http_slice_module \
	--with-http_stub_status_module --with-http_addition_module \
	--with-poll_module --with-select_module
NGINX_BINARY = $(abspath $(TREE)/objs/nginx)
GOALS += binary
endif

# not NGINX: nginx itself reads a variable of that name

ifeq ($(VALGRIND),)
BUILT_WITH = NGINX_BINARY='$(NGINX_BINARY)' NGINX_MODULE='$(MODULE)'
else
BUILT_WITH = NGINX_BINARY='$(abspath t/run/valgrind)' \
	VALGRIND='$(NGINX_BINARY)' NGINX_MODULE='$(MODULE)'
PACKAGES_TEST += valgrind
endif

OPTIONS = $(CC) $(CFLAGS) $(WARNINGS) $(HARDEN) $(LINK) $(NGINX_SRC)


.PHONY: all run demo test unit fuzz lint install clean help FORCE

all: $(MODULE)

help:
	@echo 'make            build $(MODULE)'
	@echo 'make run        serve the cache on 127.0.0.1:8080 (PORT=...)'
	@echo 'make demo       tell the story, offline, in under a minute'
	@echo 'make test       all tests (TESTS="t/a.t t/b.t" for some)'
	@echo 'make unit       the unit tests of module/core'
	@echo 'make fuzz       the fuzzers (FUZZ_SECONDS=... each)'
	@echo 'make fuzz-coverage  the lines that they reach'
	@echo 'make model      the models of the protocol, by spin'
	@echo 'make soak       histories under faults (SECONDS=3600 SEED=...)'
	@echo 'make lint       style, cppcheck, clang, exported symbols'
	@echo 'make install    copy the module into nginx (DESTDIR=...)'
	@echo 'make clean      remove build/'
	@echo
	@echo 'With NGINX_SRC=/path/to/nginx it is built against that tree,'
	@echo 'with CC=clang by clang, with SANITIZE=1 under sanitizers;'
	@echo 'with VALGRIND=1 the tests run it under valgrind.'


# build

.PHONY: packages-build
packages-build:
	$(install_packages) $(PACKAGES_BUILD)

# the options are kept in a file, so that other ones configure anew

$(BUILD)/options: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(OPTIONS)' | cmp -s - $@ \
		|| printf '%s\n' '$(OPTIONS)' > $@

# a source that is new or gone changes `config` as well; nginx's own Makefile
# follows the rest.  A module that is loaded somewhere is replaced, not
# written over

$(TREE)/objs/Makefile: SHELL = /bin/bash
$(TREE)/objs/Makefile: config $(BUILD)/options | packages-build
	@rm -rf $(TREE)
	@mkdir -p $(TREE)
	@cp -R $(or $(NGINX_SRC),/usr/share/nginx/src)/. $(TREE)
	@rm -rf $(TREE)/objs
	@cd $(TREE) && $(FLAGS) && CC="$(CC)" \
		bash $$(test -x configure && echo ./configure \
			|| echo auto/configure) \
		"$$@" --add-dynamic-module=$(CURDIR) \
		--with-cc-opt='$(CFLAGS) $(WARNINGS) $(HARDEN)' \
		--with-ld-opt='$(LINK)' > configure.log 2>&1 \
		|| { tail -n 12 configure.log; rm -f objs/Makefile; exit 1; }

$(MODULE): $(TREE)/objs/Makefile FORCE
	@$(MAKE) $(PARALLEL) --no-print-directory -s -C $(TREE) \
		-f objs/Makefile $(GOALS)
	@cmp -s $(BUILT) $@ || { cp $(BUILT) $@.new && mv -f $@.new $@ \
		&& echo "built $@"; }


# run and test

run: packages-run $(MODULE)
	@$(BUILT_WITH) exec t/run/serve

demo: packages-test $(MODULE)
	@$(BUILT_WITH) exec t/run/demo

.PHONY: packages-run
packages-run:
	$(install_packages) $(PACKAGES_RUN)

-include t/unit/unit.mk
-include t/fuzz/fuzz.mk
-include t/history/history.mk
-include t/model/model.mk

TESTS = -r t $(UNIT_PROGRAMS)

test: packages-test $(MODULE) unit-programs fuzz-build
	@$(BUILT_WITH) \
		prove --timer -j $(JOBS) -I t/lib $(TESTS)

.PHONY: packages-test
packages-test:
	$(install_packages) $(PACKAGES_TEST)

$(UNIT_OBJECTS) $(UNIT_PROGRAMS): | packages-build

.PHONY: unit-programs
unit-programs: $(UNIT_PROGRAMS)

unit: unit-programs
	@prove $(UNIT_PROGRAMS)

.PHONY: packages-fuzz
packages-fuzz:
	$(install_packages) $(PACKAGES_FUZZ)

$(FUZZ_OBJECTS) $(FUZZ_PROGRAMS): | packages-fuzz

.PHONY: packages-cover
packages-cover:
	$(install_packages) $(PACKAGES_COVER)

$(COVER_OBJECTS) $(COVER_PROGRAMS): | packages-cover

.PHONY: packages-model
packages-model:
	$(install_packages) $(PACKAGES_MODEL)

$(MODEL_TARGETS): | packages-model

.SILENT: $(UNIT_OBJECTS) $(UNIT_PROGRAMS) $(FUZZ_OBJECTS) $(FUZZ_PROGRAMS) \
	$(COVER_OBJECTS) $(COVER_PROGRAMS)


# the rest

lint: packages-lint $(MODULE)
	@t/run/lint $(MODULE)
	@$(MAKE) --no-print-directory BUILD=build/clang CC=clang

.PHONY: packages-lint
packages-lint:
	$(install_packages) $(PACKAGES_LINT)

MODULES_PATH = $(shell $(NGINX_BINARY) -V 2>&1 | tr ' ' '\n' \
	| sed -n 's/^--modules-path=//p')

install: $(MODULE)
	@test -n '$(MODULES_PATH)' || { \
		echo 'no nginx here that tells its modules path:' \
		'make install MODULES_PATH=/path'; exit 1; }
	install -D -m 644 $(MODULE) \
		$(DESTDIR)$(MODULES_PATH)/$(notdir $(MODULE))
	@echo 'at the top of nginx.conf:'
	@echo '    load_module $(MODULES_PATH)/$(notdir $(MODULE));'

clean:
	rm -rf build

FORCE:
