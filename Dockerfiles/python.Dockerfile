# Functions in Python: the distribution's interpreter with pip, and kiln's runtime. Debian 12 has 3.11, Debian 13 has 3.13.
ARG DEBIAN_SUITE=bookworm
ARG BUILDER=kiln/builder:${DEBIAN_SUITE}
ARG BASE=kiln/base:${DEBIAN_SUITE}
FROM ${BUILDER} AS builder

FROM ${BASE} AS image
ARG PYTHON_VERSION=3.11
USER 0
# Of pip its wheel alone, which Debian keeps for ensurepip: the package python3-pip brings a compiler along.
# libpython: Debian 12's is linked into the runtime; Debian 13's cannot be.
# EXTERNALLY-MANAGED: the image is the environment that this file tells users to make.
# chown: `RUN pip install` of an image made FROM this one need not be root, and lands where everybody looks.
# hadolint ignore=SC2046
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-pip-whl \
      $([ "${PYTHON_VERSION}" = 3.11 ] || echo "libpython${PYTHON_VERSION}") \
 && python3 -m zipfile -e /usr/share/python-wheels/pip-*.whl /usr/local/lib/python${PYTHON_VERSION}/dist-packages \
 && printf '#!/usr/bin/python3\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n' >/usr/local/bin/pip \
 && chmod 0755 /usr/local/bin/pip && ln -s pip /usr/local/bin/pip3 \
 && rm -rf /usr/share/python-wheels \
 && rm -f /usr/lib/python3*/EXTERNALLY-MANAGED \
 && find /usr/lib/python3* /usr/local/lib -name __pycache__ -prune -exec rm -rf {} + \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/lib/python${PYTHON_VERSION} /usr/local/lib/python${PYTHON_VERSION} \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old \
 && find / -xdev -perm /6000 -type f -exec chmod ug-s {} + \
 && chown -R 10001:10001 /usr/local/lib/python${PYTHON_VERSION}/dist-packages /usr/local/bin
COPY --from=builder --chmod=0755 /kiln/libexec/kiln/python/bootstrap /var/runtime/bootstrap
ENV AWS_EXECUTION_ENV=AWS_Lambda_python${PYTHON_VERSION} PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
USER 10001:10001

FROM ${BUILDER} AS inventory
ARG KILN_BUILD="0 unknown 0"
COPY images/inventory /tmp/inventory
RUN --mount=type=bind,from=image,target=/image python3 -B /tmp/inventory python /image /sbom "${KILN_BUILD}"

FROM image
COPY --from=inventory /sbom /usr/share/sbom
