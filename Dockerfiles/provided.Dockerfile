# Bring your own bootstrap: an executable at /var/runtime/bootstrap, /var/task/bootstrap or /opt/bootstrap that polls the
# Runtime API.
ARG DEBIAN_SUITE=bookworm
ARG BASE=kiln/base:${DEBIAN_SUITE}
FROM ${BASE}
USER 0
RUN chown 10001:10001 /var/runtime
USER 10001:10001
