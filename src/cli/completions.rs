//! `completions` and `man`: made of the arguments themselves. In: what clap knows of the commands. Out: a script for a shell,
//! or a manual page. Must not know a command.

use super::Outcome;
use clap::{Arg, Args, Command, ValueEnum};
use std::fmt::Write;

/// Print the script that completes commands, options and files in a shell.
#[derive(Args)]
#[command(after_help = "\
Examples:
  function-database completions bash > /etc/bash_completion.d/function-database
  function-database completions zsh > \"${fpath[1]}/_function-database\"
  function-database completions fish > ~/.config/fish/completions/function-database.fish")]
pub struct Arguments {
    shell: Shell,
}

/// Print the manual page.
#[derive(Args)]
#[command(after_help = "Examples:\n  function-database man | man -l -\n  function-database man > function-database.1")]
pub struct ManArguments {}

#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub fn run(arguments: &Arguments, mut program: Command) -> anyhow::Result<Outcome> {
    program.build();
    let text = match arguments.shell {
        Shell::Bash => bash(&program),
        Shell::Zsh => zsh(&program),
        Shell::Fish => fish(&program),
    };
    super::print(&text)?;
    Ok(Outcome::Fine)
}

pub fn run_man(mut program: Command) -> anyhow::Result<Outcome> {
    program.build();
    super::print(&man(&program)?)?;
    Ok(Outcome::Fine)
}

fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|argument| !argument.is_positional() && !argument.is_hide_set())
}

fn long(argument: &Arg) -> String {
    argument.get_long().map(|long| format!("--{long}")).unwrap_or_default()
}

fn values(argument: &Arg) -> Vec<String> {
    match argument.get_action().takes_values() {
        true => argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect(),
        false => vec![],
    }
}

/// The values of what is given without a name, where there are only so many.
fn choices(command: &Command) -> Vec<String> {
    command.get_arguments().filter(|argument| argument.is_positional()).flat_map(values).collect()
}

fn help(argument: &Arg) -> String {
    argument.get_help().map(ToString::to_string).unwrap_or_default()
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn bash(program: &Command) -> String {
    let names: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
    let (mut by_option, mut by_command) = (String::new(), String::new());
    for command in program.get_subcommands() {
        let name = command.get_name();
        for argument in options(command) {
            let values = values(argument);
            if !values.is_empty() {
                let _ = writeln!(by_option, "        {name}:{}) words=\"{}\" ;;", long(argument), values.join(" "));
            }
        }
        let mut words: Vec<String> = options(command).map(long).collect();
        words.extend(choices(command));
        let _ = writeln!(by_command, "        {name}) words=\"{}\" ;;", words.join(" "));
    }
    format!(
        r#"_function_database() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}" command="" words="" word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$word" in -*) ;; *) command="$word"; break ;; esac
    done
    case "$command" in
        "") words="{}" ;;
{by_command}    esac
    case "$command:$previous" in
{by_option}    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    if [[ -n "$command" && "$current" != -* ]]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}}
complete -o filenames -F _function_database function-database
"#,
        names.join(" ")
    )
}

/// Of single quotes and what zsh takes for markup.
fn quoted(text: &str) -> String {
    text.replace('\'', "'\\''").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:")
}

fn zsh(program: &Command) -> String {
    let (mut commands, mut cases) = (String::new(), String::new());
    for command in program.get_subcommands() {
        let name = command.get_name();
        let _ = writeln!(commands, "        '{name}:{}'", quoted(&about(command)));
        let _ = writeln!(cases, "        {name}) _arguments \\");
        for argument in options(command) {
            let value = match (argument.get_action().takes_values(), values(argument)) {
                (false, _) => String::new(),
                (true, values) if values.is_empty() => ":value:_files".into(),
                (true, values) => format!(":value:({})", values.join(" ")),
            };
            let _ = writeln!(cases, "            '{}[{}]{value}' \\", long(argument), quoted(&help(argument)));
        }
        let choices = choices(command);
        let files = if choices.is_empty() { "_files".into() } else { format!("({})", choices.join(" ")) };
        let _ = writeln!(cases, "            '*:argument:{files}' ;;");
    }
    format!(
        r#"#compdef function-database
_function-database() {{
    local state
    local -a commands
    commands=(
{commands}    )
    _arguments -C '1: :->command' '*:: :->rest'
    case $state in
    command) _describe command commands ;;
    rest) case $words[1] in
{cases}        esac ;;
    esac
}}
if [ "$funcstack[1]" = "_function-database" ]; then _function-database "$@"; else compdef _function-database function-database; fi
"#
    )
}

fn fish(program: &Command) -> String {
    let single = |text: String| text.replace('\\', "\\\\").replace('\'', "\\'");
    let mut text = String::new();
    for command in program.get_subcommands() {
        let name = command.get_name();
        let about = single(about(command));
        let _ = writeln!(text, "complete -c function-database -n __fish_use_subcommand -f -a {name} -d '{about}'");
        let seen = format!("complete -c function-database -n '__fish_seen_subcommand_from {name}'");
        for argument in options(command) {
            let option = argument.get_long().unwrap_or_default();
            let value = match (argument.get_action().takes_values(), values(argument)) {
                (false, _) => String::new(),
                (true, values) if values.is_empty() => " -r".into(),
                (true, values) => format!(" -x -a '{}'", values.join(" ")),
            };
            let _ = writeln!(text, "{seen} -l {option}{value} -d '{}'", single(help(argument)));
        }
        let choices = choices(command);
        if !choices.is_empty() {
            let _ = writeln!(text, "{seen} -f -a '{}'", choices.join(" "));
        }
    }
    text
}

/// What roff would take for its own.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let line = |line: &str| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn man(program: &Command) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let (name, version) = (roff(program.get_name()), program.get_version().unwrap_or_default());
    writeln!(text, ".TH FUNCTION\\-DATABASE 1 \"\" \"{name} {version}\"")?;
    writeln!(text, ".SH NAME\n{name} \\- {}", roff(&about(program)))?;
    writeln!(text, ".SH SYNOPSIS\n.B {name}\nCOMMAND [OPTIONS] [ARGUMENTS]")?;
    writeln!(text, ".SH COMMANDS")?;
    for command in program.get_subcommands() {
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").to_owned();
        writeln!(text, ".SS {}\n.B {}\n.PP\n{}", roff(command.get_name()), roff(&usage), roff(&about(command)))?;
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let values = values(argument);
            let values = if values.is_empty() { String::new() } else { format!(" One of {}.", values.join(", ")) };
            writeln!(text, ".TP\n.B {}\n{}.{}", roff(&argument.to_string()), roff(&help(argument)), roff(&values))?;
        }
        if let Some(more) = command.get_after_help() {
            writeln!(text, ".PP\n.nf\n{}\n.fi", roff(&more.to_string()))?;
        }
    }
    writeln!(text, ".SH EXIT STATUS\n0 fine, 1 your files have problems, 2 wrong usage, 3 a bug or the machine.")?;
    writeln!(text, ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nIf it is set, nothing is printed in colour.")?;
    Ok(text)
}
