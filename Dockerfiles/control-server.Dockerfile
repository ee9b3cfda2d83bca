# `kiln serve` with both runtimes. Its data is in /data: mount a volume there.
ARG DEBIAN_SUITE=bookworm
ARG BUILDER=kiln/builder:${DEBIAN_SUITE}
ARG BASE=kiln/base:${DEBIAN_SUITE}
FROM ${BUILDER} AS builder

FROM ${BASE} AS image
ARG PYTHON_VERSION=3.11
USER 0
# hadolint ignore=SC2086
RUN apt-get update \
 && case ${PYTHON_VERSION} in \
      3.11) libraries="libspdlog1.10 libarchive13 libssl3 libcpp-httplib0.11" ;; \
      *) libraries="libpython${PYTHON_VERSION} libspdlog1.15 libarchive13t64 libssl3t64 libcpp-httplib0.18" ;; \
    esac \
 && apt-get install -y --no-install-recommends python3 libsqlite3-0 $libraries \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old \
 && find / -xdev -perm /6000 -type f -exec chmod ug-s {} + \
 && mkdir /data && chown 10001:10001 /data
COPY --from=builder /kiln/bin/kiln /usr/bin/kiln
COPY --from=builder /kiln/libexec/kiln /usr/libexec/kiln
WORKDIR /
VOLUME /data
USER 10001:10001
EXPOSE 9080 9081
ENTRYPOINT ["/usr/bin/kiln"]
CMD ["serve", "--data", "/data", "--listen", "0.0.0.0:9080", "--operations-listen", "0.0.0.0:9081"]

FROM ${BUILDER} AS inventory
ARG KILN_BUILD="0 unknown 0"
COPY images/inventory /tmp/inventory
RUN --mount=type=bind,from=image,target=/image python3 -B /tmp/inventory control-server /image /sbom "${KILN_BUILD}"

FROM image
COPY --from=inventory /sbom /usr/share/sbom
