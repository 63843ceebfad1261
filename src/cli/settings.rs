//! `train`'s choices from the environment, a project's file and the user's file.
//!
//! They become the defaults of clap's options, so a key is an option, a value is checked as on the command line, and what
//! is typed there wins.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Context as _;
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::files::{self, escaped, shell_word};

/// The file of a project, beside its data, and of a user, in the configuration folder.
pub(super) const FILE: &str = "resnet-binary.toml";

/// Before the name of an option, in capitals and with `_` for `-`.
pub(super) const PREFIX: &str = "RESNET_BINARY_TRAIN_";

/// Options that say what to do now, not how.
const NOT_KEPT: [&str; 5] = ["data", "features", "print-config", "quiet", "help"];

/// A file of settings is not longer than this.
const LIMIT: u64 = 1 << 20;

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Variable(String),
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::File(path) => f.write_str(&escaped::text(path)),
        }
    }
}

/// Values by the name of their option.
type Found = BTreeMap<String, (Vec<OsString>, Origin)>;

/// A setting in force: its option, the words of a shell that stand for it, and where it is from.
struct InForce {
    name: String,
    words: Vec<String>,
    origin: Origin,
}

/// What [`Settings::apply`] found, for the commands that are printed to be run again.
static IN_FORCE: OnceLock<Vec<InForce>> = OnceLock::new();

fn in_force() -> &'static [InForce] {
    IN_FORCE.get().map_or(&[], Vec::as_slice)
}

/// The options that stand for the settings in force, as words of a shell.
pub(super) fn words() -> impl Iterator<Item = String> {
    in_force().iter().flat_map(|setting| setting.words.iter().cloned())
}

/// Where the value of an option is from that nobody typed, such as `--epochs`.
pub(super) fn origin(option: &str) -> Option<String> {
    let name = option.trim_start_matches('-');
    in_force().iter().find(|setting| setting.name == name).map(|setting| setting.origin.to_string())
}

/// The settings of one `train`.
pub(super) struct Settings {
    found: Found,
    /// Where the project's file lies or would lie; empty for the current folder.
    project: Option<PathBuf>,
}

impl Settings {
    /// Looks for all that the command line, which was read without them, leaves open.
    ///
    /// # Errors
    /// If a file cannot be read, or a key or variable is none.
    pub(super) fn find(train: &Command, given: &ArgMatches) -> anyhow::Result<Self> {
        let options: Vec<&Arg> = train.get_arguments().filter(|option| is_kept(option)).collect();
        let mut found = Found::new();
        // The first to come stays.
        variables(&options, &mut found)?;
        let data = ["data", "bare", "features"].into_iter().find_map(|id| given.get_one::<PathBuf>(id));
        let project = data.map(|data| beside(data));
        let files = [project.clone(), user_folder()].into_iter().flatten().map(|folder| folder.join(FILE));
        // A link to nowhere is an error and not passed over.
        for path in files.filter(|path| path.symlink_metadata().is_ok()) {
            file(&path, &options, &mut found)?;
        }
        let typed: Vec<&Arg> = train.get_arguments().filter(|option| is_typed(option, given)).collect();
        let is_void = |option: &Arg| {
            typed
                .iter()
                .any(|typed| train.get_arg_conflicts_with(typed).iter().any(|other| other.get_id() == option.get_id()))
        };
        for option in options.iter().filter(|option| is_typed(option, given) || is_void(option)) {
            found.remove(name(option));
        }
        Ok(Self { found, project })
    }

    /// Makes the values the defaults of their options.
    pub(super) fn apply(&self, mut train: Command) -> Command {
        let mut in_force = Vec::new();
        for (name, (values, origin)) in &self.found {
            let Some(id) = train
                .get_arguments()
                .find(|option| option.get_long() == Some(name))
                .map(|option| option.get_id().clone())
            else {
                continue;
            };
            train = train.mut_arg(id, |option| {
                let words = as_typed(&option, values);
                in_force.push(InForce { name: name.clone(), words, origin: origin.clone() });
                option.default_values(values)
            });
        }
        let _ = IN_FORCE.set(in_force);
        train
    }

