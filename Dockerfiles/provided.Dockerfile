# Bring your own bootstrap: an executable at /var/runtime/bootstrap, /var/task/bootstrap or /opt/bootstrap that polls the
# Runtime API.
ARG DEBIAN_SUITE=bookworm
ARG BUILDER=kiln/builder:${DEBIAN_SUITE}
ARG BASE=kiln/base:${DEBIAN_SUITE}
FROM ${BASE} AS image
USER 0
RUN chown 10001:10001 /var/runtime
USER 10001:10001

FROM ${BUILDER} AS inventory
ARG KILN_BUILD="0 unknown 0"
COPY images/inventory /tmp/inventory
RUN --mount=type=bind,from=image,target=/image python3 -B /tmp/inventory provided /image /sbom "${KILN_BUILD}"

FROM image
COPY --from=inventory /sbom /usr/share/sbom
