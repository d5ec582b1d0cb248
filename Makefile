# Every target sets up its own .venv first. PYTHON picks the interpreter (3.10 to 3.13).
PYTHON ?= python3
BIN := .venv/bin

# Python keeps what it compiled, whatever the shell says: a third of the time that collecting tests
# takes. As many tests at once as there are cores, so each has one thread for its matrices.
unexport PYTHONDONTWRITEBYTECODE
PYTEST = OMP_NUM_THREADS=1 PATH="$(CURDIR)/$(BIN):$$PATH" \
  $(BIN)/pytest --numprocesses=logical --maxprocesses=8 --dist=worksteal

.PHONY: demo quick test check bench

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

# Tests train, too; the demo needs no torch.
.venv/dev: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,distill]'
	touch $@

# Rendered bottles and the bundle that ships with the project, or
#   make demo MODEL=yolov8n-seg.onnx CLIP=street.mp4
demo: .venv/cv2
	@$(BIN)/python -m tests.demo $(if $(MODEL),--model "$(MODEL)") $(if $(CLIP),--clip "$(CLIP)") \
	  $(if $(TRUST),--trust "$(TRUST)")

# Before every commit. Without the rooms that train: importing what trains takes longer than their
# fast tests do.
QUICK := tests/agent tests/models tests/distill/data tests/distill/evaluate tests/distill/label
quick: .venv/cv2 check
	$(PYTEST) -m 'not slow' $(QUICK) $(wildcard tests/test_*.py)

# Before a change lands.
test: .venv/cv2 .venv/apt check
	$(PYTEST)

# opencv-python needs two libraries of the system; they are installed where that is allowed.
.venv/cv2: .venv/ready
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
	  [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq libgl1 libglib2.0-0; } || { \
	  echo "OpenCV needs two libraries: sudo apt-get install libgl1 libglib2.0-0"; exit 2; }
	touch $@

# Real cameras' servers, brokers, clocks and machines to test with; what is missing, tests skip. Of
# Prometheus only the program that judges rules: its package would start a server.
APT := chromium curl faketime ffmpeg gir1.2-gst-rtsp-server-1.0 gstreamer1.0-libav \
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly \
  gstreamer1.0-plugins-bad mosquitto mosquitto-clients procps python3-gi python3-venv strace systemd-container
.venv/apt: .venv/ready
	@if { dpkg --status $(APT) >/dev/null 2>&1 || { [ "$$(id -u)" = 0 ] && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(APT) \
	  >/dev/null; }; } && { [ -x $(BIN)/promtool ] || { cd .venv && \
	  apt-get download -qq prometheus 2>/dev/null && dpkg-deb --fsys-tarfile prometheus_*.deb | \
	  tar --extract --strip-components=2 ./usr/bin/promtool && rm prometheus_*.deb; }; }; \
	then touch $(CURDIR)/$@; \
	else echo "Tests that need them will skip: sudo apt-get install $(APT)"; fi

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --num-workers=auto
	$(BIN)/lint-imports

# Side by side with an Ultralytics loop; PEER is a Python that has ultralytics, if .venv has not.
bench: .venv/cv2 .venv/dev
	$(BIN)/python -m tests.bench $(if $(PEER),--peer-python "$(PEER)") $(BENCH)
