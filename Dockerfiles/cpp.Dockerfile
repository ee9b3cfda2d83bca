# Functions in C++: /var/task/<module>.so, as kiln_add_function makes it.
ARG DEBIAN_SUITE=bookworm
ARG BUILDER=kiln/builder:${DEBIAN_SUITE}
ARG BASE=kiln/base:${DEBIAN_SUITE}
FROM ${BUILDER} AS builder

FROM ${BASE}
COPY --from=builder --chmod=0755 /kiln/libexec/kiln/cpp/bootstrap /var/runtime/bootstrap
ENV AWS_EXECUTION_ENV=AWS_Lambda_cpp
