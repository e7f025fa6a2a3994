//! `manual --dir DIR`: the manual pages, made from the arguments themselves.

mod sections;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Arg, Args, Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

use super::{Arguments, ExitStatus, NAME, fail, print_result};

/// Arguments of `manual`.
#[derive(Debug, Args)]
pub(super) struct ManualArgs {
    /// The folder that they are written to; made where it is missing
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// Writes the pages, and says which.
pub(super) fn run(args: &ManualArgs) -> ExitStatus {
    let written = write(&args.dir).and_then(|paths| print_result(&paths.join("\n")));
    match written {
        Ok(()) => ExitStatus::Done,
        Err(error) => fail(ExitStatus::Failed, &error),
    }
}

fn write(folder: &Path) -> anyhow::Result<Vec<String>> {
    let cannot_write = |path: &Path| format!("cannot write {}", path.display());
    fs::create_dir_all(folder).with_context(|| cannot_write(folder))?;
    let mut paths = Vec::new();
    for (name, page) in pages() {
        let path = folder.join(name);
        fs::write(&path, page).with_context(|| cannot_write(&path))?;
        paths.push(path.display().to_string());
    }
    Ok(paths)
}

/// Every page, with its file's name: that of the program, and one a command.
fn pages() -> Vec<(String, Vec<u8>)> {
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    let commands: Vec<(String, Command)> = program
        .get_subcommands()
        .map(|command| {
            let name = format!("{NAME}-{}", command.get_name());
            // The options of every command stand on the program's page.
            let hidden = |arg: Arg| if arg.is_global_set() { arg.hide(true) } else { arg };
            (name, command.clone().mut_args(hidden))
        })
        .collect();
    let mut pages = vec![page(NAME, program.clone(), sections::PROGRAM, &see_also(&commands))];
    for (name, command) in &commands {
        pages.push(page(name, command.clone(), sections::COMMAND, &[format!("{NAME}(1)")]));
    }
    pages
}

fn see_also(commands: &[(String, Command)]) -> Vec<String> {
    let pages = commands.iter().map(|(name, _)| format!("{name}(1)"));
    pages.chain(["systemd.exec(5)".to_owned()]).collect()
}

fn page(
    name: &str,
    command: Command,
    sections: &[sections::Section],
    see_also: &[String],
) -> (String, Vec<u8>) {
    let has_commands = command.has_subcommands();
    // The day of the commit, not of the build: the same source makes the same pages.
    let man = Man::new(command)
        .title(name)
        .section("1")
        .date(env!("MAPIQ_SYNC_DATE"))
        .source(concat!("mapiq-sync ", env!("CARGO_PKG_VERSION")))
        .manual("mapiq-sync");
    let mut text = Vec::new();
    let mut write = || {
        man.render_title(&mut text)?;
        man.render_name_section(&mut text)?;
        man.render_synopsis_section(&mut text)?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
        if has_commands {
            man.render_subcommands_section(&mut text)?;
        }
        for section in sections {
            sections::render(section).to_writer(&mut text)?;
        }
        let mut last = Roff::new();
        last.control("SH", ["SEE ALSO"]).text([roman(see_also.join(", "))]);
        last.to_writer(&mut text)
    };
    write().expect("a Vec takes whatever is written to it");
    (format!("{name}.1"), text)
}
