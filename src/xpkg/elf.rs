//! Whether a program runs in an image that holds nothing else. In: its bytes. Out: what is wrong with it, in words. Must
//! not start it: it may be for another machine.
//!
//! Offsets and numbers: the System V ABI's chapter on object files, 64 bits, little-endian.

use std::fmt;
use std::str::FromStr;

/// An architecture that packages are made for, by the name that images have for it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    pub const ALL: [Architecture; 2] = [Architecture::Amd64, Architecture::Arm64];

    /// `e_machine`.
    fn machine(self) -> u16 {
        match self {
            Architecture::Amd64 => 62,
            Architecture::Arm64 => 183,
        }
    }

    /// What Rust calls a static build for it.
    fn target(self) -> &'static str {
        match self {
            Architecture::Amd64 => "x86_64-unknown-linux-musl",
            Architecture::Arm64 => "aarch64-unknown-linux-musl",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Architecture::Amd64 => "amd64",
            Architecture::Arm64 => "arm64",
        })
    }
}

impl FromStr for Architecture {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Architecture::ALL.into_iter().find(|architecture| architecture.to_string() == text);
        known.ok_or_else(|| format!("there are no packages for {text:?}; write amd64 or arm64"))
    }
}

/// Why a program does not run in the image.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unfit {
    #[error("is not a program for Linux; build it with --config .cargo/release.toml --target {}", .0.target())]
    NoProgram(Architecture),
    #[error("is cut off; build or copy it again")]
    CutOff,
    #[error("is for {}, not for {wanted}; build it with --config .cargo/release.toml --target {}", found_name(*.found), wanted.target())]
    OtherMachine { found: u16, wanted: Architecture },
    #[error(
        "is linked dynamically, and the image has no {interpreter}; build it with --config .cargo/release.toml --target {}", wanted.target()
    )]
    Dynamic { interpreter: String, wanted: Architecture },
}

fn found_name(machine: u16) -> String {
    let known = Architecture::ALL.into_iter().find(|architecture| architecture.machine() == machine);
    known.map_or_else(|| format!("another machine (number {machine})"), |architecture| architecture.to_string())
}

/// A 64-bit little-endian program, which both architectures' are.
const MAGIC: &[u8] = b"\x7fELF\x02\x01";
const EXECUTABLE: u16 = 2;
/// Also what can be loaded anywhere, as static programs are today.
const SHARED: u16 = 3;
/// The segment that names the dynamic linker.
const INTERPRETER: u32 = 3;

/// Whether it runs alone on that architecture.
pub fn check(program: &[u8], wanted: Architecture) -> Result<(), Unfit> {
    if !program.starts_with(MAGIC) {
        return Err(Unfit::NoProgram(wanted));
    }
    let found = half(program, 18)?;
    if found != wanted.machine() {
        return Err(Unfit::OtherMachine { found, wanted });
    }
    if ![EXECUTABLE, SHARED].contains(&half(program, 16)?) {
        return Err(Unfit::NoProgram(wanted));
    }
    let (table, size, count) = (wide(program, 32)?, half(program, 54)? as u64, half(program, 56)? as u64);
    for number in 0..count {
        let segment = table.checked_add(number * size).ok_or(Unfit::CutOff)?;
        let (start, length) = (wide_at(program, segment, 8)?, wide_at(program, segment, 32)?);
        let content = slice(program, start, length)?;
        if word_at(program, segment)? == INTERPRETER {
            let interpreter = String::from_utf8_lossy(content).trim_end_matches('\0').into();
            return Err(Unfit::Dynamic { interpreter, wanted });
        }
    }
    Ok(())
}

fn slice(program: &[u8], start: u64, length: u64) -> Result<&[u8], Unfit> {
    let end = start.checked_add(length).ok_or(Unfit::CutOff)?;
    let (start, end) = (usize::try_from(start), usize::try_from(end));
    let (Ok(start), Ok(end)) = (start, end) else { return Err(Unfit::CutOff) };
    program.get(start..end).ok_or(Unfit::CutOff)
}

