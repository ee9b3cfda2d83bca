# The file system that every image but the slim ones begins with, the user, the layout and the entrypoint.
ARG DEBIAN_SUITE=bookworm
ARG DEBIAN=docker.io/library/debian:${DEBIAN_SUITE}-slim
ARG BUILDER=kiln/builder:${DEBIAN_SUITE}
FROM ${BUILDER} AS builder

FROM ${DEBIAN} AS image
# Nothing in these images has a use for another user's rights, hence no set-user-ID, and only /tmp is anybody's.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old \
 && find / -xdev -perm /6000 -type f -exec chmod ug-s {} + \
 && echo 'kiln:x:10001:10001::/tmp:/usr/sbin/nologin' >>/etc/passwd && echo 'kiln:x:10001:' >>/etc/group \
 && chmod 0755 /var/tmp /run/lock \
 && mkdir -p /var/task /var/runtime /opt \
 && chown 10001:10001 /var/task /opt
COPY --from=builder --chmod=0755 /kiln/bin/kiln-standalone /usr/bin/kiln-standalone
COPY --from=builder --chmod=0644 /kiln/LICENSE /usr/share/doc/kiln/copyright
ENV LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime LANG=C.UTF-8 TZ=:UTC PORT=8080
WORKDIR /var/task
USER 10001:10001
EXPOSE 8080 9464
ENTRYPOINT ["/usr/bin/kiln-standalone"]
CMD []

FROM ${BUILDER} AS inventory
ARG KILN_BUILD="0 unknown 0"
COPY images/inventory /tmp/inventory
RUN --mount=type=bind,from=image,target=/image python3 -B /tmp/inventory base /image /sbom "${KILN_BUILD}"

FROM image
COPY --from=inventory /sbom /usr/share/sbom
