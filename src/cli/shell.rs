//! `resnet-binary completions` and `resnet-binary man`: files that a package installs with the program.
//!
//! Both are generated from the same definitions as `--help`.

use std::path::PathBuf;

use clap_complete::Shell;
use resnet_binary::files;

use super::terminal::{self, Exit};

/// Write completions for a shell to standard output
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  resnet-binary completions bash >~/.local/share/bash-completion/completions/resnet-binary
  resnet-binary completions zsh >~/.zfunc/_resnet-binary      with ~/.zfunc in fpath
  resnet-binary completions fish >~/.config/fish/completions/resnet-binary.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Write a manual page for each command to a folder
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Folder for the pages, such as ~/.local/share/man/man1; created if missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints the completions.
pub(crate) fn completions(args: &CompletionsArgs, mut program: clap::Command) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    let name = program.get_name().to_owned();
    clap_complete::generate(args.shell, &mut program, name, &mut script);
    terminal::print_bytes(&script)?;
    Ok(Exit::Done)
}

/// Writes the pages, all or none.
pub(crate) fn man(args: &ManArgs, mut program: clap::Command) -> anyhow::Result<Exit> {
    files::make_folder(&args.folder)?;
    // Gives every command its full name and the global options.
    program.build();
    let mut pages = files::Batch::default();
    let commands = program.get_subcommands().filter(|command| command.get_name() != "help");
    for command in std::iter::once(&program).chain(commands) {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        let page = clap_mangen::Man::new(command.clone()).title(name);
        pages.add(&args.folder.join(format!("{name}.1")), |file| page.render(file))?;
    }
    pages.finish()?;
    Ok(Exit::Done)
}
