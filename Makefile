# lua-commerce: `make` builds it, `make demo` shows it at work, `make test` runs the specs,
# `make test-browser` those that need a browser,
# `make soak` injects faults for some minutes.
#
# Everything is built into build/: build/<runtime>/commerce/core.so for every runtime found, and
# build/commerce, a launcher that works from the checkout (LUA=luajit build/commerce ... picks one).

CC ?= gcc
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local

LUAJIT := $(shell command -v luajit)
# Lua 5.4 or later, which other systems call lua, lua54 or lua-5.4
LUA54 := $(shell for lua in lua5.4 lua54 lua-5.4 lua; do \
  "$$lua" -e 'assert(string.pack and utf8 and tonumber(_VERSION:match "5%.(%d+)") >= 4)' \
    2>/dev/null && { command -v "$$lua"; break; }; done)
RUNTIMES := $(if $(LUA54),lua5.4) $(if $(LUAJIT),luajit)

INCLUDE_lua5.4 = $(shell $(PKG_CONFIG) --cflags lua5.4 2>/dev/null || $(PKG_CONFIG) --cflags lua-5.4 \
  2>/dev/null || $(PKG_CONFIG) --cflags lua 2>/dev/null || echo -I/usr/include/lua5.4)
INCLUDE_luajit = $(shell $(PKG_CONFIG) --cflags luajit 2>/dev/null || echo -I/usr/include/luajit-2.1)

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wundef -Wstrict-prototypes -Wmissing-prototypes \
  -Wwrite-strings -Wconversion
# Compilers lack some of these: -fcf-protection is for x86 alone.
HARDENING := -D_FORTIFY_SOURCE=2 $(shell for flag in -fstack-protector-strong \
  -fstack-clash-protection -fcf-protection; do echo 'int x;' | $(CC) -Werror $$flag -x c -c \
  -o /dev/null - 2>/dev/null && echo "$$flag"; done)
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=c11 -fPIC -fvisibility=hidden $(WARNINGS) $(HARDENING) $(INCLUDES) $(CFLAGS)
# nodelete: a process that ends does not unmap libcurl's 30 libraries one by one
ifeq ($(shell uname),Darwin)
ALL_LDFLAGS = -bundle -undefined dynamic_lookup $(LDFLAGS)
else
ALL_LDFLAGS = -shared -Wl,-z,relro,-z,now,-z,noexecstack,-z,nodelete,--as-needed $(LDFLAGS)
endif
SANITIZE = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
  -fno-omit-frame-pointer
# CURL_DIR and OPENSSL_DIR name the prefixes of copies outside the system's folders, as for LuaRocks.
LIBRARY_DIRS := $(CURL_DIR) $(OPENSSL_DIR)
INCLUDES = $(LIBRARY_DIRS:%=-I%/include)
LIBS = $(LIBRARY_DIRS:%=-L%/lib) $(LIBRARY_DIRS:%=-Wl,-rpath,%/lib) -lcurl -lcrypto

