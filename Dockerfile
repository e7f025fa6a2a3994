# The daemon in a container, as a user without rights:
#
#   docker build --tag mapiq-sync .
#   docker run --detach --name mapiq-sync --read-only --cap-drop ALL --security-opt no-new-privileges --stop-timeout 60 \
#       --volume "$PWD/config.toml:/etc/mapiq-sync/config.toml:ro" --volume "$PWD/secrets:/run/secrets:ro" \
#       --volume mapiq-sync:/var/lib/mapiq-sync mapiq-sync
#
# The folder secrets has the files client_id and client_secret, which the user 10001 must be able to read.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /source
# What `--version` is to tell: --build-arg MAPIQ_SYNC_COMMIT="$(git log -1 --format='%h %cs')"
ARG MAPIQ_SYNC_COMMIT
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
# Which version of the certificates is the base image's to say: the newest are the right ones.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 mapiq-sync \
    && useradd --system --uid 10001 --gid mapiq-sync --no-create-home --home-dir /var/lib/mapiq-sync \
        --shell /usr/sbin/nologin mapiq-sync \
    && install --directory --owner mapiq-sync --group mapiq-sync --mode 0750 /var/lib/mapiq-sync
COPY --from=build /source/target/release/mapiq-sync /usr/bin/mapiq-sync

# The names that the program knows from systemd: where a relative `database.path` begins, and where the credentials lie.
ENV STATE_DIRECTORY=/var/lib/mapiq-sync \
    CREDENTIALS_DIRECTORY=/run/secrets
VOLUME /var/lib/mapiq-sync
WORKDIR /var/lib/mapiq-sync
USER 10001:10001
# A warning (1) is no reason to start it anew.
HEALTHCHECK --interval=1m --timeout=10s --start-period=5m \
    CMD ["sh", "-c", "mapiq-sync --config /etc/mapiq-sync/config.toml status --monitor || [ $? -eq 1 ]"]
ENTRYPOINT ["mapiq-sync", "--config", "/etc/mapiq-sync/config.toml"]
