//! The guards of yes and no: negation and words of opposite meaning, weighed
//! together, since "not bad" is near to "good". Knows nothing of the subject.

use super::Finding;
use super::denial::{is_costless, lessens, negators, only_denies, undoes};
use super::kin::are_kin;
use super::opposites::{are_opposite_at, are_plainly_opposite};
use super::pair::Pair;
use super::reading::Reading;
use super::token::Token;
use super::voice::{are_one, is_converse};

/// Share of content words two texts must have in common before a "not" decides.
const MUCH_THE_SAME: f32 = 0.7;
/// The same for a pair of opposites.
const SOMEWHAT_THE_SAME: f32 = 0.4;

/// How the two texts stand to each other in yes and no.
#[derive(Debug)]
pub(super) struct Polarity {
    /// One side denies once more than the other.
    denied: bool,
    /// Places of opposite words, in a and b.
    flips: Vec<(usize, usize)>,
}

/// The same for all guards that ask: it looks at every word of one text beside every word of the other.
fn weighed<'p>(pair: &'p Pair<'_>) -> &'p Polarity {
    pair.polarity.get_or_init(|| weigh(pair))
}

fn weigh(pair: &Pair<'_>) -> Polarity {
    let (a, b) = (pair.a.tokens(), pair.b.tokens());
    let mut flips: Vec<(usize, usize)> = Vec::new();
    for i in pair.only_a() {
        let fits = |j: &&usize| {
            let small = a[*i].stop || b[**j].stop;
            let counts = if pair.is_aligned(*i, **j) {
                are_opposite_at((a, *i), (b, **j))
            } else {
                !small && are_plainly_opposite(&a[*i], &b[**j])
            };
            counts && flips.iter().all(|(_, used)| used != *j) && !are_one((a, *i), (b, **j))
        };
        if let Some(j) = pair.only_b().iter().find(fits) {
            flips.push((*i, *j));
        }
    }
    // "Pros and cons", "advantages and disadvantages": each has both.
    let both = |tokens: &[Token], only: &[usize], at: usize| {
        only.iter()
            .any(|i| are_plainly_opposite(&tokens[*i], &tokens[at]))
    };
    flips.retain(|(i, j)| !both(a, pair.only_a(), *i) || !both(b, pair.only_b(), *j));
    // "Less" and "fewer" are one.
    let low = [
        "fewer",
        "fewest",
        "lower",
        "lowest",
        "smaller",
        "smallest",
        "minimum",
        "minimal",
        "reduce",
        "reducing",
        "decrease",
        "decreasing",
        "cut",
        "cutting",
        "minimize",
        "minimise",
        "limit",
    ];
    let has = |tokens: &[Token], only: &[usize]| only.iter().any(|i| tokens[*i].is_of(&low));
    let lowered = has(a, pair.only_a()) || has(b, pair.only_b());
    let degree = |tokens: &[Token], only: &[usize], paired: &[usize]| {
        let least = |i: &&usize| !paired.contains(i) && lessens(tokens, **i, lowered);
        only.iter().filter(least).count()
    };
    let (paired_a, paired_b): (Vec<usize>, Vec<usize>) = flips.iter().copied().unzip();
    // "Always" and "never" are opposites already.
    let denials = negators(pair.a, &paired_a) + negators(pair.b, &paired_b);
    // "At no cost" and "for free" say the same.
    let free = |tokens: &[Token], only: &[usize]| only.iter().any(|i| tokens[*i].is("free"));
    let costless = usize::from(is_costless(a) && free(b, pair.only_b()))
        + usize::from(is_costless(b) && free(a, pair.only_a()));
    let counted = denials.saturating_sub(costless);
    let less = degree(a, pair.only_a(), &paired_a) + degree(b, pair.only_b(), &paired_b);
    Polarity {
        denied: (counted + less) % 2 == 1,
        flips,
    }
}

