# Makefile: builds and installs pg_migrations with PGXS; the longer jobs are in tools/.
#
#   make, make install    as for every extension, against PG_CONFIG
#   make FAULTS=1         the same, with the fault points of the tests
#   make help             all other targets

EXTENSION = pg_migrations
MODULE_big = pg_migrations
PG_CONFIG ?= pg_config

# The directory of this Makefile, also in a VPATH build.
top := $(or $(VPATH),$(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST)))))
VPATH := $(filter-out .,$(top))
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(top)/pg_migrations.control)
sources = $(patsubst $(top)/%,%,$(sort $(wildcard $(addprefix $(top)/,$(1)))))
names = $(basename $(notdir $(sort $(wildcard $(top)/$(1)))))

OBJS := $(patsubst %.c,%.o,$(call sources,src/*.c src/*/*.c src/*/*/*.c))
SQL_PARTS := $(call sources,sql/[0-9][0-9]-*.sql)
DATA = $(call sources,sql/pg_migrations--*--*.sql)
DATA_built = sql/pg_migrations--$(EXTVERSION).sql

PG_CPPFLAGS = -I$(top)/src -DMIG_VERSION='"$(EXTVERSION)"' $(if $(FAULTS),-DMIG_FAULT_POINTS)
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -Wno-clobbered -MMD -MP

REGRESS = $(call names,test/sql/*.sql)
ISOLATION = $(call names,test/specs/*.spec)
REGRESS_OPTS = --inputdir=$(top)/test --load-extension=pg_migrations
ISOLATION_OPTS = $(REGRESS_OPTS)
TAP_TESTS = 1
PROVE_TESTS = test/t/*.pl
EXTRA_CLEAN = .built_for $(OBJS:.o=.d) output_iso results tmp_check

# No bitcode, which would need the server's own version of clang, unless asked
# for, and the -MMD above instead of the server's dependency files, which mix
# up files of the same name in two directories.
ifneq ($(origin with_llvm),command line)
override with_llvm = no
endif
override autodepend =

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(PGXS),)
include $(PGXS)
-include $(OBJS:.o=.d)
# What the server does by itself since 16: only what SQL calls is exported.
ifeq ($(MAJORVERSION),15)
override CFLAGS += -fvisibility=hidden
override CPPFLAGS += -D'PGDLLEXPORT=__attribute__((visibility("default")))'
endif
else
all install installcheck: ; @echo 'no $(PG_CONFIG) here: set PG_CONFIG, or install the server-dev package' >&2; exit 1
clean: ; rm -f $(OBJS) $(EXTRA_CLEAN) $(DATA_built) $(MODULE_big).so
endif

# What the build was made for; when it changes, everything is built again.
.built_for: FORCE
	@echo '$(EXTVERSION) $(shell $(PG_CONFIG) --version --pkglibdir 2>/dev/null) $(OBJS) $(SQL_PARTS) $(FAULTS)' > $@.new; \
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(OBJS): .built_for
$(DATA_built): .built_for $(SQL_PARTS)
	cat $(filter %.sql,$^) > $@
$(shell mkdir -p sql $(dir $(OBJS)))

quickstart test test-all check-assert check-asan crash: ; @$(top)/tools/$@.sh
bench: ; @$(top)/bench/run.sh
help:
	@echo 'make quickstart     build, start a throw-away server and show the main job'
	@echo 'make test           all tests, on the server of PG_CONFIG (default: 15)'
	@echo '                    ONLY="pgtap lint tap/001_install" runs some of them'
	@echo 'make test-all       the same on 15, 17 and 18 (as root)'
	@echo 'make check-assert   the same on a server with assertions'
	@echo 'make check-asan     the same on one that watches every access to memory'
	@echo 'make crash          each fault, and the crash loop ROUNDS=200 times; SEED=n repeats it'
	@echo 'make bench          the figures of bench/README.md'

.PHONY: quickstart test test-all check-assert check-asan crash bench help FORCE
