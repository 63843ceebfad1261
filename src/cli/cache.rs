//! `resnet-binary cache`

use std::path::PathBuf;

use anyhow::{Context, bail};
use resnet_binary::features::cache::{Cache, CacheInfo};
use resnet_binary::progress::Progress;

use super::options;
use super::terminal::{self, Exit, Terminal};

/// Show, clear or shrink the cache of features
///
/// `train`, `predict` and `extract` keep the features of every photo, found again by the photo's content, the weights,
/// the image size and the arithmetic, and of the photo itself a few facts and a grey thumbnail of 32×32 pixels.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The cache's folder [default: the user's cache folder]
    #[arg(long, value_name = "DIR", global = true)]
    cache: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show where it is and how full
    Info {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Forget everything
    Clear,
    /// Forget what was not used for longest
    Prune {
        /// Size to come down to, such as 500MB or 2GB
        #[arg(long, value_name = "SIZE", value_parser = options::bytes)]
        max_size: u64,
    },
}

/// Does what was asked and says what is left.
pub(crate) fn run(args: &Args, terminal: &Terminal) -> anyhow::Result<Exit> {
    let Some(folder) = options::cache_folder(args.cache.as_deref()) else {
        bail!("`--cache off` leaves nothing to show or clear: give its folder, or leave it out");
    };
    if Cache::find(&folder).is_none() {
        // Looking must not make one, least of all where the name was mistyped.
        bail!("there is no cache in `{}`; the first `train` or `predict` makes one", folder.display());
    }
    let cache = Cache::open(&folder)?;
    match args.action {
        Action::Info { json: true } => {
            let info = serde_json::to_string(&cache.info()?).context("cannot write the answer as JSON")?;
            terminal::print(&format!("{info}\n"))?;
        }
        Action::Info { json: false } => terminal::print(&describe(&cache.info()?))?,
        Action::Clear => {
            cache.clear()?;
            terminal::print(&describe(&cache.info()?))?;
        }
        Action::Prune { max_size } => {
            let gone = cache.prune(max_size)?;
            terminal::print(&format!("{gone} features forgotten\n{}", describe(&cache.info()?)))?;
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
        format!("{count:>9}  of weights {}, {rest}\n", weights.get(..8).unwrap_or(weights))
    });
    let damaged = info.damaged.iter().map(|path| format!("damaged and set aside: {}\n", path.display()));
    let others = info.other_versions.iter();
    let others = others.map(|path| format!("of another version, not read: {}\n", path.display()));
    let head = format!("{}\n{features} features, {megabytes:.1} MB\n", info.path.display());
    std::iter::once(head).chain(keys).chain(damaged).chain(others).collect()
}