/// Whether one side has no subject of its own: the other only adds to it. A verb that denies in the place of another
/// that does much the same adds nothing: "exclude a folder", "ignore a folder".
fn is_added(pair: &Pair<'_>) -> bool {
    let (a, b) = (pair.a.tokens(), pair.b.tokens());
    let replaced = |i: usize, j: usize| pair.is_aligned(i, j) && are_kin((a, i), (b, j));
    let only_b = pair.only_b();
    let mut only_a = pair.only_a().iter();
    if only_a.any(|i| only_b.iter().any(|j| replaced(*i, *j))) {
        return false;
    }
    let own = |of: &Reading, only: &[usize]| {
        let words = only.iter().map(|i| &of.tokens()[*i]);
        words.filter(|t| !t.stop && !only_denies(t)).count()
    };
    own(pair.a, pair.only_a()).min(own(pair.b, pair.only_b())) == 0
}

/// One side says not what the other says.
pub(super) fn negation(pair: &Pair<'_>) -> Finding {
    let found = weighed(pair);
    match (found.denied, found.flips.is_empty()) {
        (false, true) if super::exchange::denies_another_word(pair) => {
            Finding::Different("negation_moved")
        }
        (false, true) if denies_otherwise(pair) => Finding::Unsure("negation_in_other_words"),
        (false, _) => Finding::Equal,
        (true, false) => Finding::Unsure("negated_opposite"),
        (true, true) if pair.likeness() >= MUCH_THE_SAME && is_added(pair) => {
            Finding::Different("negation_changed")
        }
        (true, true) => Finding::Unsure("negation_in_other_words"),
    }
}

/// `Refuse a test`, `fail a test`: one word that denies in the place of another.
fn denies_otherwise(pair: &Pair<'_>) -> bool {
    let (a, b) = (pair.a.tokens(), pair.b.tokens());
    // Few words deny: the other side is looked at for those alone.
    let mut denying = pair.only_a().iter().filter(|i| undoes(&a[**i]));
    denying.any(|i| {
        let mut aligned = pair.only_b().iter().filter(|j| pair.is_aligned(*i, **j));
        aligned.any(|j| undoes(&b[*j]) && !are_kin((a, *i), (b, *j)))
    })
}

/// Whether a word and its opposite are all that differs between `A is north of B` and `B is south of A`.
pub(super) fn is_turned_around(pair: &Pair<'_>) -> bool {
    match weighed(pair).flips[..] {
        [flip] => is_turned(pair, flip),
        _ => false,
    }
}

/// `A is north of B`, `B is south of A`: the two things change places with the word. Where more is asked than whether
/// it is so, it is asked of one of them.
fn is_turned(pair: &Pair<'_>, (i, j): (usize, usize)) -> bool {
    if super::direction::than_swapped(pair) || is_converse(pair, (i, j)) {
        return true;
    }
    if pair.a.asked().is_some() || pair.b.asked().is_some() {
        return false;
    }
    let mut b = pair.b.tokens().to_vec();
    b[j] = pair.a.tokens()[i].clone();
    let exchange = super::swap::exchanged(pair.a.tokens(), &b);
    exchange.is_some_and(|e| e.middle.contains(&i))
}

/// `less wordy`, `more concise`: of another word.
fn is_regraded(pair: &Pair<'_>, (i, j): (usize, usize)) -> bool {
    let own = |of: &Reading, only: &[usize], at: usize| {
        let next = of.tokens().get(at + 1).is_some_and(|t| !t.stop);
        next && only.contains(&(at + 1))
    };
    own(pair.a, pair.only_a(), i) && own(pair.b, pair.only_b(), j)
}

