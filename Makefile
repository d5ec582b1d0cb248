# Every target sets up its own .venv first. PYTHON picks the interpreter (3.10 to 3.13).
PYTHON ?= python3
BIN := .venv/bin

# Python keeps what it compiled, whatever the shell says: a third of the time that collecting tests
# takes. Two tests more at once than there are cores, for many wait for a server, a camera or a machine:
# with one more, two cores were busy for half of the time. Each has one thread for its matrices.
unexport PYTHONDONTWRITEBYTECODE
PYTEST = OMP_NUM_THREADS=1 PATH="$(CURDIR)/$(BIN):$$PATH" \
  $(BIN)/pytest --numprocesses=$(shell echo $$(($$(nproc) < 8 ? $$(nproc) + 2 : 10))) \
  --dist=worksteal

.PHONY: demo demo-live quick test check bench

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

# The same clip as a camera, in a browser; where the port is taken, make demo-live LISTEN=127.0.0.1:8081
demo-live: .venv/cv2
	@$(BIN)/python -m tests.demo.live $(if $(LISTEN),--listen "$(LISTEN)")

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
# Prometheus only the program that judges rules, of nginx only the server and its module for RTMP:
# their packages would start servers. Firefox has a package of this name on Debian alone.
APT := chromium curl faketime ffmpeg g++ gcc gir1.2-gst-plugins-base-1.0 gir1.2-gst-rtsp-server-1.0 \
  gstreamer1.0-libav gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly \
  gstreamer1.0-plugins-bad libgstreamer1.0-dev mosquitto mosquitto-clients pkg-config procps \
  python3-gi python3-gst-1.0 python3-venv strace systemd-container
# Of what the system's Python sees, GObject alone, where it fits ours.
GI := /usr/lib/python3/dist-packages
LINK_GI = PYTHONPATH=$(GI) $(CURDIR)/$(BIN)/python -c 'import gi' 2>/dev/null && ln -sfn $(GI)/gi \
  "$$($(CURDIR)/$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
.venv/apt: .venv/ready
	@if { dpkg --status $(APT) >/dev/null 2>&1 || { [ "$$(id -u)" = 0 ] && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(APT) \
	  >/dev/null; }; } && { [ -x /usr/bin/firefox-esr ] || \
	  apt-get install -y -qq --no-install-recommends firefox-esr >/dev/null 2>&1 || true; } && \
	  { [ -x $(BIN)/promtool ] || { cd .venv && \
	  apt-get download -qq prometheus 2>/dev/null && dpkg-deb --fsys-tarfile prometheus_*.deb | \
	  tar --extract --strip-components=2 ./usr/bin/promtool && rm prometheus_*.deb; }; } && \
	  { [ -x $(CURDIR)/$(BIN)/nginx ] || { cd $(CURDIR)/$(BIN) && \
	  apt-get download -qq nginx libnginx-mod-rtmp 2>/dev/null && \
	  dpkg-deb --fsys-tarfile libnginx-mod-rtmp_*.deb | \
	  tar --extract --strip-components=5 ./usr/lib/nginx/modules/ngx_rtmp_module.so && \
	  dpkg-deb --fsys-tarfile nginx_*.deb | tar --extract --strip-components=3 ./usr/sbin/nginx && \
	  rm nginx_*.deb libnginx-mod-rtmp_*.deb; }; }; \
	then $(LINK_GI); touch $(CURDIR)/$@; \
	else echo "Tests that need them will skip: sudo apt-get install $(APT)"; fi

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --num-workers=auto
	$(BIN)/lint-imports

# Side by side with an Ultralytics loop; PEER is a Python that has ultralytics, if .venv has not. ISNET
# is a large teacher's ONNX file for BENCH=student; `python -m tests.bench --help` says how to get it.
bench: .venv/cv2 .venv/dev
	$(BIN)/python -m tests.bench $(if $(PEER),--peer-python "$(PEER)") $(if $(ISNET),--isnet "$(ISNET)") \
	  $(BENCH)
