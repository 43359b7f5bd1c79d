//! Whose model a name on Bedrock stands for, as far as that decides how a request is written.

/// Families of models that take more than the dialect's common part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Anthropic's.
    Claude,
    /// Amazon's Nova.
    Nova,
    /// A profile, a deployment or a prompt whose name does not tell.
    Unnamed,
    /// Anybody else's.
    Other,
}

impl Family {
    /// The family of `model`, a model's id or an ARN.
    pub(super) fn of(model: &str) -> Self {
        let last = model.rsplit('/').next().unwrap_or_default();
        if model.contains("anthropic.") {
            Self::Claude
        } else if model.contains("amazon.nova") {
            Self::Nova
        } else if last.contains('.') {
            Self::Other
        } else {
            Self::Unnamed
        }
    }

    /// Whether Claude's own fields may be sent. Where the name does not tell, whoever asks for them knows, and
    /// a model of another family refuses them by name.
    pub(super) fn takes_claudes_fields(self) -> bool {
        matches!(self, Self::Claude | Self::Unnamed)
    }

    /// Whether cache points may be sent. They are a hint, and a model without a cache fails on one.
    pub(super) fn caches(self) -> bool {
        matches!(self, Self::Claude | Self::Nova)
    }

    /// The same behind tools.
    pub(super) fn caches_tools(self) -> bool {
        self == Self::Claude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_family_where_it_holds_a_vendor() {
        for (model, family) in [
            ("anthropic.claude-3-5-sonnet-20240620-v1:0", Family::Claude),
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", Family::Claude),
            (
                "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2",
                Family::Claude,
            ),
            ("amazon.nova-lite-v1:0", Family::Nova),
            ("eu.amazon.nova-pro-v1:0", Family::Nova),
            ("meta.llama3-70b-instruct-v1:0", Family::Other),
            (
                "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc1",
                Family::Unnamed,
            ),
            (
                "arn:aws:bedrock:eu-west-1:123456789012:custom-model/amazon.nova-lite-v1:0:300k/abc1",
                Family::Nova,
            ),
        ] {
            assert_eq!(Family::of(model), family, "{model}");
        }
    }
}
