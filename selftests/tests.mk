# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The tests. Included by the Makefile, which sets B, Q, say, obj, SKEL, LIBS.
# Nothing here asks pkg-config before a recipe runs: "make check" installs it.

T := $(B)/selftests
UNIT_SRC  := $(wildcard selftests/unit/*.c)
# Members in memory and their traffic, for the unit tests too.
DISP_SRC  := $(filter-out %/main.c,$(wildcard selftests/dispatch/*.c))
WORLD_SRC := selftests/bpf/frame.c selftests/bpf/world.c selftests/unit/packets.c
BPFT_SRC  := $(filter-out %.bpf.c $(WORLD_SRC),$(wildcard selftests/bpf/*.c))
BENCH_SRC := $(filter-out %.bpf.c,$(wildcard selftests/bench/*.c))
TEST_LIBS = $(shell $(PKGCONF) --libs libbpf jansson)
XDP_DISPATCHER = $(shell $(PKGCONF) --variable=libdir libxdp)/bpf/xdp-dispatcher.o

# Reads captures of a cluster and says what they prove.
AUDIT_SRC := $(filter-out %/main.c,$(wildcard selftests/audit/*.c))
$(T)/audit: $(call obj,selftests/audit/main.c $(AUDIT_SRC))
	$(say) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell $(PKGCONF) --libs libpcap jansson libcrypto)

# The pure files of the agent are tested as they are linked into it, and so is what
# protects messages between members.
SEAL_SRC  := $(wildcard agent/channel*.c) agent/seal.c agent/settings.c agent/tls.c \
	     loader/conf_table.c loader/error.c loader/secret.c
# XFRM netlink, where agent_xfrm.c is the kernel.
XFRM_SRC  := agent/xfrm.c agent/xfrm_events.c agent/xfrm_policy.c agent/xfrm_redraw.c
$(T)/unit: $(call obj,$(UNIT_SRC) $(DISP_SRC) $(PURE_SRC) $(SEAL_SRC) $(XFRM_SRC) selftests/audit/packet.c selftests/audit/bits.c)
	$(say) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -pthread $(shell $(PKGCONF) --libs criterion libssl libcrypto libsystemd libmnl)

$(B)/dispatch-table: $(call obj,selftests/dispatch/main.c $(DISP_SRC) selftests/unit/packets.c)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell $(PKGCONF) --libs jansson smartcols)

# Kinds of packets, and a member in memory that the program must agree with.
$(T)/bpf: $(call obj,$(BPFT_SRC) $(WORLD_SRC) selftests/unit/kinds.c $(DISP_SRC))
	$(say) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(TEST_LIBS)

$(B)/bench/bench: $(call obj,$(BENCH_SRC) $(WORLD_SRC))
	$(say) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(TEST_LIBS)

# The SAs of an agent, as they are linked into it, between real maps and an XFRM in memory.
SCALE_SRC := $(wildcard selftests/scale/*.c) $(wildcard agent/sadb*.c) agent/probe.c agent/settings.c $(PURE_SRC) \
	     loader/conf_table.c loader/guards.c
SCALE_WRAP := bpf_map_lookup_elem bpf_map_update_elem bpf_map_delete_elem bpf_map_lookup_batch
$(T)/scale: $(call obj,$(SCALE_SRC))
	$(say) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(SCALE_WRAP:%=-Wl,--wrap=%) -o $@ $^ $(shell $(PKGCONF) --libs libbpf libsystemd libcrypto)

# The small programs of the tests themselves.
$(T)/obj/drop.bpf.o: selftests/bench/drop.bpf.c
$(T)/obj/probe.bpf.o: selftests/bpf/probe.bpf.c
$(T)/obj/pass.bpf.o: selftests/cluster/lib/pass.bpf.c
$(T)/obj/%.bpf.o:
	$(say) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $(filter %.c,$^) -o $@

$(B)/bpf/%.skel.h: $(T)/obj/%.bpf.o
	$(say) SKEL $@
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@.tmp 2>$@.err || { cat $@.err; exit 1; }
	$(Q)mv $@.tmp $@

$(call obj,$(BENCH_SRC)): $(B)/bpf/drop.skel.h
$(call obj,$(BPFT_SRC)): $(B)/bpf/probe.skel.h
$(call obj,selftests/bench/bench.c): ALL_CFLAGS += -DDISPATCHER_OBJECT='"$(XDP_DISPATCHER)"'
# A row says what differs from its kind.
$(call obj,$(UNIT_SRC) $(BPFT_SRC) $(BENCH_SRC)): ALL_CFLAGS += -Wno-override-init

# The programs as each compiler makes them, and what asks the kernel about them.
VERIFIED := clang-14 clang-19

$(T)/verifier/%.bpf.o: bpf/espalier.bpf.c
	$(say) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$* $(BPF_CFLAGS) -c $< -o $@

$(T)/verifier/insns: $(call obj,selftests/verifier/insns.c)
	$(say) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell $(PKGCONF) --libs libbpf)

verifier-objects: $(VERIFIED:%=$(T)/verifier/%.bpf.o) $(T)/verifier/insns

tests: $(T)/unit $(B)/dispatch-table $(T)/bpf $(T)/scale $(B)/bench/bench $(B)/espalier-sim $(T)/audit

check: deps
	$(Q)$(MAKE) --no-print-directory all tests
	$(Q)selftests/check $(B)

check-unit: deps
	$(Q)$(MAKE) --no-print-directory $(T)/unit $(B)/dispatch-table
	$(Q)selftests/check $(B) unit

check-bpf: deps
	$(Q)$(MAKE) --no-print-directory $(T)/bpf
	$(Q)selftests/check $(B) bpf

check-sim: deps
	$(Q)$(MAKE) --no-print-directory $(B)/espalier-sim
	$(Q)selftests/check $(B) sim

check-scale: deps
	$(Q)$(MAKE) --no-print-directory $(T)/scale
	$(Q)selftests/check $(B) scale

check-verifier: deps
	$(Q)$(MAKE) --no-print-directory verifier-objects
	$(Q)selftests/check $(B) verifier

check-pure: deps
	$(Q)$(MAKE) --no-print-directory pure-objects
	$(Q)selftests/check $(B) pure

check-model: deps
	$(Q)selftests/check $(B) model

check-config check-cluster: deps
	$(Q)$(MAKE) --no-print-directory all $(T)/audit
	$(Q)selftests/check $(B) $(@:check-%=%)

bench: deps
	$(Q)$(MAKE) --no-print-directory $(B)/bench/bench
	$(Q)$(B)/bench/bench $(B)/bench/dispatch.json

# Named so that the script needs no list of its own.
pure-objects: $(call obj,$(PURE_SRC) selftests/audit/packet.c)
	$(Q)mkdir -p $(T)
	$(Q)printf '%s\n' $^ >$(T)/pure.list

tests: pure-objects verifier-objects

.PHONY: tests verifier-objects sim sim-long check check-unit check-sim check-bpf check-scale check-verifier check-pure check-model check-config check-cluster bench pure-objects

# The attacker and the traffic of the cluster scenarios.
$(T)/replay $(T)/attack $(T)/stream $(T)/encap $(T)/flood $(T)/paced $(T)/harass: $(T)/%: $(B)/obj/selftests/cluster/lib/%.o
	$(say) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

# Clusters in memory, made of the objects that the daemon is linked from.  A
# violation prints its seed: build/espalier-sim --trace SEED tells the whole run.
SIM_SRC := $(wildcard selftests/sim/*.c)

$(B)/espalier-sim: $(call obj,$(SIM_SRC) $(PURE_SRC))
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell $(PKGCONF) --libs jansson)

sim: $(B)/espalier-sim
	$(Q)selftests/sim/run $(B)/espalier-sim 2000

sim-long: $(B)/espalier-sim
	$(Q)selftests/sim/run $(B)/espalier-sim 100000
