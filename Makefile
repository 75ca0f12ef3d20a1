# Espalier: an IPsec gateway of N machines. "make help" lists the targets.
# Everything that is built goes to build/.

CC       ?= cc
# Of what is there, the one whose program needs a tenth fewer instructions a packet.
CLANG    ?= $(notdir $(firstword $(shell command -v clang-19 clang)))
BPFTOOL  ?= bpftool
PKGCONF  ?= pkg-config
CLANG_FORMAT ?= clang-format
prefix   ?= /usr
sbindir  ?= $(prefix)/sbin
libdir   ?= $(prefix)/lib
mandir   ?= $(prefix)/share/man
docdir   ?= $(prefix)/share/doc/espalier
unitdir  ?= /lib/systemd/system
CFLAGS   ?= -O2 -g
V        ?= 0

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

B := build
ARCH_INC = /usr/include/$(shell $(CC) -print-multiarch)
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wno-missing-field-initializers
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) -Werror -Iinclude -I. -I$(B)/bpf -D_GNU_SOURCE -MMD -MP
BPF_CFLAGS = -target bpf -mcpu=v3 -O2 -g $(filter-out -Wshadow -Wmissing-prototypes,$(WARN)) -Werror \
	     -Iinclude -Ibpf -I$(ARCH_INC) -MMD -MP

# What both programs stand on; loader/main.c is the command's own.
LIB_SRC   := $(filter-out loader/main.c,$(wildcard loader/*.c))
AGENT_SRC := $(filter-out agent/main.c,$(wildcard agent/*.c))
# Protocol logic that the daemon and simulators share: no system call inside.
PURE_SRC  := agent/change.c agent/cluster.c agent/election.c agent/frames.c \
	     agent/heartbeat.c agent/join.c agent/lanes.c agent/lease.c agent/message.c \
	     agent/prefix.c agent/promote.c agent/rejoin.c agent/salt.c agent/sealed.c agent/slots.c agent/switching.c \
	     agent/takeover.c agent/view.c agent/wire.c
obj = $(patsubst %.c,$(B)/obj/%.o,$(1))

PKGS = libbpf libxdp libmnl libnftables libconfig jansson smartcols libsystemd libssl libcrypto libpcap
LIBS = $(shell $(PKGCONF) --libs $(PKGS))

BPF_OBJ := $(B)/bpf/espalier.bpf.o
SKEL    := $(B)/bpf/espalier.skel.h

all: $(B)/espalier $(B)/espalierd $(BPF_OBJ)

# What the labs need besides.
lab: all $(addprefix $(B)/selftests/,replay attack stream encap flood paced harass audit obj/pass.bpf.o)

help:
	@printf '%s\n' \
	'make demo       set up what is missing, build, and watch three members share one tunnel' \
	'make check      set up what is missing, build, and run every test (check-unit check-sim check-bpf check-scale' \
	'                check-pure check-model check-config check-cluster run one part)' \
	'make sim        2,000 simulated clusters and every rule broken on purpose; make sim-long  100,000' \
	'make bench      cost of a packet in nanoseconds, into build/bench/' \
	'make all        build/espalier build/espalierd build/bpf/espalier.bpf.o' \
	'make deps       install the Debian packages that are missing (deploy/deps --list names them)' \
	'make install    to $$DESTDIR$$prefix' \
	'make fmt        clang-format the C files      make analyze  clang and gcc static analysis' \
	'make clean      remove build/, but keep downloaded kernels; make distclean removes all' \
	'V=1 shows the commands. Variables: CC CLANG BPFTOOL CFLAGS DESTDIR prefix'

deps:
	$(Q)deploy/deps

# Recipes below deps may need tools that deps has just installed, so the work
# is done by a second make.
demo: deps
	$(Q)$(MAKE) --no-print-directory lab
	$(Q)selftests/cluster/run demo

$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	$(say) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(SKEL): $(BPF_OBJ)
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name espalier_bpf > $@.tmp 2>$@.err || { cat $@.err; exit 1; }
	$(Q)mv $@.tmp $@

$(B)/obj/%.o: %.c | $(SKEL)
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(B)/libespalier.a: $(call obj,$(LIB_SRC))
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/espalier: $(call obj,loader/main.c) $(B)/libespalier.a
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/espalierd: $(call obj,agent/main.c $(AGENT_SRC)) $(B)/libespalier.a
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

include selftests/tests.mk

# Both programs know /etc/espalier, wherever they are.
install: all
	install -d $(DESTDIR)$(sbindir) $(DESTDIR)$(libdir)/espalier $(DESTDIR)/etc/espalier
	install -m 755 $(B)/espalier $(B)/espalierd $(DESTDIR)$(sbindir)
	install -m 644 $(BPF_OBJ) $(DESTDIR)$(libdir)/espalier
	install -m 644 deploy/espalier.conf.example $(DESTDIR)/etc/espalier
	install -d $(DESTDIR)$(mandir)/man5 $(DESTDIR)$(mandir)/man8 $(DESTDIR)$(unitdir) $(DESTDIR)$(docdir)
	install -m 644 deploy/man/*.5 $(DESTDIR)$(mandir)/man5
	install -m 644 deploy/man/*.8 $(DESTDIR)$(mandir)/man8
	sed 's,/usr/sbin/,$(sbindir)/,' deploy/espalierd.service >$(DESTDIR)$(unitdir)/espalierd.service
	chmod 644 $(DESTDIR)$(unitdir)/espalierd.service
	install -m 644 README.md deploy/STATUS.md $(DESTDIR)$(docdir)

fmt:
	$(Q)git ls-files '*.c' '*.h' | xargs $(CLANG_FORMAT) -i

analyze: $(SKEL)
	$(Q)for f in $(LIB_SRC) loader/main.c $(AGENT_SRC) agent/main.c; do \
		printf '  ANALYZE %s\n' $$f; \
		$(CLANG) --analyze --analyzer-output text -std=gnu11 -Iinclude -I. -I$(B)/bpf -D_GNU_SOURCE $$f -o /dev/null || exit 1; \
	done

clean:
	$(Q)rm -rf $(filter-out $(B)/vm,$(wildcard $(B)/*))

distclean:
	$(Q)rm -rf $(B)

.PHONY: all lab help deps demo install fmt analyze clean distclean
.DELETE_ON_ERROR:
-include $(shell find $(B)/obj $(B)/bpf $(B)/selftests -type f -name '*.d' 2>/dev/null)