    /// Says of a value that is refused where it is from.
    pub(super) fn explain(&self, mut error: clap::Error) -> clap::Error {
        let option = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(option)) => option.trim_start_matches('-').split([' ', '=']).next(),
            _ => None,
        };
        if let Some((option, (_, origin))) = option.and_then(|option| self.found.get_key_value(option)) {
            let tip = format!("`{option}` is from {origin}: correct it there, or give `--{option}`");
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
        }
        error
    }

    /// A line for each place that something is from.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut places: Vec<(&Origin, Vec<&str>)> = Vec::new();
        for (name, (_, origin)) in &self.found {
            match places.iter_mut().find(|(place, _)| *place == origin) {
                Some((_, names)) => names.push(name),
                None => places.push((origin, vec![name])),
            }
        }
        places.into_iter().map(|(origin, names)| format!("settings: {} from {origin}", names.join(", "))).collect()
    }

    /// Every option with its value and where that is from, in the form of a file of settings beside the data.
    pub(super) fn table(&self, train: &Command, given: &ArgMatches) -> String {
        let mut text = String::new();
        for option in train.get_arguments().filter(|option| is_kept(option)) {
            let name = name(option);
            let values: Vec<_> = given.get_raw(option.get_id().as_str()).into_iter().flatten().collect();
            let shown: Option<Vec<_>> = values.iter().map(|value| self.toml_value(option, value)).collect();
            let value = match (option.get_action(), shown) {
                (_, None) => {
                    let _ = writeln!(text, "# {name} is not UTF-8, which no file of settings can hold");
                    continue;
                }
                (ArgAction::Append, Some(values)) => format!("[{}]", values.join(", ")),
                (_, Some(values)) if values.is_empty() => {
                    let _ = writeln!(text, "# {name} is not set");
                    continue;
                }
                (_, Some(values)) => values.concat(),
            };
            let origin = match self.found.get(name) {
                _ if is_typed(option, given) => "the command line".to_owned(),
                Some((_, origin)) => origin.to_string(),
                None => "the program".to_owned(),
            };
            let _ = writeln!(text, "{name} = {value}  # {}", origin.escape_debug());
        }
        text
    }

    /// A number or a truth value as it is, anything else as text; a path so that it is the same one in the project's file.
    fn toml_value(&self, option: &Arg, value: &OsStr) -> Option<String> {
        let text = value.to_str()?;
        let is_here = self.project.as_ref().is_some_and(|folder| folder.as_os_str().is_empty());
        if is_path(option, text) {
            let whole = if is_here || is_word(option, text) { None } else { std::path::absolute(text).ok() };
            return Some(toml::Value::from(whole.as_deref().and_then(Path::to_str).unwrap_or(text)).to_string());
        }
        let read_back = format!("value = {text}").parse::<toml::Table>().ok().filter(|table| table.len() == 1);
        let is_plain = read_back.and_then(|mut table| table.remove("value")).is_some_and(|value| {
            matches!(value, toml::Value::Boolean(_) | toml::Value::Integer(_) | toml::Value::Float(_))
                && value.to_string() == text
        });
        Some(if is_plain { text.to_owned() } else { toml::Value::from(text).to_string() })
    }
}

fn name(option: &Arg) -> &str {
    option.get_long().unwrap_or_default()
}

fn is_kept(option: &Arg) -> bool {
    let is_choice = matches!(option.get_action(), ArgAction::Set | ArgAction::Append | ArgAction::SetTrue);
    is_choice && option.get_long().is_some_and(|long| !NOT_KEPT.contains(&long)) && !option.is_global_set()
}

fn is_typed(option: &Arg, given: &ArgMatches) -> bool {
    given.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine)
}

/// Whether this value of an option is a path. Weights are a name or a file.
fn is_path(option: &Arg, value: &str) -> bool {
    let is_weights_file = name(option) == "weights" && Path::new(value).extension().is_some();
    is_weights_file || option.get_value_parser().type_id() == std::any::TypeId::of::<PathBuf>()
}

/// Whether this value of an option stands for no path, though others of it do.
fn is_word(option: &Arg, value: &str) -> bool {
    let is_word = |names: &[clap::builder::Str]| names.iter().any(|name| name.split('|').any(|word| word == value));
    option.get_value_names().is_some_and(is_word)
}

/// The folder that the data lies in by its name, be it a link; empty for the current folder.
fn beside(data: &Path) -> PathBuf {
    let whole = if data.file_name().is_some() { std::path::absolute(data) } else { data.canonicalize() };
    let whole = whole.unwrap_or_else(|_| data.to_path_buf());
    let folder = whole.parent().unwrap_or(&whole);
    match std::env::current_dir() {
        Ok(current) if current == *folder => PathBuf::new(),
        _ => folder.to_path_buf(),
    }
}

fn user_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "resnet-binary").map(|user| user.config_dir().to_path_buf())
}

