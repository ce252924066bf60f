# A static binary on nothing: no shell, no package manager, no root.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache musl-dev
WORKDIR /source
COPY . .
RUN cargo build --release --locked && cp target/release/function-database /function-database

FROM scratch
COPY --from=build /function-database /function-database
USER 65532:65532
EXPOSE 9443
ENTRYPOINT ["/function-database", "serve"]