/// A word on one side, its opposite on the other.
pub(super) fn antonyms(pair: &Pair<'_>) -> Finding {
    let found = weighed(pair);
    let degree = |i: usize| pair.a.tokens()[i].is_of(&["more", "most", "less", "least"]);
    let graded = found.flips.iter().filter(|(i, _)| degree(*i)).count();
    match (found.flips.len(), found.denied) {
        (0, false) if super::exchange::exchanges_opposites(pair) => {
            Finding::Different("opposites_exchanged")
        }
        (0, _) => Finding::Equal,
        (_, true) => Finding::Unsure("negated_opposite"),
        (1, false) if is_turned(pair, found.flips[0]) => Finding::Unsure("comparison_turned"),
        (1, false) if graded == 1 && is_regraded(pair, found.flips[0]) => {
            Finding::Unsure("graded_opposite")
        }
        (2, false) if graded == 1 => Finding::Unsure("graded_opposite"),
        _ if pair.likeness() >= SOMEWHAT_THE_SAME => Finding::Different("opposite_word"),
        _ => Finding::Unsure("opposite_in_other_words"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn a_denial_is_another_question() {
        for (a, b) in [
            (
                "Which foods are safe for dogs?",
                "Which foods are not safe for dogs?",
            ),
            (
                "Can I fly with a passport?",
                "Can I fly without a passport?",
            ),
            ("Why does my phone charge?", "Why doesn't my phone charge?"),
            ("I have been to Rome", "I have never been to Rome"),
            (
                "Which snacks are made with sugar?",
                "Which snacks are sugar-free?",
            ),
            ("Why do we feel gravity?", "Why don't we feel gravity?"),
            ("Why eat breakfast?", "Why not eat breakfast?"),
            (
                "Why do people wear wigs?",
                "Why do people no longer wear wigs?",
            ),
            (
                "Shops that offer a refund in Rome",
                "Shops that offer no refund in Rome",
            ),
            (
                "Is there a need to register?",
                "Is there no need to register?",
            ),
            (
                "How do I make my dog bark?",
                "How do I stop my dog from barking?",
            ),
            (
                "Which files are in the old archive?",
                "Which files are missing in the old archive?",
            ),
            (
                "How do I say no to a job offer?",
                "How do I get a job offer?",
            ),
            (
                "How do I opt out of the newsletter?",
                "How do I get the newsletter?",
            ),
            (
                "Which planets other than Earth have moons?",
                "Which planets like Earth have moons?",
            ),
            (
                "Which members sign the treaty?",
                "Which members refuse to sign the treaty?",
            ),
        ] {
            different("negation", a, b);
        }
    }

    #[test]
    fn an_opposite_is_another_question() {
        for (a, b) in [
            ("How do I enable dark mode?", "How do I disable dark mode?"),
            (
                "How do I turn on dark mode on my phone?",
                "How do I turn off dark mode on my phone?",
            ),
            (
                "How do I turn the light on?",
                "How do I turn the light off?",
            ),
            ("What to eat before a run?", "What to eat after a run?"),
            ("How do I install Docker?", "How do I uninstall Docker?"),
            ("Is this legal?", "Is this illegal?"),
            (
                "Which is the most useful tool?",
                "Which is the least useful tool?",
            ),
            ("Is it a useful tool?", "Is it a useless tool?"),
            ("What is a vertebrate?", "What is an invertebrate?"),
            ("Why do plates converge?", "Why do plates diverge?"),
            ("How does a plane take off?", "How does a plane land?"),
            ("What is hyperglycemia?", "What is hypoglycemia?"),
            (
                "What does an interviewer do?",
                "What does an interviewee do?",
            ),
            (
                "How do I keep old receipts?",
                "How do I throw away old receipts?",
            ),
            (
                "Open the file if it exists",
                "Open the file unless it exists",
            ),
            ("Where do I buy shares?", "Where do I sell shares?"),
        ] {
            different("antonyms", a, b);
        }
    }

    #[test]
    fn what_denies_nothing_survives() {
        for (a, b) in [
            (
                "Why don't you tell me a joke?",
                "Why do you tell me a joke?",
            ),
            (
                "It is cold in Rome, isn't it?",
                "It is cold in Rome, is it?",
            ),
            ("Is it a bad idea?", "Is it not a good idea?"),
            (
                "Which phone is the least expensive?",
                "Which phone is the cheapest?",
            ),
            ("Is Oslo colder than Rome?", "Is Rome hotter than Oslo?"),
            ("Should I go or not?", "Should I go?"),
            (
                "Isn't coffee bad for the heart?",
                "Is coffee bad for the heart?",
            ),
            ("Why doesn't my car start?", "Why is my car not starting?"),
            (
                "Who didn't sign the treaty?",
                "Who refused to sign the treaty?",
            ),
            (
                "How do I stop the server?",
                "How do I shut down the server?",
            ),
            ("How do I avoid jet lag?", "How can I prevent jet lag?"),
            (
                "How do I keep my old phone useful?",
                "What useful thing can I do with an old phone before I throw it away?",
            ),
            (
                "Which snacks are without sugar?",
                "Which snacks are sugar-free?",
            ),
        ] {
            survives(a, b);
        }
    }

    #[test]
    fn one_denial_in_two_words_survives() {
        for (a, b) in [
            (
                "How do I exclude a folder in git?",
                "How do I ignore a folder in git?",
            ),
            (
                "How do I decline a meeting?",
                "How do I turn down a meeting?",
            ),
            (
                "How do I prevent mold in the bathroom?",
                "How do I stop mold from growing in the bathroom?",
            ),
            (
                "What is a free alternative to Photoshop?",
                "What is a no-cost alternative to Photoshop?",
            ),
            (
                "Where is No. 10 Downing Street?",
                "Where is 10 Downing Street?",
            ),
            (
                "What is No Country for Old Men about?",
                "What is the movie No Country for Old Men about?",
            ),
            (
                "Why is everyone except me happy?",
                "Why is everyone but me happy?",
            ),
            ("Are spiders insects?", "Spiders aren't insects, are they?"),
            ("How do I tie a tie?", "I don't know how to tie a tie"),
            (
                "What can I cook with only eggs?",
                "What can I cook with nothing but eggs?",
            ),
            (
                "How do I opt out of a mailing list?",
                "How do I unsubscribe from a mailing list?",
            ),
            (
                "How do I use less plastic?",
                "How do I reduce my use of plastic?",
            ),
        ] {
            survives(a, b);
        }
    }

    #[test]
    fn what_only_looks_like_a_tag_or_an_idiom_denies() {
        for (a, b) in [
            ("Which cars do not turn right?", "Which cars turn right?"),
            (
                "Can people who do not know how to swim go snorkeling?",
                "Can people who know how to swim go snorkeling?",
            ),
            (
                "Why Does Venus Have No Moons?",
                "Why Does Venus Have Moons?",
            ),
            ("Which bread leaves out garlic?", "Which bread has garlic?"),
            (
                "How do I keep kids away from the pool?",
                "How do I keep kids in the pool?",
            ),
        ] {
            different("negation", a, b);
        }
        for (a, b) in [
            (
                "What did Lenin say before Stalin ruled?",
                "What did Stalin say after Lenin ruled?",
            ),
            (
                "How do I prevent acne scars?",
                "How do I remove acne scars?",
            ),
            (
                "Which foods stop acid reflux?",
                "Which foods cause acid reflux?",
            ),
        ] {
            different("antonyms", a, b);
        }
    }

    #[test]
    fn a_denial_or_an_opposite_of_another_shape_is_another_question() {
        different(
            "negation",
            "Customers who have paid their invoice",
            "Customers who have yet to pay their invoice",
        );
        different(
            "antonyms",
            "Why does heat turn ice into water?",
            "Why does cold turn water into ice?",
        );
        different(
            "negation",
            "How do I attend a meeting?",
            "How do I decline a meeting?",
        );
    }

    #[test]
    fn opposites_that_are_none_here_survive() {
        for (a, b) in [
            ("How do I fill in a form?", "How do I fill out a form?"),
            ("What does flammable mean?", "What does inflammable mean?"),
            (
                "What are the pros and cons of solar power?",
                "What are the advantages and disadvantages of solar power?",
            ),
            (
                "What should I take on a hike?",
                "What should I bring on a hike?",
            ),
            (
                "Is Reno west of Los Angeles?",
                "Is Los Angeles east of Reno?",
            ),
            ("Make the text less wordy", "Make the text more concise"),
            (
                "How do I disable notifications on my phone?",
                "How do I turn off my phone's notifications?",
            ),
            (
                "What is open on Sundays in Munich?",
                "What is not closed on Sundays in Munich?",
            ),
            (
                "Was Mozart born before Beethoven?",
                "Was Beethoven born after Mozart?",
            ),
        ] {
            survives(a, b);
        }
    }
}
