# Not built where it was written: no container engine was at hand there. Its steps are those of scripts/run.sh.
#
#   docker build -t reprise .
#   docker run -p 8080:8080 -v reprise-data:/data -v "$PWD/admin.key:/run/admin.key:ro" \
#       -e REPRISE_ADMIN_KEY_FILE=/run/admin.key -e OPENAI_API_KEY reprise
#
# It listens on every address of the container, and off loopback the gateway does not start without a key:
# REPRISE_ADMIN_KEY_FILE names a file with the first one (16 characters or more, readable by user 10001).
# Keys for apps are then made by `docker exec CONTAINER /opt/reprise/reprise keys create --data /data …`.

FROM rust:1.95-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN scripts/setup.sh
RUN cargo build --release --locked --bin reprise

FROM debian:bookworm-slim
# Certificates for calling providers; ONNX Runtime is C++.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin reprise \
    && install -d -o reprise -g reprise -m 0700 /data
COPY --from=build /build/target/release/reprise /opt/reprise/reprise
# Found upwards of the program: the model, and the runtime library beside it.
COPY --from=build /build/models /opt/reprise/models
COPY --from=build /build/LICENSE /opt/reprise/LICENSE
# A reprise.toml that is mounted here is read without being named.
WORKDIR /etc/reprise
USER reprise
VOLUME /data
EXPOSE 8080
# The image holds no HTTP client; bash can open the connection itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
# Streams under way get 30 s to finish: stop it with `docker stop --time 40`.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/reprise/reprise"]
CMD ["serve", "--bind", "0.0.0.0:8080", "--data", "/data"]
