# A static binary on nothing: no shell, no package manager, no root.
FROM rust:1.95 AS build
WORKDIR /source
COPY . .
RUN target="$(uname -m)-unknown-linux-musl" \
    && rustup target add "$target" \
    && cargo build --release --locked --config .cargo/release.toml --target "$target" \
    && cp "target/$target/release/function-database" /function-database

FROM scratch
COPY --from=build /function-database /function-database
USER 65532:65532
EXPOSE 9443
ENTRYPOINT ["/function-database", "serve"]
