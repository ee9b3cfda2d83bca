# Functions in C++ and nothing else: server, runtime and the C library. Functions that ask for more shared libraries bring
# them in their package's lib/.
ARG DEBIAN_SUITE=bookworm
ARG BUILDER=kiln/builder:${DEBIAN_SUITE}
ARG CPP=kiln/cpp:${DEBIAN_SUITE}
ARG PYTHON=kiln/python:3.11
FROM ${CPP} AS cpp

# Only for the interpreter that runs the script.
FROM ${PYTHON} AS files
USER 0
COPY images/collect-slim /tmp/collect-slim
COPY --from=cpp /var/runtime/bootstrap /var/runtime/bootstrap
RUN python3 -B /tmp/collect-slim /rootfs

FROM ${BUILDER} AS inventory
ARG KILN_BUILD="0 unknown 0"
COPY images/inventory /tmp/inventory
RUN --mount=type=bind,from=files,source=/rootfs,target=/image python3 -B /tmp/inventory cpp-slim /image /sbom "${KILN_BUILD}"

FROM scratch
COPY --from=files /rootfs /
COPY --from=inventory /sbom /usr/share/sbom
ENV PATH=/usr/bin LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime LANG=C.UTF-8 TZ=:UTC PORT=8080 \
    AWS_EXECUTION_ENV=AWS_Lambda_cpp
WORKDIR /var/task
USER 10001:10001
EXPOSE 8080 9464
ENTRYPOINT ["/usr/bin/kiln-standalone"]
CMD []
