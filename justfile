# What a contributor runs. `just` alone lists it.

default:
    @just --list

# Everything that must pass before a change lands.
check: format lint test

format:
    cargo fmt --check

lint:
    cargo clippy --all-targets -- -D warnings

test:
    cargo test

# The documentation as a book: target/book/index.html.
book:
    cargo run --quiet --locked --manifest-path tests/book/Cargo.toml --target-dir target/book-builder -- .

# Writes the generated files, then what is made with them, the golden cases and the transcripts, anew; read the difference as a reviewer would.
update:
    UPDATE=1 cargo test --test generated
    UPDATE=1 cargo test --test golden --test cli --test docs
    UPDATE=1 cargo test --test roles --test compatibility --test release --test dependencies

# The binary that ships: static.
release:
    rustup target add "$(uname -m)-unknown-linux-musl"
    cargo build --release --locked --config .cargo/release.toml --target "$(uname -m)-unknown-linux-musl"
    ls -l "target/$(uname -m)-unknown-linux-musl/release/function-database"

# What commands and steps cost, beside their budgets; for the steps, beside echoes in the same run. Some minutes, and more to build.
bench:
    cargo bench

# Each fuzz target for so long, from the committed corpus on; needs cargo-fuzz. What is new stays in target/fuzz.
fuzz seconds="60":
    for target in object request input step document signature; do \
        mkdir -p target/fuzz/$target && \
        cargo fuzz run --sanitizer none $target target/fuzz/$target fuzz/corpus/$target -- -max_total_time={{ seconds }} -timeout=30 -max_len=65536 || exit 1; \
    done

# Licences, advisories, bans.
deny:
    cargo deny check

# Builds the program twice, from two folders, and compares; they differ still (docs/decisions/0042-supply-chain.md).
reproduce:
    release/build amd64
    release/reproduce
