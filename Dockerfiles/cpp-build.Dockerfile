# To build C++ functions in, as the first stage of a Dockerfile whose last is FROM kiln/cpp or kiln/cpp-slim:
#   RUN kiln-build        makes the CMake project in the working directory and unpacks its package into /var/task
ARG DEBIAN_SUITE=bookworm
ARG DEBIAN=docker.io/library/debian:${DEBIAN_SUITE}-slim
ARG BUILDER=kiln/builder:${DEBIAN_SUITE}
FROM ${BUILDER} AS builder

FROM ${DEBIAN} AS image
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ cmake ninja-build nlohmann-json3-dev pkg-config unzip ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old \
 && find / -xdev -perm /6000 -type f -exec chmod ug-s {} + \
 && chmod 0755 /var/tmp /run/lock
COPY --from=builder /kiln/include /usr/include
COPY --from=builder /kiln/lib/cmake /usr/lib/cmake
COPY --chmod=0755 images/kiln-build /usr/bin/kiln-build
RUN mkdir -p /var/task
WORKDIR /src

FROM ${BUILDER} AS inventory
ARG KILN_BUILD="0 unknown 0"
COPY images/inventory /tmp/inventory
RUN --mount=type=bind,from=image,target=/image python3 -B /tmp/inventory cpp-build /image /sbom "${KILN_BUILD}"

FROM image
COPY --from=inventory /sbom /usr/share/sbom
