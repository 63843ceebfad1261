//! `resnet-binary cache`

use std::path::PathBuf;

use anyhow::{Context, bail};

use super::options;
use super::output;
use super::terminal::{Exit, Terminal};
use crate::features::cache::{Cache, CacheInfo};
use crate::progress::Progress;

/// Show, clear or shrink the cache of features
///
/// `train`, `predict` and `extract` cache the features of every photo, keyed by the photo's content, the weights, the image
/// size and the arithmetic. Of the photo itself only a few facts and a 32×32 grey thumbnail are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of the cache [default: the user's cache folder]
    #[arg(long, value_name = "DIR", global = true)]
    cache: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show its location and size
    Info {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Remove everything
    Clear,
    /// Remove the least recently used photos
    Prune {
        /// Target size, such as 500MB or 2GB
        #[arg(long, value_name = "SIZE", value_parser = options::bytes)]
        max_size: u64,
    },
}

/// Runs one of the subcommands.
pub(crate) fn run(args: &Args, terminal: &Terminal) -> anyhow::Result<Exit> {
    let Some(folder) = options::cache_folder(args.cache.as_deref()) else {
        bail!("with `--cache off` there is no cache to show or clear: give its folder, or omit the option");
    };
    if Cache::find(&folder).is_none() {
        // Showing a cache must not create one, least of all under a mistyped name.
        bail!("there is no cache in `{}`; the first `train` or `predict` creates one", folder.display());
    }
    let cache = Cache::open(&folder)?;
    match args.action {
        Action::Info { json: true } => {
            let info = serde_json::to_string(&cache.info()?).context("cannot write the answer as JSON")?;
            output::print(&format!("{info}\n"))?;
        }
        Action::Info { json: false } => output::print(&describe(&cache.info()?))?,
        Action::Clear => {
            cache.clear()?;
            output::print(&describe(&cache.info()?))?;
        }
        Action::Prune { max_size } => {
            let gone = cache.prune(max_size)?;
            output::print(&format!("{gone} photos removed\n{}", describe(&cache.info()?)))?;
        }
    }
    for notice in cache.notices() {
        terminal.warn(&notice);
    }
    Ok(Exit::Done)
}

fn describe(info: &CacheInfo) -> String {
    let (features, megabytes) = (info.features, info.bytes as f64 / 1e6);
    let keys = info.keys.iter().map(|(key, count)| {
        let (weights, rest) = key.split_once(' ').unwrap_or((key, ""));
        format!("{count:>9}  with weights {}, {rest}\n", weights.get(..8).unwrap_or(weights))
    });
    let damaged = info.damaged.iter().map(|path| format!("damaged, set aside: {}\n", path.display()));
    let others = info.other_versions.iter();
    let others = others.map(|path| format!("created by another version, not read: {}\n", path.display()));
    let head = format!("{}\n{features} cached photos, {megabytes:.1} MB\n", info.path.display());
    std::iter::once(head).chain(keys).chain(damaged).chain(others).collect()
}
