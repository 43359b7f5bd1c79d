//! Images, documents, sounds and films: their formats, the bytes that data URLs hold, and names of documents.

use std::collections::BTreeSet;

/// Media types with the dialect's names for their formats.
type Formats = [(&'static str, &'static str)];

pub(super) const IMAGES: &Formats = &[
    ("image/png", "png"),
    ("image/jpeg", "jpeg"),
    ("image/jpg", "jpeg"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
];

pub(super) const FILMS: &Formats = &[
    ("video/mp4", "mp4"),
    ("video/webm", "webm"),
    ("video/quicktime", "mov"),
    ("video/x-matroska", "mkv"),
    ("video/x-flv", "flv"),
    ("video/mpeg", "mpeg"),
    ("video/x-ms-wmv", "wmv"),
    ("video/3gpp", "three_gp"),
];

pub(super) const DOCUMENTS: &Formats = &[
    ("application/pdf", "pdf"),
    ("text/csv", "csv"),
    ("text/html", "html"),
    ("text/plain", "txt"),
    ("text/markdown", "md"),
    ("application/msword", "doc"),
    ("application/vnd.ms-excel", "xls"),
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "docx",
    ),
    (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsx",
    ),
];

/// Formats of sounds, which requests name as the dialect does.
pub(super) const SOUNDS: [&str; 15] = [
    "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg",
    "mpga", "pcm", "webm",
];

/// Longest name of a document, less what makes it unlike another one.
const MAX_NAME: usize = 190;

/// The format of a media type.
pub(super) fn format(formats: &Formats, media: &str) -> Option<&'static str> {
    let mut known = formats.iter();
    known.find_map(|(known, format)| (*known == media).then_some(*format))
}

/// The format of a document by the ending of its file's name.
pub(super) fn format_by_name(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    let ending = match ending.to_ascii_lowercase().as_str() {
        "htm" => "html".to_owned(),
        "markdown" => "md".to_owned(),
        "text" => "txt".to_owned(),
        other => other.to_owned(),
    };
    let mut known = DOCUMENTS.iter();
    known.find_map(|(_, format)| (*format == ending).then_some(*format))
}

/// What a data URL holds: its media type in lower case, and its bytes in base64 as they stand there.
pub(super) fn data_url(url: &str) -> Option<(String, &str)> {
    let scheme = url.get(..5).filter(|s| s.eq_ignore_ascii_case("data:"))?;
    let (head, data) = url.get(scheme.len()..)?.split_once(',')?;
    let mut parts = head.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    let base64 = parts.any(|part| part.eq_ignore_ascii_case("base64"));
    (base64 && !data.is_empty()).then_some((media, data))
}

/// Names of a request's documents: of the few characters allowed, and each only once, as Bedrock demands.
#[derive(Debug, Default)]
pub(super) struct Names {
    used: BTreeSet<String>,
}

impl Names {
    /// A name for the document that the client calls `said`.
    pub(super) fn name(&mut self, said: Option<&str>) -> String {
        let name = allowed(said.unwrap_or_default());
        let mut unique = name.clone();
        let mut count = 1;
        while !self.used.insert(unique.clone()) {
            count += 1;
            unique = format!("{name} ({count})");
        }
        unique
    }
}

/// `said` without the ending of a file's name and with a hyphen for each character that is not allowed.
fn allowed(said: &str) -> String {
    let ending = said.rsplit_once('.').map(|(stem, _)| stem);
    let stem = ending.filter(|_| format_by_name(said).is_some());
    let kept = |c: char| c.is_ascii_alphanumeric() || "-()[] ".contains(c);
    let name: String = stem
        .unwrap_or(said)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .map(|c| if kept(c) { c } else { '-' })
        .take(MAX_NAME)
        .collect();
    if name.contains(|c: char| c.is_ascii_alphanumeric()) {
        name.trim().to_owned()
    } else {
        "document".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documents_name_holds_only_what_is_allowed() {
        let name = |said| Names::default().name(Some(said));
        assert_eq!(name("report.v2.pdf"), "report-v2");
        assert_eq!(name("Q3  (final)\t[x]: Ümsatz"), "Q3 (final) [x]- -msatz");
        assert_eq!(name("notes.2024"), "notes-2024");
        assert_eq!(name("日本.pdf"), "document");
        assert_eq!(Names::default().name(None), "document");
        assert_eq!(name(&"x".repeat(500)).len(), MAX_NAME);
    }

    #[test]
    fn two_documents_never_share_a_name() {
        let mut names = Names::default();
        let mut name = |said| names.name(Some(said));
        assert_eq!(name("a.pdf"), "a");
        assert_eq!(name("a.txt"), "a (2)");
        assert_eq!(name("a (2)"), "a (2) (2)");
        assert_eq!(name("a"), "a (3)");
    }

    #[test]
    fn a_data_url_is_read_with_its_parameters() {
        let read = |url| data_url(url).map(|(media, data)| (media, data.to_owned()));
        let plain = Some(("text/plain".to_owned(), "aGk=".to_owned()));
        assert_eq!(read("data:text/plain;charset=utf-8;base64,aGk="), plain);
        assert_eq!(read("DATA:Text/Plain;BASE64,aGk="), plain);
        for bad in [
            "data:text/plain,hi",
            "https://x/y.png",
            "data:image/png;base64,",
            "dätä:",
            "",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
