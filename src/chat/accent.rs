//! How a server's chat completions differ from OpenAI's in names: what it calls otherwise, and what of a history it
//! refuses though it says nothing to a model. All else of a body stays byte for byte.

use bytes::Bytes;

use super::splice::{Changed, changed_members, list, members};

/// What servers add to an assistant's message, or to a call in it, and want back, or not: how it was come by.
const HINTS: [&str; 6] = [
    "block_order",
    "extra_content",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "thinking_blocks",
];

/// One server's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accent {
    renamed: Vec<(String, String)>,
    unheard: Vec<&'static str>,
}

impl Accent {
    /// That of a server with another name for each first of `renamed`, which hears of what else a history holds only
    /// `hints`; nothing said of these: all of it.
    #[must_use]
    pub fn new(renamed: Vec<(String, String)>, hints: Option<&[String]>) -> Self {
        let refused = |hint: &&str| hints.is_some_and(|heard| !heard.iter().any(|h| h == hint));
        Self {
            renamed,
            unheard: HINTS.into_iter().filter(refused).collect(),
        }
    }

    /// A request's body as the server takes it.
    #[must_use]
    pub fn speak(&self, body: Bytes) -> Bytes {
        if *self == Self::default() {
            return body;
        }
        let spoken = std::str::from_utf8(&body)
            .ok()
            .and_then(|text| self.spoken(text));
        spoken.map_or(body, Into::into)
    }

    /// The same of a text; none where it is that already, or is no request.
    fn spoken(&self, text: &str) -> Option<String> {
        // Most bodies are theirs already, and are not parsed to find that out.
        let mut ours = self.renamed.iter().map(|(ours, _)| ours.as_str());
        if !ours.any(|ours| text.contains(ours)) && !self.hints_in(text) {
            return None;
        }
        let all = members(text).ok()?;
        changed_members(&all, |name, value| {
            let says = |name: &str| {
                let mut all = all.iter();
                all.any(|(other, value)| other == name && value.get() != "null")
            };
            // Two of one name would be none: that which says something stands, and what it calls so itself first.
            if let Some((_, known)) = self.renamed.iter().find(|(ours, _)| ours == name) {
                return if says(known) || !says(name) {
                    Changed::Gone
                } else {
                    Changed::Name(known.clone())
                };
            }
            let mut renamed = self.renamed.iter();
            if renamed.any(|(ours, known)| known == name && !says(known) && says(ours)) {
                return Changed::Gone;
            }
            match name {
                "messages" => self
                    .heard(value, true)
                    .map_or(Changed::Nothing, Changed::Value),
                _ => Changed::Nothing,
            }
        })
    }

    fn hints_in(&self, text: &str) -> bool {
        self.unheard.iter().any(|hint| text.contains(hint))
    }

    /// A list of messages, or of calls, without hints; none where there are none.
    fn heard(&self, items: &str, calls: bool) -> Option<String> {
        if !self.hints_in(items) {
            return None;
        }
        let mut changed = false;
        let mut written = Vec::new();
        for item in list(items).ok()? {
            let plain = members(item).ok().and_then(|members| {
                changed_members(&members, |name, value| match name {
                    "tool_calls" if calls => self
                        .heard(value, false)
                        .map_or(Changed::Nothing, Changed::Value),
                    _ if self.unheard.contains(&name) => Changed::Gone,
                    _ => Changed::Nothing,
                })
            });
            changed |= plain.is_some();
            written.push(plain.unwrap_or_else(|| item.to_owned()));
        }
        changed.then(|| format!("[{}]", written.join(",")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(accent: &Accent, body: &str) -> String {
        let spoken = accent.speak(Bytes::copy_from_slice(body.as_bytes()));
        String::from_utf8(spoken.to_vec()).unwrap()
    }

    #[test]
    fn a_member_goes_by_the_servers_name_and_keeps_its_digits() {
        let renamed = vec![("seed".to_owned(), "random_seed".to_owned())];
        let accent = Accent::new(renamed, None);
        for (body, told) in [
            (
                r#"{"seed":1e2,"top_p":0.10}"#,
                r#"{"random_seed":1e2,"top_p":0.10}"#,
            ),
            (r#"{"random_seed":2, "seed":1}"#, r#"{"random_seed":2}"#),
            (r#"{"random_seed":null, "seed":1}"#, r#"{"random_seed":1}"#),
            (r#"{"seed":1,"random_seed":null}"#, r#"{"random_seed":1}"#),
            (r#"{"seed":null,"random_seed":2}"#, r#"{"random_seed":2}"#),
            (r#"{"seed":null,"n":1}"#, r#"{"n":1}"#),
            (r#"{ "top_p" : 1 }"#, r#"{ "top_p" : 1 }"#),
            ("[1]", "[1]"),
        ] {
            assert_eq!(spoken(&accent, body), told);
        }
    }

    #[test]
    fn what_a_server_refuses_of_a_history_is_left_out_and_all_else_stays() {
        let body = r#"{"model":"m","messages":[{ "role":"user","content":"reasoning_content" },
            {"role":"assistant","reasoning_content":"Hm.","content":"1.0","thinking_blocks":[],
            "tool_calls":[{"id":"a","extra_content":{"google":{}},"function":{"arguments":"{\"x\":1e2}"}}]}]}"#;
        let told = r#"{"model":"m","messages":[{ "role":"user","content":"reasoning_content" },{"role":"assistant","content":"1.0","tool_calls":[{"id":"a","function":{"arguments":"{\"x\":1e2}"}}]}]}"#;
        assert_eq!(spoken(&Accent::new(Vec::new(), Some(&[])), body), told);
        assert_eq!(spoken(&Accent::default(), body), body);
        let heard = ["extra_content".to_owned(), "reasoning_content".to_owned()];
        let some = spoken(&Accent::new(Vec::new(), Some(&heard)), body);
        assert!(some.contains("Hm.") && some.contains("google") && !some.contains("thinking"));
        let plain = r#"{"messages":[{"role":"user","content":"Hi"} ]}"#;
        assert_eq!(spoken(&Accent::new(Vec::new(), Some(&[])), plain), plain);
    }
}
