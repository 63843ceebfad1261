//! The page in a real browser, at the widths of a phone and of a desk.
#![expect(clippy::disallowed_methods, reason = "a test makes its own files")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::{HOSTILE, example, filled_with, section_ids};
use crate::report::html::render;

/// Pixels across a phone and a desk.
const WIDTHS: [u32; 2] = [390, 1280];
/// Where the example is kept for looking at.
const KEEP: &str = "REPORT_EXAMPLE";

/// What a browser made of the page.
#[derive(Debug, Deserialize)]
struct Seen {
    scroll_width: f64,
    scroll_height: f64,
    sections: Vec<String>,
    images: usize,
    images_shown: usize,
    /// Elements that stick out to the right of the window, but for those in a box that scrolls.
    outside: Vec<String>,
    /// Tables that a phone cannot show without scrolling sideways.
    clipped: Vec<String>,
    /// Letters in pictures that are cut off at its edge.
    cut_off: Vec<String>,
    /// Height of the smallest letters in a picture.
    smallest_letters: f64,
    background: String,
}

/// Looks into the pages from outside, so that each is the very bytes that a user opens, its policy included.
const LOOK: &str = r#"
const look = (frame) => {
  const page = frame.contentDocument, wide = frame.clientWidth;
  const box = (element) => element.getBoundingClientRect();
  const name = (element) => element.outerHTML.slice(0, 120);
  const all = (selector) => [...page.querySelectorAll(selector)];
  const letters = all("svg text");
  const isCut = (text) => {
    const inner = box(text), outer = box(text.ownerSVGElement);
    return inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
  };
  const size = (text) => parseFloat(getComputedStyle(text).fontSize) * box(text.ownerSVGElement).width / 1200;
  return {
    scroll_width: page.scrollingElement.scrollWidth,
    scroll_height: page.scrollingElement.scrollHeight,
    sections: all("section").filter((part) => box(part).height > 40).map((part) => part.id),
    images: all("img").length,
    images_shown: all("img").filter((image) => image.complete && image.naturalWidth > 0 && box(image).width > 40).length,
    outside: all("body *").filter((part) => box(part).right > wide + 1 && !part.closest(".scroll")).map(name),
    clipped: all(".scroll").filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.ariaLabel),
    cut_off: letters.filter(isCut).map((text) => text.textContent.trim()),
    smallest_letters: Math.min(99, ...letters.map(size)),
    background: getComputedStyle(page.body).backgroundColor,
  };
};
addEventListener("load", () => {
  const seen = [...document.querySelectorAll("iframe")].map(look);
  document.querySelector("output").textContent = JSON.stringify(seen);
});
"#;

fn chromium() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let mut places = std::env::split_paths(&folders).flat_map(|folder| names.map(|name| folder.join(name)));
    places.find(|place| place.is_file())
}

fn run(browser: &Path, folder: &Path, arguments: &[String]) -> Vec<u8> {
    // Without a sandbox: in a container it cannot be set up, and the page is our own.
    let quiet = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--virtual-time-budget=10000",
    ];
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let output = Command::new(browser).args(quiet).arg(profile).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Each page at a width, all in one start of the browser.
fn look(browser: &Path, pages: &[(&str, u32)], is_dark: bool) -> Vec<Seen> {
    let folder = tempfile::tempdir().unwrap();
    let outer = folder.path().join("outer.html");
    let frame = |(html, width): &(&str, u32)| {
        let source = html.replace('&', "&amp;").replace('"', "&quot;");
        format!("<iframe width=\"{width}\" height=\"900\" style=\"border:0\" srcdoc=\"{source}\"></iframe>")
    };
    let frames: Vec<String> = pages.iter().map(frame).collect();
    let frames = frames.concat();
    let document = format!("<!DOCTYPE html><meta charset=\"utf-8\">{frames}<output></output><script>{LOOK}</script>");
    std::fs::write(&outer, document).unwrap();
    let mut arguments = vec!["--window-size=1600,1000".to_owned(), "--dump-dom".to_owned()];
    arguments.extend(is_dark.then(|| "--blink-settings=preferredColorScheme=0".to_owned()));
    arguments.push(format!("file://{}", outer.display()));
    let dom = String::from_utf8(run(browser, folder.path(), &arguments)).unwrap();
    let (_, found) = dom.rsplit_once("<output>").unwrap();
    let (found, _) = found.split_once("</output>").unwrap();
    let plain = found.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{a0}").replace("&amp;", "&");
    serde_json::from_str(&plain).unwrap_or_else(|error| panic!("{error}: {plain}"))
}