# commerce.pq, the PostgreSQL driver, is built where libpq is found
HAS_PQ := $(shell { $(PKG_CONFIG) --exists libpq || command -v pg_config; } >/dev/null 2>&1 && echo yes)
PQ_CFLAGS = $(shell $(PKG_CONFIG) --cflags libpq 2>/dev/null || echo -I$$(pg_config --includedir))
PQ_LIBS = $(shell $(PKG_CONFIG) --libs libpq 2>/dev/null || echo -L$$(pg_config --libdir) -lpq) -lcrypto
PQ_SOURCES := $(sort $(wildcard csrc/pq/*.c))
# the units of other rooms that the driver needs
PQ_TEXT = buf guarded json utf8
PQ_BIND = class

SOURCES := $(filter-out csrc/pq/%,$(sort $(wildcard csrc/*/*.c)))
HEADERS := $(sort $(wildcard csrc/*/*.h))
# Lua-free units are compiled once for all runtimes; their tests are plain C programs
LUA_FREE := $(filter-out csrc/bind/%,$(SOURCES))
BINDING := $(filter csrc/bind/%,$(SOURCES))
LUA_FILES := $(shell find lua -name '*.lua' ! -name '*.d.lua')

.DELETE_ON_ERROR:
.PHONY: all demo pictures portal-picture test test-all test-browser soak soak-workers lint bench asan valgrind fuzz emulator env install uninstall clean packages rockspec release

all: $(RUNTIMES:%=build/%/commerce/core.so) $(if $(HAS_PQ),$(RUNTIMES:%=build/%/commerce/pq.so)) \
  build/commerce
	@test -n "$(strip $(RUNTIMES))" || { echo "no Lua found: install lua5.4 or luajit" >&2; exit 1; }

# ---------------------------------------------------------------- building

SANITIZE_CFLAGS = -std=c11 -fPIC -fvisibility=hidden $(SANITIZE) $(INCLUDES)

build/obj/%.o: csrc/%.c $(HEADERS)
	@mkdir -p $(@D)
	@echo "CC $@"
	@$(CC) $(ALL_CFLAGS) -Icsrc -c -o $@ $<

build/asan/obj/%.o: csrc/%.c $(HEADERS)
	@mkdir -p $(@D)
	@echo "CC $@"
	@$(CC) $(SANITIZE_CFLAGS) -Icsrc -c -o $@ $<

define runtime_rules
build/$(1)/obj/%.o: csrc/%.c $(HEADERS)
	@mkdir -p $$(@D)
	@echo "CC $$@"
	@$(CC) $$(ALL_CFLAGS) -Icsrc $$(INCLUDE_$(1)) -c -o $$@ $$<

build/$(1)/commerce/core.so: $(LUA_FREE:csrc/%.c=build/obj/%.o) $(BINDING:csrc/%.c=build/$(1)/obj/%.o)
	@mkdir -p $$(@D)
	@echo "LD $$@"
	@$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LIBS)

build/$(1)/obj/pq/%.o build/asan/$(1)/obj/pq/%.o: EXTRA = $$(PQ_CFLAGS)

build/$(1)/commerce/pq.so: $(PQ_SOURCES:csrc/%.c=build/$(1)/obj/%.o) \
  $(PQ_TEXT:%=build/obj/text/%.o) $(PQ_BIND:%=build/$(1)/obj/bind/%.o)
	@mkdir -p $$(@D)
	@echo "LD $$@"
	@$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(PQ_LIBS)

build/asan/$(1)/commerce/pq.so: $(PQ_SOURCES:csrc/%.c=build/asan/$(1)/obj/%.o) \
  $(PQ_TEXT:%=build/asan/obj/text/%.o) $(PQ_BIND:%=build/asan/$(1)/obj/bind/%.o)
	@mkdir -p $$(@D)
	@echo "LD $$@"
	@$(CC) $$(SANITIZE_CFLAGS) -shared -o $$@ $$^ $$(PQ_LIBS)

build/$(1)/programs.so build/asan/$(1)/programs.so: spec/support/programs.c
	@mkdir -p $$(@D)
	@echo "CC $$@"
	@$(CC) $$(ALL_CFLAGS) $$(INCLUDE_$(1)) $$(ALL_LDFLAGS) -o $$@ $$<

build/asan/$(1)/obj/%.o: csrc/%.c $(HEADERS)
	@mkdir -p $$(@D)
	@echo "CC $$@"
	@$(CC) $$(SANITIZE_CFLAGS) -Icsrc $$(INCLUDE_$(1)) -c -o $$@ $$<

build/asan/$(1)/commerce/core.so: $(LUA_FREE:csrc/%.c=build/asan/obj/%.o) $(BINDING:csrc/%.c=build/asan/$(1)/obj/%.o)
	@mkdir -p $$(@D)
	@echo "LD $$@"
	@$(CC) $$(SANITIZE_CFLAGS) -shared -o $$@ $$^ $$(LIBS)
endef
$(foreach runtime,lua5.4 luajit,$(eval $(call runtime_rules,$(runtime))))

build/commerce: Makefile
	@mkdir -p $(@D)
	@printf '%s\n' '#!/bin/sh' \
	  '# Runs the checkout it stands in; LUA=luajit picks the runtime. It starts no other program, since' \
	  '# scripts call it often.' \
	  'case $$0 in */*) self=$$0;; *) self=./$$0;; esac' \
	  'while [ -L "$$self" ]; do' \
	  '  link=$$(readlink "$$self")' \
	  '  case $$link in /*) self=$$link;; *) self=$${self%/*}/$$link;; esac' \
	  'done' \
	  'case $$self in' \
	  '  build/commerce) root=$$PWD;;' \
	  '  *) root=$$(cd "$${self%/*}/.." && pwd);;' \
	  'esac' \
	  'if [ -z "$$LUA" ]; then' \
	  '  if [ -e "$$root/build/lua5.4/commerce/core.so" ]; then LUA=lua5.4; else LUA=luajit; fi' \
	  'fi' \
	  'case $${LUA##*/} in luajit*) dir=luajit;; *) dir=lua5.4;; esac' \
	  'unset LUA_PATH_5_4 LUA_CPATH_5_4' \
	  'LUA_PATH="$$root/lua/?.lua;$$root/lua/?/init.lua;;"' \
	  'LUA_CPATH="$$root/build/$$dir/?.so;;"' \
	  'export LUA_PATH LUA_CPATH' \
	  'exec "$$LUA" "$$root/lua/commerce/cli/main.lua" "$$@"' > $@
	@chmod +x $@

