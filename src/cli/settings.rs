//! `train`'s choices from the environment, a project's file and the user's file.
//!
//! They become the defaults of clap's options, so a key is an option, a value is checked as on the command line, and what
//! is typed there wins.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Context as _;
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use resnet_binary::files::{self, escaped, shell_word};

/// The file of a project, beside its data, and of a user, in the configuration folder.
pub(super) const FILE: &str = "resnet-binary.toml";

/// Before the name of an option, in capitals and with `_` for `-`.
pub(super) const PREFIX: &str = "RESNET_BINARY_TRAIN_";

/// Options that say what to do now, not how.
const NOT_KEPT: [&str; 3] = ["data", "features", "print-config"];

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

/// What [`apply`] found, for the commands that are printed to be run again.
static IN_FORCE: OnceLock<Vec<String>> = OnceLock::new();

/// The options that stand for the settings in force, as words of a shell.
pub(super) fn words() -> &'static [String] {
    IN_FORCE.get().map_or(&[], Vec::as_slice)
}

/// The settings of one `train`.
pub(super) struct Settings {
    found: Found,
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
        let folders = [data.map(|data| beside(data)), user_folder()];
        for path in folders.into_iter().flatten().map(|folder| folder.join(FILE)).filter(|path| path.is_file()) {
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
        Ok(Self { found })
    }

    /// Makes the values the defaults of their options.
    pub(super) fn apply(&self, mut train: Command) -> Command {
        let mut words = Vec::new();
        for (name, (values, _)) in &self.found {
            let Some(id) = train
                .get_arguments()
                .find(|option| option.get_long() == Some(name))
                .map(|option| option.get_id().clone())
            else {
                continue;
            };
            train = train.mut_arg(id, |option| {
                words.extend(as_typed(&option, values));
                option.default_values(values)
            });
        }
        let _ = IN_FORCE.set(words);
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

    /// Every option with its value and where that is from, in the form of a file of settings.
    pub(super) fn table(&self, train: &Command, given: &ArgMatches) -> String {
        let mut text = String::new();
        for option in train.get_arguments().filter(|option| is_kept(option)) {
            let name = name(option);
            let values: Vec<_> = given.get_raw(option.get_id().as_str()).into_iter().flatten().collect();
            let values: Vec<_> = values.iter().map(|value| toml_value(&value.to_string_lossy())).collect();
            let value = match (option.get_action(), values.as_slice()) {
                (_, []) => {
                    let _ = writeln!(text, "# {name} is not set");
                    continue;
                }
                (ArgAction::Append, values) => format!("[{}]", values.join(", ")),
                (_, values) => values.concat(),
            };
            let origin = match self.found.get(name) {
                _ if is_typed(option, given) => "the command line".to_owned(),
                Some((_, origin)) => origin.to_string(),
                None => "the program".to_owned(),
            };
            let _ = writeln!(text, "{name} = {value}  # {origin}");
        }
        text
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

/// The folder that the data lies in.
fn beside(data: &Path) -> PathBuf {
    let whole = data.canonicalize().unwrap_or_else(|_| data.to_path_buf());
    let folder = whole.parent().unwrap_or(&whole);
    // As short as it was typed, where that is the same.
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
        let option = known(&key, options).map_err(|near| {
            let near = near.map(|near| format!("{PREFIX}{}", near.to_ascii_uppercase().replace('-', "_")));
            unknown(&format!("the environment variable `{variable}` is no option of `train`"), near)
        })?;
        let values = match option.get_action() {
            ArgAction::SetTrue => vec![flag(&value).into()],
            ArgAction::Append => std::env::split_paths(&value).map(Into::into).collect(),
            _ => vec![value],
        };
        found.entry(key).or_insert((values, Origin::Variable(variable.to_owned())));
    }
    Ok(())
}

/// As the program's other switches are read.
fn flag(value: &std::ffi::OsStr) -> &'static str {
    if value == "0" || value == "false" { "false" } else { "true" }
}

fn file(path: &Path, options: &[&Arg], found: &mut Found) -> anyhow::Result<()> {
    let shown = escaped::text(path);
    let bytes = files::read(path, LIMIT)?;
    let text = String::from_utf8(bytes).with_context(|| format!("`{shown}` is not UTF-8"))?;
    let table: toml::Table = text.parse().with_context(|| format!("`{shown}` is not TOML"))?;
    for (key, value) in table {
        let option = known(&key, options)
            .map_err(|near| unknown(&format!("`{shown}` has the key `{key}`, which is no option of `train`"), near))?;
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
            format!("`{shown}` has the key `{key}` with a table or a date, where a text or a number belongs")
        })?;
        found.entry(key).or_insert((values, Origin::File(path.to_path_buf())));
    }
    Ok(())
}

/// A path in a file is meant from the file's own folder; a word that stands for no path is left alone.
fn from_folder(file: &Path, text: &str, option: &Arg) -> OsString {
    let is_word = |names: &[clap::builder::Str]| names.iter().any(|name| name.split('|').any(|word| word == text));
    if option.get_value_names().is_some_and(is_word) { text.into() } else { file.with_file_name(text).into() }
}

/// The option of this name, or else the nearest name.
fn known<'a>(key: &str, options: &[&'a Arg]) -> Result<&'a Arg, Option<String>> {
    let option = options.iter().find(|option| name(option) == key).copied();
    option.ok_or_else(|| files::nearest(key, options.iter().map(|option| name(option))).map(str::to_owned))
}

fn unknown(message: &str, near: Option<String>) -> anyhow::Error {
    match near {
        Some(near) => anyhow::anyhow!("{message}: is `{near}` meant?"),
        None => anyhow::anyhow!("{message}: `resnet-binary train --help` lists them"),
    }
}

fn as_typed(option: &Arg, values: &[OsString]) -> Vec<String> {
    let name = name(option);
    match option.get_action() {
        ArgAction::SetTrue => values.iter().filter(|value| *value == "true").map(|_| format!("--{name}")).collect(),
        _ => values.iter().map(|value| format!("--{name}={}", shell_word(&value.to_string_lossy()))).collect(),
    }
}

/// A number or a truth value as it is, anything else as text.
fn toml_value(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok_and(|number| number.is_finite() && number.to_string() == text);
    let is_plain = is_number || text == "true" || text == "false";
    if is_plain { text.to_owned() } else { toml::Value::from(text).to_string() }
}