fn variables(options: &[&Arg], found: &mut Found) -> anyhow::Result<()> {
    for (variable, value) in std::env::vars_os() {
        let Some(variable) = variable.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        if value.is_empty() {
            continue;
        }
        let key = variable[PREFIX.len()..].to_ascii_lowercase().replace('_', "-");
        let in_capitals = |near: &str| format!("{PREFIX}{}", near.to_ascii_uppercase().replace('-', "_"));
        let option = known(&key, &format!("the environment variable `{variable}`"), options, in_capitals)?;
        if value.to_str().is_none() && !is_path(option, "") {
            anyhow::bail!("the environment variable `{variable}` is not UTF-8");
        }
        let values = match option.get_action() {
            ArgAction::SetTrue => vec![flag(value)],
            ArgAction::Append => std::env::split_paths(&value).map(Into::into).collect(),
            _ => vec![value],
        };
        found.entry(key).or_insert((values, Origin::Variable(variable.to_owned())));
    }
    Ok(())
}

/// A switch of the environment: also as the program's other variables have it. What is none is refused with its options.
fn flag(value: OsString) -> OsString {
    match value.to_str() {
        Some("0") => "false".into(),
        Some("1") => "true".into(),
        _ => value,
    }
}

fn file(path: &Path, options: &[&Arg], found: &mut Found) -> anyhow::Result<()> {
    let shown = escaped::text(path);
    let bytes = files::read(path, LIMIT)?;
    let text = String::from_utf8(bytes).with_context(|| format!("`{shown}` is not UTF-8"))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = 1 + text[..error.span().map_or(0, |span| span.start)].matches('\n').count();
        anyhow::anyhow!("`{shown}` is not TOML: line {line}: {}", error.message())
    })?;
    for (key, value) in table {
        let option = known(&key, &format!("the key `{key}` in `{shown}`"), options, str::to_owned)?;
        let listed = match value {
            toml::Value::Array(list) if matches!(option.get_action(), ArgAction::Append) => list,
            one => vec![one],
        };
        let word = |value: toml::Value| match value {
            toml::Value::String(text) => {
                Some(if is_path(option, &text) { from_folder(path, &text, option) } else { text.into() })
            }
            toml::Value::Boolean(_) | toml::Value::Integer(_) | toml::Value::Float(_) => Some(value.to_string().into()),
            _ => None,
        };
        let values: Option<Vec<OsString>> = listed.into_iter().map(word).collect();
        let values = values.with_context(|| {
            format!(
                "the key `{key}` in `{shown}` has a list, table or date, where one text, number or truth value belongs"
            )
        })?;
        found.entry(key).or_insert((values, Origin::File(path.to_path_buf())));
    }
    Ok(())
}

/// A path in a file is meant from the file's own folder, with `~/` from the user's; a word that stands for no path is left
/// alone.
fn from_folder(file: &Path, text: &str, option: &Arg) -> OsString {
    let home = || directories::BaseDirs::new().map(|user| user.home_dir().to_path_buf());
    match (text.strip_prefix("~/"), home()) {
        _ if is_word(option, text) => text.into(),
        (Some(rest), Some(home)) => home.join(rest).into(),
        _ => file.with_file_name(text).into(),
    }
}

/// The option of this name.
///
/// # Errors
/// That it is none, by what it is called where it was found, with the nearest name as it would be there.
fn known<'a>(key: &str, found: &str, kept: &[&'a Arg], there: impl Fn(&str) -> String) -> anyhow::Result<&'a Arg> {
    if let Some(option) = kept.iter().find(|option| name(option) == key) {
        return Ok(option);
    }
    if NOT_KEPT.contains(&key) {
        anyhow::bail!("{found} says what to do now and not how: give `--{key}` on the command line");
    }
    match files::nearest(key, kept.iter().map(|option| name(option))) {
        Some(near) => anyhow::bail!("{found} is no option of `train` that is kept: is `{}` meant?", there(near)),
        None => anyhow::bail!(
            "{found} is no option of `train` that is kept: `resnet-binary train DATA --print-config` lists them"
        ),
    }
}

fn as_typed(option: &Arg, values: &[OsString]) -> Vec<String> {
    let name = name(option);
    match option.get_action() {
        ArgAction::SetTrue => values.iter().filter(|value| *value == "true").map(|_| format!("--{name}")).collect(),
        _ => values.iter().map(|value| format!("--{name}={}", shell_word(&value.to_string_lossy()))).collect(),
    }
}