#[test]
fn a_browser_shows_every_part_within_the_width_of_a_phone_and_of_a_desk() {
    let Some(browser) = chromium() else {
        println!("skipped: no Chromium on PATH");
        return;
    };
    let long = "a_name_without_any_space_that_goes_on_".repeat(30);
    let pages = [example::page(), filled_with(HOSTILE), filled_with(&long)].map(|page| render(&page));
    let at_widths: Vec<(&str, u32)> =
        pages.iter().flat_map(|html| WIDTHS.map(|width| (html.as_str(), width))).collect();
    let all_seen = look(&browser, &at_widths, false);
    assert_eq!(all_seen.len(), 6);
    // Names of a usual length; longer ones scroll.
    assert!(all_seen[..2].iter().all(|seen| seen.clipped.is_empty()), "{all_seen:?}");
    for ((html, width), seen) in at_widths.into_iter().zip(all_seen) {
        assert!(seen.scroll_width <= f64::from(width), "{seen:?}");
        assert!(seen.outside.is_empty() && seen.cut_off.is_empty(), "{seen:?}");
        assert_eq!(seen.sections, section_ids(&super::parsed(html)));
        assert!(seen.images > 0 && seen.images_shown == seen.images, "{seen:?}");
        assert!(seen.smallest_letters >= 9.0, "{seen:?}");
        assert!(seen.scroll_height > 2000.0, "{seen:?}");
    }
}

#[test]
fn a_browser_shows_it_in_light_and_in_dark() {
    let Some(browser) = chromium() else {
        println!("skipped: no Chromium on PATH");
        return;
    };
    let html = render(&example::page());
    let [light, dark] =
        [false, true].map(|is_dark| look(&browser, &[(&html, WIDTHS[0])], is_dark).remove(0).background);
    assert_eq!([light.as_str(), dark.as_str()], ["rgb(251, 250, 248)", "rgb(21, 23, 26)"]);
}

#[test]
fn the_example_is_kept_where_it_is_asked_for() {
    let Some(folder) = std::env::var_os(KEEP).map(PathBuf::from) else {
        println!("skipped: {KEEP} names no folder");
        return;
    };
    std::fs::create_dir_all(&folder).unwrap();
    let folder = folder.canonicalize().unwrap();
    let html = render(&example::page());
    let page = folder.join("report.html");
    std::fs::write(&page, &html).unwrap();
    println!("{}: {} bytes", page.display(), html.len());
    let Some(browser) = chromium() else { return };
    for (width, device) in WIDTHS.into_iter().zip(["phone", "desk"]) {
        let height = look(&browser, &[(&html, width)], false).remove(0).scroll_height;
        for (scheme, colours) in [(1, "light"), (0, "dark")] {
            let picture = folder.join(format!("report-{device}-{colours}.png"));
            let profile = tempfile::tempdir().unwrap();
            let arguments = [
                format!("--window-size={width},{height}"),
                format!("--blink-settings=preferredColorScheme={scheme}"),
                format!("--screenshot={}", picture.display()),
                format!("file://{}", page.display()),
            ];
            run(&browser, profile.path(), &arguments);
            assert!(picture.is_file(), "{}", picture.display());
        }
    }
}
