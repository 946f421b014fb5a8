# Histories of several hosts under faults.  Included by the Makefile at the top;
# all paths are from there.  SECONDS: for how long; SEED: where to begin.

SECONDS = 3600
SEED    =

.PHONY: soak

soak: packages-test $(MODULE)
	@$(BUILT_WITH) exec t/history/soak --seconds $(SECONDS) \
		$(if $(SEED),--seed $(SEED)) --dir $(BUILD)/soak
