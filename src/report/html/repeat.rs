//! Everything needed to reproduce the numbers.

use super::page::{Network, Page};
use super::text::{Name, Prose, command};
use super::{Section, facts};

pub(super) fn section(page: &Page) -> Option<Section> {
    let network = page.network.as_ref().map(|network| facts(&described(network))).unwrap_or_default();
    let repeat = page.repeat.as_ref().map(|repeat| {
        let seed = vec![("seed".to_owned(), format!("<code>{}</code>", repeat.seed))];
        [(None, seed), (Some("Versions"), named(&repeat.versions)), (Some("SHA-256"), named(&repeat.hashes))]
            .into_iter()
            .chain([(Some("Pixels"), named(&repeat.preprocess))])
            .filter(|(_, rows)| !rows.is_empty())
            .map(|(title, rows)| title.map_or(String::new(), |title| format!("<h3>{title}</h3>\n")) + &facts(&rows))
            .collect::<Vec<_>>()
            .concat()
    });
    let line = if page.command.is_empty() {
        String::new()
    } else {
        let guarantee = "The same photos, seed and machine give the same numbers, digit for digit.";
        format!("<p>{guarantee}</p>\n<p class=\"command\"><code>{}</code></p>\n", command(&page.command))
    };
    Section::new("repeat", "Reproduce this run", line + &network + &repeat.unwrap_or_default())
}

fn described(network: &Network) -> Vec<(String, String)> {
    let side = network.image_size;
    let rows = [
        ("backbone", Prose(&network.backbone).to_string()),
        ("weights", Name(&network.weights).to_string()),
        ("arithmetic", Prose(&network.precision).to_string()),
        ("device", Prose(&network.device).to_string()),
        ("input", if side == 0 { String::new() } else { format!("{side} × {side} pixels") }),
        ("head", Prose(&network.head).to_string()),
    ];
    rows.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn named(all: &[(&str, String)]) -> Vec<(String, String)> {
    all.iter().map(|(name, value)| (Prose(name).to_string(), format!("<code>{}</code>", Prose(value)))).collect()
}
