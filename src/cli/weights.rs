//! `resnet-binary weights`

use std::fmt::Write;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::options::Downloads;
use super::output;
use super::terminal::{Exit, Terminal};
use crate::progress::Progress;
use crate::weights::{self, Manifest, Places};

/// List, fetch, check and import the backbone's ImageNet weights
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the known weights and where they are
    List {
        /// Print one JSON array on stdout
        #[arg(long)]
        json: bool,
    },
    /// Download weights into the user's cache folder
    Fetch {
        /// Name from `weights list`
        #[arg(default_value = Manifest::DEFAULT)]
        name: String,
        #[command(flatten)]
        downloads: Downloads,
    },
    /// Print the path of weights
    Path {
        /// Name from `weights list`
        #[arg(default_value = Manifest::DEFAULT)]
        name: String,
    },
    /// Compare the checksum of weights with the manifest
    Verify {
        /// Name from `weights list`
        #[arg(default_value = Manifest::DEFAULT)]
        name: String,
    },
    /// Copy a weights file from elsewhere into the cache
    Import {
        /// A .safetensors or .pth file
        file: PathBuf,
    },
}

/// Runs one of the subcommands.
pub(crate) fn run(args: Args, terminal: &Terminal) -> anyhow::Result<Exit> {
    let places = Places::from_environment();
    let manifest = weights::manifest()?;
    let text = match args.action {
        Action::List { json } => list(&manifest, &places, json)?,
        Action::Fetch { name, downloads } => {
            let entry = manifest.entry(&name)?;
            let path = match weights::locate(entry, &places) {
                Some(path) => {
                    weights::verify(&path, entry)?;
                    terminal.note("already here, checksum verified");
                    path
                }
                None => weights::fetch(entry, &places, &downloads.fetch_options(), terminal)?,
            };
            format!("{}\n", path.display())
        }
        Action::Path { name } => format!("{}\n", weights::find(manifest.entry(&name)?, &places)?.display()),
        Action::Verify { name } => {
            let entry = manifest.entry(&name)?;
            let path = weights::find(entry, &places)?;
            let hash = weights::verify(&path, entry)?;
            format!("{}: {hash} is {}\n", path.display(), entry.name)
        }
        Action::Import { file } => {
            let (entry, path) = weights::import(&file, &places, terminal)?;
            format!("{} is now at {}\n", entry.name, path.display())
        }
    };
    output::print(&text)?;
    Ok(Exit::Done)
}

fn list(manifest: &Manifest, places: &Places, json: bool) -> anyhow::Result<String> {
    if json {
        let row = |entry: &weights::Entry| {
            json!({
                "name": entry.name,
                "title": entry.title,
                "url": entry.url,
                "sha256": entry.sha256,
                "megabytes": entry.megabytes,
                "licence": entry.licence,
                "top1": entry.top1,
                "architecture": entry.architecture,
                "path": weights::locate(entry, places),
            })
        };
        let rows: Vec<_> = manifest.entries().iter().map(row).collect();
        return Ok(format!("{}\n", serde_json::to_string(&rows)?));
    }
    let mut text = String::new();
    for entry in manifest.entries() {
        let top1 = entry.top1.map_or("not stated".to_owned(), |percent| format!("{percent:.3} %"));
        let here =
            weights::locate(entry, places).map_or("not downloaded".to_owned(), |path| path.display().to_string());
        let default = if entry.name == Manifest::DEFAULT { " (default)" } else { "" };
        writeln!(text, "{}{default}", entry.name)?;
        writeln!(text, "    {}, {}", entry.architecture, entry.title)?;
        writeln!(text, "    {} MB, {}, ImageNet top-1 {top1}", entry.megabytes, entry.licence)?;
        writeln!(text, "    {}", entry.url)?;
        writeln!(text, "    {here}")?;
    }
    Ok(text)
}