# Lua 5.4 prefers the names with its version, LuaJIT knows only the plain ones: both can be set.
env:
	@$(MAKE) --no-print-directory all >&2
	@echo 'export LUA_PATH_5_4="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;"'
	@echo 'export LUA_CPATH_5_4="$(CURDIR)/build/lua5.4/?.so;;"'
	@echo 'export LUA_PATH="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;"'
	@echo 'export LUA_CPATH="$(CURDIR)/build/luajit/?.so;;"'

# What is installed below PREFIX, for `install` and `uninstall`; STAGE holds what is made for it.
STAGE = build/install
LUA_INSTALLED = find commerce -type f ! -name '*.md'
version_of = $(if $(filter luajit,$(1)),5.1,$(1:lua%=%))
ROOT = $(DESTDIR)$(PREFIX)
LUA_FOLDER = $(PREFIX)/share/lua/$(call version_of,$(firstword $(RUNTIMES)))
INSTALLED_LUA = $(patsubst lua5.4,$(notdir $(LUA54)),$(firstword $(RUNTIMES)))
define other_installed
lib/systemd/system/commerce-serve.service lib/systemd/system/commerce-worker.service \
share/man/man1/commerce.1 share/bash-completion/completions/commerce \
share/zsh/site-functions/_commerce share/fish/vendor_completions.d/commerce.fish
endef

