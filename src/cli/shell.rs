//! `resnet-binary completions` and `resnet-binary man`: files that a package installs with the program.
//!
//! Both are generated from the same definitions as `--help`.

use std::path::{Path, PathBuf};

use clap_complete::Shell;

use super::output;
use super::terminal::Exit;
use crate::files;

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
    clap_complete::generate(args.shell, &mut program, &name, &mut script);
    // clap_complete 4.6 looks for the options of a command under one name and keeps them under another, where the program's
    // name has a dash in it.
    let [sought, kept] = ["__", "__subcmd__"].map(|separator| name.replace('-', separator));
    let script = String::from_utf8(script)?.replace(&kept, &sought);
    output::print(&script)?;
    Ok(Exit::Done)
}

/// Writes the pages, all or none.
pub(crate) fn man(args: &ManArgs, mut program: clap::Command) -> anyhow::Result<Exit> {
    files::make_folder(&args.folder)?;
    // Gives every command its full name and the global options.
    program.build();
    let mut pages = files::Batch::default();
    add_pages(&program, &args.folder, &mut pages)?;
    pages.finish()?;
    Ok(Exit::Done)
}

/// The page of a command, and those of the commands below it, which it names.
fn add_pages(command: &clap::Command, folder: &Path, pages: &mut files::Batch) -> anyhow::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let is_help = |command: &clap::Command| command.get_name() == "help";
    // What `-h` leaves out would stand without a word of explanation.
    let whole = command.clone().mut_args(|option| option.hide_short_help(false));
    let whole = whole.mut_subcommands(|below| if is_help(&below) { below.hide(true) } else { below });
    // Without libtorch, of which a page may meet another than that of the program that wrote it.
    let version = env!("CARGO_PKG_VERSION");
    let page = clap_mangen::Man::new(whole.version(version)).title(name).source(format!("resnet-binary {version}"));
    pages.add(&folder.join(format!("{name}.1")), |file| page.render(file))?;
    command.get_subcommands().filter(|below| !is_help(below)).try_for_each(|below| add_pages(below, folder, pages))
}
