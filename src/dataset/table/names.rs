//! Recognition of column names and cell values.

/// The letters and digits of a name, in lower case.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a column name is one for paths, such as `image_path`.
pub(super) fn is_path(name: &str) -> bool {
    const NAMES: [&str; 13] = [
        "path",
        "paths",
        "file",
        "files",
        "filename",
        "filenames",
        "filepath",
        "filepaths",
        "fullpath",
        "relativepath",
        "absolutepath",
        "id",
        "fileid",
    ];
    const OF: [&str; 5] = ["image", "img", "photo", "picture", "pic"];
    const WHAT: [&str; 8] = ["", "s", "path", "file", "filename", "filepath", "name", "id"];
    let name = plain(name);
    let of_image = |of: &&str| name.strip_prefix(*of).is_some_and(|what| WHAT.contains(&what));
    NAMES.contains(&name.as_str()) || OF.iter().any(of_image)
}

/// Whether a column name is one for labels, such as `class`.
pub(super) fn is_label(name: &str) -> bool {
    const OF: [&str; 8] = ["label", "class", "target", "category", "groundtruth", "truth", "imagelabel", "imageclass"];
    const WHAT: [&str; 6] = ["", "s", "es", "name", "label", "id"];
    let name = plain(name);
    name == "y"
        || name == "categories"
        || OF.iter().any(|of| name.strip_prefix(of).is_some_and(|what| WHAT.contains(&what)))
}

/// Whether a column name is one for a yes/no label, such as `is_bee`.
pub(super) fn is_flag(name: &str) -> bool {
    let name = name.to_lowercase();
    ["is_", "is ", "is-"].iter().any(|start| name.starts_with(start))
}

/// Whether a cell has the extension of an image file.
pub(super) fn looks_like_a_file(cell: &str) -> bool {
    const EXTENSIONS: [&str; 16] = [
        "jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "tif", "tiff", "webp", "ppm", "pgm", "pnm", "heic", "heif",
        "avif",
    ];
    let extension = cell.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
}

/// The value of a cell that says yes or no.
pub(super) fn yes_or_no(cell: &str) -> Option<bool> {
    match cell.to_lowercase().as_str() {
        "1" | "1.0" | "true" | "yes" => Some(true),
        "0" | "0.0" | "false" | "no" => Some(false),
        _ => None,
    }
}