install: all
	@rm -rf $(STAGE)
	@mkdir -p $(sort $(dir $(addprefix $(STAGE)/,bin/commerce $(other_installed))))
	@printf '%s\n' '#!/bin/sh' 'unset LUA_PATH_5_4 LUA_CPATH_5_4' \
	  'LUA_PATH="$(LUA_FOLDER)/?.lua;$(LUA_FOLDER)/?/init.lua;;"' \
	  'LUA_CPATH="$(PREFIX)/lib/lua/$(call version_of,$(firstword $(RUNTIMES)))/?.so;;"' \
	  'export LUA_PATH LUA_CPATH' \
	  'exec $(INSTALLED_LUA) "$(LUA_FOLDER)/commerce/cli/main.lua" "$$@"' >$(STAGE)/bin/commerce
	@build/commerce --manual >$(STAGE)/share/man/man1/commerce.1
	@build/commerce --completion bash >$(STAGE)/share/bash-completion/completions/commerce
	@build/commerce --completion zsh >$(STAGE)/share/zsh/site-functions/_commerce
	@build/commerce --completion fish >$(STAGE)/share/fish/vendor_completions.d/commerce.fish
	@for unit in serve worker; do sed 's|/usr/local/bin/|$(PREFIX)/bin/|' \
	  examples/systemd/commerce-$$unit.service >$(STAGE)/lib/systemd/system/commerce-$$unit.service; done
	@for version in $(foreach runtime,$(RUNTIMES),$(call version_of,$(runtime))); do \
	  mkdir -p "$(ROOT)/share/lua/$$version" && (cd lua && $(LUA_INSTALLED) | tar -cf - -T -) | \
	  tar -C "$(ROOT)/share/lua/$$version" -xf - && \
	  chmod -R u=rwX,go=rX "$(ROOT)/share/lua/$$version/commerce" || exit 1; done
	@$(foreach runtime,$(RUNTIMES),mkdir -p "$(ROOT)/lib/lua/$(call version_of,$(runtime))/commerce" && \
	  install -m 755 build/$(runtime)/commerce/*.so \
	  "$(ROOT)/lib/lua/$(call version_of,$(runtime))/commerce" &&) true
	@chmod -R u=rwX,go=rX $(STAGE) && chmod 755 $(STAGE)/bin/commerce
	@tar -C $(STAGE) -cf - bin/commerce $(other_installed) | tar -C "$(ROOT)" -xf -
	@echo "installed commerce under $(ROOT)"

# The data stays.
uninstall:
	@for version in $(foreach runtime,$(RUNTIMES),$(call version_of,$(runtime))); do \
	  for kind in share lib; do folder="$(ROOT)/$$kind/lua/$$version"; test ! -d "$$folder/commerce" || { \
	    (cd lua && $(LUA_INSTALLED)) | (cd "$$folder" && xargs rm -f commerce/*.so) && \
	    find "$$folder/commerce" -depth -type d -empty -delete; }; done; done
	@cd "$(ROOT)" && rm -f bin/commerce $(other_installed)
	@echo "removed commerce from $(ROOT)"

clean:
	rm -rf build

# ---------------------------------------------------------------- Debian packages

# A make of its own follows, so that what has just been installed is found.
packages:
	@spec/support/install-packages $(TOOLS)

demo: packages
	@$(MAKE) --no-print-directory all
	@spec/support/demo

# The pictures in the README, from the real thing.
pictures: packages
	@$(MAKE) --no-print-directory $(PARALLEL) all $(PROGRAMS)
	@LUA_PATH="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;" \
	  LUA_CPATH="$(CURDIR)/build/lua5.4/?.so;;" lua5.4 spec/support/pictures.lua

# The one of the portal, which needs a browser.
portal-picture: TOOLS = chromium $(NODE)
portal-picture: packages
	@$(MAKE) --no-print-directory $(PARALLEL) all $(PROGRAMS) $(BROWSER)
	@LUA_PATH="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;" \
	  LUA_CPATH="$(CURDIR)/build/lua5.4/?.so;;" lua5.4 spec/support/portal_picture.lua

# npm comes with node, except in Debian's own packages
NODE := $(if $(shell command -v npm),,nodejs npm)

# A make that was given no -j compiles on all cores.
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1))

# npm waits for the network while the compiler works.
# the specs of the PostgreSQL store start a server of their own
POSTGRESQL = postgresql libpq-dev

test: TOOLS = $(NODE) $(POSTGRESQL)
test: packages
	@{ $(MAKE) --no-print-directory sdks || \
	    echo "npm failed: only the specs that drive Codat's and Stripe's clients need it" >&2; } & \
	  $(MAKE) --no-print-directory $(PARALLEL) all c-tests; status=$$?; wait; exit $$status
	@spec/support/run-tests

# The suite, then TLS, PgBouncer, and the integration specs that are known to run on PostgreSQL.
test-all: test
	@spec/support/install-packages pgbouncer
	@$(LUA54) spec/support/run_on_postgres.lua

# The pages in chromium, which is large and no part of `make test`.
test-browser: TOOLS = chromium openssl $(NODE)
test-browser: packages
	@$(MAKE) --no-print-directory $(PARALLEL) all $(PROGRAMS) build/browser/node_modules/.package-lock.json
	@SPECS=spec/browser spec/support/run-tests

# ---------------------------------------------------------------- testing

C_TESTS := $(patsubst spec/c/test_%.c,build/c/test_%,$(sort $(wildcard spec/c/test_*.c)))

build/asan/lua_free.a: $(LUA_FREE:csrc/%.c=build/asan/obj/%.o)
	@rm -f $@
	@ar rcs $@ $^

build/c/test_%: spec/c/test_%.c spec/c/test.h build/asan/lua_free.a $(HEADERS)
	@mkdir -p $(@D)
	@echo "CC $@"
	@$(CC) -std=c11 -D_GNU_SOURCE $(SANITIZE) -Icsrc -o $@ $< build/asan/lua_free.a $(LIBS)

# Codat's clients and Stripe's, for spec/sdk
SDKS = build/sdk/node_modules/.package-lock.json

$(SDKS): spec/sdk/package.json spec/sdk/package-lock.json
	@mkdir -p build/sdk
	@cp $^ build/sdk
	@echo "NPM build/sdk"
	@cd build/sdk && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

# what drives chromium, for spec/browser
BROWSER = build/browser/node_modules/.package-lock.json

$(BROWSER): spec/browser/package.json spec/browser/package-lock.json
	@mkdir -p build/browser
	@cp $^ build/browser
	@echo "NPM build/browser"
	@cd build/browser && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

# what specs, soak and benchmarks start programs with
PROGRAMS = $(RUNTIMES:%=build/%/programs.so)

.PHONY: c-tests sdks
sdks: $(SDKS)
c-tests: $(C_TESTS) $(PROGRAMS)

build/asan/exit.so: spec/support/asan_exit.c
	@mkdir -p $(@D)
	@$(CC) -shared -fPIC -D_GNU_SOURCE -o $@ $<

asan: TOOLS = $(NODE) $(POSTGRESQL)
asan: packages
	@$(MAKE) --no-print-directory $(PARALLEL) all c-tests sdks build/asan/exit.so \
	  build/asan/lua5.4/commerce/core.so build/asan/luajit/commerce/core.so \
	  build/asan/lua5.4/commerce/pq.so build/asan/luajit/commerce/pq.so \
	  build/asan/lua5.4/programs.so build/asan/luajit/programs.so
	@spec/support/run-tests --asan

valgrind: TOOLS = valgrind $(NODE) $(POSTGRESQL)
valgrind: packages
	@$(MAKE) --no-print-directory $(PARALLEL) all c-tests sdks
	@spec/support/run-tests --valgrind

FUZZERS := $(patsubst spec/fuzz/%_fuzz.c,build/fuzz/%,$(sort $(wildcard spec/fuzz/*_fuzz.c)))
FUZZ_SECONDS ?= 20

FUZZ_CFLAGS = -std=c11 -D_GNU_SOURCE -g -O1 -fno-sanitize-recover=all -Icsrc

build/fuzz/obj/%.o: csrc/%.c $(HEADERS)
	@mkdir -p $(@D)
	@echo "CC $@"
	@clang $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined -c -o $@ $<

build/fuzz/%: spec/fuzz/%_fuzz.c $(LUA_FREE:csrc/%.c=build/fuzz/obj/%.o)
	@mkdir -p $(@D)
	@echo "CC $@"
	@clang $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBS)

fuzz: TOOLS = clang libclang-rt-14-dev
fuzz: packages
	@$(MAKE) --no-print-directory $(PARALLEL) $(FUZZERS)
	@for fuzzer in $(FUZZERS); do name=$$(basename $$fuzzer); mkdir -p build/fuzz/found/$$name; \
	  echo "$$name"; $$fuzzer -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -verbosity=0 \
	    build/fuzz/found/$$name spec/fuzz/corpus/$$name || exit 1; done

# make soak SECONDS=60 SEED=7 CHARGES=500: another length, the same choices again, another account
SECONDS ?= 180
SEED ?=
CHARGES ?= 2000

soak: packages
	@$(MAKE) --no-print-directory all $(PROGRAMS)
	@$(firstword $(RUNTIMES)) spec/soak/main.lua "$(SECONDS)" "$(CHARGES)" $(SEED)

# workers on PostgreSQL, killed at random while the server restarts
soak-workers: packages
	@$(MAKE) --no-print-directory all $(PROGRAMS)
	@$(firstword $(RUNTIMES)) spec/soak/workers.lua "$(SECONDS)" $(SEED)

lint: TOOLS = lua-check clang-format cppcheck
lint: packages
	luacheck -q lua spec examples
	@for lua in $(LUA54) $(LUAJIT); do for file in $(LUA_FILES); do \
	  $$lua -e "assert(loadfile('$$file'))" || exit 1; done; done
	clang-format --dry-run -Werror csrc/*/*.c csrc/*/*.h spec/c/*.c spec/c/*.h spec/fuzz/*.c \
	  spec/support/*.c
	cppcheck --quiet --error-exitcode=1 --enable=warning,portability --inline-suppr \
	  --suppress=missingInclude -Icsrc $(INCLUDE_lua5.4) csrc
	luarocks lint rockspec/lua-commerce-scm-1.rockspec
	luarocks lint rockspec/lua-commerce-pq-scm-1.rockspec

# What follows from the tree in the rockspecs, the next release's among them.
rockspec:
	@$(firstword $(RUNTIMES)) spec/support/rockspec.lua

# Whether the tree is ready to be tagged, and what to do then. It changes nothing.
release:
	@spec/support/check-release

bench: TOOLS = wrk
bench: packages
	@$(MAKE) --no-print-directory all $(PROGRAMS)
	@spec/bench/run $(PARTS)

emulator: packages
	@$(MAKE) --no-print-directory all
	@spec/emulator/run
