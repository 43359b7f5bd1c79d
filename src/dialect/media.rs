//! Where the bytes of an image, a sound or a document are: in a `data:` URL, or elsewhere under an address whose end
//! tells their type.

/// The place of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source<'a> {
    /// In the request, as base64.
    Inline {
        /// Their type.
        mime: &'a str,
        /// The base64 text.
        data: &'a str,
    },
    /// Somewhere else.
    Remote {
        /// Their type, as far as the address tells it.
        mime: Option<&'static str>,
        /// The address.
        uri: &'a str,
    },
}

/// Types by the end of a name.
const TYPES: [(&str, &str); 37] = [
    ("aac", "audio/aac"),
    ("aiff", "audio/aiff"),
    ("avi", "video/x-msvideo"),
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("flac", "audio/flac"),
    ("flv", "video/x-flv"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("m4a", "audio/mp4"),
    ("md", "text/markdown"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/opus"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("py", "text/x-python"),
    ("rtf", "application/rtf"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("xml", "application/xml"),
];

/// Reads a URL; none if it is neither base64 of a known type nor an address.
pub(super) fn source(url: &str) -> Option<Source<'_>> {
    let (scheme, rest) = url.split_once(':')?;
    if scheme.eq_ignore_ascii_case("data") {
        return inline(rest);
    }
    let known = ["http", "https", "gs"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known));
    (known && rest.starts_with("//")).then(|| Source::Remote {
        mime: type_of_name(url),
        uri: url,
    })
}

fn inline(rest: &str) -> Option<Source<'_>> {
    let (head, data) = rest.split_once(',')?;
    let (head, encoding) = head.rsplit_once(';')?;
    let mime = head.split(';').next().unwrap_or_default().trim();
    let known = encoding.trim().eq_ignore_ascii_case("base64") && mime.contains('/');
    known.then_some(Source::Inline { mime, data })
}

/// The type that a file's name, or an address, ends in.
pub(super) fn type_of_name(name: &str) -> Option<&'static str> {
    let path = name.split(['?', '#']).next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let (_, end) = last.rsplit_once('.')?;
    type_of_ending(end)
}

/// The type of files with that ending.
pub(super) fn type_of_ending(ending: &str) -> Option<&'static str> {
    let mut types = TYPES.iter();
    let found = types.find(|(known, _)| ending.eq_ignore_ascii_case(known));
    found.map(|(_, mime)| *mime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_a_url_are_told_with_their_type() {
        let inline = |mime, data| Some(Source::Inline { mime, data });
        assert_eq!(
            source("data:image/png;base64,iVBO,="),
            inline("image/png", "iVBO,=")
        );
        assert_eq!(
            source("DATA:text/plain;charset=utf-8;BASE64,eA=="),
            inline("text/plain", "eA==")
        );
        for unknown in [
            "data:,x",
            "data:image/png,x",
            "data:;base64,x",
            "iVBO",
            "file:///x.png",
            "https:x.png",
        ] {
            assert_eq!(source(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn an_address_tells_its_type_by_its_end() {
        let remote = |uri| match source(uri) {
            Some(Source::Remote { mime, .. }) => mime,
            other => panic!("{uri}: {other:?}"),
        };
        assert_eq!(
            remote("https://x.test/a.b/C.JPG?w=1.gif#y"),
            Some("image/jpeg")
        );
        assert_eq!(remote("gs://bucket/a.pdf"), Some("application/pdf"));
        assert_eq!(remote("https://x.test/a.png#b.gif"), Some("image/png"));
        assert_eq!(remote("http://x.test/a.png/view"), None);
        assert_eq!(remote("https://x.test"), None);
    }
}
