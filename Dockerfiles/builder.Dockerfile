# The toolchain, and everything of kiln that the other images hold, built once: /kiln.
# context: the clone. No image of ours is made FROM it, they COPY --from it.
ARG DEBIAN_SUITE=bookworm
ARG DEBIAN=docker.io/library/debian:${DEBIAN_SUITE}-slim
FROM ${DEBIAN}
COPY scripts/setup scripts/lib.bash /src/scripts/
# hadolint ignore=SC2046
RUN apt-get update \
 && apt-get install -y --no-install-recommends ccache $(/src/scripts/setup --list run) \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old
COPY . /src
ARG KILN_JOBS
# images/build.sh mounts this machine's ccache where ccache looks for it; the language is a part of its keys.
ARG KILN_LANG
RUN [ -z "${KILN_LANG}" ] || export LANG="${KILN_LANG}"; \
    python=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])') \
 && cd /src \
 && KILN_JOBS=${KILN_JOBS:-$(nproc)} scripts/build kiln kiln-standalone kiln_runtime_cpp "kiln_runtime_$(echo "$python" | tr . _)" \
 && mkdir -p /kiln && cp -a build/bin build/libexec build/include build/lib LICENSE /kiln/ \
 && mv "/kiln/libexec/kiln/$python" /kiln/libexec/kiln/python && ln -s python "/kiln/libexec/kiln/$python" \
 && strip /kiln/bin/* /kiln/libexec/kiln/*/bootstrap \
 && rm -rf build
