# Functions in C++: /var/task/<module>.so, as kiln_add_function makes it.
ARG DEBIAN_SUITE=bookworm
ARG BUILDER=kiln/builder:${DEBIAN_SUITE}
ARG BASE=kiln/base:${DEBIAN_SUITE}
FROM ${BUILDER} AS builder

FROM ${BASE} AS image
COPY --from=builder --chmod=0755 /kiln/libexec/kiln/cpp/bootstrap /var/runtime/bootstrap
ENV AWS_EXECUTION_ENV=AWS_Lambda_cpp

FROM ${BUILDER} AS inventory
ARG KILN_BUILD="0 unknown 0"
COPY images/inventory /tmp/inventory
RUN --mount=type=bind,from=image,target=/image python3 -B /tmp/inventory cpp /image /sbom "${KILN_BUILD}"

FROM image
COPY --from=inventory /sbom /usr/share/sbom
