# Functions in Python and nothing else: the runtime, a precompiled standard library, and the libraries these two ask for.
# No shell, no pip: install dependencies in a stage FROM kiln/python and copy them to /opt/python.
ARG DEBIAN_SUITE=bookworm
ARG BUILDER=kiln/builder:${DEBIAN_SUITE}
ARG PYTHON=kiln/python:3.11
FROM ${PYTHON} AS files
USER 0
COPY images/collect-slim /tmp/collect-slim
RUN python3 -B /tmp/collect-slim --python /rootfs

FROM ${BUILDER} AS inventory
ARG KILN_BUILD="0 unknown 0"
COPY images/inventory /tmp/inventory
RUN --mount=type=bind,from=files,source=/rootfs,target=/image python3 -B /tmp/inventory python-slim /image /sbom "${KILN_BUILD}"

FROM scratch
ARG PYTHON_VERSION=3.11
COPY --from=files /rootfs /
COPY --from=inventory /sbom /usr/share/sbom
ENV PATH=/usr/bin LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime LANG=C.UTF-8 TZ=:UTC PORT=8080 \
    AWS_EXECUTION_ENV=AWS_Lambda_python${PYTHON_VERSION}
WORKDIR /var/task
USER 10001:10001
EXPOSE 8080 9464
ENTRYPOINT ["/usr/bin/kiln-standalone"]
CMD []