fn bytes<const LENGTH: usize>(program: &[u8], start: u64) -> Result<[u8; LENGTH], Unfit> {
    slice(program, start, LENGTH as u64)?.try_into().map_err(|_| Unfit::CutOff)
}

fn half(program: &[u8], start: u64) -> Result<u16, Unfit> {
    bytes(program, start).map(u16::from_le_bytes)
}

fn wide(program: &[u8], start: u64) -> Result<u64, Unfit> {
    bytes(program, start).map(u64::from_le_bytes)
}

fn word_at(program: &[u8], segment: u64) -> Result<u32, Unfit> {
    bytes(program, segment).map(u32::from_le_bytes)
}

fn wide_at(program: &[u8], segment: u64, offset: u64) -> Result<u64, Unfit> {
    wide(program, segment.checked_add(offset).ok_or(Unfit::CutOff)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    const HEADER: usize = 64;
    const SEGMENT: usize = 56;

    /// A program without code: a header, and one segment with `content`.
    fn program(machine: u16, kind: u16, segment: u32, content: &[u8]) -> Vec<u8> {
        let mut program = vec![0; HEADER + SEGMENT];
        program[..MAGIC.len()].copy_from_slice(MAGIC);
        let mut put = |start: usize, bytes: &[u8]| program[start..start + bytes.len()].copy_from_slice(bytes);
        put(16, &kind.to_le_bytes());
        put(18, &machine.to_le_bytes());
        put(32, &(HEADER as u64).to_le_bytes());
        put(54, &(SEGMENT as u16).to_le_bytes());
        put(56, &1u16.to_le_bytes());
        put(HEADER, &segment.to_le_bytes());
        put(HEADER + 8, &((HEADER + SEGMENT) as u64).to_le_bytes());
        put(HEADER + 32, &(content.len() as u64).to_le_bytes());
        program.extend(content);
        program
    }

    #[test]
    fn only_a_static_program_of_that_architecture_is_fit() {
        const LOAD: u32 = 1;
        let fits = |program: &[u8], wanted| check(program, wanted).map_err(|unfit| unfit.to_string());
        let refused = |text: &str| Err(text.to_owned());
        let (amd64, arm64) = (program(62, SHARED, LOAD, b"code"), program(183, EXECUTABLE, LOAD, b"code"));
        assert_eq!(fits(&amd64, Architecture::Amd64), Ok(()));
        assert_eq!(fits(&arm64, Architecture::Arm64), Ok(()));
        assert_eq!(
            fits(&arm64, Architecture::Amd64),
            refused(
                "is for arm64, not for amd64; build it with --config .cargo/release.toml --target x86_64-unknown-linux-musl"
            )
        );
        assert_eq!(
            fits(&program(243, SHARED, LOAD, b""), Architecture::Arm64),
            refused(
                "is for another machine (number 243), not for arm64; build it with --config .cargo/release.toml --target aarch64-unknown-linux-musl"
            )
        );
        assert_eq!(
            fits(&program(62, SHARED, INTERPRETER, b"/lib64/ld-linux-x86-64.so.2\0"), Architecture::Amd64),
            refused(
                "is linked dynamically, and the image has no /lib64/ld-linux-x86-64.so.2; build it with --config .cargo/release.toml --target \
                 x86_64-unknown-linux-musl"
            )
        );
        let object_file = program(62, 1, LOAD, b"");
        for nothing in [&b""[..], b"#!/bin/sh\n", b"\x7fELF\x01\x01", &object_file] {
            assert_eq!(
                fits(nothing, Architecture::Amd64),
                refused(
                    "is not a program for Linux; build it with --config .cargo/release.toml --target x86_64-unknown-linux-musl"
                )
            );
        }
    }

    #[test]
    fn what_is_cut_off_is_said_to_be() {
        let whole = program(62, SHARED, INTERPRETER, b"/lib/ld\0");
        for length in MAGIC.len()..whole.len() {
            assert_eq!(check(&whole[..length], Architecture::Amd64), Err(Unfit::CutOff), "{length} bytes");
        }
        let mut absurd = whole;
        absurd[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(check(&absurd, Architecture::Amd64), Err(Unfit::CutOff));
    }
}
