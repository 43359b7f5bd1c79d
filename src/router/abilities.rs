//! What the catalogue knows of a model, as far as it decides whether a request may go there. Pure.

use super::strategy::Abilities;
use crate::ledger::{Capability, Entry, Modality};

/// What a model of the catalogue can do. Of the rest nothing is known, which excludes nobody.
#[must_use]
pub fn abilities(entry: Option<&Entry>) -> Abilities {
    let Some(entry) = entry else {
        return Abilities::default();
    };
    let can = |capability| Some(entry.can(capability));
    let reads = |form: Modality| entry.modalities.input.contains(&form);
    let speaks = entry.modalities.output.contains(&Modality::Audio);
    Abilities {
        tools: can(Capability::Tools),
        vision: can(Capability::Vision),
        audio: Some(speaks || reads(Modality::Audio)),
        documents: Some(reads(Modality::Pdf)),
        json_schema: can(Capability::JsonSchema),
        context_tokens: entry.context_window,
        output_tokens: entry.max_output_tokens,
    }
}

#[cfg(test)]
mod tests {
    use super::super::strategy::{Need, Needs};
    use super::*;
    use crate::config::Origin;
    use crate::ledger::{Catalogue, Sheet};

    fn of(rest: &str) -> Abilities {
        let text =
            format!("version=1\ndate='2026-01-31'\n[[models]]\nprovider='p'\nid='m'\n{rest}");
        let sheet = Sheet::read(&text, &Origin::Default).unwrap();
        abilities(Catalogue::of(&[sheet]).find(Some("p"), "m"))
    }

    #[test]
    fn a_model_can_what_its_entry_says_and_nothing_else() {
        let small = of("context_window=1000\nmax_output_tokens=100");
        let needs = Needs {
            tools: true,
            vision: true,
            audio: true,
            documents: true,
            json_schema: true,
            context_tokens: 1000,
            output_tokens: 101,
        };
        let lacks = small.lacks(&needs);
        let want = [
            Need::Tools,
            Need::Vision,
            Need::Audio,
            Need::Documents,
            Need::JsonSchema,
            Need::Output(101),
        ];
        assert_eq!(lacks, want);
        let large = of("capabilities=['tools','json_schema']\n\
             modalities={input=['text','image','pdf','audio'],output=['text']}");
        assert_eq!(large.lacks(&needs), []);
    }

    #[test]
    fn of_a_model_that_is_in_no_catalogue_nothing_is_known() {
        assert_eq!(abilities(None), Abilities::default());
    }
}
