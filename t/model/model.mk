# The models of t/model, searched by spin.  Included by the Makefile at the
# top; all paths are from there.  How an error comes about is kept in
# build/model, as run.log.

MODEL_RUNS = freshness-MOVE freshness-CLOCK freshness-PURGE freshness-OUTAGE \
	freshness-DOUBT lease-FAULT lease-CROWD lease-PROGRESS
MODEL_TARGETS = $(addprefix model-,$(MODEL_RUNS))

.PHONY: model $(MODEL_TARGETS)

model: $(MODEL_TARGETS)

$(MODEL_TARGETS): model-%:
	@t/run/model build/model/$* $(subst -, ,$*)
