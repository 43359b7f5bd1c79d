//! What a request needs of a model, and what a model can do.

/// What a request needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a need of its own, in any combination"
)]
pub struct Needs {
    /// It calls tools.
    pub tools: bool,
    /// It shows pictures.
    pub vision: bool,
    /// It lets something be heard, or wants to hear.
    pub audio: bool,
    /// It hands over documents.
    pub documents: bool,
    /// Its answer follows a JSON schema.
    pub json_schema: bool,
    /// Tokens of the prompt, at least.
    pub context_tokens: u64,
    /// Tokens that the answer may have.
    pub output_tokens: u64,
}

/// What a model can do. What nobody knows is no reason to pass it over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Calling tools.
    pub tools: Option<bool>,
    /// Seeing pictures.
    pub vision: Option<bool>,
    /// Hearing or speaking.
    pub audio: Option<bool>,
    /// Reading documents.
    pub documents: Option<bool>,
    /// Following a JSON schema.
    pub json_schema: Option<bool>,
    /// Tokens of a prompt, at most.
    pub context_tokens: Option<u64>,
    /// Tokens of an answer, at most.
    pub output_tokens: Option<u64>,
}

/// Something that a model lacks for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Need {
    /// It calls no tools.
    #[error("calls tools")]
    Tools,
    /// It sees nothing.
    #[error("sees images")]
    Vision,
    /// It hears nothing.
    #[error("understands audio")]
    Audio,
    /// It reads no documents.
    #[error("reads documents")]
    Documents,
    /// It follows no JSON schema.
    #[error("follows a JSON schema")]
    JsonSchema,
    /// It has not room for so many tokens.
    #[error("has a context of {0} tokens")]
    Context(u64),
    /// It says not so many tokens.
    #[error("answers with up to {0} tokens")]
    Output(u64),
}

impl Abilities {
    /// What it lacks for `needs`.
    #[must_use]
    pub fn lacks(&self, needs: &Needs) -> Vec<Need> {
        self.lacking(needs).collect()
    }

    pub(super) fn meet(&self, needs: &Needs) -> bool {
        self.lacking(needs).next().is_none()
    }

    fn lacking(&self, needs: &Needs) -> impl Iterator<Item = Need> + use<> {
        let cannot = |needed, able: Option<bool>| needed && able == Some(false);
        let small = |needed, has: Option<u64>| has.is_some_and(|has| has < needed);
        let (context, output) = (needs.context_tokens, needs.output_tokens);
        let lacks = [
            (cannot(needs.tools, self.tools), Need::Tools),
            (cannot(needs.vision, self.vision), Need::Vision),
            (cannot(needs.audio, self.audio), Need::Audio),
            (cannot(needs.documents, self.documents), Need::Documents),
            (
                cannot(needs.json_schema, self.json_schema),
                Need::JsonSchema,
            ),
            (small(context, self.context_tokens), Need::Context(context)),
            (small(output, self.output_tokens), Need::Output(output)),
        ];
        lacks
            .into_iter()
            .filter_map(|(lacks, need)| lacks.then_some(need))
    }
}

/// What each of them lacks: where no target is fit, a client must change one of these, if there is one.
#[must_use]
pub fn lacking<'a>(mut unfit: impl Iterator<Item = &'a [Need]>) -> Vec<Need> {
    let mut common = unfit.next().map(<[Need]>::to_vec).unwrap_or_default();
    for lacks in unfit {
        common.retain(|need| lacks.contains(need));
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Needs = Needs {
        tools: true,
        vision: true,
        audio: true,
        documents: true,
        json_schema: true,
        context_tokens: 1000,
        output_tokens: 100,
    };

    #[test]
    fn each_need_that_is_surely_not_met_is_told() {
        let none = Abilities {
            tools: Some(false),
            vision: Some(false),
            audio: Some(false),
            documents: Some(false),
            json_schema: Some(false),
            context_tokens: Some(999),
            output_tokens: Some(99),
        };
        let all = [
            Need::Tools,
            Need::Vision,
            Need::Audio,
            Need::Documents,
            Need::JsonSchema,
            Need::Context(1000),
            Need::Output(100),
        ];
        assert_eq!(none.lacks(&ALL), all);
        assert!(none.meet(&Needs::default()), "nothing was needed");
    }

    #[test]
    fn what_nobody_knows_is_no_reason() {
        assert!(Abilities::default().meet(&ALL));
        let enough = Abilities {
            context_tokens: Some(1000),
            output_tokens: Some(100),
            ..Abilities::default()
        };
        assert!(enough.meet(&ALL));
    }

    #[test]
    fn a_client_is_told_what_all_of_them_lack() {
        let (a, b) = (
            [Need::Vision, Need::Tools],
            [Need::Tools, Need::Context(10)],
        );
        assert_eq!(lacking([&a[..], &b[..]].into_iter()), [Need::Tools]);
        assert_eq!(lacking([&a[..1], &b[..1]].into_iter()), []);
        assert_eq!(lacking(std::iter::empty()), []);
    }
}
